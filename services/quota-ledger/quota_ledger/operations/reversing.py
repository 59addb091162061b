"""Reverse allocations and transfers that were booked in error: all of their entries, or none."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kuntavayla import audit, idempotency, outbox
from kuntavayla.database import Connection
from kuntavayla.service.operations.witnessing import line_of, witness
from quota_ledger.errors import (
    AllocationNotFound,
    AllocationTransferNotFound,
    AlreadyReversed,
    BookedByAnother,
    NothingBooked,
    YearLapsed,
)
from quota_ledger.events import AllocationChangedV1
from quota_ledger.operations.announcing import drafts_of, threshold_drafts
from quota_ledger.operations.booking import Ledger
from quota_ledger.operations.ordering import OrderDesk, failure_of
from quota_ledger.rules.balances import Balance
from quota_ledger.rules.booked import Booked, Crossing, Entry
from quota_ledger.rules.posting import Refs, Shortage
from quota_ledger.rules.reversals import BookedEntry, Reversal, ReversalRequest, mirror_of
from quota_ledger.store import accounts, allocations, entries, reversals


class Reversed(Struct, frozen=True):
    """A reversal, and its accounts behind it, that which gave first."""

    reversal: Reversal
    balances: Sequence[Balance]
    is_replay: bool


class ReversalPreviewed(Struct, frozen=True):
    """The accounts as they are, and as they would be."""

    before: Sequence[Balance]
    after: Sequence[Balance]


class Reversible(Struct, frozen=True, kw_only=True):
    """An allocation or a transfer that the caller may reverse, and what it booked."""

    allocation_id: str | None = None
    transfer_id: str | None = None
    organisation: str
    entry_ids: Sequence[str]
    account_ids: Sequence[str]

    @property
    def noun(self) -> reversals.Noun:
        """Return what it is."""
        return "transfer" if self.allocation_id is None else "allocation"

    @property
    def its_id(self) -> str:
        """Return its id."""
        return self.allocation_id or self.transfer_id or ""


async def find_allocation(
    connection: Connection, allocation_id: str, *, desk: OrderDesk, seen: frozenset[str] | None
) -> Reversible:
    """Return an allocation of the areas that the caller sees.

    Raises AllocationNotFound, BookedByAnother, NothingBooked of an indicative one.
    """
    found = await allocations.find(connection, allocation_id)
    if found is None:
        raise AllocationNotFound
    await _require_seen(connection, [found.account_id], seen=seen, failure=AllocationNotFound)
    if found.organisation != desk.call.organisation:
        raise BookedByAnother
    if found.entry_id is None:
        raise NothingBooked
    return Reversible(
        allocation_id=allocation_id,
        organisation=found.organisation,
        entry_ids=[found.entry_id],
        account_ids=[found.account_id],
    )


async def find_transfer(
    connection: Connection, transfer_id: str, *, desk: OrderDesk, seen: frozenset[str] | None
) -> Reversible:
    """Return a transfer between accounts that the caller sees.

    Raises AllocationTransferNotFound, BookedByAnother.
    """
    found = await allocations.find_transfer(connection, transfer_id)
    if found is None:
        raise AllocationTransferNotFound
    account_ids = [found.from_account_id, found.to_account_id]
    await _require_seen(connection, account_ids, seen=seen, failure=AllocationTransferNotFound)
    if found.organisation != desk.call.organisation:
        raise BookedByAnother
    return Reversible(
        transfer_id=transfer_id,
        organisation=found.organisation,
        entry_ids=[found.out_entry_id, found.in_entry_id],
        account_ids=account_ids,
    )


async def reverse(
    connection: Connection, found: Reversible, asked: ReversalRequest, *, desk: OrderDesk
) -> Reversed:
    """Take back what an allocation or a transfer has booked.

    Locks the idempotency key, then the accounts, then the outbox head. Commits together: the
    reversal, its entries, a line of the audit, events. Raises IdempotencyKeyReused,
    AlreadyReversed, AllocationCutBelowBound, YearLapsed.
    """
    known = await idempotency.claim_one(connection, desk.use)
    if known is not None:
        return await _replayed(connection, known.result_id)
    ledger = await Ledger.locked(connection, found.account_ids)
    booked = await _book(connection, ledger, found, asked=asked, desk=desk)
    crossings = await ledger.write(connection)
    made = Reversal(
        reversal_id=desk.use.result_id,
        allocation_id=found.allocation_id,
        transfer_id=found.transfer_id,
        entry_ids=[one.entry_id for one in booked],
        reason=asked.reason,
        document=asked.document,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        created_at=desk.moment.now,
    )
    await reversals.append(connection, made)
    await _tell(connection, found, made, booked=booked, crossings=crossings, desk=desk)
    return Reversed(made, [one.balance for one in booked], is_replay=False)


async def preview(
    connection: Connection, found: Reversible, asked: ReversalRequest, *, desk: OrderDesk
) -> ReversalPreviewed:
    """Return what a reversal would do; nothing is stored but a line of the audit.

    Raises as `reverse`.
    """
    standing = await accounts.list_by_id(connection, found.account_ids)
    ledger = Ledger(standing, {})
    booked = await _book(connection, ledger, found, asked=asked, desk=desk)
    action = f"{_NAMES[found.noun]}.reversal_previewed"
    await witness(connection, desk.call, action=action, moment=desk.moment)
    before = [standing[account_id] for account_id in found.account_ids]
    return ReversalPreviewed(before, [one.balance for one in booked])


_NAMES = {"allocation": "allocation", "transfer": "allocation-transfer"}


async def _require_seen(
    connection: Connection,
    account_ids: Sequence[str],
    *,
    seen: frozenset[str] | None,
    failure: type[AllocationNotFound | AllocationTransferNotFound],
) -> None:
    balances = await accounts.list_by_id(connection, account_ids)
    if seen is not None and not {one.key.area_code for one in balances.values()} <= seen:
        raise failure


async def _book(
    connection: Connection,
    ledger: Ledger,
    found: Reversible,
    *,
    asked: ReversalRequest,
    desk: OrderDesk,
) -> list[Entry]:
    """Book the mirrors of all entries; raises what keeps one of them from fitting.

    Their order is that of the entries that are reversed.
    """
    first = await reversals.find_of(connection, found.noun, found.its_id)
    if first is not None:
        raise AlreadyReversed(reversal_id=first)
    originals = {
        one.entry_id: one for one in await reversals.list_booked(connection, found.entry_ids)
    }
    refs = Refs(
        value_on=desk.moment.today,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        allocation_id=found.allocation_id,
        transfer_id=found.transfer_id,
        reason=asked.reason,
        document=asked.document.register_number,
    )
    return [
        _mirrored(ledger, originals[entry_id], refs=refs, desk=desk) for entry_id in found.entry_ids
    ]


def _mirrored(ledger: Ledger, original: BookedEntry, *, refs: Refs, desk: OrderDesk) -> Entry:
    before = ledger.balance(original.account_id)
    if before.is_lapsed:
        raise YearLapsed(budget_year=before.key.budget_year)
    outcome = ledger.book(mirror_of(original, refs), moment=desk.moment)
    match outcome:
        case Shortage():
            raise failure_of(outcome, balance=before)
        case Booked():
            return outcome.entries[0]


async def _replayed(connection: Connection, reversal_id: str) -> Reversed:
    """Return the first answer again, from what was stored then."""
    made = await reversals.load(connection, reversal_id)
    booked = await reversals.list_booked(connection, made.entry_ids)
    found: Mapping[str, Balance] = await accounts.list_by_id(
        connection, [one.account_id for one in booked]
    )
    behind = await entries.list_balances_behind(connection, made.entry_ids, accounts=found)
    return Reversed(made, behind, is_replay=True)


async def _tell(
    connection: Connection,
    found: Reversible,
    made: Reversal,
    *,
    booked: Sequence[Entry],
    crossings: Sequence[Crossing],
    desk: OrderDesk,
) -> None:
    """Put a reversal on record and tell of its accounts; the outbox last."""
    line = line_of(
        desk.call,
        action=f"{_NAMES[found.noun]}.reversed",
        outcome="done",
        moment=desk.moment,
        resource_id=found.its_id,
    )
    await audit.append(connection, [line])
    register, call, moment = desk.law.register, desk.call, desk.moment
    drafts = [
        draft
        for entry in booked
        for draft in drafts_of(
            _changed(entry, found),
            cause_id=made.reversal_id,
            register=register,
            call=call,
            moment=moment,
        )
    ]
    drafts += threshold_drafts(
        crossings, cause_id=made.reversal_id, register=register, call=call, moment=moment
    )
    await outbox.append(connection, drafts, origin=moment.origin)


def _changed(entry: Entry, found: Reversible) -> AllocationChangedV1:
    key, sums = entry.balance.key, entry.balance.sums
    return AllocationChangedV1(
        account_id=entry.balance.account_id,
        area_code=key.area_code,
        municipality_code=key.municipality_code or None,
        instrument=key.instrument,
        budget_year=key.budget_year,
        kind="reversal",
        status="confirmed",
        allocation_id=found.allocation_id,
        transfer_id=found.transfer_id,
        amount_cents=entry.change.allocated_cents,
        persons=entry.change.allocated_persons,
        allocated_cents=sums.allocated_cents,
        allocated_persons=sums.allocated_persons,
        available_cents=sums.free_cents,
    )
