"""Reserve money in order of arrival: the oldest open year first, all or nothing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

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
NO_ACCOUNT = Shortage(limit="cents", account_id="", needed=0, available=0)


class Reserved(Struct, frozen=True, kw_only=True):
    """What was reserved by which entries, and what is left in the accounts behind them."""

    entries: Sequence[Entry]
    left: Available
    expires_at: datetime


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
        self.moment = moment
        self._opened: dict[str, OpenInAccounts] = {}

    @classmethod
    async def of(
        cls, connection: Connection, wanted: Sequence[Wanted], *, moment: Moment
    ) -> "Reserver":
        """Lock the accounts of all that is wanted, in order of their ids."""
        keys = [_keys_of(one, moment=moment) for one in wanted]
        ids = await accounts.find_by_key(connection, {key for each in keys for key in each})
        used = {one for each in keys for one in drawn_of(each, ids=ids)}
        clients = {one.submission.item.client_id for one in wanted}
        ledger = await Ledger.locked(connection, used, client_ids=clients)
        return cls(ledger, ids, moment=moment)

    @classmethod
    async def unlocked(
        cls, connection: Connection, wanted: Wanted, *, moment: Moment
    ) -> "Reserver":
        """Take the accounts of one decision as they stand, for a preview that books nothing."""
        item = wanted.submission.item
        keys = _keys_of(wanted, moment=moment)
        ids = await accounts.find_by_key(connection, keys)
        used = drawn_of(keys, ids=ids)
        balances = await accounts.list_by_id(connection, used)
        held = await accounts.list_holds(connection, used, [item.client_id])
        return cls(Ledger(balances, held), ids, moment=moment)

    def reserve(self, wanted: Wanted, *, expires_at: datetime) -> Reserved | Short:
        """Reserve what one decision wants, from one account or two, or say what is short."""
        account_ids = drawn_of(_keys_of(wanted, moment=self.moment), ids=self._ids)
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
        outcome = self.ledger.book(draw, moment=self.moment)
        if isinstance(outcome, Booked):
            self._count(outcome.entries, expires_at=expires_at)
            return Reserved(
                entries=outcome.entries,
                left=self.left_in(account_ids),
                expires_at=expires_at,
            )
        before = together(self._opened[one] for one in account_ids if one in self._opened)
        return Short(shortage=outcome, account_ids=account_ids, opened_before=before)

    def left_in(self, account_ids: Iterable[str]) -> Available:
        """Return what may still be promised in accounts together, by now."""
        return left_in(self.ledger, account_ids)

    def _count(self, entries: Sequence[Entry], *, expires_at: datetime) -> None:
        for entry in entries:
            account_id = entry.balance.account_id
            new = OpenInAccounts(1, entry.change.reserved_cents, expires_at)
            known = self._opened.get(account_id)
            self._opened[account_id] = new if known is None else together((known, new))


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


def keys_of(item: DecisionItem, decided_on: date, *, today: date) -> list[AccountKey]:
    """Return the accounts that a decision may draw, the municipality's before the area's."""
    years = years_drawn(
        item.budget_year, decided_on=decided_on, starts_on=item.period.starts_on, today=today
    )
    return [
        AccountKey(item.area_code, municipality, item.instrument, year)
        for year in years
        for municipality in (item.municipality_code, "")
    ]


def drawn_of(keys: Iterable[AccountKey], *, ids: Mapping[AccountKey, str]) -> AccountIds:
    """Return the accounts drawn, the oldest year first: where a municipality has one, only that."""
    by_year: dict[int, str] = {}
    for key in keys:
        if key in ids:
            by_year.setdefault(key.budget_year, ids[key])
    return tuple(by_year.values())


def _keys_of(wanted: Wanted, *, moment: Moment) -> list[AccountKey]:
    return keys_of(wanted.submission.item, wanted.decided_on, today=moment.today)


def refs_of(wanted: Wanted) -> Refs:
    """Return what the entries of a reservation point back at; it counts for the day decided on."""
    submission = wanted.submission
    return Refs(
        value_on=submission.decided_on,
        organisation=submission.call.organisation,
        official_id=submission.official_id,
        decision_id=submission.decision_id,
    )
