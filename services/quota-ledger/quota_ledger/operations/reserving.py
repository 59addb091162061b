"""Reserve money in order of arrival: the oldest open year first, all or nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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
Place = tuple[str, str, str, tuple[int, ...]]
"""What decides which accounts are drawn: area, municipality, instrument, years."""
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

    def __init__(
        self, ledger: Ledger, drawn: Mapping[Place, AccountIds], *, moment: Moment
    ) -> None:
        self.ledger = ledger
        self._drawn = drawn
        self.moment = moment
        self._opened: dict[str, OpenInAccounts] = {}
        self._uncounted: list[tuple[Sequence[Entry], datetime]] = []

    @classmethod
    async def of(
        cls, connection: Connection, wanted: Sequence[Wanted], *, moment: Moment
    ) -> "Reserver":
        """Lock the accounts of all that is wanted, in order of their ids."""
        places = {_place(one, moment=moment) for one in wanted}
        drawn = await find_drawn(connection, places)
        used = {account_id for account_ids in drawn.values() for account_id in account_ids}
        clients = {one.submission.item.client_id for one in wanted}
        ledger = await Ledger.locked(connection, used, client_ids=clients)
        return cls(ledger, drawn, moment=moment)

    @classmethod
    async def unlocked(
        cls, connection: Connection, wanted: Wanted, *, moment: Moment
    ) -> "Reserver":
        """Take the accounts of one decision as they stand, for a preview that books nothing."""
        item = wanted.submission.item
        place = _place(wanted, moment=moment)
        drawn = await find_drawn(connection, [place])
        used = drawn[place]
        balances = await accounts.list_by_id(connection, used)
        held = await accounts.list_holds(connection, used, [item.client_id])
        return cls(Ledger(balances, held), drawn, moment=moment)

    def reserve(self, wanted: Wanted, *, expires_at: datetime) -> Reserved | Short:
        """Reserve what one decision wants, from one account or two, or say what is short."""
        account_ids = self._drawn[_place(wanted, moment=self.moment)]
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
            self._uncounted.append((outcome.entries, expires_at))
            left = self.left_in(account_ids)
            return Reserved(entries=outcome.entries, left=left, expires_at=expires_at)
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


async def load_open(
    connection: Connection, short: Iterable[Short], *, now: datetime
) -> Mapping[str, OpenInAccounts]:
    """Return what was reserved before this batch in the accounts where something was short."""
    account_ids = {one for each in short for one in each.account_ids}
    return await decisions.list_open(connection, account_ids, now=now) if account_ids else {}


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
    cents = persons = 0
    for account_id in account_ids:
        balance = ledger.balance(account_id)
        if not balance.is_lapsed:
            cents += max(0, balance.sums.free_cents)
            persons += balance.sums.free_persons
    return Available(cents, persons)


def place_of(item: DecisionItem, decided_on: date, *, today: date) -> Place:
    """Return what decides which accounts a decision may draw."""
    years = years_drawn(
        item.budget_year, decided_on=decided_on, starts_on=item.period.starts_on, today=today
    )
    return item.area_code, item.municipality_code, item.instrument, years


def _place(wanted: Wanted, *, moment: Moment) -> Place:
    return place_of(wanted.submission.item, wanted.decided_on, today=moment.today)


def keys_at(place: Place) -> list[AccountKey]:
    """Return the accounts that may be drawn, the municipality's before the area's."""
    area, own, instrument, years = place
    return [
        AccountKey(area, municipality, instrument, year)
        for year in years
        for municipality in (own, "")
    ]


def drawn_at(place: Place, *, ids: Mapping[AccountKey, str]) -> AccountIds:
    """Return the accounts drawn, the oldest year first: where a municipality has one, only that."""
    by_year: dict[int, str] = {}
    for key in keys_at(place):
        if key in ids:
            by_year.setdefault(key.budget_year, ids[key])
    return tuple(by_year.values())


async def find_drawn(connection: Connection, places: Collection[Place]) -> dict[Place, AccountIds]:
    """Return the accounts drawn by what decides on them."""
    keys = {key for place in places for key in keys_at(place)}
    ids = await accounts.find_by_key(connection, keys)
    return {place: drawn_at(place, ids=ids) for place in places}


def refs_of(wanted: Wanted) -> Refs:
    """Return what the entries of a reservation point back at; it counts for the day decided on."""
    submission = wanted.submission
    return Refs(
        value_on=submission.decided_on,
        organisation=submission.call.organisation,
        official_id=submission.official_id,
        decision_id=submission.decision_id,
    )
