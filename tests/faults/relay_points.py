"""The points of the relay's campaign: what is killed, made faulty or held back, and when."""

import asyncio
import random
from collections.abc import Mapping

from tests.faults.points import (
    MOMENT_S_MAX,
    Point,
    _hurt,
    _serving,
    _strike_broker,
    _strike_database,
)
from tests.faults.relay_items import RECEIVERS
from tests.faults.relay_site import RelaySite
from tests.faults.signals import Signals

AWAY, FAULTY = RECEIVERS[0], RECEIVERS[1:]
"""One receiver goes away for the long outage; the others misbehave by turns."""
POINTS = {
    ("relay", "any time"): 2,
    ("relay", "single_sent"): 2,
    ("relay", "bulk_sent"): 1,
    ("peer", "any time"): 2,
    ("peer", "bulk_sent"): 1,
    ("receivers", "any time"): 2,
    ("session ended", "any time"): 1,
    ("session ended", "bulk_sent"): 1,
    ("session killed", "single_sent"): 1,
    ("server killed", "any time"): 1,
    ("routing-api", "any time"): 1,
}
"""How many points of each kind: 15 in all; they strike one after the other."""
BROKER_POINTS = {
    ("broker killed", "any time"): 1,
    ("broker paused", "bulk_sent"): 1,
    ("link cut", "any time"): 2,
    ("link stalled", "any time"): 1,
    ("link slow", "any time"): 1,
}
"""Of the broker, where there is one, and of the link to it: 6, at the same time as the others."""
LINK_POINTS = {
    ("receivers' link cut", "any time"): 2,
    ("receivers' link stalled", "any time"): 1,
    ("receivers' link slow", "bulk_sent"): 1,
}
"""Of the link between the relay and its receivers: 4, at the same time as the others."""
MISBEHAVING: Mapping[str, Mapping[str, object]] = {
    "errors": {"error_per_mille": 300, "error_status": 500},
    "asks to wait": {"error_per_mille": 300, "error_status": 503, "error_retry_after": "1"},
    "error after storing": {"error_per_mille": 400, "error_after_storing": True},
    "answer cut off": {"answer": "cut_off"},
    "answer lost": {"error_per_mille": 500, "error_status": 504, "error_after_storing": True},
    "no answer": {"is_silent": True},
    "slow": {"latency_ms": 400},
    "receipt follows": {"answer": "receipt_follows", "receipt_after_ms": 300},
    "other digest": {"answer": "other_digest"},
    "receipt with another digest follows": {
        "answer": "receipt_follows",
        "receipt_after_ms": 200,
        "receipt_has_other_digest": True,
    },
    "the bus fails": {
        "error_per_mille": 300,
        "error_status": 500,
        "error_x_road": "Server.ServerProxy.ServiceFailed",
        "error_after_storing": True,
    },
    "html": {"answer": "html"},
}
"""What a receiver does for a while; all of it at the same time as the points."""
MISBEHAVES_S_MAX = 1.4
CALM_S_MAX = 0.5


async def strike(site: RelaySite, point: Point, *, signals: Signals, rng: random.Random) -> None:
    """Wait for the point, then kill what it says; what was killed begins again."""
    await asyncio.sleep(point.pause_s)
    managed = {
        "relay": site.relay,
        "peer": site.peer,
        "receivers": site.receivers,
        "routing-api": site.routing,
    }.get(point.target)
    if managed is not None and point.waits_for_service:
        await _serving(managed)
    if point.moment != "any time":
        await signals.next(point.moment, within_s=MOMENT_S_MAX)
    await asyncio.sleep(point.later_s)
    if managed is not None:
        await managed.begun.wait()
        managed.kill()
    elif point.target.startswith("receivers' link"):
        await _hurt(site.link, point)
    elif site.broker is not None and point.target.startswith(("broker", "link")):
        await _strike_broker(site.broker, point)
    else:
        await _strike_database(site.postgres, point, rng=rng)


async def misbehave(site: RelaySite, rng: random.Random) -> int:
    """Let each receiver but the one that goes away do everything on the list for a while."""

    async def all_of(receiver_id: str, drawn: random.Random) -> None:
        names = [*MISBEHAVING]
        drawn.shuffle(names)
        for name in names:
            await site.turn(receiver_id, **MISBEHAVING[name])
            await asyncio.sleep(drawn.uniform(MISBEHAVES_S_MAX / 4, MISBEHAVES_S_MAX))
            await site.turn(receiver_id)
            await asyncio.sleep(drawn.uniform(0, CALM_S_MAX))

    await asyncio.gather(*(all_of(each, random.Random(rng.random())) for each in FAULTY))
    return len(FAULTY) * len(MISBEHAVING)


async def go_away(site: RelaySite, *, lasts_s: float) -> None:
    """Let one receiver be away for a while."""
    await site.turn(AWAY, is_away=True)
    await asyncio.sleep(lasts_s)
    await site.turn(AWAY)
