"""The receivers opened over their store, and served so that a connection can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from msgspec import Struct
from starlette.applications import Starlette
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kuntavayla.database import open_pool
from kuntavayla.http import open_client
from kuntavayla_sandbox.te_office.calls import ABORT, Contract
from kuntavayla_sandbox.te_office.configuration import Configuration, Door
from kuntavayla_sandbox.te_office.control import create_app, create_secured_app
from kuntavayla_sandbox.te_office.later import LaterReceipts
from kuntavayla_sandbox.te_office.receivers import Receivers
from kuntavayla_sandbox.te_office.tokens import TokenCheck
from kuntavayla_sandbox.te_office.xroad import SecurityServer

CONNECTIONS_MAX = 6


class CuttableProtocol(HttpToolsProtocol):
    """HTTP whose application may end the connection without an answer, as a dead receiver does."""

    @override
    def on_message_begin(self) -> None:
        """Give the application what cuts the connection."""
        super().on_message_begin()
        self.scope[ABORT] = self.transport.abort  # type: ignore[literal-required]


class Served(Struct, frozen=True):
    """The applications of the process: one over plain HTTP, one behind TLS where that is wanted."""

    plain: Starlette
    secured: Starlette | None


@asynccontextmanager
async def open_receivers(configuration: Configuration) -> AsyncIterator[Served]:
    """Give the applications over the kept store; receipts that follow are posted meanwhile."""
    async with AsyncExitStack() as opened:
        pool = await open_pool(configuration.database_url, connections_max=CONNECTIONS_MAX)
        opened.push_async_callback(pool.close)
        client = await opened.enter_async_context(open_client())
        receivers = Receivers(
            pool,
            [office.receiver_id for office in configuration.offices],
            clock=configuration.clock,
        )
        await receivers.load()
        later = LaterReceipts(receivers, client, configuration)

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            posting = asyncio.create_task(later.run())
            try:
                yield
            finally:
                await receivers.close()
                posting.cancel()
                with suppress(asyncio.CancelledError):
                    await posting

        contract = Contract(
            receivers,
            _behind(Door.PLAIN, configuration),
            tokens=TokenCheck(client, configuration.issuer),
        )
        yield Served(
            create_app(receivers, contract, lifespan=lifespan), _secured(receivers, configuration)
        )


def _secured(receivers: Receivers, configuration: Configuration) -> Starlette | None:
    """Return what is served behind TLS, where the handshake has proved the caller."""
    if configuration.secured is None:
        return None
    direct, carried = (
        Contract(receivers, _behind(door, configuration), tokens=None)
        for door in (Door.CERTIFICATE, Door.X_ROAD)
    )
    return create_secured_app(direct, SecurityServer(carried, configuration.secured))


def _behind(door: Door, configuration: Configuration) -> list[str]:
    return [office.receiver_id for office in configuration.offices if office.door is door]
