"""Real servers over real sockets that answer as they are told, however wrong that is."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True)
class Heard:
    """One request as it came: the head's lines and the body's bytes."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[Heard, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A server whose behaviour a test may change; remembers what it heard."""

    url: str
    behaviour: Behaviour
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    connections_open: int = 0
    connections_open_most: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.connections_open += 1
        self.connections_open_most = max(self.connections_open_most, self.connections_open)
        try:
            while not writer.is_closing():
                heard = await read_request(reader)
                self.heard.append(heard)
                await self.behaviour(heard, writer)
        except (OSError, EOFError):
            pass
        finally:
            self.connections_open -= 1
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> Heard:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Heard(method, path, headers, body)


@contextlib.asynccontextmanager
async def running(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Serve on a free port of the loopback address inside the block."""
    scheme = "http" if tls is None else "https"
    server = Server("", behaviour)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve(reader, writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"{scheme}://localhost:{port}" if tls else f"{scheme}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(
    status: int,
    body: bytes = b"",
    *,
    media_type: str | None = "application/json",
    headers: Sequence[str] = (),
) -> bytes:
    lines = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}", *headers]
    if media_type is not None:
        lines.append(f"Content-Type: {media_type}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def always(bytes_sent: bytes) -> Behaviour:
    """Answer every request with these bytes."""

    async def behave(_: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes_sent)
        await writer.drain()

    return behave


def receipt_of(heard: Heard, *, receipt_id: str = "R-1", **changes: object) -> bytes:
    """Return the receipt that the contract asks for."""
    receipt = {
        "receipt_id": receipt_id,
        "received_at": "2021-03-24T11:40:05Z",
        "digest": heard.headers["content-digest"],
        **changes,
    }
    return msgspec.json.encode(receipt)


async def receiving(heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Answer as a receiver that keeps the contract."""
    writer.write(answer(201, receipt_of(heard)))
    await writer.drain()


async def never(_: Heard, writer: asyncio.StreamWriter) -> None:
    """Take the request and say nothing until the other side leaves."""
    await writer.wait_closed()


async def cutting_off(_: Heard, writer: asyncio.StreamWriter) -> None:
    """Take the request and hang up."""
    writer.close()


async def cutting_off_within_the_answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Hang up half way through a receipt."""
    writer.write(answer(201, receipt_of(heard))[:-10])
    await writer.drain()
    writer.close()


async def dripping(heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Answer rightly, a byte every 50 ms."""
    for byte in answer(201, receipt_of(heard)):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless_head(_: Heard, writer: asyncio.StreamWriter) -> None:
    """Begin an answer whose head does not end."""
    writer.write(b"HTTP/1.1 201 Told\r\n")
    while not writer.is_closing():
        writer.write(b"X-More: " + b"x" * 1_000 + b"\r\n")
        await writer.drain()


async def endless_body(_: Heard, writer: asyncio.StreamWriter) -> None:
    """Answer with JSON of which there is always more."""
    writer.write(
        b"HTTP/1.1 201 Told\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    while not writer.is_closing():
        writer.write(b"400\r\n" + b" " * 1_024 + b"\r\n")
        await writer.drain()
