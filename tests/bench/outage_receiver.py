"""A receiver of the row relay-outage: keeps the contract, and what it took in a file.

It answers in 20 ms. What it has answered it has written before, so that it may be killed at any
time and knows everything again when it comes back.
"""

import asyncio
import contextlib
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.serving import loop_factory
from tests.bench.children import read_job, tell_port
from tests.statement_relay.misbehaving import Heard, answer, read_request, receipt_of


class OutageJob(Struct, frozen=True):
    """On which port to serve, in which file to keep items, how long an answer takes, by when."""

    port: int
    path: str
    answer_s: float
    clock: LegalClock


class Put(Struct, frozen=True):
    """One item as it came, and the receipt that it got; one that comes again gets the same."""

    information_id: str
    digest: str
    body: bytes
    receipt_id: str
    received_at: str
    heard_at_s: float
    is_repeat: bool = False


_decode = msgspec.json.Decoder(Put).decode


def read_puts(path: Path) -> Iterator[Put]:
    """Yield everything that a receiver was put, in order; a line cut off by its end was no put."""
    with path.open("rb") as lines:
        yield from (_decode(line) for line in lines if line.endswith(b"\n"))


class Receiver:
    """Serves connections; every `PUT` is an item, and there is nothing else."""

    def __init__(self, job: OutageJob) -> None:
        self._job = job
        path = Path(job.path)
        self._kept = {put.information_id: put for put in read_puts(path)} if path.exists() else {}
        self._file = path.open("ab", buffering=0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until its other side leaves."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                heard = await read_request(reader)
                if heard.method != "PUT":
                    writer.write(answer(404))
                    continue
                told = self._take(heard)
                await asyncio.sleep(self._job.answer_s)
                writer.write(told)
        writer.close()

    def _take(self, heard: Heard) -> bytes:
        """Keep an item and return the answer; refuse one whose digest is not that of its bytes."""
        digest = f"sha-256=:{b64encode(sha256(heard.body).digest()).decode()}:"
        if heard.headers["content-digest"] != digest:
            return answer(400)
        information_id = heard.path.rpartition("/")[2]
        kept = self._kept.get(information_id)
        put = Put(
            information_id,
            digest,
            heard.body,
            kept.receipt_id if kept else f"R-{information_id}",
            kept.received_at if kept else f"{self._job.clock():%FT%T}Z",
            time.time(),
            is_repeat=kept is not None,
        )
        self._file.write(msgspec.json.encode(put) + b"\n")
        self._kept.setdefault(information_id, put)
        receipt = receipt_of(heard, receipt_id=put.receipt_id, received_at=put.received_at)
        return answer(200 if kept else 201, receipt)


async def run(job: OutageJob) -> None:
    """Serve until the process is killed."""
    # The row holds the port while nobody listens, so that nobody else gets it meanwhile.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", job.port))
        server = await asyncio.start_server(Receiver(job).serve, sock=listening, backlog=1_024)
        tell_port(job.port)
        await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run(read_job(OutageJob)))
