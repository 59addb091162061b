"""The composition root of statement-relay: settings in, app out; nothing else builds its parts."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector

from kuntavayla.auth import HttpKeySource, KeySource, TokenVerifier
from kuntavayla.database import AGAIN, AWAY, BUSY, Pool, open_pool, transaction
from kuntavayla.events import event_schemas
from kuntavayla.http import (
    BodyLimits,
    RateLimit,
    RateLimiter,
    ServiceDocuments,
    ServiceSpec,
    create_service,
)
from kuntavayla.register import load_register
from kuntavayla.telemetry import RequestMetrics, start_metrics_server
from statement_relay.events import EVENT_TYPES, SERVICE
from statement_relay.routes import ROUTERS, SCOPES
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import Desk
from statement_relay.settings import Settings

Clock = Callable[[], datetime]
UNAVAILABLE: tuple[type[BaseException], ...] = (*AWAY, *AGAIN, *BUSY)
"""Failures that pass: the database is away, or others hold what a call needs for too long."""
DESCRIPTION = (
    "Takes what municipalities know for statements on unemployment benefits, and delivers it to the"
    " TE offices in order and with proof. Problems: docs/problems; events: /schemas."
)


def machine_clock() -> datetime:
    """Return the machine's time; the sandbox passes a clock of its own."""
    return datetime.now(UTC)


def rate_limit_of(settings: Settings) -> RateLimit:
    """Return how many calls an organisation may make of one process."""
    return RateLimit(calls_per_s=settings.rate_calls_per_s, burst_calls=settings.rate_burst_calls)


@cache
def documents_of_release() -> ServiceDocuments:
    """Return what this release publishes about its events."""
    return ServiceDocuments(schemas=event_schemas(EVENT_TYPES))


def metrics_of_process() -> CollectorRegistry:
    """Return the metrics of one app: those of the process itself, to which its parts add theirs."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def create_app(
    settings: Settings, *, clock: Clock = machine_clock, keys: KeySource | None = None
) -> FastAPI:
    """Return the app; it opens its pool and ports when it starts and closes them when it ends.

    `keys` are where the issuer's public keys come from, when not from the address in the settings.
    """
    metrics = metrics_of_process()
    client = httpx.AsyncClient()
    verifier = TokenVerifier(
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        keys=keys or HttpKeySource(client, settings.token_jwks_url),
        organisation_of=load_register().organisation,
        clock=time.time,
    )
    running = _Running(settings, clock=clock, metrics=metrics, client=client)
    return create_service(
        ServiceSpec(
            name=SERVICE,
            title="Kuntaväylä statement-relay",
            version=version("kuntavayla-statement-relay"),
            description=DESCRIPTION,
            prefix=PREFIX,
            routers=ROUTERS,
            scopes=SCOPES,
            verifier=verifier,
            metrics=RequestMetrics(metrics),
            documents=documents_of_release(),
            probes={"database": running.probe},
            unavailable=UNAVAILABLE,
            lifespan=running.lifespan,
            rates=RateLimiter(rate_limit_of(settings), clock=time.monotonic),
        )
    )


class _Running:
    """What lives as long as the app runs: pool, client, metrics port."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        metrics: CollectorRegistry,
        client: httpx.AsyncClient,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._client = client
        self._pool: Pool | None = None

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Open everything, serve, close everything in the other order."""
        settings = self._settings
        url = settings.database_url.get_secret_value()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._client.aclose)
            pool = self._pool = await open_pool(
                url, connections_max=settings.database_connections_max
            )
            stack.push_async_callback(pool.close)
            server = start_metrics_server(
                settings.metrics_port, registry=self._metrics, host=settings.metrics_host
            )
            stack.callback(server.close)
            app.state.desk = self._desk(pool)
            app.state.metrics_port = server.port
            yield

    async def probe(self) -> None:
        """Return where the database answers; raises one of AWAY where not."""
        if self._pool is None:
            raise ConnectionError
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT 1")

    def _desk(self, pool: Pool) -> Desk:
        settings = self._settings
        bulk = settings.bulk_inflated_bytes_max
        return Desk(
            pool=pool,
            clock=self._clock,
            body_limits=BodyLimits(
                settings.body_received_bytes_max, settings.body_inflated_bytes_max
            ),
            bulk_limits=BodyLimits(bulk, bulk),
        )
