"""Receivers as operators see them: how they stand, held back, let go on."""

from collections.abc import Sequence
from typing import Literal

from kuntavayla import audit
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of, witness
from statement_relay.errors import ReceiverNotFound
from statement_relay.rules.pacing import ReceiverFigures, ReceiverPause
from statement_relay.store import receivers

LISTED, PAUSED, RESUMED = "receiver.listed", "receiver.paused", "receiver.resumed"
DONE = "done"
ReceiverState = Literal["open", "paused", "resting", "probing"]


async def list_of(
    connection: Connection, *, call: Call, moment: Moment
) -> Sequence[ReceiverFigures]:
    """Return every receiver with what is on its way to it; audited."""
    await witness(connection, call, action=LISTED, moment=moment)
    return await receivers.list_receivers(connection)


async def pause(
    connection: Connection, receiver_id: str, asked: ReceiverPause, *, call: Call, moment: Moment
) -> ReceiverFigures:
    """Send a receiver nothing more; calls under way end. Raises ReceiverNotFound."""
    if not await receivers.pause(connection, receiver_id, asked):
        raise ReceiverNotFound
    return await _changed(connection, receiver_id, action=PAUSED, call=call, moment=moment)


async def resume(
    connection: Connection, receiver_id: str, *, call: Call, moment: Moment
) -> ReceiverFigures:
    """Let a receiver be sent items again; wakes couriers. Raises ReceiverNotFound."""
    if not await receivers.resume(connection, receiver_id):
        raise ReceiverNotFound
    return await _changed(connection, receiver_id, action=RESUMED, call=call, moment=moment)


async def _changed(
    connection: Connection, receiver_id: str, *, action: str, call: Call, moment: Moment
) -> ReceiverFigures:
    line = line_of(call, action=f"{action}:{receiver_id}", outcome=DONE, moment=moment)
    await audit.append(connection, [line])
    found = await receivers.find_receiver(connection, receiver_id)
    assert found is not None, "receivers are never taken away"
    return found


def state_of(figures: ReceiverFigures, *, moment: Moment) -> ReceiverState:
    """Return how a receiver stands in one word: a breaker that is open lets it rest."""
    if figures.standing.is_held(now=moment.now):
        return "paused"
    match figures.standing.breaker.state:
        case "closed":
            return "open"
        case "open":
            return "resting"
        case "half_open":
            return "probing"
