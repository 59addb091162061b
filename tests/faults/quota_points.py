"""The points of the ledger's campaign: what is killed, stopped or cut off, and when."""

import asyncio
import os
import random
import signal
from contextlib import suppress

from tests.faults.points import (
    MOMENT_S_MAX,
    Point,
    _hurt,
    _serving,
    _strike_broker,
    _strike_database,
)
from tests.faults.processes import Managed
from tests.faults.quota_site import QuotaSite
from tests.faults.signals import Signals

POINTS = {
    ("ledger 0", "any time"): 1,
    ("ledger 0", "single_sent"): 2,
    ("ledger 0", "bulk_sent"): 2,
    ("ledger 1", "any time"): 1,
    ("ledger 1", "bulk_sent"): 2,
    ("ledger 1", "payments_sent"): 2,
    ("ledger 2", "order_sent"): 1,
    ("ledger 2", "override_sent"): 2,
    ("ledger 2", "verify_sent"): 1,
    ("ledger 0 stopped", "bulk_sent"): 1,
    ("ledger 1 stopped", "single_sent"): 1,
    ("ledger 2 stopped", "any time"): 1,
    ("session ended", "any time"): 1,
    ("session ended", "bulk_sent"): 2,
    ("session killed", "single_sent"): 1,
    ("session killed", "payments_sent"): 1,
    ("server killed", "bulk_sent"): 1,
    ("server killed", "any time"): 1,
}
"""How many points of each kind: 24 in all; they strike one after the other."""
LINK_POINTS = {
    ("database's link cut", "any time"): 2,
    ("database's link cut", "bulk_sent"): 1,
    ("database's link stalled", "any time"): 1,
    ("database's link stalled", "single_sent"): 1,
    ("database's link slow", "any time"): 1,
}
"""Of the link between the ledgers and PostgreSQL: 6, at the same time as the others."""
BROKER_POINTS = {
    ("broker killed", "any time"): 1,
    ("broker paused", "bulk_sent"): 1,
    ("link cut", "any time"): 1,
    ("link stalled", "any time"): 1,
}
"""Of the broker, where there is one, and of the link to it: 4, at the same time as the others."""
STOPPED_S_MAX = 2.0


async def strike(site: QuotaSite, point: Point, *, signals: Signals, rng: random.Random) -> None:
    """Wait for the point, then do what it says; what was killed begins again."""
    await asyncio.sleep(point.pause_s)
    managed = _target(site, point)
    if managed is not None and point.waits_for_service:
        await _serving(managed)
    if point.moment != "any time":
        await signals.next(point.moment, within_s=MOMENT_S_MAX)
    await asyncio.sleep(point.later_s)
    if managed is not None:
        await managed.begun.wait()
        if point.target.endswith("stopped"):
            await _stop(managed, for_s=rng.uniform(0, STOPPED_S_MAX))
        else:
            managed.kill()
    elif point.target.startswith("database's link"):
        await _hurt(site.link, point)
    elif site.broker is not None and point.target.startswith(("broker", "link")):
        await _strike_broker(site.broker, point)
    else:
        await _strike_database(site.postgres, point, rng=rng)


def _target(site: QuotaSite, point: Point) -> Managed | None:
    name, _, number = point.target.partition(" ")
    return site.ledgers[int(number[0])] if name == "ledger" else None


async def _stop(managed: Managed, *, for_s: float) -> None:
    """Let a process stand still in the middle of whatever it does, and then go on."""
    pid = managed.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(for_s)
    finally:
        # Time may have passed meanwhile for all of them, by which it was killed.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
