"""The booking engine: accounts are changed and entries are made here and nowhere else.

An operation locks every account of its batch at once (`Ledger.locked`), then whatever it locks
behind accounts, then books item by item in order of arrival, in memory, and writes once
(`Ledger.write`). `book` does the three in a row. The audit of the same transaction holds a digest
of the entries, so that its seal proves them.
"""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from quota_ledger.events import SERVICE
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.balances import Balance
from quota_ledger.rules.booked import Booked, Crossing, Entry
from quota_ledger.rules.posting import (
    NO_HOLDS,
    Draw,
    Holds,
    Leg,
    Posting,
    Refs,
    Shortage,
    apply,
    legs_of,
)
from quota_ledger.rules.seals import ACTION, Sealed, sealed_of
from quota_ledger.rules.thresholds import level_of, told_after
from quota_ledger.store import accounts, bookings
from quota_ledger.store.accounts import NewAccount
from quota_ledger.store.bookings import Bookings


class Booking(Struct, frozen=True):
    """What came of a batch: one outcome per posting, and the thresholds that were reached."""

    outcomes: Sequence[Booked | Shortage]
    crossings: Sequence[Crossing]


async def book(
    connection: Connection, postings: Sequence[Posting | Draw], *, moment: Moment
) -> Booking:
    """Book in order of arrival; one outcome per posting, in their order.

    Locks the accounts of all in order of their ids. What does not fit is refused, and a smaller one
    behind it may pass. Commits together: balances, entries, holds.
    """
    ledger = await Ledger.locked(
        connection,
        {account_id for one in postings for account_id in account_ids_of(one)},
        client_ids={client_id for one in postings for client_id in client_ids_of(one)},
    )
    outcomes = [ledger.book(one, moment=moment) for one in postings]
    return Booking(outcomes, await ledger.write(connection))


def account_ids_of(one: Posting | Draw) -> Sequence[str]:
    """Return the accounts that a posting may change."""
    return one.account_ids if isinstance(one, Draw) else [leg.account_id for leg in one.legs]


def client_ids_of(one: Posting | Draw) -> Sequence[str]:
    """Return the clients who may be counted by a posting."""
    if isinstance(one, Draw):
        return [one.client_id]
    return [leg.client_id for leg in one.legs if leg.client_id is not None]


class Ledger:
    """The accounts of one batch, locked to its commit, with what was booked in memory so far."""

    def __init__(
        self, balances: Mapping[str, Balance], held: Mapping[tuple[str, str], Holds]
    ) -> None:
        self._before = dict(balances)
        self._balances = dict(balances)
        self._held = dict(held)
        self._held_anew: dict[tuple[str, str], Holds] = {}
        self._entries: list[Entry] = []
        self._changed: set[str] = set()

    @classmethod
    async def locked(
        cls,
        connection: Connection,
        account_ids: Collection[str],
        *,
        client_ids: Collection[str] = (),
    ) -> "Ledger":
        """Lock all accounts of a batch in order of their ids, and load who is counted in them."""
        balances = await accounts.lock(connection, account_ids)
        held = await accounts.list_holds(connection, balances, client_ids)
        return cls(balances, held)

    def balance(self, account_id: str) -> Balance:
        """Return an account as it stands behind what was booked so far."""
        return self._balances[account_id]

    def holds(self, account_id: str, client_id: str) -> Holds:
        """Return what decisions hold of an account for a client by now."""
        return self._held.get((account_id, client_id), NO_HOLDS)

    def book(self, one: Posting | Draw, *, moment: Moment) -> Booked | Shortage:
        """Book all legs of a posting, or none and say what is short."""
        if isinstance(one, Draw):
            legs = legs_of(
                one,
                [self._balances[account_id] for account_id in one.account_ids],
                [self.holds(account_id, one.client_id) for account_id in one.account_ids],
            )
            return legs if isinstance(legs, Shortage) else self._post(legs, one.refs, moment=moment)
        return self._post(one.legs, one.refs, moment=moment)

    def lapse(self, account_id: str) -> None:
        """Close an account's year: nothing is drawn from it, and what it frees lapses.

        What is free in it lapses by a posting of its own, before or after.
        """
        self._balances[account_id] = replace(self._balances[account_id], is_lapsed=True)
        self._changed.add(account_id)

    def tell_anew(self, account_id: str) -> None:
        """Take back that thresholds were told which the use of an account has fallen below.

        For use that was booked in error: what it told was not so, and is told when it is.
        """
        before = self._before[account_id]
        told = min(before.threshold_told, level_of(self._balances[account_id].sums))
        self._before[account_id] = replace(before, threshold_told=told)

    def _post(self, legs: Sequence[Leg], refs: Refs, *, moment: Moment) -> Booked | Shortage:
        balances: dict[str, Balance] = {}
        held: dict[tuple[str, str], Holds] = {}
        booked: list[Entry] = []
        for leg in legs:
            account_id, place = leg.account_id, (leg.account_id, leg.client_id or "")
            applied = apply(
                balances.get(account_id) or self._balances[account_id],
                leg,
                held.get(place) or self._held.get(place, NO_HOLDS),
            )
            if isinstance(applied, Shortage):
                return applied
            balances[account_id] = applied.balance
            if leg.client_id is not None:
                held[place] = applied.holds
            booked.append(
                Entry(
                    entry_id=moment.new_id(),
                    kind=leg.kind,
                    booked_at=moment.now,
                    change=applied.change,
                    balance=applied.balance,
                    client_id=leg.client_id,
                    refs=refs,
                )
            )
        self._take(balances, held, booked)
        return Booked(tuple(booked))

    def _take(
        self,
        balances: Mapping[str, Balance],
        held: Mapping[tuple[str, str], Holds],
        booked: Sequence[Entry],
    ) -> None:
        self._balances.update(balances)
        self._held.update(held)
        self._held_anew.update(held)
        self._entries += booked
        self._changed.update(balances)

    async def write(self, connection: Connection) -> list[Crossing]:
        """Write each changed account once, and all entries; return what thresholds were reached."""
        crossings, changed = [], []
        for account_id in sorted(self._changed):
            balance, earlier = self._balances[account_id], self._before[account_id]
            before = earlier.threshold_told
            change = balance.sums.minus(earlier.sums)
            told = told_after(balance.sums, told=before, changed=change)
            balance = replace(balance, threshold_told=told)
            changed.append(balance)
            if told > before:
                crossings.append(Crossing(balance, told))
        booked = Bookings(
            balances=changed,
            held=self._held_anew,
            entries=self._entries,
            seals=[_seal_line(one, self._entries) for one in sealed_of(self._entries)],
        )
        await bookings.write(connection, booked)
        self._settle(changed)
        return crossings

    def _settle(self, written: Sequence[Balance]) -> None:
        """Begin anew behind what was written: it is not written a second time."""
        for balance in written:
            self._balances[balance.account_id] = balance
            self._before[balance.account_id] = balance
        self._entries, self._held_anew, self._changed = [], {}, set()


def _seal_line(sealed: Sealed, booked: Sequence[Entry]) -> AuditLine:
    """Return the line of the audit by which entries of an account are proved."""
    return AuditLine(
        recorded_at=booked[0].booked_at,
        organisation=SERVICE,
        action=ACTION,
        outcome=sealed.span,
        request_id=SERVICE,
        resource_id=sealed.account_id,
        rule_version=sealed.digest,
    )


async def opened(
    connection: Connection, keys: Collection[AccountKey], *, binds_persons: object, moment: Moment
) -> dict[AccountKey, str]:
    """Return the ids of accounts by key; those that there are not yet are opened.

    Call it before accounts are locked.
    """
    known = await accounts.find_by_key(connection, keys)
    missing = sorted(set(keys) - set(known))
    if not missing:
        return known
    await accounts.open_accounts(
        connection, [NewAccount(moment.new_id(), key, bool(binds_persons)) for key in missing]
    )
    # A new statement, because the one that met another transaction cannot see its row.
    return known | await accounts.find_by_key(connection, missing)
