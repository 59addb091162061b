"""Allocations: what accounts may spend, ordered once for ever and booked at once."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla import audit, idempotency, outbox
from kuntavayla.database import Connection
from kuntavayla.events import EventDraft
from kuntavayla.service.operations.witnessing import line_of, witness
from quota_ledger.errors import AllocationAlreadyInitial, YearLapsed
from quota_ledger.events import AllocationChangedV1
from quota_ledger.operations.announcing import drafts_of, threshold_drafts
from quota_ledger.operations.booking import Ledger, opened
from quota_ledger.operations.covering import (
    Covering,
    covered_cents,
    keep_covered,
    lock_covered,
)
from quota_ledger.operations.ordering import OrderDesk, empty_account, failure_of
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.allocations import (
    Allocation,
    AllocationFilter,
    AllocationRequest,
    ListedAllocation,
)
from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.booked import Booked, Crossing, Entry
from quota_ledger.rules.posting import Leg, Posting, Refs, Shortage
from quota_ledger.store import accounts, allocations, entries


class Allocated(Struct, frozen=True):
    """An allocation and the account behind its entry; an indicative one has no entry."""

    allocation: Allocation
    key: AccountKey
    balance: Balance | None
    is_replay: bool


class Previewed(Struct, frozen=True):
    """An account as it is, and as it would be."""

    before: Balance
    after: Balance


async def allocate(
    connection: Connection, asked: AllocationRequest, *, desk: OrderDesk
) -> Allocated:
    """Allocate to an account, which is opened where there is none.

    Locks the idempotency key, then the account, then the override that it covers, then the outbox
    head. Commits together: the allocation, its entry, the override, a line of the audit, events.
    Raises IdempotencyKeyReused, AllocationAlreadyInitial, AllocationCutBelowBound, YearLapsed,
    OverrideNotToCover.
    """
    known = await idempotency.claim_one(connection, desk.use)
    if known is not None:
        return await _replayed(connection, known.result_id)
    key = key_of(asked)
    ids = await opened(connection, [key], binds_persons=desk.law.binds_persons, moment=desk.moment)
    account_id = ids[key]
    ledger = await Ledger.locked(connection, [account_id])
    await _refuse_second_initial(connection, asked, account_id=account_id)
    allocation = _allocation(asked, account_id=account_id, desk=desk)
    if asked.status == "indicative":
        await _store(connection, allocation, balance=ledger.balance(account_id), desk=desk)
        return Allocated(allocation, key, None, is_replay=False)
    covering = await lock_covered(
        connection, asked.covers_override_id, account_id=account_id, cents=asked.amount_cents
    )
    entry = _book(ledger, allocation, covering=covering, desk=desk)
    allocation = replace(allocation, entry_id=entry.entry_id)
    crossings = await ledger.write(connection)
    told = await keep_covered(connection, covering, desk=desk)
    told += _crossed(allocation, crossings, desk=desk)
    await _store(connection, allocation, balance=entry.balance, beside=told, desk=desk)
    return Allocated(allocation, key, entry.balance, is_replay=False)


async def preview(
    connection: Connection, asked: AllocationRequest, *, desk: OrderDesk
) -> Previewed:
    """Return what an allocation would do; nothing is stored but a line of the audit.

    Raises as `allocate`.
    """
    key = key_of(asked)
    found = await accounts.find_by_key(connection, [key])
    account_id = found.get(key)
    before = empty_account(key, desk=desk)
    if account_id is not None:
        before = (await accounts.list_by_id(connection, [account_id]))[account_id]
        await _refuse_second_initial(connection, asked, account_id=account_id)
    ledger = Ledger({before.account_id: before}, {})
    allocation = _allocation(asked, account_id=before.account_id, desk=desk)
    covering = await lock_covered(
        connection, asked.covers_override_id, account_id=before.account_id, cents=asked.amount_cents
    )
    if asked.status == "confirmed":
        _book(ledger, allocation, covering=covering, desk=desk)
    await witness(connection, desk.call, action="allocation.previewed", moment=desk.moment)
    return Previewed(before, ledger.balance(before.account_id))


async def list_of(
    connection: Connection, query: AllocationFilter, *, after: str, limit: int
) -> Sequence[ListedAllocation]:
    """List allocations in the order in which they were made."""
    return await allocations.list_of(connection, query, after=after, limit=limit)


def key_of(asked: AllocationRequest) -> AccountKey:
    """Return the account that an allocation is made to: always that of a whole area."""
    return AccountKey(asked.area_code, "", asked.instrument, asked.budget_year)


async def _replayed(connection: Connection, allocation_id: str) -> Allocated:
    """Return the first answer again, from what was stored then."""
    allocation = await allocations.load(connection, allocation_id)
    account = (await accounts.list_by_id(connection, [allocation.account_id]))[
        allocation.account_id
    ]
    balance = None
    if allocation.entry_id is not None:
        [balance] = await entries.list_balances_behind(
            connection, [allocation.entry_id], accounts={account.account_id: account}
        )
    return Allocated(allocation, account.key, balance, is_replay=True)


async def _refuse_second_initial(
    connection: Connection, asked: AllocationRequest, *, account_id: str
) -> None:
    if (asked.kind, asked.status) != ("initial", "confirmed"):
        return
    if await allocations.has_initial(connection, account_id):
        raise AllocationAlreadyInitial(budget_year=asked.budget_year)


def _allocation(asked: AllocationRequest, *, account_id: str, desk: OrderDesk) -> Allocation:
    return Allocation(
        allocation_id=desk.use.result_id,
        account_id=account_id,
        kind=asked.kind,
        status=asked.status,
        amount_cents=asked.amount_cents,
        persons=asked.persons,
        valid_from_on=asked.valid_from_on,
        basis=asked.basis,
        document=asked.document,
        reason=asked.reason,
        covers_override_id=asked.covers_override_id,
        entry_id=None,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        created_at=desk.moment.now,
    )


def _change_of(allocation: Allocation) -> Sums:
    sign = -1 if allocation.kind == "cut" else 1
    return Sums(
        allocated_cents=sign * allocation.amount_cents,
        allocated_persons=sign * allocation.persons,
    )


def _book(
    ledger: Ledger, allocation: Allocation, *, covering: Covering | None, desk: OrderDesk
) -> Entry:
    """Book an allocation, with the override that falls back by it; raises what does not fit."""
    before = ledger.balance(allocation.account_id)
    if before.is_lapsed:
        raise YearLapsed(budget_year=before.key.budget_year)
    change = replace(_change_of(allocation), overridden_cents=-covered_cents(covering))
    leg = Leg(account_id=allocation.account_id, kind=allocation.kind, change=change)
    refs = Refs(
        value_on=allocation.valid_from_on,
        organisation=allocation.organisation,
        official_id=allocation.official_id,
        allocation_id=allocation.allocation_id,
        override_id=allocation.covers_override_id,
        reason=allocation.reason,
        document=allocation.document.register_number,
    )
    outcome = ledger.book(Posting(legs=(leg,), refs=refs), moment=desk.moment)
    match outcome:
        case Shortage():
            raise failure_of(outcome, balance=before)
        case Booked():
            return outcome.entries[0]


async def _store(
    connection: Connection,
    allocation: Allocation,
    *,
    balance: Balance,
    beside: Sequence[EventDraft] = (),
    desk: OrderDesk,
) -> None:
    """Store an allocation, put it on record, tell of it and of what is beside; the outbox last."""
    await allocations.append(connection, allocation)
    line = line_of(
        desk.call,
        action="allocation.made",
        outcome=allocation.status,
        moment=desk.moment,
        resource_id=allocation.allocation_id,
    )
    await audit.append(connection, [line])
    data = _changed(allocation, balance)
    cause_id, register = allocation.allocation_id, desk.law.register
    call, moment = desk.call, desk.moment
    told = drafts_of(data, cause_id=cause_id, register=register, call=call, moment=moment)
    await outbox.append(connection, [*told, *beside], origin=moment.origin)


def _crossed(
    allocation: Allocation, crossings: Sequence[Crossing], *, desk: OrderDesk
) -> list[EventDraft]:
    return threshold_drafts(
        crossings,
        cause_id=allocation.allocation_id,
        register=desk.law.register,
        call=desk.call,
        moment=desk.moment,
    )


def _changed(allocation: Allocation, balance: Balance) -> AllocationChangedV1:
    """Return the event of an allocation, with its account behind it."""
    change, key = _change_of(allocation), balance.key
    return AllocationChangedV1(
        account_id=balance.account_id,
        area_code=key.area_code,
        municipality_code=key.municipality_code or None,
        instrument=key.instrument,
        budget_year=key.budget_year,
        kind=allocation.kind,
        status=allocation.status,
        allocation_id=allocation.allocation_id,
        transfer_id=None,
        amount_cents=change.allocated_cents,
        persons=change.allocated_persons,
        allocated_cents=balance.sums.allocated_cents,
        allocated_persons=balance.sums.allocated_persons,
        available_cents=balance.sums.free_cents,
    )
