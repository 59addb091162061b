"""The composition root of routing-api: settings in, app out; nothing else builds its parts."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import asyncpg
import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector

from kuntavayla.audit import SealKey, SealKeys
from kuntavayla.auth import HttpKeySource, KeySource, TokenVerifier
from kuntavayla.database import AGAIN, AWAY, BUSY, Pool, open_pool, transaction
from kuntavayla.events import event_schemas
from kuntavayla.feed import Readings, StreamWaiters
from kuntavayla.http import (
    BatchLimits,
    BodyLimits,
    MicroBatcher,
    RateLimit,
    RateLimiter,
    Remedy,
    ServiceDocuments,
    ServiceSpec,
    create_service,
    run_halving,
)
from kuntavayla.outbox import Publication, Publisher, PublisherMetrics, Told, asyncapi_document
from kuntavayla.register import Organisation, load_register
from kuntavayla.service.routes.desk import moment_at
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import (
    BatchMetrics,
    Jobs,
    RequestMetrics,
    start_metrics_server,
)
from kuntavayla.values.calendar import is_working_day
from routing_api.events import EVENT_TYPES, SERVICE, SOURCE
from routing_api.operations import registrations
from routing_api.operations.law import Law
from routing_api.operations.registers import RegisterKeeper
from routing_api.operations.repeats import Outcome, Registered
from routing_api.operations.submissions import Submission
from routing_api.operations.vault import IdentityVault, VaultKeys
from routing_api.routes import ROUTERS, SCOPES
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import RESYNC, Desk
from routing_api.routes.refusals import record_refusal
from routing_api.rules.competences import load_competences
from routing_api.rules.due_times import Deadlines
from routing_api.rules.intake import IntakeLimits
from routing_api.rules.rule_sets import RuleSets, load_rule_sets
from routing_api.rules.transfers import ReportBounds
from routing_api.settings import Settings
from routing_api.workers import (
    FRESH_INTERVAL_S,
    INBOUND,
    OVERDUE_INTERVAL_S,
    AcknowledgementDesk,
    FigureGauges,
    keep_fresh,
    keep_sealed,
    read_acknowledgements,
    tell_all_overdue,
)

Clock = Callable[[], datetime]
UNAVAILABLE: tuple[type[BaseException], ...] = (*AWAY, *AGAIN, *BUSY)
"""Failures that pass: the database is away, or others hold what a call needs for too long."""
DATA = files("routing_api") / "data"
DESCRIPTION = (
    "Decides by dated law who is responsible for a jobseeker, keeps the clienthood, and lets the"
    " municipalities' case systems learn of their clients. Problems: docs/problems; events:"
    " /asyncapi.json."
)


def machine_clock() -> datetime:
    """Return the machine's time; the sandbox passes a clock of its own."""
    return datetime.now(UTC)


def law_of(settings: Settings) -> Law:
    """Return the law and the register of a process, from the packaged data and the settings."""
    key_id, _ = settings.identity_keys.newest
    keys = VaultKeys(
        encryption={name: key.secret for name, key in settings.identity_keys.keys},
        current_id=key_id,
        lookup_a=settings.lookup_key_a.secrets,
        lookup_b=settings.lookup_key_b.secrets,
        fingerprint=settings.fingerprint_key.secrets,
    )
    return Law(
        rule_sets=rule_sets_of_release(),
        registers=RegisterKeeper(load_register()),
        deadlines=Deadlines(
            acknowledge_days=settings.acknowledge_working_days,
            acknowledge_initial_days=settings.acknowledge_initial_working_days,
            acknowledge_hour=settings.acknowledge_hour,
            notice_days=settings.notice_working_days,
            review_days=settings.review_working_days,
        ),
        vault=IdentityVault(keys, random_bytes=os.urandom),
    )


def rate_limit_of(settings: Settings) -> RateLimit:
    """Return how many calls an organisation may make of one process."""
    return RateLimit(calls_per_s=settings.rate_calls_per_s, burst_calls=settings.rate_burst_calls)


def seal_key_of(settings: Settings) -> SealKey:
    """Return the key that signs the audit's blocks."""
    key_id, key = settings.audit_signing_key.newest
    return SealKey(key_id, key.secret)


def seal_keys_of(settings: Settings) -> SealKeys:
    """Return the public keys that may have signed blocks, the one in use first."""
    key = seal_key_of(settings)
    retired = {name: public.secret for name, public in settings.audit_retired_keys.keys}
    retired.pop(key.key_id, None)
    return SealKeys({key.key_id: key.public_bytes, **retired})


@cache
def rule_sets_of_release() -> RuleSets:
    """Return the rule sets of this release, read once in a process."""
    return load_rule_sets(DATA / "rule_sets")


@cache
def documents_of_release() -> ServiceDocuments:
    """Return what this release publishes about its events."""
    return ServiceDocuments(
        asyncapi=asyncapi_document(
            Told(service=SERVICE, source=SOURCE, event_types=EVENT_TYPES, inbound=INBOUND),
            title="Kuntaväylä routing-api events",
            version=version("kuntavayla-routing-api"),
        ),
        schemas=event_schemas(EVENT_TYPES),
    )


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
    law = law_of(settings)
    metrics = metrics_of_process()
    client = None
    if keys is None:
        client = httpx.AsyncClient()
        keys = HttpKeySource(client, settings.token_jwks_url)
    verifier = TokenVerifier(
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        keys=keys,
        organisation_of=_organisations_of(law),
        clock=time.time,
    )
    running = _Running(settings, law, clock=clock, metrics=metrics, client=client)
    return create_service(
        ServiceSpec(
            name=SERVICE,
            title="Kuntaväylä routing-api",
            version=version("kuntavayla-routing-api"),
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


def _organisations_of(law: Law) -> Callable[[str], Organisation | None]:
    """Return the look-up of an organisation in whatever register is newest at each call."""

    def organisation_of(organisation_id: str) -> Organisation | None:
        return law.registers.newest.organisation(organisation_id)

    return organisation_of


class _Running:
    """What lives as long as the app runs: pool, listener, loops, metrics port."""

    def __init__(
        self,
        settings: Settings,
        law: Law,
        *,
        clock: Clock,
        metrics: CollectorRegistry,
        client: httpx.AsyncClient | None,
    ) -> None:
        self._settings = settings
        self._law = law
        self._clock = clock
        self._metrics = metrics
        self._client = client
        self._pool: Pool | None = None
        self._readings = Readings()
        self._bounds = ReportBounds(
            ahead_s_max=settings.report_ahead_s_max,
            notice_days_before_max=settings.effective_days_ahead_max,
        )
        self._acknowledgements = AcknowledgementDesk(
            law, moment=lambda: moment_at(clock, source=SOURCE), clock=clock, bounds=self._bounds
        )

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Open everything, serve, close everything in the other order."""
        settings = self._settings
        url = settings.database_url.get_secret_value()
        async with contextlib.AsyncExitStack() as stack:
            pool = self._pool = await open_pool(
                url, connections_max=settings.database_connections_max
            )
            stack.push_async_callback(pool.close)
            if self._client is not None:
                stack.push_async_callback(self._client.aclose)
            waiters = StreamWaiters(url)
            await stack.enter_async_context(waiters.listening())
            desk = self._desk(pool, waiters)
            stack.push_async_callback(desk.registrations.close)
            for loop in self._loops(desk):
                stack.push_async_callback(_end, asyncio.create_task(loop))
            server = start_metrics_server(
                settings.metrics_port, registry=self._metrics, host=settings.metrics_host
            )
            stack.callback(server.close)
            app.state.desk = desk
            app.state.metrics_port = server.port
            app.state.before_end = waiters.end
            # The calendar is read at its first use, which takes half a second that no request
            # should pay.
            is_working_day(desk.moment().today)
            yield

    async def probe(self) -> None:
        """Return where the database answers; raises one of AWAY where not."""
        if self._pool is None:
            raise ConnectionError
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT 1")

    def _loops(self, desk: Desk) -> list[Coroutine[Any, Any, None]]:
        """Return the timed loops; each may run in every process at the same time."""
        gauges = FigureGauges(self._metrics)

        async def look() -> None:
            await keep_fresh(
                desk.pool,
                law=desk.law,
                moment=desk.moment,
                gauges=gauges,
                readings=desk.readings,
                transport=desk.transport,
            )

        async def tell() -> None:
            await tell_all_overdue(desk.pool, moment=desk.moment)

        loops = [
            desk.jobs.repeat("figures", look, interval_s=FRESH_INTERVAL_S),
            desk.jobs.repeat("overdue", tell, interval_s=OVERDUE_INTERVAL_S),
            self._keep_sealed(),
        ]
        broker = self._settings.kafka_connection
        if broker is None:
            return loops
        reading = read_acknowledgements(desk.pool, broker, desk=self._acknowledgements)
        return [*loops, self._publisher(desk.pool, broker).run(), reading]

    async def _keep_sealed(self) -> None:
        settings = self._settings
        await keep_sealed(
            settings.database_url.get_secret_value(),
            seal_key_of(settings),
            moment=lambda: moment_at(self._clock, source=SOURCE),
            registry=self._metrics,
            interval_s=settings.audit_seal_interval_ms / 1_000,
        )

    def _publisher(self, pool: Pool, broker: KafkaConnection) -> Publisher:
        """Return what stands for election to publish, where events travel by a broker."""
        publication = Publication(
            service=SERVICE,
            database_url=self._settings.database_url.get_secret_value(),
            broker=broker,
            clock=self._clock,
        )
        return Publisher(pool, publication, metrics=PublisherMetrics(self._metrics))

    def _desk(self, pool: Pool, waiters: StreamWaiters) -> Desk:
        settings, batches = self._settings, BatchMetrics(self._metrics)
        runner = _Registrar(pool, self._law, self._clock)
        inflated = settings.body_inflated_bytes_max
        bulk = settings.bulk_inflated_bytes_max
        law = self._law
        return Desk(
            source=SOURCE,
            pool=pool,
            law=law,
            clock=self._clock,
            newest_register=lambda: law.registers.newest,
            official_days_ahead_max=settings.effective_days_ahead_max,
            fingerprints=law.vault.fingerprints,
            waiters=waiters,
            resync=RESYNC,
            registrations=MicroBatcher[Submission, Registered](
                runner.run,
                limits=BatchLimits(),
                unavailable=UNAVAILABLE,
                single_metrics=batches.lane("registrations", "single"),
                bulk_metrics=batches.lane("registrations", "bulk"),
            ),
            intake_limits=IntakeLimits(
                days_ahead_max=settings.effective_days_ahead_max,
                days_back_max=settings.effective_days_back_max,
                age_years_max=settings.age_years_max,
                is_test_code_allowed=settings.is_test_code_allowed,
            ),
            report_bounds=self._bounds,
            body_limits=BodyLimits(settings.body_received_bytes_max, inflated),
            bulk_limits=BodyLimits(bulk, bulk),
            competences=load_competences(DATA / "competences.csv"),
            duplicate_wait_s_max=settings.duplicate_wait_s_max,
            consumptions=self._acknowledgements.consumption,
            transport=settings.transport,
            readings=self._readings,
            jobs=Jobs(self._clock, registry=self._metrics),
            seal_keys=seal_keys_of(settings),
        )


class _Registrar:
    """Runs batches of registrations, each part in a transaction of its own."""

    def __init__(self, pool: Pool, law: Law, clock: Clock) -> None:
        self._pool = pool
        self._law = law
        self._clock = clock

    async def run(self, batch: Sequence[Submission]) -> Sequence[Registered | Exception]:
        """Return one outcome per submission; a culprit that fails a batch is found by halving."""
        return await run_halving(self._run_part, batch, remedy_of=remedy_of)

    async def _run_part(self, part: Sequence[Submission]) -> Sequence[Outcome]:
        moment = moment_at(self._clock, source=SOURCE)
        async with transaction(self._pool) as connection:
            return await registrations.register(connection, part, law=self._law, moment=moment)


def remedy_of(error: Exception) -> Remedy:
    """Say what helps against a failed batch: again, in halves, or nothing."""
    if isinstance(error, AGAIN):
        return Remedy.REPEAT
    # A value that asyncpg can not send is an InterfaceError too, and no server is away for it.
    if isinstance(
        error, ValueError | asyncpg.DataError | asyncpg.IntegrityConstraintViolationError
    ):
        return Remedy.SPLIT
    return Remedy.NONE


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
