"""The week after day one: case systems tell, one receiver is away for part of it, all is compared.

The demo only starts the week, turns one knob twice, and watches; the telling is the case systems'.
"""

import asyncio
import time
from collections.abc import Callable

import httpx
import msgspec
from msgspec import Struct
from rich.progress import Progress, TaskID

from kuntavayla_sandbox.demo.told import NOTHING_ARRANGED, Arranged, Told, WeekChecker
from kuntavayla_sandbox.simulators import (
    ANSWER_S_MAX,
    Standing,
    iterate_items,
    iterate_sent,
    load_standing,
    load_status,
)
from kuntavayla_sandbox.state import Stack
from kuntavayla_sandbox.te_office.store import HeldItem
from kuntavayla_sandbox.week import Week

AWAY = "te-pirkanmaa"
"""The receiver that is away for part of the week: a large one, so that much has to wait."""
AWAY_S_MAX = 10.0
AWAY_ITEMS_A_SECOND = 150
"""It is away until everything is sent, and for a second for so many items, at most ten seconds."""
FORGETFUL = "te-uusimaa"
"""The receiver that keeps items and loses answers, as when the bus between fails."""
LOST_PER_MILLE = 20
SLOW = "te-varsinais-suomi"
"""The receiver that answers 202 and gives its receipts later."""
POLL_S = 0.5
STALLED_S_MAX = 120
"""Without any progress for so long the week is over; twice the longest wait between probes."""
LOSES_ANSWERS = {
    "error_per_mille": LOST_PER_MILLE,
    "error_status": 500,
    "error_x_road": "Server.ServerProxy.NetworkError",
    "error_after_storing": True,
}
FOLLOWS = {"answer": "receipt_follows", "receipt_after_ms": 2_000}
STRICT = "te-pohjois-savo"
"""The receiver that does not take one kind."""
REJECTED_KIND = "SERVICE_ABSENCE"
REJECTED_KINDS = {STRICT: frozenset({REJECTED_KIND})}
"""What the check is told of it, beside what was sent: it asks nobody who rejected what."""
MAKING_S_MAX = 120


class WeekRun(Struct, frozen=True, kw_only=True):
    """The week as it went."""

    items: int
    away: str
    forgetful: str
    slow: str
    strict: str
    seconds: float
    away_s: float
    waited_at_return: int
    drained_s: float


class WeekOfInformation:
    """A week's run on a stack on which day one has been."""

    def __init__(self, stack: Stack, *, client: httpx.AsyncClient, progress: Progress) -> None:
        self._stack = stack
        self._case_systems = stack.simulators["case-systems"]
        self._te_office = stack.simulators["te-office"]
        self._client = client
        self._bars = _Bars(progress)

    async def live_through(self, week: Week) -> WeekRun:
        """Let the case systems tell the week until all has its end; raises httpx.HTTPError."""
        started_s, away_s = time.monotonic(), min(AWAY_S_MAX, week.items / AWAY_ITEMS_A_SECOND)
        await self._set_knobs(AWAY, is_away=True)
        await self._set_knobs(FORGETFUL, **LOSES_ANSWERS)
        await self._set_knobs(SLOW, **FOLLOWS)
        await self._set_knobs(STRICT, rejected_kinds={REJECTED_KIND: "content_invalid"})
        try:
            await self._post_week(week)
            standing = await self._follow(
                week,
                until=lambda now: now.to_send == 0 and time.monotonic() - started_s >= away_s,
            )
        finally:
            await self._set_knobs(AWAY)
        returned_s = time.monotonic()
        await self._follow(week, until=lambda now: now.open == 0)
        ended_s = time.monotonic()
        for receiver_id in (FORGETFUL, SLOW, STRICT):
            await self._set_knobs(receiver_id)
        return WeekRun(
            items=week.items,
            away=AWAY,
            forgetful=FORGETFUL,
            slow=SLOW,
            strict=STRICT,
            seconds=ended_s - started_s,
            away_s=returned_s - started_s,
            waited_at_return=standing.open - standing.to_send,
            drained_s=ended_s - returned_s,
        )

    async def _set_knobs(self, receiver_id: str, **knobs: object) -> None:
        """Turn knobs of a receiver; those left out come to rest."""
        url = f"{self._te_office}/knobs/{receiver_id}"
        answer = await self._client.put(url, json=knobs, timeout=ANSWER_S_MAX)
        answer.raise_for_status()

    async def _post_week(self, week: Week) -> None:
        content = msgspec.json.encode(week)
        url = f"{self._case_systems}/weeks"
        answer = await self._client.post(url, content=content, timeout=MAKING_S_MAX)
        answer.raise_for_status()

    async def _follow(self, week: Week, *, until: Callable[[Standing], bool]) -> Standing:
        """Show how the items stand until it is reached, or until nothing moves any more."""
        seen, moved_s = Standing(), time.monotonic()
        while True:
            now = await load_standing(self._client, self._case_systems)
            self._bars.show(now, items=week.items)
            if now != seen:
                seen, moved_s = now, time.monotonic()
            if until(now) or time.monotonic() - moved_s > STALLED_S_MAX:
                return now
            await asyncio.sleep(POLL_S)


async def check_week(
    stack: Stack, *, client: httpx.AsyncClient, arranged: Arranged = NOTHING_ARRANGED
) -> Told:
    """Compare what all case systems told with what all receivers hold; raises httpx.HTTPError."""
    case_systems, te_office = stack.simulators["case-systems"], stack.simulators["te-office"]
    checker = WeekChecker(arranged)
    for system in (await load_status(client, case_systems)).case_systems:
        sent = iterate_sent(client, case_systems, case_system_id=system.case_system_id)
        checker.read_sent([item async for item in sent])
    status = await client.get(f"{te_office}/status", timeout=ANSWER_S_MAX)
    status.raise_for_status()
    for receiver in status.json()["receivers"]:
        url, query = f"{te_office}/held/{receiver['receiver_id']}", {"bodies": "true"}
        holdings = iterate_items(client, url, query=query, type_=HeldItem)
        held = [item async for item in holdings]
        await asyncio.to_thread(checker.read_held, receiver["receiver_id"], held)
    return await asyncio.to_thread(checker.finish)


class _Bars:
    """How far the week has come, on the screen."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._sent: TaskID | None = None
        self._settled: TaskID | None = None

    def show(self, now: Standing, *, items: int) -> None:
        """Show how many items are sent, and how many have come to an end."""
        if self._sent is None or self._settled is None:
            self._sent = self._progress.add_task("information sent", total=items)
            self._settled = self._progress.add_task("information settled", total=items)
        kept = sum(now.standing.values())
        self._progress.update(self._sent, completed=kept - now.to_send)
        self._progress.update(self._settled, completed=kept - now.open)
