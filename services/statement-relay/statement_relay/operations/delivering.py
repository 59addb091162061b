"""Delivery, turn by turn: what has been called is settled, what may be called next is claimed.

A turn is one transaction over everything that has ended since the last one; no call is made in it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from kuntavayla import outbox
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from statement_relay.operations.telling import Told
from statement_relay.rules.deliveries import (
    Called,
    Delivery,
    Fate,
    Pace,
    breaker_after,
    fate_of,
    shortened,
)
from statement_relay.rules.endpoints import Endpoints
from statement_relay.rules.pacing import (
    Draw,
    Standing,
    after_sending,
    may_be_called_at,
    slots_of,
)
from statement_relay.store import deliveries, receivers
from statement_relay.store.deliveries import Attempt, SettledItem, Settlement

ORIGINAL_REJECTED = "original_rejected"
"""Why a correction or withdrawal is rejected whose original was."""


class Desk(Struct, frozen=True, kw_only=True):
    """What a turn is made with: where receivers are, how fast they are called, who speaks."""

    endpoints: Endpoints
    pace: Pace
    call: Call
    moment: Moment
    draw: Draw


class Turn(Struct, frozen=True, kw_only=True):
    """What a turn has brought: what to call next, and in how long another may bring more."""

    deliveries: Sequence[Delivery]
    breakers: Mapping[str, str] = field(default_factory=dict)
    again_in_s: float | None = None


async def take_turn(
    connection: Connection, ended: Sequence[Called], *, desk: Desk, is_claiming: bool
) -> Turn:
    """Settle calls in the order in which they ended, then claim what may be sent now.

    A call whose lease has gone to somebody else changes nothing but its own attempt. Locks
    receivers, queues, items, and the outbox head last, each in order of their keys.
    """
    involved = {called.delivery.receiver_id for called in ended}
    locked = await receivers.lock_receivers(connection, involved)
    if locked.now is None:
        return Turn(deliveries=[])
    before, now = locked.standings, locked.now
    told = Told(desk.call, desk.moment)
    standings = _judged(before, ended, desk=desk, now=now)
    await _settle(connection, ended, standings=standings, told=told, desk=desk, now=now)
    claimed: Sequence[Delivery] = []
    if is_claiming:
        standings, claimed = await _claim(connection, standings, desk=desk, now=now)
    changed = [standing for name, standing in standings.items() if _differs(standing, before[name])]
    await receivers.change_receivers(connection, changed)
    await outbox.append(connection, told.events, origin=desk.moment.origin)
    return Turn(
        deliveries=claimed,
        breakers={name: standing.breaker.state for name, standing in standings.items()},
        again_in_s=_again_in_s(standings, desk=desk, now=now),
    )
