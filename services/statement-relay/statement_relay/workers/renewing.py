"""Receivers' addresses and certificates: taken on when they change, and shown when they end."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from kuntavayla.service.workers.figures import LabelledGauge
from statement_relay.rules.endpoints import Endpoints
from statement_relay.workers.delivering import Courier

RENEWING_INTERVAL_S = 60.0
"""Seconds between two looks at the files."""


class Renewing:
    """Looks at the file of receivers and at the certificates that it names, for one courier."""

    def __init__(
        self, courier: Courier, read: Callable[[], Endpoints], *, registry: CollectorRegistry
    ) -> None:
        self._courier = courier
        self._read = read
        self._ends = LabelledGauge(
            "kuntavayla_relay_certificate_end_timestamp_seconds",
            "When a certificate in use towards a receiver ends.",
            ("receiver", "whose"),
            registry=registry,
        )

    async def look(self) -> None:
        """Let new calls go by what the files say now; show until when certificates hold.

        Raises EndpointsInvalid, OSError or UnicodeDecodeError where a file is no good: what was
        read before holds then, and its certificates are shown.
        """
        try:
            await self._courier.renew(self._read())
        finally:
            self._ends.show(
                {
                    (receiver_id, whose): ends_at.timestamp()
                    for receiver_id, whose, ends_at in self._courier.certificate_ends()
                }
            )
