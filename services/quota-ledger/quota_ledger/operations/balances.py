"""Balances and statements of account: of now, or of any day as it was known at any time."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.database import Connection
from kuntavayla.values.calendar import legal_day
from quota_ledger.errors import AccountNotFound
from quota_ledger.rules.allocations import Indicative
from quota_ledger.rules.balances import NOTHING, Balance
from quota_ledger.rules.booked import ListedEntry
from quota_ledger.rules.thresholds import is_used_to
from quota_ledger.store import accounts, allocations, entries, snapshots


class BalanceFilter(Struct, frozen=True, kw_only=True):
    """Which balances are asked for, of which day, as known when; None stands for all, and now."""

    area_codes: Sequence[str] | None = None
    instrument: str | None = None
    budget_year: int | None = None
    threshold_per_cent: int | None = None
    on: date | None = None
    known_at: datetime | None = None


class ShownBalance(Struct, frozen=True):
    """A balance, and what is indicative beside it."""

    balance: Balance
    indicative: Indicative


class Statement(Struct, frozen=True):
    """Entries of an account, in order."""

    balance: Balance
    entries: Sequence[ListedEntry]


async def list_of(connection: Connection, query: BalanceFilter) -> list[ShownBalance]:
    """Return balances in order of their keys.

    Without a day everything that is booked counts, also for days to come.
    """
    found = [
        balance
        for balance in await accounts.list_balances(connection, area_codes=query.area_codes)
        if query.instrument in (None, balance.key.instrument)
        and query.budget_year in (None, balance.key.budget_year)
    ]
    if query.on is not None or query.known_at is not None:
        found = await _as_of(connection, found, query=query)
    level = query.threshold_per_cent
    found = [one for one in found if level is None or is_used_to(one.sums, per_cent=level)]
    beside = await allocations.load_indicative(connection, [one.account_id for one in found])
    return [ShownBalance(one, beside.get(one.account_id, Indicative())) for one in found]


async def load_statement(
    connection: Connection,
    account_id: str,
    *,
    area_codes: frozenset[str] | None,
    after: int,
    limit: int,
) -> Statement:
    """Return entries of an account that the caller may see; raises AccountNotFound."""
    balance = (await accounts.list_by_id(connection, [account_id])).get(account_id)
    if balance is None or (area_codes is not None and balance.key.area_code not in area_codes):
        raise AccountNotFound
    found = await entries.list_of_account(connection, account_id, after=after, limit=limit)
    return Statement(balance, found)


async def _as_of(
    connection: Connection, balances: Sequence[Balance], *, query: BalanceFilter
) -> list[Balance]:
    """Return accounts as their entries of a day and before add up, from the nearest snapshot on."""
    known_at = query.known_at
    sums = await snapshots.sums_as_of(
        connection,
        [balance.account_id for balance in balances],
        on=query.on or date.max,
        known_at=known_at,
        known_on=None if known_at is None else legal_day(known_at),
    )
    return [replace(balance, sums=sums.get(balance.account_id, NOTHING)) for balance in balances]
