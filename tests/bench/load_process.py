"""The load generator, as a process of its own: request bytes made before, answers counted.

Closed loop: every connection sends its next request when it has its answer. Open loop: requests
have planned times; the latency counts from the planned time, and a request that found no free
connection for a second is dropped and counted.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec
from msgspec import Struct, field
from typing_extensions import override

from kuntavayla_sandbox.serving import loop_factory
from tests.bench.children import read_job, report
from tests.bench.results import Spent, spent_here

DROP_AFTER_S = 1.0
TICK_S = 0.001
ANSWER_S_MAX = 60
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


class LoadJob(Struct, frozen=True, kw_only=True):
    """Requests in a file (MessagePack, a list of bytes), where to send them, and how.

    Connections go to the ports in turn. `rate` is the requests per second of the open loop, none
    for the closed one. `counted` are bytes whose occurrences in the answers are counted.
    """

    path: str
    ports: Sequence[int]
    connections: int
    rate: float | None = None
    counted: str | None = None


class LoadReport(Struct, frozen=True, kw_only=True):
    """What was answered, how fast, and what the generator itself cost."""

    statuses: dict[str, int]
    counted: int
    dropped: int
    seconds: float
    latencies_ms: dict[str, float]
    answer_bytes: int
    first_answer: str
    spent: Spent


class Tally(Struct):
    """Answers as they come."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    counted: int = 0
    dropped: int = 0
    answer_bytes: int = 0
    first_answer: bytes = b""


class Wire(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, take: Callable[["Wire", int, bytes], None]) -> None:
        self._take = take
        self._buffer = bytearray()
        self._body_at = 0
        self._end = 0
        self.since_s = 0.0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # The transport of uvloop is a transport by what it does, not by its class.
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, *, since_s: float) -> None:
        """Send a request whose latency counts from `since_s`."""
        self.since_s = since_s
        self._transport.write(request)

    @override
    def data_received(self, data: bytes) -> None:
        """Hand on the answer when it is complete."""
        buffer = self._buffer
        buffer += data
        if not self._end:
            head_end = buffer.find(HEAD_END)
            if head_end < 0:
                return
            head = bytes(buffer[:head_end]).lower()
            at = head.index(LENGTH) + len(LENGTH)
            self._body_at = head_end + len(HEAD_END)
            self._end = self._body_at + int(head[at:].split(b"\r\n", 1)[0])
        if len(buffer) < self._end:
            return
        status, body = int(buffer[9:12]), bytes(buffer[self._body_at : self._end])
        del buffer[: self._end]
        self._end = 0
        self._take(self, status, body)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Fail loudly: a bench whose connection breaks has measured nothing."""
        assert exc is None, exc

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


class Load:
    """One run: the requests, the connections, the tally."""

    def __init__(self, job: LoadJob, requests: list[bytes]) -> None:
        self._job = job
        self._requests = requests
        self._next = 0
        self._open = 0
        self._free: deque[Wire] = deque()
        self._late: deque[tuple[bytes, float]] = deque()
        self._counted = job.counted.encode() if job.counted else None
        self.done = asyncio.Event()
        self.tally = Tally()

    async def run(self) -> float:
        """Send everything and return the seconds until the last answer."""
        loop = asyncio.get_running_loop()
        wires: list[Wire] = []
        for number in range(self._job.connections):
            port = self._job.ports[number % len(self._job.ports)]
            _, wire = await loop.create_connection(lambda: Wire(self._take), "127.0.0.1", port)
            wires.append(wire)
        started_s = time.perf_counter()
        if self._job.rate is None:
            self._start_closed(wires)
        else:
            self._free.extend(wires)
            await self._plan(started_s, self._job.rate)
        async with asyncio.timeout(ANSWER_S_MAX + len(self._requests)):
            await self.done.wait()
        seconds = time.perf_counter() - started_s
        for wire in wires:
            wire.close()
        return seconds

    def _start_closed(self, wires: list[Wire]) -> None:
        for wire in wires:
            self._send_next(wire)

    def _send_next(self, wire: Wire) -> None:
        if self._next < len(self._requests):
            request = self._requests[self._next]
            self._next += 1
            self._open += 1
            wire.send(request, since_s=time.perf_counter())
        elif not self._open:
            self.done.set()

    async def _plan(self, started_s: float, rate: float) -> None:
        while self._next < len(self._requests):
            now_s = time.perf_counter()
            due = min(int((now_s - started_s) * rate) + 1, len(self._requests))
            while self._next < due:
                planned_s = started_s + self._next / rate
                self._late.append((self._requests[self._next], planned_s))
                self._next += 1
            while self._free and self._late:
                self._send_late(self._free.popleft())
            await asyncio.sleep(TICK_S)
        self._finish_open()

    def _send_late(self, wire: Wire) -> None:
        """Send the oldest request that waits, dropping those that waited too long."""
        now_s = time.perf_counter()
        while self._late:
            request, planned_s = self._late.popleft()
            if now_s - planned_s <= DROP_AFTER_S:
                self._open += 1
                wire.send(request, since_s=planned_s)
                return
            self.tally.dropped += 1
        self._free.append(wire)

    def _finish_open(self) -> None:
        if self._next == len(self._requests) and not self._open and not self._late:
            self.done.set()

    def _take(self, wire: Wire, status: int, body: bytes) -> None:
        tally = self.tally
        tally.latencies_s.append(time.perf_counter() - wire.since_s)
        tally.statuses[status] += 1
        tally.answer_bytes += len(body)
        tally.first_answer = tally.first_answer or body
        if self._counted is not None:
            tally.counted += body.count(self._counted)
        self._open -= 1
        if self._job.rate is None:
            self._send_next(wire)
            return
        self._send_late(wire)
        self._finish_open()


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1_000


async def load(job: LoadJob, requests: list[bytes]) -> LoadReport:
    """Run the load and report."""
    running = Load(job, requests)
    before_s = spent_here().processor_s
    seconds = await running.run()
    spent = spent_here()
    tally = running.tally
    ordered = sorted(tally.latencies_s)
    return LoadReport(
        statuses={str(status): count for status, count in tally.statuses.items()},
        counted=tally.counted,
        dropped=tally.dropped,
        seconds=seconds,
        latencies_ms={
            "p50": _share(ordered, 0.50),
            "p99": _share(ordered, 0.99),
            "max": _share(ordered, 1.0),
        },
        answer_bytes=tally.answer_bytes,
        first_answer=tally.first_answer.decode(),
        spent=Spent(spent.processor_s - before_s, spent.peak_mib),
    )


def main() -> None:
    """Run the process: its job on its input, its report on its output."""
    job = read_job(LoadJob)
    requests = msgspec.msgpack.decode(Path(job.path).read_bytes(), type=list[bytes])
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        report(runner.run(load(job, requests)))


if __name__ == "__main__":
    main()
