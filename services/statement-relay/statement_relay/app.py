"""The composition root of statement-relay: settings in, app out; nothing else builds its parts."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from msgspec import Struct
from prometheus_client import CollectorRegistry

from kuntavayla.auth import KeySource
from kuntavayla.database import Pool
from kuntavayla.feed import Readings, StreamWaiters
from kuntavayla.http import (
    BodyLimits,
    ServiceDocuments,
)
from kuntavayla.inbox import Consumption, Sealing
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
from kuntavayla.service.workers.reading import read_inbound
from kuntavayla.service.workers.routing import RoutingAccess, RoutingDesk, follow_routing
from kuntavayla.telemetry import BatchMetrics, Jobs
from kuntavayla.values.digests import KeyedDigest
from kuntavayla.values.sealing import Sealer
from kuntavayla.values.statistics import Disclosure
from statement_relay.events import EVENT_TYPES, SERVICE, SOURCE
from statement_relay.operations.accepting import accept
from statement_relay.operations.law import Law
from statement_relay.operations.projecting import project
from statement_relay.routes import ROUTERS, SCOPES
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import RESYNC, Desk
from statement_relay.rules.answers import AnswerTable, load_answers
from statement_relay.rules.catalogues import (
    CLOSED_LISTS,
    catalogues_of,
    examples_by_type,
    load_examples,
)
from statement_relay.rules.clocks import BusinessHours, DeliveryTarget
from statement_relay.rules.competence import Tables
from statement_relay.rules.contents import NONCE_BYTES
from statement_relay.rules.intake import IntakeLimits
from statement_relay.rules.issuers import load_issuers
from statement_relay.rules.kinds import load_kinds
from statement_relay.rules.receivers import load_receivers
from statement_relay.settings import Settings
from statement_relay.workers.delivering import Courier, CourierMetrics, Route
from statement_relay.workers.due import DUE_INTERVAL_S, look_for_late
from statement_relay.workers.figures import FigureGauges, look
from statement_relay.workers.inbound import INBOUND, InboundDesk
from statement_relay.workers.reconciling import RECONCILING_INTERVAL_S, Asker
from statement_relay.workers.reminding import REMINDING_INTERVAL_S, remind_of_all
from statement_relay.workers.renewing import RENEWING_INTERVAL_S, Renewing

DATA = files("statement_relay") / "data"
DESCRIPTION = (
    "Takes what municipalities know for statements on unemployment benefits, and delivers it to the"
    " TE offices in order and with proof. Problems: docs/problems; events: /schemas."
)


@cache
def answers_of_release() -> AnswerTable:
    """Return what answers mean by this release's table, read once in a process."""
    return load_answers(DATA / "answers.toml")


@cache
def tables_of_release() -> Tables:
    """Return the tables of law of this release, read once in a process."""
    kinds = load_kinds(DATA / "kinds.toml")
    return Tables(
        kinds=kinds,
        issuers=load_issuers(DATA / "issuers.csv", first_on=kinds.first_on),
        receivers=load_receivers(DATA / "receivers.csv"),
    )


def law_of(settings: Settings, register: Register) -> Law:
    """Return the law of a process, from the packaged data and the settings."""
    return Law(
        tables=tables_of_release(),
        register=register,
        target=DeliveryTarget(
            working_days=settings.deliver_working_days,
            at=settings.deliver_by,
            warn_working_days_before=settings.warn_working_days_before,
        ),
        limits=IntakeLimits(ahead_max=timedelta(seconds=settings.report_ahead_s_max)),
        fingerprints=tuple(map(KeyedDigest, settings.fingerprint_key.secrets)),
        draw_nonce=lambda: os.urandom(NONCE_BYTES),
    )


def sealing_of(settings: Settings) -> Sealing:
    """Return how parked messages from outside are kept."""
    key_id, _ = settings.content_keys.newest
    keys = {name: key.secret for name, key in settings.content_keys.keys}
    sealer = Sealer(keys, current_id=key_id, random_bytes=os.urandom)
    # The oldest secret stays in the ring for ever, so the same key is always the same.
    return Sealing(sealer, KeyedDigest(settings.fingerprint_key.secrets[-1]))


@cache
def code_lists_of_release() -> Mapping[str, Sequence[Struct]]:
    """Return the catalogues of codes of this release."""
    examples = load_examples(DATA / "examples.ndjson")
    plain = load_codes(DATA / "codes.toml", lists=CLOSED_LISTS)
    own = catalogues_of(tables_of_release(), answers=answers_of_release(), examples=examples)
    return {**own, **plain}


def examples_of_release() -> dict[str, Mapping[str, Any]]:
    """Return an example of each kind of information, by the name of its type."""
    return examples_by_type(load_examples(DATA / "examples.ndjson"))


@cache
def documents_of_release() -> ServiceDocuments:
    """Return what this release publishes about its events."""
    told = Told(service=SERVICE, source=SOURCE, event_types=EVENT_TYPES, inbound=INBOUND)
    return documents_of(told, examples=examples_of_release)


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


def request_target_of(settings: Settings) -> DeliveryTarget:
    """Return by when a question is to be answered, and reminded of."""
    return DeliveryTarget(
        working_days=settings.request_working_days,
        at=settings.deliver_by,
        warn_working_days_before=settings.request_reminder_working_days,
    )


class _Composition:
    """Puts the parts of a process together, once its pool is open."""

    def __init__(
        self, settings: Settings, register: Register, *, clock: Clock, metrics: CollectorRegistry
    ) -> None:
        self._settings = settings
        self._endpoints = settings.read_endpoints()
        self._register = register
        self._clock = clock
        self._metrics = metrics
        self._law = law_of(settings, register)
        self._routing = RoutingDesk(
            partial(project, law=self._law), service=SERVICE, moment=self._moment, clock=clock
        )
        self._inbound = InboundDesk(
            self._law, moment=self._moment, clock=clock, sealing=sealing_of(settings)
        )

    def compose(self, pool: Pool, waiters: StreamWaiters) -> Composed:
        """Return the desk of the process and the loops beside it."""
        desk = self._desk(pool, waiters)
        return Composed(desk=desk, batchers=(desk.information,), loops=self._loops(desk))

    def _moment(self) -> Moment:
        return moment_at(self._clock, source=SOURCE)

    def _loops(self, desk: Desk) -> list[Loop]:
        """Return the loops beside the desk."""
        settings = self._settings
        url, broker = settings.database_url.get_secret_value(), settings.kafka_connection
        access = RoutingAccess.of(settings, broker=broker)
        following = follow_routing(desk.pool, access, service=SERVICE, desk=self._routing)
        courier = self._courier(desk.pool)
        looking = Renewing(courier, settings.read_endpoints, registry=self._metrics).look
        renewing = desk.jobs.repeat("receivers", looking, interval_s=RENEWING_INTERVAL_S)
        shared = loops_of(
            settings,
            desk.pool,
            service=SERVICE,
            moment=self._moment,
            clock=self._clock,
            metrics=self._metrics,
        )
        loops = [*self._timed_loops(desk), renewing, *shared, following, courier.deliver(url)]
        if broker is None:
            return loops
        return [*loops, read_inbound(desk.pool, broker, service=SERVICE, desk=self._inbound)]

    def _consumption(self, consumer: str) -> Consumption | None:
        """Return how a consumer of this service handles its messages."""
        return self._routing.consumption(consumer) or self._inbound.consumption(consumer)

    def _courier(self, pool: Pool) -> Courier:
        """Return what delivers; a receiver's certificate that is no good holds up no other."""
        known = tables_of_release().receivers.receiver_ids()
        courier = Courier(
            pool,
            Route(
                receiver_ids=self._endpoints.named.union(known),
                endpoints=self._endpoints,
                answers=answers_of_release(),
                pace=self._settings.pace,
            ),
            clock=self._clock,
            metrics=CourierMetrics(self._metrics),
        )
        courier.prepare()
        return courier

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
        patience = self._settings.patience
        look_for_due = partial(look_for_late, desk.pool, patience=patience, moment=desk.moment)
        ask_all = self._asker(desk.pool).ask_all
        remind = partial(remind_of_all, desk.pool, moment=desk.moment)
        return [
            desk.jobs.repeat("figures", look_at_figures, interval_s=FRESH_INTERVAL_S),
            desk.jobs.repeat("reminders", remind, interval_s=REMINDING_INTERVAL_S),
            desk.jobs.repeat("reconciling", ask_all, interval_s=RECONCILING_INTERVAL_S),
            desk.jobs.repeat("due", look_for_due, interval_s=DUE_INTERVAL_S),
        ]

    def _asker(self, pool: Pool) -> Asker:
        """Return what asks receivers for what they took."""
        hours = BusinessHours(
            opens=self._settings.patience.receipt_at, closes=self._settings.deliver_by
        )
        known = tables_of_release().receivers.receiver_ids()
        return Asker(
            pool=pool,
            receiver_ids=self._endpoints.named.union(known),
            endpoints=self._endpoints,
            hours=hours,
            moment=self._moment,
            clock=self._clock,
        )

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
            information=batcher_of(
                partial(accept, law=self._law),
                name="information",
                pool=pool,
                moment=self._moment,
                metrics=BatchMetrics(self._metrics),
            ),
            duplicate_wait_s_max=settings.duplicate_wait_s_max,
            body_limits=BodyLimits(
                settings.body_received_bytes_max, settings.body_inflated_bytes_max
            ),
            bulk_limits=BodyLimits(bulk, bulk),
            endpoints=self._endpoints,
            ask_receiver=self._asker(pool).ask,
            request_target=request_target_of(settings),
            code_lists=code_lists_of_release(),
            disclosure=Disclosure(
                rounded_to=settings.statistics_rounded_to,
                rate_of_min=settings.statistics_rate_of_min,
            ),
            waiters=waiters,
            readings=Readings(),
            resync=RESYNC,
            transport=settings.transport,
            consumptions=self._consumption,
            jobs=Jobs(self._clock, registry=self._metrics),
            seal_keys=seal_keys_of(settings),
        )
