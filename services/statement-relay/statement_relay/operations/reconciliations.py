"""A receiver's own list of a day, held against our receipts; what it lost is sent again."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from kuntavayla import audit
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of, witness
from kuntavayla.values.calendar import helsinki_instant, legal_day
from statement_relay.errors import DeliveryCountDiffers, ReconciliationNotFound
from statement_relay.operations import receipts
from statement_relay.operations.repairs import Why, note_of
from statement_relay.rules.clocks import days_to_compare, days_to_compare_again
from statement_relay.rules.deliveries import LateReceipt, Undelivered
from statement_relay.rules.reconciliations import (
    PROVED_BY_RECEIPT,
    HeldItem,
    Reconciliation,
    TakenItem,
    counts_of,
)
from statement_relay.store import reconciliations, repairs
from statement_relay.store.reconciliations import AskedDay, Scope

UNPROVEN_DAYS = timedelta(days=7)
"""How far back the days lie that are asked for again while items of them are unproven."""
EQUAL, DIFFERING = "equal", "differing"


async def reconcile(
    connection: Connection,
    taken: Sequence[TakenItem],
    *,
    day: date,
    scope: Scope,
    call: Call,
    moment: Moment,
) -> Reconciliation:
    """Compare what a receiver took on a day with the receipts that it gave, by its own times.

    `scope` is that of `scope_of` for the day. The result takes the place of an earlier one of the
    day, but a partial one never that of a whole one; a line of the audit says so. A list that we
    asked for is of the instant at which we did, and takes the place of no newer one.
    """
    compared = await reconciliations.compare(connection, taken, scope=scope)
    result = Reconciliation(
        receiver_id=scope.receiver_id,
        day=day,
        reconciled_at=scope.asked_at or moment.now,
        their_count=len(taken),
        our_count=await reconciliations.count_ours(connection, scope=scope),
        counts=counts_of(compared),
        differences=[each.difference for each in compared],
        is_partial=not scope.may_see_restricted,
    )
    await reconciliations.store(connection, result, asked_at=scope.asked_at)
    outcome = EQUAL if result.is_equal else DIFFERING
    line = line_of(call, action="reconciliation.made", outcome=outcome, moment=moment)
    await audit.append(connection, [line])
    return result


async def list_unproven(
    connection: Connection, held: Sequence[HeldItem], *, day: date, receiver_id: str
) -> list[HeldItem]:
    """Return what a receiver holds with our bytes while we have no receipt, or gave it up."""
    scope = scope_of(receiver_id, day, may_see_restricted=True)
    compared = await reconciliations.compare(connection, [each.taken for each in held], scope=scope)
    unproven = {
        each.difference.information_id
        for each in compared
        if each.difference.kind in PROVED_BY_RECEIPT
    }
    return [each for each in held if each.information_id in unproven]


async def prove(
    connection: Connection,
    held: HeldItem,
    *,
    asked_at: datetime,
    receiver_id: str,
    call: Call,
    moment: Moment,
) -> None:
    """Take a receipt out of a receiver's own list, as if it had been posted.

    `asked_at` is when the list was asked for: of what was sent again since it proves nothing.

    Raises InformationNotFound for what was never sent, DeliverySettled for what has ended, and
    SuccessorOvertaken for what was skipped and overtaken.
    """
    told = LateReceipt(
        information_id=held.information_id,
        digest=held.receipt.digest,
        receipt=held.receipt,
        code=None,
        held_at=asked_at,
    )
    await receipts.take(connection, told, receiver_ids=[receiver_id], call=call, moment=moment)


async def list_missing(connection: Connection, *, moment: Moment) -> list[tuple[str, date]]:
    """Return receivers that are not paused, with days to compare that lack a whole result of them.

    A result that was made before all receipts of its day had come is made anew, and each hour one
    of the last seven days that shows items as unproven: what the receiver lists of them ends that,
    also where an item is parked and nothing repeats its call.
    """
    first_looks, again = days_to_compare(moment.now), days_to_compare_again(moment.now)
    days = [_asked(day, is_first_look=day in first_looks) for day in (*again, *first_looks)]
    since = legal_day(moment.now) - UNPROVEN_DAYS
    return await reconciliations.list_missing(
        connection, days, unproven_since=since, now=moment.now
    )


def _asked(day: date, *, is_first_look: bool) -> AskedDay:
    return AskedDay(
        day=day,
        starts_at=helsinki_instant(day, 0, 0),
        ends_at=helsinki_instant(day + timedelta(days=1), 0, 0),
        is_first_look=is_first_look,
    )


async def list_of_day(
    connection: Connection, day: date, *, receiver_id: str | None, call: Call, moment: Moment
) -> list[Reconciliation]:
    """List the results of a day; the reading is audited."""
    results = await reconciliations.list_results(connection, day, receiver_id=receiver_id)
    await witness(connection, call, action="reconciliation.listed", moment=moment)
    return results


async def resend(
    connection: Connection,
    day: date,
    *,
    receiver_id: str,
    expected_count: int,
    why: Why,
    moment: Moment,
) -> int:
    """Send what a receiver's newest list of a day lacks again, with the same bytes and ids.

    Locks the queues of the items. They go before what waits in their queues, in their old order.
    Returns how many there are that the caller may see; those that were sent again since the list
    are not sent twice. Raises
    ReconciliationNotFound, and DeliveryCountDiffers where another number was expected.
    """
    results = await reconciliations.list_results(connection, day, receiver_id=receiver_id)
    if not results:
        raise ReconciliationNotFound
    [result] = results
    result = result if why.may_see_restricted else result.without_restricted()
    missing = [each.information_id for each in result.differences if each.kind == "missing"]
    if len(missing) != expected_count:
        raise DeliveryCountDiffers(item_count=len(missing))
    items = await repairs.lock_items(connection, missing)
    placed = [item.tracked for item in items.values()]
    await repairs.append_cut_off(connection, placed, now=moment.now)
    again = await reconciliations.let_resend(
        connection,
        missing,
        scope=scope_of(receiver_id, day, may_see_restricted=True),
        listed_at=result.reconciled_at,
    )
    await repairs.refresh(connection, placed)
    sent = [items[information_id] for information_id in sorted(again)]
    await _write_resent(connection, sent, why=why, moment=moment)
    return len(missing)


async def _write_resent(
    connection: Connection, items: Sequence[Undelivered], *, why: Why, moment: Moment
) -> None:
    """Write notes and audit lines of items that are sent again."""
    notes = [note_of(item, action="resent", why=why, moment=moment) for item in items]
    await repairs.append_notes(connection, notes)
    lines = [
        line_of(
            why.call,
            action="delivery.resent",
            outcome="done",
            moment=moment,
            client_id=item.tracked.client_id,
            resource_id=item.tracked.information_id,
        )
        for item in items
    ]
    await audit.append(connection, lines)


def scope_of(
    receiver_id: str, day: date, *, may_see_restricted: bool, asked_at: datetime | None = None
) -> Scope:
    """Return what of a receiver is compared for a day in Helsinki."""
    return Scope(
        receiver_id=receiver_id,
        starts_at=helsinki_instant(day, 0, 0),
        ends_at=helsinki_instant(day + timedelta(days=1), 0, 0),
        may_see_restricted=may_see_restricted,
        asked_at=asked_at,
    )
