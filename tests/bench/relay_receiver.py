"""A receiver of the row relay: keeps the contract, answers in 20 ms, and counts what it was put."""

import asyncio
import contextlib
from collections import Counter

import msgspec
from msgspec import Struct

from kuntavayla_sandbox.serving import bind_loopback, loop_factory
from tests.bench.children import read_job, tell_port
from tests.statement_relay.misbehaving import Heard, answer, read_request, receipt_of


class ReceiverJob(Struct, frozen=True):
    """How long the receiver takes for an answer."""

    answer_s: float


class PutItem(Struct, frozen=True):
    """What of a body the receiver looks at."""

    client_id: str
    sequence: int


class Held(Struct, frozen=True):
    """What the receiver holds: items, how often any came again, how often one came too early."""

    items: int
    repeats: int
    out_of_order: int


class Receiver:
    """Serves connections; `GET` tells what is held, everything else is an item."""

    def __init__(self, job: ReceiverJob) -> None:
        self._answer_s = job.answer_s
        self._puts: Counter[str] = Counter()
        self._newest: dict[str, int] = {}
        self._out_of_order = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until its other side leaves."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                heard = await read_request(reader)
                if heard.method == "GET":
                    writer.write(answer(200, msgspec.json.encode(self._held())))
                    continue
                self._take(heard)
                await asyncio.sleep(self._answer_s)
                writer.write(answer(201, receipt_of(heard)))
        writer.close()

    def _take(self, heard: Heard) -> None:
        item = msgspec.json.decode(heard.body, type=PutItem)
        self._puts[heard.path] += 1
        if self._puts[heard.path] == 1:
            self._out_of_order += item.sequence != self._newest.get(item.client_id, 0) + 1
            self._newest[item.client_id] = item.sequence

    def _held(self) -> Held:
        repeats = self._puts.total() - len(self._puts)
        return Held(len(self._puts), repeats, self._out_of_order)


async def run(job: ReceiverJob) -> None:
    """Serve until SIGTERM."""
    with bind_loopback() as listening:
        server = await asyncio.start_server(Receiver(job).serve, sock=listening)
        tell_port(listening.getsockname()[1])
        await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run(read_job(ReceiverJob)))
