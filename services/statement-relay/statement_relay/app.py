"""The composition root of statement-relay: settings in, app out; nothing else builds its parts."""

import time
from collections.abc import Coroutine
from functools import cache
from importlib.metadata import version
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from kuntavayla.auth import HttpKeySource, KeySource, TokenVerifier
from kuntavayla.database import Pool
from kuntavayla.events import event_schemas
from kuntavayla.feed import Readings, StreamWaiters
from kuntavayla.http import (
    BodyLimits,
    RateLimiter,
    ServiceDocuments,
    ServiceSpec,
    create_service,
)
from kuntavayla.inbox import Consumption
from kuntavayla.register import Register, load_register
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.desk import moment_at
from kuntavayla.service.routes.refusals import record_refusal
from kuntavayla.service.running import (
    UNAVAILABLE,
    Clock,
    Composed,
    Running,
    machine_clock,
    metrics_of_process,
    rate_limit_of,
    seal_key_of,
    seal_keys_of,
)
from kuntavayla.service.workers.figures import FRESH_INTERVAL_S
from kuntavayla.service.workers.publishing import publisher_of
from kuntavayla.service.workers.sealing import keep_sealed
from kuntavayla.telemetry import Jobs, RequestMetrics
from kuntavayla.values.digests import KeyedDigest
from statement_relay.events import EVENT_TYPES, SERVICE, SOURCE
from statement_relay.routes import ROUTERS, SCOPES
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import RESYNC, Desk
from statement_relay.settings import Settings
from statement_relay.workers.figures import FigureGauges, look

DESCRIPTION = (
    "Takes what municipalities know for statements on unemployment benefits, and delivers it to the"
    " TE offices in order and with proof. Problems: docs/problems; events: /schemas."
)


@cache
def documents_of_release() -> ServiceDocuments:
    """Return what this release publishes about its events."""
    return ServiceDocuments(schemas=event_schemas(EVENT_TYPES))


def create_app(
    settings: Settings, *, clock: Clock = machine_clock, keys: KeySource | None = None
) -> FastAPI:
    """Return the app; it opens its pool and ports when it starts and closes them when it ends.

    `keys` are where the issuer's public keys come from, when not from the address in the settings.
    """
    register = load_register()
    metrics = metrics_of_process()
    client = httpx.AsyncClient()
    verifier = TokenVerifier(
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        keys=keys or HttpKeySource(client, settings.token_jwks_url),
        organisation_of=register.organisation,
        clock=time.time,
    )
    composition = _Composition(settings, register, clock=clock, metrics=metrics)
    running = Running(settings, metrics=metrics, client=client, compose=composition.compose)
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
            on_refused=record_refusal,
            rates=RateLimiter(rate_limit_of(settings), clock=time.monotonic),
        )
    )


class _Composition:
    """Puts the parts of a process together, once its pool is open."""

    def __init__(
        self, settings: Settings, register: Register, *, clock: Clock, metrics: CollectorRegistry
    ) -> None:
        self._settings = settings
        self._register = register
        self._clock = clock
        self._metrics = metrics
        self._consumptions: dict[str, Consumption] = {}

    def compose(self, pool: Pool, waiters: StreamWaiters) -> Composed:
        """Return the desk of the process and the loops beside it."""
        desk = self._desk(pool, waiters)
        return Composed(desk=desk, loops=self._loops(desk))

    def _moment(self) -> Moment:
        return moment_at(self._clock, source=SOURCE)

    def _loops(self, desk: Desk) -> list[Coroutine[Any, Any, None]]:
        """Return the loops beside the desk."""
        settings, gauges = self._settings, FigureGauges(self._metrics)
        url = settings.database_url.get_secret_value()

        async def look_at_figures() -> None:
            await look(
                desk.pool,
                moment=desk.moment,
                gauges=gauges,
                readings=desk.readings,
                transport=desk.transport,
            )

        sealing = keep_sealed(
            url,
            seal_key_of(settings),
            moment=self._moment,
            registry=self._metrics,
            interval_s=settings.audit_seal_interval_ms / 1_000,
        )
        loops = [
            desk.jobs.repeat("figures", look_at_figures, interval_s=FRESH_INTERVAL_S),
            sealing,
        ]
        broker = settings.kafka_connection
        if broker is None:
            return loops
        publisher = publisher_of(
            desk.pool,
            broker,
            service=SERVICE,
            url=url,
            clock=self._clock,
            registry=self._metrics,
        )
        return [*loops, publisher.run()]

    def _desk(self, pool: Pool, waiters: StreamWaiters) -> Desk:
        settings, register = self._settings, self._register
        bulk = settings.bulk_inflated_bytes_max
        return Desk(
            source=SOURCE,
            pool=pool,
            clock=self._clock,
            newest_register=lambda: register,
            official_days_ahead_max=0,
            fingerprints=tuple(map(KeyedDigest, settings.fingerprint_key.secrets)),
            body_limits=BodyLimits(
                settings.body_received_bytes_max, settings.body_inflated_bytes_max
            ),
            bulk_limits=BodyLimits(bulk, bulk),
            waiters=waiters,
            readings=Readings(),
            resync=RESYNC,
            transport=settings.transport,
            consumptions=self._consumptions.get,
            jobs=Jobs(self._clock, registry=self._metrics),
            seal_keys=seal_keys_of(settings),
        )
