"""Day one itself: the file sent, and the case systems followed until every client is taken over."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import httpx
from msgspec import Struct
from rich.progress import Progress, TaskID

from kuntavayla_sandbox.calls import Tokens, credentials_of
from kuntavayla_sandbox.send import FilePlan, Journal, LineAnswer, Sender, Tally, plan_parts
from kuntavayla_sandbox.simulators import FleetStatus, load_status
from kuntavayla_sandbox.state import Stack

SENDER = "te-national"
"""The identity that sends for all offices: contracts.md, "Local stack"."""
LINES_A_CALL = 5_000
"""Half of what a call may hold, so that the progress moves."""
POLL_S = 0.5
STALLED_S_MAX = 60
"""Without any progress for so long the day is over, whatever is missing; the check will name it."""
TO_MUNICIPALITY = "municipality"
ANSWERED_STAGES = ("transferred", "fetched", "acknowledged")


class Answered(Struct, frozen=True, gc=False):
    """What routing-api answered to one line: outcome and rule, or the fault's code.

    `client_id` stands where a municipality has the client.
    """

    outcome: str
    decided_by: str
    client_id: str = ""


class Stage(Struct, frozen=True):
    """One stage of the day: how many, and when it began and ended; seconds since the epoch."""

    name: str
    count: int
    first_at_s: float
    last_at_s: float

    @property
    def seconds(self) -> float:
        """Return how long the stage took."""
        return max(self.last_at_s - self.first_at_s, 0.0)


class Day(Struct, frozen=True):
    """The day as it went: every line's answer by line, the sender's tally, the stages."""

    file: FilePlan
    answers: list[Answered | None]
    tally: Tally
    stages: tuple[Stage, ...]
    seconds: float


class Answers:
    """Keeps every line's answer, and counts those that make a transfer."""

    def __init__(self, lines: int) -> None:
        self.by_line: list[Answered | None] = [None] * lines
        self.to_municipalities = 0
        self._known: dict[tuple[str, str], Answered] = {}

    def take(self, lines: Iterable[tuple[int, LineAnswer]]) -> None:
        """Note final answers; what is equal is one value, so that half a million stay small."""
        for file_line, answer in lines:
            if answer.result is not None:
                key = (answer.result.outcome, answer.result.decided_by)
            else:
                key = ("refused", answer.problem.code if answer.problem else "unknown")
            noted = self._known.setdefault(key, Answered(*key))
            if noted.outcome == TO_MUNICIPALITY and answer.result is not None:
                self.to_municipalities += 1
                noted = Answered(noted.outcome, noted.decided_by, answer.result.client_id)
            self.by_line[file_line - 1] = noted


class DayOne:
    """The day's run on a stack."""

    def __init__(self, stack: Stack, *, progress: Progress) -> None:
        self._stack = stack
        self._progress = progress

    async def live_through(self, path: Path) -> Day:
        """Send the file and follow the clients; return when all are taken over or nothing moves."""
        file = await asyncio.to_thread(plan_parts, path, lines_max=LINES_A_CALL)
        answers = Answers(file.lines)
        bars = self._bars(file.lines)
        started_s = time.time()
        async with httpx.AsyncClient() as client:
            sending = asyncio.create_task(self._send(client, file, answers=answers, bars=bars))
            try:
                fleet = await self._follow(client, sending, answers=answers, bars=bars)
                tally = await sending
            finally:
                sending.cancel()
        stages = _stages(file.lines, fleet=fleet, started_s=started_s, sent_at_s=self._sent_at_s)
        ended_s = max(stage.last_at_s for stage in stages)
        return Day(file, answers.by_line, tally, stages, ended_s - started_s)

    def _bars(self, lines: int) -> dict[str, TaskID]:
        bars = {"sent and decided": self._progress.add_task("sent and decided", total=lines)}
        for stage in ANSWERED_STAGES:
            bars[stage] = self._progress.add_task(stage, total=None)
        return bars

    async def _send(
        self,
        client: httpx.AsyncClient,
        file: FilePlan,
        *,
        answers: Answers,
        bars: dict[str, TaskID],
    ) -> Tally:
        identity = self._stack.identity(SENDER)
        tokens = Tokens(client, credentials_of(identity, token_url=self._stack.token_url))
        sender = Sender(client, routing_url=self._stack.services["routing-api"], tokens=tokens)
        journal = Journal(
            file.path, digest=file.digest, sender=identity.client_id, lines_max=LINES_A_CALL
        )
        bar = bars["sent and decided"]
        tally = await sender.send(
            file,
            journal,
            on_part=lambda part: self._progress.advance(bar, part.lines),
            on_lines=answers.take,
        )
        self._sent_at_s = time.time()
        return tally

    async def _follow(
        self,
        client: httpx.AsyncClient,
        sending: asyncio.Task[Tally],
        *,
        answers: Answers,
        bars: dict[str, TaskID],
    ) -> FleetStatus:
        seen, moved_s = (-1, 0), time.monotonic()
        while True:
            fleet = await load_status(client, self._stack.simulators["case-systems"])
            expected = answers.to_municipalities
            for stage in ANSWERED_STAGES:
                self._progress.update(bars[stage], completed=fleet.count(stage), total=expected)
            now = (sum(fleet.count(stage) for stage in ANSWERED_STAGES), expected)
            if now != seen:
                seen, moved_s = now, time.monotonic()
            is_over = sending.done() and fleet.count("acknowledged") >= expected
            if is_over or time.monotonic() - moved_s > STALLED_S_MAX:
                return fleet
            await asyncio.sleep(POLL_S)


def _stages(
    lines: int, *, fleet: FleetStatus, started_s: float, sent_at_s: float
) -> tuple[Stage, ...]:
    sent = Stage("sent and decided", lines, started_s, sent_at_s)
    followed = [
        Stage(
            name,
            fleet.count(name),
            fleet.stages[name].first_at_s or started_s,
            fleet.stages[name].last_at_s or started_s,
        )
        for name in ANSWERED_STAGES
    ]
    return (sent, *followed)
