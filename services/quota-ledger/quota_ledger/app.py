"""The composition root of quota-ledger: settings in, app out; nothing else builds its parts."""

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
from kuntavayla.register import Register, load_register
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
from kuntavayla.service.workers.routing import RoutingAccess, RoutingDesk, follow_routing
from kuntavayla.telemetry import BatchMetrics, Jobs
from kuntavayla.values.digests import KeyedDigest
from kuntavayla.values.statistics import Disclosure
from quota_ledger.events import EVENT_TYPES, SERVICE, SOURCE
from quota_ledger.operations import decisions
from quota_ledger.operations.law import Law
from quota_ledger.operations.projecting import project
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
    return documents_of(Told(service=SERVICE, source=SOURCE, event_types=EVENT_TYPES))


def create_app(
    settings: Settings, *, clock: Clock = machine_clock, keys: KeySource | None = None
) -> FastAPI:
    """Return the app; it opens its pool and ports when it starts and closes them when it ends.

    `keys` are where the issuer's public keys come from, when not from the address in the settings.
    """
    register, metrics = load_register(), metrics_of_process()
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
        compose=_Composition(settings, register, clock=clock, metrics=metrics).compose,
        metrics=metrics,
        organisation_of=register.organisation,
        keys=keys,
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

    def _loops(self, desk: Desk) -> list[Loop]:
        """Return the loops beside the desk."""
        settings = self._settings
        access = RoutingAccess.of(settings, broker=settings.kafka_connection)
        following = follow_routing(desk.pool, access, service=SERVICE, desk=self._routing)
        shared = loops_of(
            settings,
            desk.pool,
            service=SERVICE,
            moment=self._moment,
            clock=self._clock,
            metrics=self._metrics,
        )
        return [*self._timed_loops(desk), *shared, following]

    def _timed_loops(self, desk: Desk) -> list[Loop]:
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
        settings, register = self._settings, self._register
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
            decisions=batcher_of(
                partial(decisions.decide, law=self._law),
                name="decisions",
                pool=pool,
                moment=self._moment,
                metrics=BatchMetrics(self._metrics),
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
