"""The composition root of routing-api: settings in, app out; nothing else builds its parts."""

import os
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import cache
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
from kuntavayla.register import Organisation, load_register
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
from kuntavayla.service.workers.reading import read_inbound
from kuntavayla.service.workers.sealing import keep_sealed
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import (
    BatchMetrics,
    Jobs,
    RequestMetrics,
)
from routing_api.events import EVENT_TYPES, SERVICE, SOURCE
from routing_api.operations import registrations
from routing_api.operations.catalogues import CLOSED_LISTS
from routing_api.operations.law import Law
from routing_api.operations.registers import RegisterKeeper
from routing_api.operations.repeats import Outcome, Registered
from routing_api.operations.submissions import Submission
from routing_api.operations.vault import IdentityVault, VaultKeys
from routing_api.routes import ROUTERS, SCOPES
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import RESYNC, Desk
from routing_api.rules.competences import load_competences
from routing_api.rules.due_times import Deadlines
from routing_api.rules.intake import IntakeLimits
from routing_api.rules.rule_sets import RuleSets, load_rule_sets
from routing_api.rules.transfers import ReportBounds
from routing_api.settings import Settings
from routing_api.workers import (
    INBOUND,
    OVERDUE_INTERVAL_S,
    AcknowledgementDesk,
    FigureGauges,
    keep_fresh,
    tell_all_overdue,
)

DATA = files("routing_api") / "data"
DESCRIPTION = (
    "Decides by dated law who is responsible for a jobseeker, keeps the clienthood, and lets the"
    " municipalities' case systems learn of their clients. Problems: docs/problems; events:"
    " /asyncapi.json."
)


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
        client = open_client()
        keys = HttpKeySource(client, settings.token_jwks_url)
    composition = _Composition(settings, law, clock=clock, metrics=metrics)
    running = Running(settings, metrics=metrics, client=client, compose=composition.compose)
    return create_service(
        ServiceSpec(
            name=SERVICE,
            title="Kuntaväylä routing-api",
            version=version("kuntavayla-routing-api"),
            description=DESCRIPTION,
            prefix=PREFIX,
            routers=ROUTERS,
            scopes=SCOPES,
            verifier=_verifier_of(settings, law, keys=keys),
            metrics=RequestMetrics(metrics),
            documents=documents_of_release(),
            probes={"database": running.probe},
            unavailable=UNAVAILABLE,
            lifespan=running.lifespan,
            on_refused=record_refusal,
            rates=RateLimiter(rate_limit_of(settings), clock=time.monotonic),
        )
    )


def _verifier_of(settings: Settings, law: Law, *, keys: KeySource) -> TokenVerifier:
    return TokenVerifier(
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        keys=keys,
        organisation_of=_organisations_of(law),
        clock=time.time,
    )


def _organisations_of(law: Law) -> Callable[[str], Organisation | None]:
    """Return the look-up of an organisation in whatever register is newest at each call."""

    def organisation_of(organisation_id: str) -> Organisation | None:
        return law.registers.newest.organisation(organisation_id)

    return organisation_of


class _Composition:
    """Puts the parts of a process together, once its pool is open."""

    def __init__(
        self, settings: Settings, law: Law, *, clock: Clock, metrics: CollectorRegistry
    ) -> None:
        self._settings = settings
        self._law = law
        self._clock = clock
        self._metrics = metrics
        self._bounds = ReportBounds(
            ahead_s_max=settings.report_ahead_s_max,
            notice_days_before_max=settings.effective_days_ahead_max,
        )
        self._acknowledgements = AcknowledgementDesk(
            law, moment=self._moment, clock=clock, bounds=self._bounds
        )

    def compose(self, pool: Pool, waiters: StreamWaiters) -> Composed:
        """Return the desk of the process and the loops beside it."""
        desk = self._desk(pool, waiters)
        return Composed(desk=desk, batchers=[desk.registrations], loops=self._loops(desk))

    def _moment(self) -> Moment:
        return moment_at(self._clock, source=SOURCE)

    def _loops(self, desk: Desk) -> list[Coroutine[Any, Any, None]]:
        """Return the loops beside the desk."""
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
        reading = read_inbound(desk.pool, broker, service=SERVICE, desk=self._acknowledgements)
        return [*loops, self._publish(desk.pool, broker), reading]

    def _keep_sealed(self) -> Coroutine[Any, Any, None]:
        settings = self._settings
        return keep_sealed(
            settings.database_url.get_secret_value(),
            seal_key_of(settings),
            moment=self._moment,
            registry=self._metrics,
            interval_s=settings.audit_seal_interval_ms / 1_000,
        )

    def _publish(self, pool: Pool, broker: KafkaConnection) -> Coroutine[Any, Any, None]:
        """Stand for election to publish, where events travel by a broker."""
        return publisher_of(
            pool,
            broker,
            service=SERVICE,
            url=self._settings.database_url.get_secret_value(),
            clock=self._clock,
            registry=self._metrics,
        ).run()

    def _desk(self, pool: Pool, waiters: StreamWaiters) -> Desk:
        settings, batches = self._settings, BatchMetrics(self._metrics)
        runner = _Registrar(pool, self._law, self._clock)
        inflated, bulk = settings.body_inflated_bytes_max, settings.bulk_inflated_bytes_max
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
            code_lists=load_codes(DATA / "codes.toml", lists=CLOSED_LISTS),
            duplicate_wait_s_max=settings.duplicate_wait_s_max,
            consumptions=self._acknowledgements.consumption,
            transport=settings.transport,
            readings=Readings(),
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
