"""The composition root of quota-ledger: settings in, app out; nothing else builds its parts."""

import time
from collections.abc import Coroutine, Sequence
from functools import cache, partial
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from kuntavayla.auth import HttpKeySource, KeySource, TokenVerifier
from kuntavayla.database import Pool, transaction
from kuntavayla.events import event_schemas
from kuntavayla.feed import Readings, StreamWaiters
from kuntavayla.http import (
    BatchLimits,
    BodyLimits,
    MicroBatcher,
    RateLimiter,
    ServiceDocuments,
    ServiceSpec,
    create_service,
    open_client,
    run_halving,
)
from kuntavayla.outbox import Told, asyncapi_document
from kuntavayla.register import Register, load_register
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.codes import load_codes
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
    remedy_of,
    seal_key_of,
    seal_keys_of,
)
from kuntavayla.service.workers.figures import FRESH_INTERVAL_S
from kuntavayla.service.workers.publishing import publisher_of
from kuntavayla.service.workers.routing import RoutingAccess, RoutingDesk, follow_routing
from kuntavayla.service.workers.sealing import keep_sealed
from kuntavayla.telemetry import BatchMetrics, Jobs, RequestMetrics
from kuntavayla.values.digests import KeyedDigest
from kuntavayla.values.statistics import Disclosure
from quota_ledger.events import EVENT_TYPES, SERVICE, SOURCE
from quota_ledger.operations import decisions
from quota_ledger.operations.decisions import Answered, Outcome
from quota_ledger.operations.law import Law
from quota_ledger.operations.projecting import project
from quota_ledger.operations.submissions import Submission
from quota_ledger.routes import ROUTERS, SCOPES
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.desk import RESYNC, Desk
from quota_ledger.rules.catalogues import CLOSED_LISTS
from quota_ledger.rules.law_tables import QuotaTables, load_quota_tables
from quota_ledger.settings import Settings
from quota_ledger.workers.expiring import EXPIRY_INTERVAL_S, expire_all
from quota_ledger.workers.figures import FigureGauges, look
from quota_ledger.workers.overrides import OVERRIDES_INTERVAL_S, end_all
from quota_ledger.workers.snapshots import SNAPSHOT_INTERVAL_S, snapshot_all

DATA = files("quota_ledger") / "data"
DESCRIPTION = (
    "Books decisions on pay subsidy, start-up grant, training and coaching against each area's"
    " allocation, which is never exceeded. Problems: docs/problems; events: /schemas."
)


def law_of(settings: Settings, register: Register) -> Law:
    """Return the law of a process, from the packaged data and the settings."""
    return Law(
        register=register,
        tables=tables_of_release(),
        fingerprints=tuple(map(KeyedDigest, settings.fingerprint_key.secrets)),
        binds_persons=settings.binds_persons,
        reservation_days=settings.reservation_days,
        warning_days=settings.reservation_warning_days,
    )


@cache
def tables_of_release() -> QuotaTables:
    """Return the tables of law of this release, read once in a process."""
    return load_quota_tables(DATA)


@cache
def documents_of_release() -> ServiceDocuments:
    """Return what this release publishes about its events."""
    return ServiceDocuments(
        asyncapi=asyncapi_document(
            Told(service=SERVICE, source=SOURCE, event_types=EVENT_TYPES),
            title="Kuntaväylä quota-ledger events",
            version=version("kuntavayla-quota-ledger"),
        ),
        schemas=event_schemas(EVENT_TYPES),
    )


def create_app(
    settings: Settings, *, clock: Clock = machine_clock, keys: KeySource | None = None
) -> FastAPI:
    """Return the app; it opens its pool and ports when it starts and closes them when it ends.

    `keys` are where the issuer's public keys come from, when not from the address in the settings.
    """
    register = load_register()
    metrics = metrics_of_process()
    client = open_client()
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
            title="Kuntaväylä quota-ledger",
            version=version("kuntavayla-quota-ledger"),
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
        self._law = law_of(settings, register)
        self._routing = RoutingDesk(project, service=SERVICE, moment=self._moment, clock=clock)

    def compose(self, pool: Pool, waiters: StreamWaiters) -> Composed:
        """Return the desk of the process and the loops beside it."""
        desk = self._desk(pool, waiters)
        return Composed(desk=desk, batchers=[desk.decisions], loops=self._loops(desk))

    def _moment(self) -> Moment:
        return moment_at(self._clock, source=SOURCE)

    def _loops(self, desk: Desk) -> list[Coroutine[Any, Any, None]]:
        """Return the loops beside the desk."""
        settings = self._settings
        url = settings.database_url.get_secret_value()
        sealing = keep_sealed(
            url,
            seal_key_of(settings),
            moment=self._moment,
            registry=self._metrics,
            interval_s=settings.audit_seal_interval_ms / 1_000,
        )
        access = RoutingAccess.of(settings, broker=settings.kafka_connection)
        following = follow_routing(desk.pool, access, service=SERVICE, desk=self._routing)
        loops = [*self._timed_loops(desk), sealing, following]
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

    def _timed_loops(self, desk: Desk) -> list[Coroutine[Any, Any, None]]:
        """Return what is done again and again; each may run in every process at the same time."""
        look_at_figures = partial(
            look,
            desk.pool,
            moment=desk.moment,
            gauges=FigureGauges(self._metrics),
            readings=desk.readings,
            transport=desk.transport,
        )
        expire = partial(expire_all, desk.pool, law=self._law, moment=desk.moment)
        snapshot = partial(snapshot_all, desk.pool, moment=desk.moment)
        end = partial(end_all, desk.pool, law=self._law, moment=desk.moment)
        return [
            desk.jobs.repeat("figures", look_at_figures, interval_s=FRESH_INTERVAL_S),
            desk.jobs.repeat("expiry", expire, interval_s=EXPIRY_INTERVAL_S),
            desk.jobs.repeat("overrides", end, interval_s=OVERRIDES_INTERVAL_S),
            desk.jobs.repeat("snapshots", snapshot, interval_s=SNAPSHOT_INTERVAL_S),
        ]

    def _desk(self, pool: Pool, waiters: StreamWaiters) -> Desk:
        settings, register, batches = self._settings, self._register, BatchMetrics(self._metrics)
        bulk = settings.bulk_inflated_bytes_max
        return Desk(
            source=SOURCE,
            pool=pool,
            clock=self._clock,
            newest_register=lambda: register,
            official_days_ahead_max=0,
            fingerprints=self._law.fingerprints,
            law=self._law,
            disclosure=Disclosure(
                rounded_to=settings.statistics_rounded_to,
                rate_of_min=settings.statistics_rate_of_min,
            ),
            decisions=MicroBatcher[Submission, Answered](
                _Decider(pool, self._law, self._clock).run,
                limits=BatchLimits(),
                unavailable=UNAVAILABLE,
                single_metrics=batches.lane("decisions", "single"),
                bulk_metrics=batches.lane("decisions", "bulk"),
            ),
            duplicate_wait_s_max=settings.duplicate_wait_s_max,
            code_lists=load_codes(DATA / "codes.toml", lists=CLOSED_LISTS),
            body_limits=BodyLimits(
                settings.body_received_bytes_max, settings.body_inflated_bytes_max
            ),
            bulk_limits=BodyLimits(bulk, bulk),
            waiters=waiters,
            readings=Readings(),
            resync=RESYNC,
            transport=settings.transport,
            consumptions=self._routing.consumption,
            jobs=Jobs(self._clock, registry=self._metrics),
            seal_keys=seal_keys_of(settings),
        )


class _Decider:
    """Runs batches of decisions, each part in a transaction of its own."""

    def __init__(self, pool: Pool, law: Law, clock: Clock) -> None:
        self._pool = pool
        self._law = law
        self._clock = clock

    async def run(self, batch: Sequence[Submission]) -> Sequence[Answered | Exception]:
        """Return one outcome per decision; a culprit that fails a batch is found by halving."""
        return await run_halving(self._run_part, batch, remedy_of=remedy_of)

    async def _run_part(self, part: Sequence[Submission]) -> Sequence[Outcome]:
        moment = moment_at(self._clock, source=SOURCE)
        async with transaction(self._pool) as connection:
            return await decisions.decide(connection, part, law=self._law, moment=moment)
