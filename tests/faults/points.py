"""The points of a campaign: what is killed, at which moment; drawn from a seed."""

import asyncio
import random
from contextlib import suppress

from msgspec import Struct

from tests.faults.processes import Managed
from tests.faults.signals import Signals
from tests.faults.stack import Stack

POINTS = {
    ("routing-api", "any time"): 5,
    ("routing-api", "single_sent"): 4,
    ("routing-api", "bulk_sent"): 4,
    ("routing-api", "events_read"): 2,
    ("case systems", "any time"): 4,
    ("case systems", "events_read"): 4,
    ("case systems", "bulk_sent"): 1,
    ("session ended", "any time"): 2,
    ("session ended", "bulk_sent"): 2,
    ("session ended", "events_read"): 2,
    ("session killed", "bulk_sent"): 1,
    ("session killed", "single_sent"): 1,
    ("server killed", "any time"): 1,
    ("server killed", "bulk_sent"): 1,
}
"""How many points of each kind: 34 in all."""
PAUSE_S_MAX = 0.6
MOMENT_S_MAX = 10.0
LATER_S_MAX = 0.03
"""A moment is when something begins; the fault strikes up to this much later, inside it."""
SERVING_SHARE = 0.8
"""So often a fault waits until its target serves; else it may strike while it still starts."""
SERVING_S_MAX = 5.0


class Point(Struct, frozen=True):
    """What is killed, at which moment of the traffic, how long after the point before it."""

    target: str
    moment: str
    pause_s: float
    later_s: float
    waits_for_service: bool


def draw(rng: random.Random) -> list[Point]:
    """Return all points in random order, with random times."""
    kinds = [kind for kind, count in POINTS.items() for _ in range(count)]
    rng.shuffle(kinds)
    return [
        Point(
            target,
            moment,
            rng.uniform(0, PAUSE_S_MAX),
            rng.uniform(0, LATER_S_MAX),
            rng.random() < SERVING_SHARE,
        )
        for target, moment in kinds
    ]


async def strike(stack: Stack, point: Point, *, signals: Signals, rng: random.Random) -> None:
    """Wait for the point, then do what it says, and heal what does not heal by itself."""
    await asyncio.sleep(point.pause_s)
    managed = {"routing-api": stack.routing, "case systems": stack.case_systems}.get(point.target)
    if managed is not None and point.waits_for_service:
        await _serving(managed)
    if point.moment != "any time":
        await signals.next(point.moment, within_s=MOMENT_S_MAX)
    await asyncio.sleep(point.later_s)
    if managed is not None:
        await managed.begun.wait()
        managed.kill()
        return
    match point.target:
        case "session ended":
            await stack.postgres.terminate_backend(rng)
        case "session killed":
            await stack.postgres.kill_backend(rng)
        case _:
            await stack.postgres.kill()
            await stack.postgres.start()


async def _serving(managed: Managed) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(SERVING_S_MAX):
            await managed.ready()
