"""Transfers between accounts of one ELY centre: two entries, or none."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import audit, idempotency, outbox
from kuntavayla.database import Connection
from kuntavayla.events import EventDraft
from kuntavayla.service.operations.witnessing import line_of, witness
from quota_ledger.errors import YearLapsed
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
from quota_ledger.rules.allocations import AccountName, Transfer, TransferRequest
from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.booked import Booked, Crossing, Entry
from quota_ledger.rules.posting import Leg, Posting, Refs, Shortage
from quota_ledger.store import accounts, allocations, entries


class Transferred(Struct, frozen=True):
    """A transfer, and both accounts behind it."""

    transfer: Transfer
    from_balance: Balance
    to_balance: Balance
    is_replay: bool


class TransferPreviewed(Struct, frozen=True):
    """Both accounts as they would be."""

    from_balance: Balance
    to_balance: Balance


async def transfer(
    connection: Connection, asked: TransferRequest, *, desk: OrderDesk
) -> Transferred:
    """Take from one account what another gets; the other is opened where there is none.

    Locks the idempotency key, then both accounts, then the override that it covers, then the outbox
    head. Commits together: the transfer, its entries, the override, a line of the audit, events.
    Raises IdempotencyKeyReused, AllocationCutBelowBound, YearLapsed, OverrideNotToCover.
    """
    known = await idempotency.claim_one(connection, desk.use)
    if known is not None:
        return await _replayed(connection, known.result_id)
    giving, getting = _keys_of(asked)
    ids = await opened(
        connection,
        [giving, getting],
        binds_persons=desk.law.binds_persons,
        moment=desk.moment,
    )
    ledger = await Ledger.locked(connection, ids.values())
    covering = await lock_covered(
        connection, asked.covers_override_id, account_id=ids[getting], cents=asked.amount_cents
    )
    between = _Between(ids[giving], ids[getting], covering)
    given, gotten = _book(ledger, asked, between, desk=desk)
    crossings = await ledger.write(connection)
    covered = await keep_covered(connection, covering, desk=desk)
    made = _transfer(asked, given, gotten, desk=desk)
    await allocations.append_transfer(connection, made)
    told = [*covered, *_crossed(made, crossings, desk=desk)]
    await _tell(connection, made, (given, gotten), beside=told, desk=desk)
    return Transferred(made, given.balance, gotten.balance, is_replay=False)


async def preview(
    connection: Connection, asked: TransferRequest, *, desk: OrderDesk
) -> TransferPreviewed:
    """Return what a transfer would do; nothing is stored but a line of the audit.

    Raises as `transfer`.
    """
    giving, getting = _keys_of(asked)
    ids = await accounts.find_by_key(connection, [giving, getting])
    found = await accounts.list_by_id(connection, ids.values())
    empty = {key: empty_account(key, desk=desk) for key in (giving, getting)}
    balances = empty | {key: found[account_id] for key, account_id in ids.items()}
    ledger = Ledger({each.account_id: each for each in balances.values()}, {})
    from_id, to_id = balances[giving].account_id, balances[getting].account_id
    covering = await lock_covered(
        connection, asked.covers_override_id, account_id=to_id, cents=asked.amount_cents
    )
    given, gotten = _book(ledger, asked, _Between(from_id, to_id, covering), desk=desk)
    await witness(connection, desk.call, action="allocation-transfer.previewed", moment=desk.moment)
    return TransferPreviewed(given.balance, gotten.balance)


def _keys_of(asked: TransferRequest) -> tuple[AccountKey, AccountKey]:
    return _key(asked, asked.from_account), _key(asked, asked.to_account)


def _key(asked: TransferRequest, name: AccountName) -> AccountKey:
    municipality = name.municipality_code or ""
    return AccountKey(name.area_code, municipality, asked.instrument, asked.budget_year)


async def _replayed(connection: Connection, transfer_id: str) -> Transferred:
    """Return the first answer again, from what was stored then."""
    made = await allocations.load_transfer(connection, transfer_id)
    found = await accounts.list_by_id(connection, [made.from_account_id, made.to_account_id])
    given, gotten = await entries.list_balances_behind(
        connection, [made.out_entry_id, made.in_entry_id], accounts=found
    )
    return Transferred(made, given, gotten, is_replay=True)


class _Between(Struct, frozen=True):
    """From where to where, and the override that falls back by what comes."""

    from_id: str
    to_id: str
    covering: Covering | None


def _book(
    ledger: Ledger, asked: TransferRequest, between: _Between, *, desk: OrderDesk
) -> tuple[Entry, Entry]:
    """Book both legs of a transfer; raises what keeps it from fitting."""
    from_id, to_id = between.from_id, between.to_id
    before = ledger.balance(from_id)
    for balance in (before, ledger.balance(to_id)):
        if balance.is_lapsed:
            raise YearLapsed(budget_year=balance.key.budget_year)
    cents, persons = asked.amount_cents, asked.persons
    taken = Sums(allocated_cents=-cents, allocated_persons=-persons)
    added = Sums(
        allocated_cents=cents,
        allocated_persons=persons,
        overridden_cents=-covered_cents(between.covering),
    )
    refs = Refs(
        value_on=asked.value_on,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        transfer_id=desk.use.result_id,
        override_id=asked.covers_override_id,
        reason=asked.reason,
        document=asked.document.register_number,
    )
    legs = (
        Leg(account_id=from_id, kind="transfer_out", change=taken),
        Leg(account_id=to_id, kind="transfer_in", change=added),
    )
    outcome = ledger.book(Posting(legs=legs, refs=refs), moment=desk.moment)
    match outcome:
        case Shortage():
            raise failure_of(outcome, balance=before)
        case Booked():
            given, gotten = outcome.entries
            return given, gotten


def _transfer(asked: TransferRequest, given: Entry, gotten: Entry, *, desk: OrderDesk) -> Transfer:
    return Transfer(
        transfer_id=desk.use.result_id,
        from_account_id=given.balance.account_id,
        to_account_id=gotten.balance.account_id,
        amount_cents=asked.amount_cents,
        persons=asked.persons,
        value_on=asked.value_on,
        reason=asked.reason,
        document=asked.document,
        covers_override_id=asked.covers_override_id,
        out_entry_id=given.entry_id,
        in_entry_id=gotten.entry_id,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        created_at=desk.moment.now,
    )


async def _tell(
    connection: Connection,
    made: Transfer,
    booked: tuple[Entry, Entry],
    *,
    beside: Sequence[EventDraft],
    desk: OrderDesk,
) -> None:
    """Put a transfer on record, tell of both accounts and of what is beside; the outbox last."""
    line = line_of(
        desk.call,
        action="allocation-transfer.made",
        outcome="done",
        moment=desk.moment,
        resource_id=made.transfer_id,
    )
    await audit.append(connection, [line])
    register, call, moment = desk.law.register, desk.call, desk.moment
    drafts = [
        draft
        for entry in booked
        for draft in drafts_of(
            _changed(entry, made),
            cause_id=made.transfer_id,
            register=register,
            call=call,
            moment=moment,
        )
    ]
    await outbox.append(connection, [*drafts, *beside], origin=moment.origin)


def _crossed(made: Transfer, crossings: Sequence[Crossing], *, desk: OrderDesk) -> list[EventDraft]:
    return threshold_drafts(
        crossings,
        cause_id=made.transfer_id,
        register=desk.law.register,
        call=desk.call,
        moment=desk.moment,
    )


def _changed(entry: Entry, made: Transfer) -> AllocationChangedV1:
    key, sums = entry.balance.key, entry.balance.sums
    return AllocationChangedV1(
        account_id=entry.balance.account_id,
        area_code=key.area_code,
        municipality_code=key.municipality_code or None,
        instrument=key.instrument,
        budget_year=key.budget_year,
        kind="transfer_out" if entry.change.allocated_cents < 0 else "transfer_in",
        status="confirmed",
        allocation_id=None,
        transfer_id=made.transfer_id,
        amount_cents=entry.change.allocated_cents,
        persons=entry.change.allocated_persons,
        allocated_cents=sums.allocated_cents,
        allocated_persons=sums.allocated_persons,
        available_cents=sums.free_cents,
    )
