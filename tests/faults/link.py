"""A link between processes, and to the broker: a TCP proxy to be cut, slowed and stalled."""

import asyncio
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"
CHUNK_BYTES_MAX = 65_536


class Link:
    """Passes bytes on to `target`, as it is told; it knows nothing of their meaning.

    The target is `host:port`, or the path of a socket.

    A broker behind one tells its clients the link's address as its own, so nobody goes round it.
    """

    def __init__(self) -> None:
        self.target = ""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._delay_s = 0.0
        self._flows = asyncio.Event()
        self._flows.set()

    @property
    def address(self) -> str:
        """Return where clients connect to."""
        return f"{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        """Listen for the length of the block."""
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything that is open."""
        assert self._server is not None
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection, and each new one at once, until `heal`."""
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def stall(self) -> None:
        """Pass nothing on and break nothing, until `heal`: nobody can tell it from a slow peer."""
        self._flows.clear()

    def slow(self, delay_s: float) -> None:
        """Keep every piece back for so long, until `heal`."""
        self._delay_s = delay_s

    def heal(self) -> None:
        """Pass everything on at once."""
        self._is_cut, self._delay_s = False, 0.0
        self._flows.set()

    async def hurt(self, how: str, *, for_s: float, delay_s: float) -> None:
        """Let the link be cut, stalled or slow for a while."""
        match how:
            case "cut":
                self.cut()
            case "stalled":
                self.stall()
            case _:
                self.slow(delay_s)
        try:
            await asyncio.sleep(for_s)
        finally:
            self.heal()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        self._writers.add(writer)
        try:
            if not self._is_cut:
                await self._connect(reader, writer)
        except asyncio.CancelledError:
            return  # The link closes.
        finally:
            self._writers.discard(writer)
            self._passing.discard(task)
            await _close(writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_target, to_target = await self._reach()
        except OSError:
            return
        self._writers.add(to_target)
        ways = [
            asyncio.create_task(self._pass_on(reader, to_target)),
            asyncio.create_task(self._pass_on(from_target, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(to_target)
            await _close(to_target)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.target.startswith("/"):
            return await asyncio.open_unix_connection(self.target)
        host, _, port = self.target.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(CHUNK_BYTES_MAX):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._flows.wait()
                writer.write(piece)
                await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close behind what was already passed on: an answer before which its sender hung up."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
