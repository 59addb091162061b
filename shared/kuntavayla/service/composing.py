"""What the composition roots of all services do alike; each of them says the rest itself."""

import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Generic, Protocol, TypeVar

from fastapi import APIRouter, FastAPI
from msgspec import Struct
from prometheus_client import CollectorRegistry

from kuntavayla.auth import HttpKeySource, KeySource, ScopeTable, TokenVerifier
from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.events import event_schemas
from kuntavayla.http import (
    BatchLimits,
    MicroBatcher,
    RateLimiter,
    ServiceDocuments,
    ServiceSpec,
    create_service,
    open_client,
    run_halving,
)
from kuntavayla.outbox import Told, asyncapi_document
from kuntavayla.register import Organisation
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.refusals import record_refusal
from kuntavayla.service.running import (
    UNAVAILABLE,
    Clock,
    Compose,
    Running,
    rate_limit_of,
    remedy_of,
    seal_key_of,
)
from kuntavayla.service.workers.publishing import publisher_of
from kuntavayla.service.workers.sealing import keep_sealed
from kuntavayla.settings import EventServiceSettings, ServiceSettings
from kuntavayla.telemetry import BatchMetrics, RequestMetrics

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Item_contra = TypeVar("Item_contra", contravariant=True)
Outcome_co = TypeVar("Outcome_co", covariant=True)
Loop = Coroutine[Any, Any, None]


class Operation(Protocol[Item_contra, Outcome_co]):
    """Does a batch in the transaction of the connection: one outcome per item, in order."""

    async def __call__(
        self, connection: Connection, batch: Sequence[Item_contra], /, *, moment: Moment
    ) -> Sequence[Outcome_co | Exception]:
        """Do it; the failure of one item alone is its outcome."""


class Offer(Struct, frozen=True, kw_only=True):
    """What a service offers, and under which name: that of its package without `kuntavayla-`."""

    service: str
    description: str
    prefix: str
    routers: Sequence[APIRouter]
    scopes: ScopeTable
    documents: ServiceDocuments

    @property
    def version(self) -> str:
        """The version of the service's package."""
        return _version_of(self.service)


def documents_of(
    told: Told, *, examples: Callable[[], Mapping[str, Any]] = dict
) -> ServiceDocuments:
    """Return what a service publishes about its events."""
    return ServiceDocuments(
        asyncapi=asyncapi_document(
            told, title=f"Kuntaväylä {told.service} events", version=_version_of(told.service)
        ),
        schemas=event_schemas(told.event_types),
        examples=examples,
    )


def app_of(
    offer: Offer,
    settings: ServiceSettings,
    *,
    compose: Compose,
    metrics: CollectorRegistry,
    organisation_of: Callable[[str], Organisation | None],
    keys: KeySource | None,
) -> FastAPI:
    """Return the app of a service; it opens pool and ports when it starts, closes them at its end.

    `keys` are where the issuer's public keys come from, when not from the address in the settings.
    """
    client = None
    if keys is None:
        client = open_client()
        keys = HttpKeySource(client, settings.token_jwks_url)
    running = Running(settings, metrics=metrics, client=client, compose=compose)
    return create_service(
        ServiceSpec(
            name=offer.service,
            title=f"Kuntaväylä {offer.service}",
            version=offer.version,
            description=offer.description,
            prefix=offer.prefix,
            routers=offer.routers,
            scopes=offer.scopes,
            verifier=_verifier_of(settings, keys, organisation_of=organisation_of),
            metrics=RequestMetrics(metrics),
            documents=offer.documents,
            probes={"database": running.probe},
            unavailable=UNAVAILABLE,
            lifespan=running.lifespan,
            on_refused=record_refusal,
            rates=RateLimiter(rate_limit_of(settings), clock=time.monotonic),
        )
    )


def loops_of(
    settings: EventServiceSettings,
    pool: Pool,
    *,
    service: str,
    moment: Callable[[], Moment],
    clock: Clock,
    metrics: CollectorRegistry,
) -> list[Loop]:
    """Return the loops of every service: its audit is sealed, and by a broker its events go out."""
    url = settings.database_url.get_secret_value()
    sealing = keep_sealed(
        url,
        seal_key_of(settings),
        moment=moment,
        registry=metrics,
        interval_s=settings.audit_seal_interval_ms / 1_000,
    )
    broker = settings.kafka_connection
    if broker is None:
        return [sealing]
    publisher = publisher_of(pool, broker, service=service, url=url, clock=clock, registry=metrics)
    return [sealing, publisher.run()]


def batcher_of(
    operation: Operation[Item, Outcome],
    *,
    name: str,
    pool: Pool,
    moment: Callable[[], Moment],
    metrics: BatchMetrics,
) -> MicroBatcher[Item, Outcome]:
    """Return what does an operation in batches; a culprit that fails one is found by halving."""
    return MicroBatcher[Item, Outcome](
        _Batches(operation, pool, moment).run,
        limits=BatchLimits(),
        unavailable=UNAVAILABLE,
        single_metrics=metrics.lane(name, "single"),
        bulk_metrics=metrics.lane(name, "bulk"),
    )


class _Batches(Generic[Item, Outcome]):
    """Does batches, each part in a transaction and at a moment of its own."""

    def __init__(
        self, operation: Operation[Item, Outcome], pool: Pool, moment: Callable[[], Moment]
    ) -> None:
        self._operation = operation
        self._pool = pool
        self._moment = moment

    async def run(self, batch: Sequence[Item]) -> Sequence[Outcome | Exception]:
        return await run_halving(self._run_part, batch, remedy_of=remedy_of)

    async def _run_part(self, part: Sequence[Item]) -> Sequence[Outcome | Exception]:
        moment = self._moment()
        async with transaction(self._pool) as connection:
            return await self._operation(connection, part, moment=moment)


def _verifier_of(
    settings: ServiceSettings,
    keys: KeySource,
    *,
    organisation_of: Callable[[str], Organisation | None],
) -> TokenVerifier:
    return TokenVerifier(
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        keys=keys,
        organisation_of=organisation_of,
        clock=time.time,
    )


def _version_of(service: str) -> str:
    return version(f"kuntavayla-{service}")
