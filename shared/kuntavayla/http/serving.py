"""Serve an app by uvicorn, with our logs in place of its own, and a clean end."""

import asyncio
import gc
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from kuntavayla.settings import ServiceSettings
from kuntavayla.telemetry import log

_KEEP_ALIVE_S = 30
_BACKLOG = 2_048
_GC_THRESHOLDS = (50_000, 20, 100)
"""Objects made between two collections of garbage.

Batches make many that live for one batch: measured, a sixth of their time.
"""


class Server(uvicorn.Server):
    """A server that tells the app when a signal asks it to end, so that long polls answer at once.

    The app may set `app.state.before_end` to a function without arguments.
    """

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take the signal as uvicorn does, and tell the app."""
        super().handle_exit(sig, frame)
        self.end()

    def end(self) -> None:
        """End when what is in flight is answered."""
        self.should_exit = True
        state = getattr(self.config.app, "state", None)
        before_end = getattr(state, "before_end", None)
        if before_end is not None:
            before_end()


def settle_memory() -> None:
    """Leave what composition made out of later collections, and collect less often.

    Call it once a process.
    """
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def run(app: ASGIApp, settings: ServiceSettings) -> None:
    """Serve on the fastest event loop that is installed, until a signal ends the process."""
    factory = uvicorn.Config(app, log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(app, settings, on_listening=_tell_port))


def _tell_port(port: int) -> None:
    log.info("service.listening", port=port)


def listen_on(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; no answer on its connections waits for acknowledgements.

    Python's own loop asks for that on no socket made like this one, and the body of an answer then
    comes 40 ms after its head.
    """
    listening = socket.create_server((host, port), backlog=_BACKLOG, reuse_port=False)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def serve(
    app: ASGIApp,
    settings: ServiceSettings,
    *,
    on_listening: Callable[[int], None],
    until: asyncio.Event | None = None,
) -> None:
    """Serve until a signal ends the process, or `until` is set; `on_listening` learns the port.

    At the end no new request is taken and those in flight have `shutdown_grace_s`.
    """
    settle_memory()
    listening = listen_on(settings.listen_host, settings.listen_port)
    server = Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=settings.shutdown_grace_s,
        )
    )
    with listening:
        on_listening(listening.getsockname()[1])
        ending = asyncio.create_task(_end(server, until)) if until is not None else None
        await server.serve(sockets=[listening])
        if ending is not None:
            ending.cancel()


async def _end(server: Server, until: asyncio.Event) -> None:
    await until.wait()
    server.end()
