"""What every process of the stack does.

Take its configuration, serve on the socket it was given, end with its parent.
"""

import asyncio
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import msgspec
import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from kuntavayla.http.serving import Server
from kuntavayla_sandbox.certificates import Trust

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

T = TypeVar("T")
HttpProtocol = type[asyncio.Protocol] | Literal["auto"]
"""What reads and writes HTTP on a connection; "auto" is the server's own choice."""

GRACE_S_MAX = 5
"""How long a stopping process waits for calls in flight; a long poll is the slowest of them."""
START_POLL_S = 0.01
READ_BYTES = 4_096
IDLE_CONNECTION_S_MAX = 30
"""Longer than a client's pause between two calls, so that connections live on between batches."""


def bind_loopback() -> socket.socket:
    """Return a socket on a free port of the loopback address.

    The process that inherits it listens.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Its connections inherit that: Python's own loop sets it for no socket made like this one, and
    # the body of an answer then waits 40 ms for the acknowledgement of its head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.bind(("127.0.0.1", 0))
    return listening


def address_of(listening: socket.socket, *, scheme: str = "http") -> str:
    """Return the HTTP address of a bound socket."""
    host, port = listening.getsockname()
    return f"{scheme}://{host}:{port}"


def read_configuration(kind: type[T]) -> T:
    """Read this process's configuration.

    The first line of its input, so that secrets are in no file and no argument.
    """
    return msgspec.json.decode(sys.stdin.buffer.readline(), type=kind)


def end_with_parent() -> None:
    """Ask this process to stop when its input closes: its parent has ended, however it did."""
    descriptor = sys.stdin.fileno()

    def wait() -> None:
        # Unbuffered: a thread inside a buffered read holds its lock when the interpreter ends.
        while os.read(descriptor, READ_BYTES):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()


def _server_configuration(
    app: ASGIApp, *, http: HttpProtocol = "auto", tls: Trust | None = None
) -> uvicorn.Config:
    secured = {} if tls is None else _secured_by(tls)
    return uvicorn.Config(
        cast("ASGIApplication", app),
        http=http,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S_MAX,
        timeout_keep_alive=IDLE_CONNECTION_S_MAX,
        **secured,
    )


def _secured_by(tls: Trust) -> dict[str, Any]:
    """Return how to serve by TLS, to clients with a certificate of the authority alone."""
    return {
        "ssl_certfile": tls.server.certificate_file,
        "ssl_keyfile": tls.server.key_file,
        "ssl_ca_certs": tls.authorities_file,
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop that is installed here, or None for Python's own."""
    return uvicorn.Config(app="", log_config=None).get_loop_factory()


def make_server(app: ASGIApp, *, http: HttpProtocol = "auto") -> uvicorn.Server:
    """Return a server for the application that logs nothing itself and stops within the grace."""
    return Server(_server_configuration(app, http=http))


def serve_inherited(app: ASGIApp, *, descriptor: int) -> None:
    """Serve the application on the inherited socket until SIGTERM."""
    with socket.socket(fileno=descriptor) as listening:
        make_server(app).run(sockets=[listening])


class GuestServer(uvicorn.Server):
    """A server inside a process that handles signals itself."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone."""
        yield


@asynccontextmanager
async def served_here(
    app: ASGIApp,
    *,
    listening: socket.socket,
    http: HttpProtocol = "auto",
    tls: Trust | None = None,
) -> AsyncIterator[None]:
    """Serve the application in this event loop inside the block; with `tls` by mutual TLS."""
    server = GuestServer(_server_configuration(app, http=http, tls=tls))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        # The server tells nobody that it has started; it takes a few milliseconds.
        while not server.started and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(START_POLL_S)
        yield
    finally:
        server.should_exit = True
        await task
