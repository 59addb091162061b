"""Reserve money in order of arrival: the oldest open year first, all or nothing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from quota_ledger.operations.booking import Ledger
from quota_ledger.operations.judging import Wanted
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.booked import Booked, Entry
from quota_ledger.rules.items import DecisionItem
from quota_ledger.rules.posting import Draw, Refs, Shortage
from quota_ledger.rules.verdicts import Available, OpenInAccounts
from quota_ledger.rules.years import years_drawn
from quota_ledger.store import accounts, decisions

AccountIds = tuple[str, ...]
_KEYS_CACHED_MAX = 4_096
NO_ACCOUNT = Shortage(limit="cents", account_id="", needed=0, available=0)


class Reserved(Struct, frozen=True, kw_only=True):
    """What was reserved by which entries, and what is left in the accounts behind them."""

    entries: Sequence[Entry]
    left: Available


class Short(Struct, frozen=True, kw_only=True):
    """What did not fit, and what was reserved in the accounts by then."""

    shortage: Shortage
    account_ids: AccountIds
    opened_before: OpenInAccounts


class Reserver:
    """The accounts of a batch, locked; a later decision sees what an earlier one has taken."""

    def __init__(self, ledger: Ledger, ids: Mapping[AccountKey, str], *, moment: Moment) -> None:
        self.ledger = ledger
        self._ids = ids
        self._moment = moment
        self._opened: dict[str, OpenInAccounts] = {}
        self._uncounted: list[tuple[Sequence[Entry], datetime]] = []

    @classmethod
    async def of(
        cls, connection: Connection, wanted: Sequence[Wanted], *, moment: Moment
    ) -> "Reserver":
        """Lock the accounts of all that is wanted, in order of their ids."""
        keys = {key for one in wanted for key in keys_of(one.submission.item, one.decided_on)}
        ids = await accounts.find_by_key(connection, keys)
        used = {one for each in wanted for one in account_ids_of(each, ids=ids)}
        clients = {one.submission.item.client_id for one in wanted}
        ledger = await Ledger.locked(connection, used, client_ids=clients)
        return cls(ledger, ids, moment=moment)

    @classmethod
    async def unlocked(
        cls, connection: Connection, wanted: Wanted, *, moment: Moment
    ) -> "Reserver":
        """Take the accounts of one decision as they stand, for a preview that books nothing."""
        item = wanted.submission.item
        ids = await accounts.find_by_key(connection, keys_of(item, wanted.decided_on))
        used = account_ids_of(wanted, ids=ids)
        balances = await accounts.list_by_id(connection, used)
        held = await accounts.list_holds(connection, used, [item.client_id])
        return cls(Ledger(balances, held), ids, moment=moment)

    def reserve(self, wanted: Wanted, *, expires_at: datetime) -> Reserved | Short:
        """Reserve what one decision wants, from one account or two, or say what is short."""
        account_ids = account_ids_of(wanted, ids=self._ids)
        needed = wanted.calculation.total_cents
        if not account_ids:
            shortage = replace(NO_ACCOUNT, needed=needed)
            return Short(shortage=shortage, account_ids=(), opened_before=OpenInAccounts())
        draw = Draw(
            account_ids=account_ids,
            cents=needed,
            client_id=wanted.submission.item.client_id,
            refs=refs_of(wanted),
        )
        outcome = self.ledger.book(draw, moment=self._moment)
        if isinstance(outcome, Booked):
            self._uncounted.append((outcome.entries, expires_at))
            return Reserved(entries=outcome.entries, left=self.left_in(account_ids))
        self._count()
        before = together(self._opened[one] for one in account_ids if one in self._opened)
        return Short(shortage=outcome, account_ids=account_ids, opened_before=before)

    def left_in(self, account_ids: Iterable[str]) -> Available:
        """Return what may still be promised in accounts together, by now."""
        return left_in(self.ledger, account_ids)

    def _count(self) -> None:
        """Add up what was reserved since; only a decision that is refused asks for it."""
        for entries, expires_at in self._uncounted:
            for entry in entries:
                account_id = entry.balance.account_id
                new = OpenInAccounts(1, entry.change.reserved_cents, expires_at)
                known = self._opened.get(account_id)
                self._opened[account_id] = new if known is None else together((known, new))
        self._uncounted.clear()


async def load_open(connection: Connection, short: Iterable[Short]) -> Mapping[str, OpenInAccounts]:
    """Return what was reserved before this batch in the accounts where something was short."""
    account_ids = {one for each in short for one in each.account_ids}
    return await decisions.list_open(connection, account_ids) if account_ids else {}


def opened_at(short: Short, *, stored: Mapping[str, OpenInAccounts]) -> OpenInAccounts:
    """Return what was reserved when something was found short."""
    before = [stored[one] for one in short.account_ids if one in stored]
    return together((*before, short.opened_before))


def together(parts: Iterable[OpenInAccounts]) -> OpenInAccounts:
    """Return reservations of several accounts as one sum, with the first end."""
    found = list(parts)
    ends = [one.next_expiry_at for one in found if one.next_expiry_at is not None]
    return OpenInAccounts(
        sum(one.count for one in found), sum(one.cents for one in found), min(ends, default=None)
    )


def left_in(ledger: Ledger, account_ids: Iterable[str]) -> Available:
    """Return what may still be promised in accounts together; lapsed ones count for nothing."""
    found = [ledger.balance(one) for one in account_ids]
    sums = [one.sums for one in found if not one.is_lapsed]
    return Available(
        sum(max(0, one.free_cents) for one in sums), sum(one.free_persons for one in sums)
    )


def keys_of(item: DecisionItem, decided_on: date) -> tuple[AccountKey, ...]:
    """Return the accounts that a decision may draw, the municipality's before the area's."""
    newest = AccountKey(item.area_code, item.municipality_code, item.instrument, item.budget_year)
    return _keys_behind(newest, decided_on)


@lru_cache(maxsize=_KEYS_CACHED_MAX)
def _keys_behind(newest: AccountKey, decided_on: date) -> tuple[AccountKey, ...]:
    return tuple(
        AccountKey(newest.area_code, municipality, newest.instrument, year)
        for year in years_drawn(newest.budget_year, decided_on=decided_on)
        for municipality in (newest.municipality_code, "")
    )


def drawn_of(item: DecisionItem, decided_on: date, *, ids: Mapping[AccountKey, str]) -> AccountIds:
    """Return the accounts drawn, the oldest year first: where a municipality has one, only that."""
    by_year: dict[int, str] = {}
    for key in keys_of(item, decided_on):
        if key in ids:
            by_year.setdefault(key.budget_year, ids[key])
    return tuple(by_year.values())


def account_ids_of(wanted: Wanted, *, ids: Mapping[AccountKey, str]) -> AccountIds:
    """Return the accounts that a decision draws."""
    return drawn_of(wanted.submission.item, wanted.decided_on, ids=ids)


def refs_of(wanted: Wanted) -> Refs:
    """Return what the entries of a reservation point back at; it counts for the day decided on."""
    submission = wanted.submission
    return Refs(
        value_on=submission.decided_on,
        organisation=submission.call.organisation,
        official_id=submission.official_id,
        decision_id=submission.decision_id,
    )
