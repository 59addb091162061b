"""The composition root of routing-api: settings in, app out; nothing else builds its parts."""

import os
from collections.abc import Callable
from functools import cache, partial
from importlib.resources import files

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from kuntavayla.auth import KeySource
from kuntavayla.database import Pool
from kuntavayla.feed import Readings, StreamWaiters
from kuntavayla.http import (
    BodyLimits,
    ServiceDocuments,
)
from kuntavayla.outbox import Told
from kuntavayla.register import Organisation, load_register
from kuntavayla.service.composing import Loop, Offer, app_of, batcher_of, documents_of, loops_of
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.codes import load_codes
from kuntavayla.service.routes.desk import moment_at
from kuntavayla.service.running import (
    Clock,
    Composed,
    machine_clock,
    metrics_of_process,
    seal_keys_of,
)
from kuntavayla.service.workers.figures import FRESH_INTERVAL_S
from kuntavayla.service.workers.reading import read_inbound
from kuntavayla.telemetry import (
    BatchMetrics,
    Jobs,
)
from routing_api.events import EVENT_TYPES, SERVICE, SOURCE
from routing_api.operations import registrations
from routing_api.operations.catalogues import CLOSED_LISTS
from routing_api.operations.law import Law
from routing_api.operations.registers import RegisterKeeper
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
    return documents_of(
        Told(service=SERVICE, source=SOURCE, event_types=EVENT_TYPES, inbound=INBOUND)
    )


def create_app(
    settings: Settings, *, clock: Clock = machine_clock, keys: KeySource | None = None
) -> FastAPI:
    """Return the app; it opens its pool and ports when it starts and closes them when it ends.

    `keys` are where the issuer's public keys come from, when not from the address in the settings.
    """
    law, metrics = law_of(settings), metrics_of_process()
    return app_of(
        Offer(
            service=SERVICE,
            description=DESCRIPTION,
            prefix=PREFIX,
            routers=ROUTERS,
            scopes=SCOPES,
            documents=documents_of_release(),
        ),
        settings,
        compose=_Composition(settings, law, clock=clock, metrics=metrics).compose,
        metrics=metrics,
        organisation_of=_organisations_of(law),
        keys=keys,
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

    def _loops(self, desk: Desk) -> list[Loop]:
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

        settings = self._settings
        shared = loops_of(
            settings,
            desk.pool,
            service=SERVICE,
            moment=self._moment,
            clock=self._clock,
            metrics=self._metrics,
        )
        loops = [
            desk.jobs.repeat("figures", look, interval_s=FRESH_INTERVAL_S),
            desk.jobs.repeat("overdue", tell, interval_s=OVERDUE_INTERVAL_S),
            *shared,
        ]
        broker = settings.kafka_connection
        if broker is None:
            return loops
        desk_of_topics = self._acknowledgements
        return [*loops, read_inbound(desk.pool, broker, service=SERVICE, desk=desk_of_topics)]

    def _desk(self, pool: Pool, waiters: StreamWaiters) -> Desk:
        settings = self._settings
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
            registrations=batcher_of(
                partial(registrations.register, law=self._law),
                name="registrations",
                pool=pool,
                moment=self._moment,
                metrics=BatchMetrics(self._metrics),
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
