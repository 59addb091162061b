"""Recipients of events: what waits for each, pause and resume."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from math import ceil
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from kuntavayla import audit, outbox
from kuntavayla.database import Connection
from kuntavayla.feed import Readings
from kuntavayla.outbox import Hold, Pause, StreamStanding
from kuntavayla.register import Register
from kuntavayla.service.errors import RecipientNotFound, RecipientPaused
from kuntavayla.service.events import INTERNAL
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of
from kuntavayla.settings import Transport

DONE = "done"
RETRY_S_MAX = 300
"""A paused reader comes back at least so often: the pause may end before its `until`."""
RETRY_S = 60


HoldState = Literal["open", "paused", "draining"]


class RecipientStanding(Struct, frozen=True, kw_only=True):
    """A recipient: both its streams, and its hold where there is one."""

    recipient: str
    common: StreamStanding
    restricted: StreamStanding
    hold: Hold | None
    state: HoldState


def check_recipient(recipient: str, *, register: Register) -> None:
    """Raise RecipientNotFound for what is neither an organisation nor our own services."""
    if recipient != INTERNAL and register.organisation(recipient) is None:
        raise RecipientNotFound


async def list_of(
    connection: Connection,
    *,
    transport: Transport,
    readings: Readings,
    now: datetime,
    waiting_max: int,
) -> Sequence[RecipientStanding]:
    """Return everybody who has events or is held back, by name."""
    await readings.save(connection)
    holds = {hold.recipient: hold for hold in await outbox.list_holds(connection)}
    streams = await outbox.list_streams(
        connection, transport=transport.value, waiting_max=waiting_max
    )
    found = []
    for recipient, pair in groupby(streams, key=attrgetter("recipient")):
        common, restricted = pair
        found.append(
            RecipientStanding(
                recipient=recipient,
                common=common,
                restricted=restricted,
                hold=holds.get(recipient),
                state=state_of(holds.get(recipient), transport=transport, now=now),
            )
        )
    return found


def state_of(hold: Hold | None, *, transport: Transport, now: datetime) -> HoldState:
    """Return how a recipient stands: a pause whose end has come has yet to be drained on Kafka."""
    if hold is None:
        return "open"
    if hold.is_paused(now=now):
        return "paused"
    return "draining" if transport is Transport.KAFKA else "open"


async def pause(
    connection: Connection, recipient: str, pause: Pause, *, call: Call, moment: Moment
) -> None:
    """Hold a recipient's events back, or change reason and end of a pause that stands."""
    await _witness(connection, recipient, action="recipient.paused", call=call, moment=moment)
    await outbox.pause(connection, recipient, pause)


async def resume(connection: Connection, recipient: str, *, call: Call, moment: Moment) -> None:
    """Let a recipient have its events again; one that is not paused stays as it is."""
    await _witness(connection, recipient, action="recipient.resumed", call=call, moment=moment)
    await outbox.resume(connection, recipient, now=moment.now)


async def _witness(
    connection: Connection, recipient: str, *, action: str, call: Call, moment: Moment
) -> None:
    line = line_of(call, action=f"{action}:{recipient}", outcome=DONE, moment=moment)
    await audit.append(connection, [line])


async def refuse_paused(connection: Connection, recipient: str, *, now: datetime) -> None:
    """Raise RecipientPaused where the recipient's events are held back now."""
    hold = await outbox.find_hold(connection, recipient)
    if hold is not None and hold.is_paused(now=now):
        left_s = RETRY_S if hold.until is None else ceil((hold.until - now).total_seconds())
        raise RecipientPaused(retry_after_s=min(left_s, RETRY_S_MAX))
