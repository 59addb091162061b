"""A sender that repeats after every broken call and keeps what it got 2xx for."""

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence

import httpx
import msgspec
from msgspec import Struct

from tests.faults.persons import Line, persons
from tests.faults.signals import Signals
from tests.faults.stack import Stack

SINGLE_SENDERS = 4
SINGLE_PAUSE_S_MAX = 0.12
BULK_PAUSE_S_MAX = 0.6
BULK_LINES_MAX = 40
BROKEN_PAUSE_S_MAX = 0.2
NEEDLESS_REPEATS = 0.05
"""So many registrations that were answered are sent once more."""
PROBLEM = "application/problem+json"


class Ids(Struct, frozen=True):
    """What an answer says that was made of a registration."""

    registration_id: str
    decision_id: str
    client_id: str
    outcome: str


class _BulkLine(Struct, frozen=True):
    """One line of a bulk answer, or its end."""

    key: str | None = None
    status: int = 0
    result: Ids | None = None
    summary: dict[str, int] | None = None


_decode_ids = msgspec.json.Decoder(Ids).decode
_decode_lines = msgspec.json.Decoder(_BulkLine).decode_lines


class Sender:
    """Sends person after person, some of them again, until told to finish."""

    def __init__(self, stack: Stack, rng: random.Random, signals: Signals) -> None:
        self._stack = stack
        self._rng = rng
        self._signals = signals
        self._persons: Iterator[list[Line]] = persons(random.Random(rng.random()))
        self._due: deque[list[Line]] = deque()
        self._again: deque[Line] = deque()
        self._in_hand = 0
        self._is_finishing = asyncio.Event()
        self.sent: dict[str, Line] = {}
        self.answers: dict[str, list[Ids]] = defaultdict(list)
        self.keyed = set[str]()
        self.complaints: list[str] = []
        self.broken = 0

    async def run(self) -> None:
        """Send until `finish` was called and everything is answered."""
        async with asyncio.TaskGroup() as group:
            for number in range(SINGLE_SENDERS):
                group.create_task(self._send_singles(number))
            group.create_task(self._send_bulks())

    def finish(self) -> None:
        """Take no new persons; what was begun is sent to its end, without pauses."""
        self._is_finishing.set()

    def _next(self) -> list[Line] | None:
        """Return what is still to be sent about somebody, or None where nobody is left."""
        if self._due and (self._is_finishing.is_set() or self._rng.random() < 0.5):
            self._in_hand += 1
            return self._due.popleft()
        if self._is_finishing.is_set():
            return None
        self._in_hand += 1
        return next(self._persons)

    def _settle(self, lines: list[Line], ids: Ids) -> None:
        self.answers[lines[0].source].append(ids)
        self._in_hand -= 1
        if self._rng.random() < NEEDLESS_REPEATS:
            self._again.append(lines[0])
        if len(lines) > 1:
            self._due.append(lines[1:])

    async def _pause(self, s_max: float) -> None:
        """Wait a while between two calls, but not when the end is near."""
        try:
            async with asyncio.timeout(self._rng.uniform(0, s_max)):
                await self._is_finishing.wait()
        except TimeoutError:
            return

    def _is_done(self) -> bool:
        return self._is_finishing.is_set() and not self._due and self._in_hand == 0

    async def _send_singles(self, number: int) -> None:
        async with self._stack.client(number=number) as client:
            while not self._is_done():
                lines = self._next()
                if lines is None:
                    await asyncio.sleep(0.01)
                    continue
                ids = await self._send_until_answered(client, lines[0])
                self._settle(lines, ids)
                if self._again and self._rng.random() < 0.5:
                    again = self._again.popleft()
                    self.answers[again.source].append(
                        await self._send_until_answered(client, again)
                    )
                await self._pause(SINGLE_PAUSE_S_MAX)

    async def _send_until_answered(self, client: httpx.AsyncClient, line: Line) -> Ids:
        self.sent[line.source] = line
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"key-{line.source}"}
        while True:
            self._signals.give("single_sent")
            try:
                answer = await client.post("/registrations", content=line.body, headers=headers)
            except httpx.TransportError:
                await self._rest()
                continue
            if answer.status_code == httpx.codes.CREATED:
                self.keyed.add(line.source)
                return _decode_ids(answer.content)
            self._complain_unless_passing(answer)
            await self._rest()

    async def _rest(self) -> None:
        self.broken += 1
        await asyncio.sleep(self._rng.uniform(0.01, BROKEN_PAUSE_S_MAX))

    def _complain_unless_passing(self, answer: httpx.Response) -> None:
        """Note an answer that a fault does not excuse."""
        is_passing = answer.status_code in (
            httpx.codes.SERVICE_UNAVAILABLE,
            httpx.codes.CONFLICT,
        )
        is_told = answer.headers.get("Content-Type") == PROBLEM and "Retry-After" in answer.headers
        if not (is_passing and is_told):
            self.complaints.append(f"answered {answer.status_code}: {answer.text[:300]}")

    async def _send_bulks(self) -> None:
        async with self._stack.client() as client:
            while not self._is_done():
                taken = [self._next() for _ in range(self._rng.randint(1, BULK_LINES_MAX))]
                due = {lines[0].source: lines for lines in taken if lines is not None}
                again = [self._again.popleft() for _ in range(len(self._again))]
                waiting = {line.source: line for line in again}
                waiting |= {source: lines[0] for source, lines in due.items()}
                while waiting:
                    for source, ids in await self._send_bulk(client, list(waiting.values())):
                        del waiting[source]
                        if source in due:
                            self._settle(due[source], ids)
                        else:
                            self.answers[source].append(ids)
                await self._pause(BULK_PAUSE_S_MAX)
                await asyncio.sleep(0)

    async def _send_bulk(
        self, client: httpx.AsyncClient, lines: Sequence[Line]
    ) -> list[tuple[str, Ids]]:
        """Send lines once; return those that were taken, none where the answer is incomplete."""
        self.sent |= {line.source: line for line in lines}
        self._signals.give("bulk_sent")
        try:
            answer = await client.post(
                "/registrations:bulk",
                content=b"\n".join(line.body for line in lines),
                headers={"Content-Type": "application/x-ndjson"},
            )
        except httpx.TransportError:
            await self._rest()
            return []
        if answer.status_code != httpx.codes.OK:
            self._complain_unless_passing(answer)
            await self._rest()
            return []
        return await self._taken(answer, count=len(lines))

    async def _taken(self, answer: httpx.Response, *, count: int) -> list[tuple[str, Ids]]:
        *answered, end = _decode_lines(answer.content)
        if end.summary is None or len(answered) != count:
            self.complaints.append("a bulk answer of 200 is incomplete")
            return []
        self.complaints += [
            f"bulk line answered {line.status}"
            for line in answered
            if line.status not in (httpx.codes.CREATED, httpx.codes.SERVICE_UNAVAILABLE, 409)
        ]
        taken = [(line.key or "", line.result) for line in answered if line.result is not None]
        if len(taken) < count:
            await self._rest()
        return taken
