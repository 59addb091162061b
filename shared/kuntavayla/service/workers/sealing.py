"""The audit's sealer: one process is elected, and seals."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from kuntavayla.audit import SealKey, keep_sealing
from kuntavayla.audit.electing import SealReport
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations import seals


async def keep_sealed(
    url: str,
    key: SealKey,
    *,
    moment: Callable[[], Moment],
    registry: CollectorRegistry,
    interval_s: float,
) -> None:
    """Stand for election as the audit's sealer, and seal, until cancelled."""
    is_sealer = Gauge(
        "kuntavayla_audit_is_sealer", "1 where this process seals the audit.", registry=registry
    )
    sealed = Counter("kuntavayla_audit_sealed_lines", "Lines sealed.", registry=registry)
    await keep_sealing(
        url,
        seals.sealer_of(key, moment=moment),
        report=SealReport(leads=is_sealer.set, sealed=sealed.inc),
        interval_s=interval_s,
    )
