"""The floor of the feed: a server that answers one GET with bytes that it holds."""

import asyncio
from pathlib import Path

import uvicorn
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from kuntavayla_sandbox.serving import bind_loopback, loop_factory
from tests.bench.children import read_job, tell_port


class BytesJob(Struct, frozen=True):
    """The file whose bytes are answered."""

    path: str


async def run(body: bytes) -> None:
    """Serve until SIGTERM."""
    length = str(len(body)).encode()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        assert receive is not None
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    server = uvicorn.Server(
        uvicorn.Config(answer, log_config=None, access_log=False, lifespan="off")
    )
    with bind_loopback() as listening:
        listening.listen()
        tell_port(listening.getsockname()[1])
        await server.serve(sockets=[listening])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run(Path(read_job(BytesJob).path).read_bytes()))
