"""Questions that wait for an answer: the case system is reminded, and told when time is over."""

from collections.abc import Sequence

from kuntavayla import outbox, responsibilities
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.gathering import Gathered
from statement_relay.events import InformationRequestOverdueV1, InformationRequestRemindedV1
from statement_relay.operations.requests import channel_of
from statement_relay.rules.requests import InformationRequest
from statement_relay.store import requests

REMINDERS_BATCH = 500
"""Questions of one transaction, each with one event."""
Reminder = type[InformationRequestRemindedV1] | type[InformationRequestOverdueV1]


async def remind(connection: Connection, *, call: Call, moment: Moment) -> int:
    """Remind of open questions whose time is nearly over; return how many, at most 500.

    Each once for ever: the mark and the event commit together. Safe to run in many processes. What
    is known of the clients stays so to the commit.
    """
    await responsibilities.lock_against_change(connection)
    taken = await requests.take_to_remind(connection, now=moment.now, limit=REMINDERS_BATCH)
    in_time = [request for request in taken if not request.is_overdue(now=moment.now)]
    await _tell(connection, InformationRequestRemindedV1, in_time, call=call, moment=moment)
    return len(taken)


async def tell_overdue(connection: Connection, *, call: Call, moment: Moment) -> int:
    """Tell of open questions whose time is over; return how many, at most 500; see `remind`."""
    await responsibilities.lock_against_change(connection)
    taken = await requests.take_overdue(connection, now=moment.now, limit=REMINDERS_BATCH)
    await _tell(connection, InformationRequestOverdueV1, taken, call=call, moment=moment)
    return len(taken)


async def _tell(
    connection: Connection,
    reminder: Reminder,
    taken: Sequence[InformationRequest],
    *,
    call: Call,
    moment: Moment,
) -> None:
    client_ids = {request.client_id for request in taken}
    versions = await responsibilities.list_by_client(connection, client_ids)
    gathered = Gathered()
    for request in taken:
        data = reminder(
            information_request_id=request.information_request_id,
            client_id=request.client_id,
            municipality_code=request.municipality_code,
            due_at=request.due_at,
        )
        gathered.announce(
            data,
            recipient=request.case_system_id,
            channel=channel_of(versions[request.client_id]),
            cause_id=request.information_request_id,
            call=call,
            moment=moment,
        )
    await outbox.append(connection, gathered.events, origin=moment.origin)
