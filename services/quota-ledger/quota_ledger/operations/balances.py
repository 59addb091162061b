"""Balances and statements of account: of now, or of any day as it was known at any time."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.database import Connection
from kuntavayla.values.calendar import legal_day
from quota_ledger.errors import AccountNotFound
from quota_ledger.rules.allocations import Indicative
from quota_ledger.rules.balances import NOTHING, Balance
from quota_ledger.rules.booked import ListedEntry
from quota_ledger.rules.statements import Reader, StatementPeriod
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
    """Entries of an account, in order; `opening` is what was in it before the first day asked."""

    balance: Balance
    opening: Balance | None
    entries: Sequence[ListedEntry]


class StatementFilter(Struct, frozen=True, kw_only=True):
    """Who asks for which entries; `area_codes` are the areas that it sees, None stands for all."""

    area_codes: frozenset[str] | None
    reader: Reader
    period: StatementPeriod = StatementPeriod()
    after: int = 0
    limit: int


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
    beside = await allocations.load_indicative(
        connection,
        [one.account_id for one in found],
        on=query.on,
        known_at=query.known_at,
    )
    return [ShownBalance(one, beside.get(one.account_id, Indicative())) for one in found]


async def load_statement(
    connection: Connection, account_id: str, *, query: StatementFilter
) -> Statement:
    """Return entries of an account as the caller may see them; raises AccountNotFound."""
    balance = (await accounts.list_by_id(connection, [account_id])).get(account_id)
    seen = query.area_codes
    if balance is None or (seen is not None and balance.key.area_code not in seen):
        raise AccountNotFound
    found = await entries.list_of_account(
        connection, account_id, period=query.period, after=query.after, limit=query.limit
    )
    opening = await _opening(connection, balance, first_on=query.period.first_on)
    return Statement(balance, opening, [query.reader.told(one) for one in found])


async def _opening(
    connection: Connection, balance: Balance, *, first_on: date | None
) -> Balance | None:
    """Return an account as it stood before a day."""
    if first_on is None:
        return None
    day_before = BalanceFilter(on=first_on - timedelta(days=1))
    [opening] = await _as_of(connection, [balance], query=day_before)
    return opening


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
