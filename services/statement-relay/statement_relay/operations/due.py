"""Clocks of items: told when late, refused without a client, parked without a receipt."""

from datetime import timedelta

from kuntavayla import outbox
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from statement_relay.operations.telling import Telling
from statement_relay.rules.clocks import working_days_later
from statement_relay.rules.deliveries import Patience
from statement_relay.store import due, repairs

DUE_BATCH = 500
"""Items of one transaction."""
CLIENT_UNKNOWN = "client_unknown"
RECEIPT_LATE = "receipt_late"
_DAY = timedelta(days=1)


async def tell_late(connection: Connection, *, call: Call, moment: Moment) -> int:
    """Tell of items that are delayed or overdue by now; return how many.

    Each once for ever: the mark and its event commit together. Safe in many processes at once.
    """
    telling = Telling(call, moment)
    delayed = await due.take_delayed(connection, now=moment.now, limit=DUE_BATCH)
    overdue = await due.take_overdue(connection, now=moment.now, limit=DUE_BATCH)
    for item in delayed:
        telling.delayed(item)
    for item in overdue:
        telling.overdue(item)
    await outbox.append(connection, telling.gathered.events, origin=moment.origin)
    return len(delayed) + len(overdue)


async def refuse_unknown(
    connection: Connection, *, patience: Patience, call: Call, moment: Moment
) -> int:
    """Refuse items whose client has not become known in time, and tell of it; return how many."""
    refused = await due.refuse_unknown(
        connection,
        accepted_before=moment.now - patience.unknown,
        code=CLIENT_UNKNOWN,
        now=moment.now,
        limit=DUE_BATCH,
    )
    telling = Telling(call, moment)
    for item in refused:
        telling.refused(item, code=CLIENT_UNKNOWN)
    await outbox.append(connection, telling.gathered.events, origin=moment.origin)
    return len(refused)


async def park_without_receipt(
    connection: Connection, *, patience: Patience, call: Call, moment: Moment
) -> int:
    """Park items whose promised receipt is late by working days, and tell; return how many."""
    awaiting = await due.list_awaiting(
        connection,
        promised_before=moment.now - patience.receipt_working_days * _DAY,
        limit=DUE_BATCH,
    )
    late = [
        item.information_id
        for item in awaiting
        if working_days_later(
            item.since_at, days=patience.receipt_working_days, at=patience.receipt_at
        )
        <= moment.now
    ]
    if not late:
        return 0
    await repairs.lock_items(connection, late)
    parked = await due.park_awaiting(connection, late, code=RECEIPT_LATE)
    telling = Telling(call, moment)
    for item in parked:
        telling.parked(item, code=RECEIPT_LATE)
    await outbox.append(connection, telling.gathered.events, origin=moment.origin)
    return len(parked)
