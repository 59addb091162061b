"""The receivers opened over their store, and served so that a connection can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
from starlette.applications import Starlette
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kuntavayla.database import open_pool
from kuntavayla_sandbox.te_office.calls import ABORT, Contract
from kuntavayla_sandbox.te_office.configuration import Configuration
from kuntavayla_sandbox.te_office.control import create_app
from kuntavayla_sandbox.te_office.later import LaterReceipts
from kuntavayla_sandbox.te_office.receivers import Receivers
from kuntavayla_sandbox.te_office.tokens import TokenCheck

CONNECTIONS_MAX = 6


class CuttableProtocol(HttpToolsProtocol):
    """HTTP whose application may end the connection without an answer, as a dead receiver does."""

    @override
    def on_message_begin(self) -> None:
        """Give the application what cuts the connection."""
        super().on_message_begin()
        self.scope[ABORT] = self.transport.abort  # type: ignore[literal-required]


@asynccontextmanager
async def open_receivers(configuration: Configuration) -> AsyncIterator[Starlette]:
    """Give the application over the kept store; receipts that follow are posted meanwhile."""
    async with AsyncExitStack() as opened:
        pool = await open_pool(configuration.database_url, connections_max=CONNECTIONS_MAX)
        opened.push_async_callback(pool.close)
        client = await opened.enter_async_context(httpx.AsyncClient())
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

        contract = Contract(receivers, TokenCheck(client, configuration.issuer))
        yield create_app(receivers, contract, lifespan=lifespan)
