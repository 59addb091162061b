"""Acknowledgements from the topics of case systems: one consumer each, so none waits for another.

A record is a CloudEvent in binary mode, `fi.kuntavayla.transfer.taken-over.v1`; its value is one
item of `POST /transfers:acknowledge`. What no state could make acceptable is parked.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import JsonDecoder
from kuntavayla.inbox import (
    Consumption,
    IncomingEvent,
    Malformed,
    Parking,
    Refused,
    Sealing,
    StopLimits,
)
from kuntavayla.outbox import InboundMessage
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.workers.reading import id_or_none, inbound_consumers, received_of
from kuntavayla.telemetry import trace_of
from routing_api.events import SERVICE
from routing_api.operations import inbound
from routing_api.operations.inbound import ReceivedAcknowledgement, Refusal
from routing_api.operations.law import Law
from routing_api.rules.transfers import ReportBounds
from routing_api.schemas import AcknowledgementItem

TAKEN_OVER = "fi.kuntavayla.transfer.taken-over.v1"
INBOUND = InboundMessage.of(TAKEN_OVER, AcknowledgementItem)
CONSUMER_PREFIX = "acknowledgements."
CODES_MAX = 20
_items = JsonDecoder(AcknowledgementItem, bytes_max=65_536)


class _Named(Struct, frozen=True):
    """As much of a value as an answer may repeat."""

    transfer_id: str = ""


_decode_named = msgspec.json.Decoder(_Named).decode


class AcknowledgementDesk:
    """How the topics of case systems are handled, whichever source reads them."""

    def __init__(
        self,
        law: Law,
        *,
        moment: Callable[[], Moment],
        clock: Callable[[], datetime],
        bounds: ReportBounds,
        limits: StopLimits | None = None,
    ) -> None:
        self._law = law
        self._moment = moment
        self._clock = clock
        self._bounds = bounds
        self._limits = limits or StopLimits()

    def topics(self) -> dict[str, str]:
        """Return the consumer of each inbound topic, by topic: one a case system of today."""
        systems = self._law.registers.newest.case_systems(on=self._moment().today)
        return inbound_consumers(systems, service=SERVICE, prefix=CONSUMER_PREFIX)

    def consumption(self, consumer: str) -> Consumption | None:
        """Return how a consumer handles its records; None for a name that is none of these."""
        case_system_id = consumer.removeprefix(CONSUMER_PREFIX)
        is_known = self._law.registers.newest.case_system(case_system_id) is not None
        if case_system_id == consumer or not is_known:
            return None
        vault = self._law.vault

        async def handle(connection: Connection, events: Sequence[IncomingEvent]) -> None:
            """Give acknowledgements their effect, or their answer."""
            await self._acknowledge(connection, events, case_system_id=case_system_id)

        async def answer(connection: Connection, refused: Sequence[Refused]) -> None:
            """Tell the case system what was parked."""
            await inbound.answer(
                connection,
                [_refusal_of(one) for one in refused],
                case_system_id=case_system_id,
                moment=self._moment(),
            )

        parking = Parking(
            clock=self._clock,
            check=_check,
            on_parked=answer,
            # The oldest secret stays in the ring for ever, so the same key is always the same.
            sealing=Sealing(vault, vault.fingerprints[-1]),
            limits=self._limits,
        )
        return Consumption(handle, parking)

    async def _acknowledge(
        self, connection: Connection, events: Sequence[IncomingEvent], *, case_system_id: str
    ) -> None:
        trace = trace_of(None, events[0].traceparent)
        call = Call(
            organisation=case_system_id,
            request_id=trace.request_id,
            traceparent=trace.traceparent,
        )
        acknowledgements = [
            ReceivedAcknowledgement(received_of(event, subject=item.transfer_id), item.value())
            for event, item in ((event, _items.decode(bytes(event.data))) for event in events)
        ]
        await inbound.acknowledge(
            connection, acknowledgements, call=call, moment=self._moment(), bounds=self._bounds
        )


def _check(event: IncomingEvent) -> None:
    """Raise what no state could make acceptable: another type, or a value with faults."""
    if event.type != TAKEN_OVER:
        advice = f"Send events of the type {TAKEN_OVER}."
        raise InvalidContent((Fault("/ce_type", "event_type_not_taken", advice),))
    faults = _items.decode(bytes(event.data)).faults(at="")
    if faults:
        raise InvalidContent(tuple(faults))


def _refusal_of(refused: Refused) -> Refusal:
    """Return the answer to a parked record, which repeats no more of it than ids of our form."""
    incoming = refused.incoming
    body = incoming.body or b"" if isinstance(incoming, Malformed) else bytes(incoming.data)
    transfer_id = _transfer_id_in(body)
    return Refusal(
        received=received_of(incoming, subject=transfer_id),
        transfer_id=transfer_id,
        codes=refused.codes[:CODES_MAX],
        is_parked=True,
    )


def _transfer_id_in(body: bytes) -> str | None:
    try:
        return id_or_none(_decode_named(body).transfer_id)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
