"""Close a year: what is free in its accounts lapses, and what is freed later lapses at once."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from kuntavayla import audit, idempotency, outbox
from kuntavayla.database import Connection
from kuntavayla.service.operations.witnessing import line_of, witness
from quota_ledger.errors import YearNotOver
from quota_ledger.events import AllocationChangedV1
from quota_ledger.operations.announcing import drafts_of
from quota_ledger.operations.booking import Ledger
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.rules.balances import NOTHING, Balance
from quota_ledger.rules.booked import Booked, Entry
from quota_ledger.rules.lapses import (
    Lapse,
    LapsedAccount,
    LapseRequest,
    lapse_of,
)
from quota_ledger.rules.posting import Leg, Posting, Refs
from quota_ledger.rules.years import may_lapse
from quota_ledger.store import accounts, lapses


class Closing(Struct, frozen=True, kw_only=True):
    """Which year is to be closed, in which areas, and why."""

    budget_year: int
    area_codes: Collection[str]
    asked: LapseRequest


class Lapsed(Struct, frozen=True):
    """A year that was closed, and its accounts by id."""

    lapse: Lapse
    balances: Mapping[str, Balance]
    is_replay: bool


async def lapse(connection: Connection, closing: Closing, *, desk: OrderDesk) -> Lapsed:
    """Close a year in areas; accounts that are closed already are left as they are.

    Locks the idempotency key, then the accounts in order of their ids, then the outbox head.
    Commits together: the entries, the lapse, a line of the audit, events. Raises
    IdempotencyKeyReused, YearNotOver.
    """
    known = await idempotency.claim_one(connection, desk.use)
    if known is not None:
        return await _replayed(connection, known.result_id)
    found = await _list_open(connection, closing, desk=desk)
    ledger = await Ledger.locked(connection, [one.account_id for one in found])
    still_open = [ledger.balance(one.account_id) for one in found]
    entries: dict[str, Entry | None] = {}
    for balance in still_open:
        if not balance.is_lapsed:
            entries[balance.account_id] = _book(ledger, balance, closing=closing, desk=desk)
            ledger.lapse(balance.account_id)
    # That nothing is left after a lapse is no news about use: thresholds are not told.
    await ledger.write(connection)
    made = _lapse(closing, entries, desk=desk)
    await _store(connection, made, [one for one in entries.values() if one], desk=desk)
    balances = {one: ledger.balance(one) for one in entries}
    return Lapsed(made, balances, is_replay=False)


async def preview(connection: Connection, closing: Closing, *, desk: OrderDesk) -> list[Balance]:
    """Return the accounts that would be closed as they stand; nothing is stored but the audit line.

    Raises YearNotOver.
    """
    found = await _list_open(connection, closing, desk=desk)
    await witness(connection, desk.call, action="year.lapse_previewed", moment=desk.moment)
    return found


async def _list_open(connection: Connection, closing: Closing, *, desk: OrderDesk) -> list[Balance]:
    if not may_lapse(closing.budget_year, today=desk.moment.today):
        raise YearNotOver(budget_year=closing.budget_year)
    return await accounts.list_open_of_year(
        connection, closing.budget_year, area_codes=closing.area_codes
    )


def _book(ledger: Ledger, balance: Balance, *, closing: Closing, desk: OrderDesk) -> Entry | None:
    """Let lapse what is free in an account; no entry where nothing is."""
    change = lapse_of(balance)
    if change == NOTHING:
        return None
    leg = Leg(account_id=balance.account_id, kind="lapse", change=change)
    refs = Refs(
        value_on=desk.moment.today,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        reason=closing.asked.reason,
        document=closing.asked.document.register_number,
    )
    outcome = ledger.book(Posting(legs=(leg,), refs=refs), moment=desk.moment)
    assert isinstance(outcome, Booked), "what is free can lapse"
    return outcome.entries[0]


def _lapse(closing: Closing, entries: Mapping[str, Entry | None], *, desk: OrderDesk) -> Lapse:
    return Lapse(
        lapse_id=desk.use.result_id,
        budget_year=closing.budget_year,
        accounts=[
            LapsedAccount(
                account_id,
                entry.change.lapsed_cents if entry else 0,
                entry.entry_id if entry else None,
                -entry.change.allocated_persons if entry else 0,
            )
            for account_id, entry in entries.items()
        ],
        reason=closing.asked.reason,
        document=closing.asked.document,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        created_at=desk.moment.now,
    )


async def _store(
    connection: Connection, made: Lapse, entries: Sequence[Entry], *, desk: OrderDesk
) -> None:
    """Store a lapse, put it on record and tell of it; the outbox last."""
    await lapses.append(connection, made)
    line = line_of(
        desk.call,
        action="year.lapsed",
        outcome="done",
        moment=desk.moment,
        resource_id=made.lapse_id,
    )
    await audit.append(connection, [line])
    drafts = [
        draft
        for entry in entries
        for draft in drafts_of(
            _changed(entry),
            cause_id=made.lapse_id,
            register=desk.law.register,
            call=desk.call,
            moment=desk.moment,
        )
    ]
    await outbox.append(connection, drafts, origin=desk.moment.origin)


def _changed(entry: Entry) -> AllocationChangedV1:
    key, sums = entry.balance.key, entry.balance.sums
    return AllocationChangedV1(
        account_id=entry.balance.account_id,
        area_code=key.area_code,
        municipality_code=key.municipality_code or None,
        instrument=key.instrument,
        budget_year=key.budget_year,
        kind="lapse",
        status="confirmed",
        allocation_id=None,
        transfer_id=None,
        amount_cents=entry.change.allocated_cents,
        persons=entry.change.allocated_persons,
        allocated_cents=sums.allocated_cents,
        allocated_persons=sums.allocated_persons,
        available_cents=sums.free_cents,
    )


async def _replayed(connection: Connection, lapse_id: str) -> Lapsed:
    """Return the first answer again, from what was stored then."""
    made = await lapses.load(connection, lapse_id)
    found = await accounts.list_by_id(connection, [one.account_id for one in made.accounts])
    return Lapsed(made, found, is_replay=True)
