"""The points of a campaign: what is killed, at which moment; drawn from a seed."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress

from msgspec import Struct

from tests.faults.broker import FaultyBroker
from tests.faults.link import Link
from tests.faults.postgres import Postgres
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
POINTS_OVER_BROKER = {
    ("publisher", "any time"): 4,
    ("publisher", "bulk_sent"): 2,
    ("routing-api", "single_sent"): 2,
    ("routing-api", "bulk_sent"): 2,
    ("peer", "any time"): 2,
    ("case systems", "any time"): 3,
    ("case systems", "events_read"): 2,
    ("session ended", "any time"): 2,
    ("session ended", "bulk_sent"): 1,
    ("session killed", "bulk_sent"): 1,
    ("server killed", "any time"): 1,
}
"""How many of each kind where there is a broker: 22, beside those of the broker itself."""
BROKER_POINTS = {
    ("broker killed", "any time"): 1,
    ("broker killed", "bulk_sent"): 1,
    ("broker paused", "any time"): 2,
    ("broker paused", "bulk_sent"): 1,
    ("link cut", "any time"): 2,
    ("link cut", "bulk_sent"): 2,
    ("link stalled", "any time"): 2,
    ("link slow", "any time"): 2,
}
"""Points that take a while, at the same time as the others: 13."""
FEED_LINK_POINTS = {
    ("feed link cut", "any time"): 2,
    ("feed link cut", "bulk_sent"): 1,
    ("feed link cut", "events_read"): 1,
    ("feed link stalled", "any time"): 1,
    ("feed link stalled", "events_read"): 1,
    ("feed link slow", "any time"): 2,
}
"""Of the link to routing-api, by which senders, readers and case systems call it: 8, beside all."""
PAUSE_S_MAX = 0.6
PAUSE_S_MAX_OVER_BROKER = 4.0
"""Longer, so that processes die at all times of a broker's faults."""
LASTS_S_MAX = {"broker paused": 8.0, "link cut": 3.0, "link stalled": 7.0, "link slow": 5.0} | {
    "feed link cut": 1.0,
    "feed link stalled": 1.5,
    "feed link slow": 2.0,
    "receivers' link cut": 1.5,
    "receivers' link stalled": 2.0,
    "receivers' link slow": 2.0,
    "database's link cut": 1.0,
    "database's link stalled": 2.0,
    "database's link slow": 2.0,
}
"""How long a fault of broker and links lasts at most; what is killed is started again at once."""
DELAY_S_MAX = 0.3
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
    lasts_s: float
    delay_s: float


def draw(
    rng: random.Random,
    kinds_by_count: Mapping[tuple[str, str], int],
    *,
    pause_s_max: float = PAUSE_S_MAX,
) -> list[Point]:
    """Return all points in random order, with random times."""
    kinds = [kind for kind, count in kinds_by_count.items() for _ in range(count)]
    rng.shuffle(kinds)
    return [
        Point(
            target,
            moment,
            rng.uniform(0, pause_s_max),
            rng.uniform(0, LATER_S_MAX),
            rng.random() < SERVING_SHARE,
            rng.uniform(0, LASTS_S_MAX.get(target, 0)),
            rng.uniform(0, DELAY_S_MAX),
        )
        for target, moment in kinds
    ]


async def strike(stack: Stack, point: Point, *, signals: Signals, rng: random.Random) -> None:
    """Wait for the point, then do what it says, and heal what does not heal by itself."""
    await asyncio.sleep(point.pause_s)
    managed = await _target(stack, point)
    if managed is not None and point.waits_for_service:
        await _serving(managed)
    if point.moment != "any time":
        await signals.next(point.moment, within_s=MOMENT_S_MAX)
    await asyncio.sleep(point.later_s)
    if managed is not None:
        await managed.begun.wait()
        managed.kill()
    elif point.target.startswith("feed link"):
        await _hurt(stack.link, point)
    elif stack.broker is not None and point.target.startswith(("broker", "link")):
        await _strike_broker(stack.broker, point)
    else:
        await _strike_database(stack.postgres, point, rng=rng)


async def _target(stack: Stack, point: Point) -> Managed | None:
    """Return the process that the point kills, None where it is no process of ours."""
    match point.target:
        case "routing-api":
            return stack.routing
        case "peer":
            return stack.peer
        case "case systems":
            return stack.case_systems
        case "publisher":
            return await _elected(stack)
        case _:
            return None


async def _elected(stack: Stack) -> Managed:
    """Return who publishes; where nobody does for long, the process that stood for it first."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SERVING_S_MAX):
            while (publisher := await stack.publisher()) is None:  # noqa: ASYNC110 - asked
                await asyncio.sleep(LATER_S_MAX)
            return publisher
    return stack.routing


async def _strike_broker(broker: FaultyBroker, point: Point) -> None:
    match point.target:
        case "broker killed":
            await broker.kill()
        case "broker paused":
            await broker.pause(point.lasts_s)
        case _:
            await _hurt(broker.link, point)


async def _hurt(link: Link, point: Point) -> None:
    how = point.target.rpartition(" ")[2]
    await link.hurt(how, for_s=point.lasts_s, delay_s=point.delay_s)


async def _strike_database(postgres: Postgres, point: Point, *, rng: random.Random) -> None:
    match point.target:
        case "session ended":
            await postgres.terminate_backend(rng)
        case "session killed":
            await postgres.kill_backend(rng)
        case _:
            await postgres.kill()
            await postgres.start()


async def _serving(managed: Managed) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(SERVING_S_MAX):
            await managed.ready()
