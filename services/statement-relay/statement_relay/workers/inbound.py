"""Information from the topics of case systems: one consumer each, so none waits for another.

A record is a CloudEvent in binary mode, `fi.kuntavayla.information.sent.v1`; its value is one item
of `POST /information`. What no state could make acceptable is parked.
"""

import re
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
from kuntavayla.register import CaseSystem
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.workers.reading import id_or_none, inbound_consumers, received_of
from kuntavayla.telemetry import trace_of
from kuntavayla.values.faults import reference_faults
from statement_relay.events import SERVICE
from statement_relay.operations.inbound import ReceivedItem, RefusedRecord, answer, take_in
from statement_relay.operations.law import Law
from statement_relay.operations.submissions import Submission, Told, submission_of
from statement_relay.rules.intake import examine, examine_new
from statement_relay.rules.items import InformationItem

SENT = "fi.kuntavayla.information.sent.v1"
INBOUND = InboundMessage(
    type_name=SENT, value_type=InformationItem, title="An item of information of any kind."
)
CONSUMER_PREFIX = "information."
CODES_MAX = 20
_REFERENCE = re.compile(r"[\x21-\x7E]{1,64}")
_items: JsonDecoder[InformationItem] = JsonDecoder(InformationItem, bytes_max=65_536)


class _Named(Struct, frozen=True):
    """As much of a value as an answer may repeat."""

    municipal_id: str = ""
    client_id: str = ""


_decode_named = msgspec.json.Decoder(_Named).decode


class InboundDesk:
    """How the topics of case systems are handled, whichever source reads them."""

    def __init__(
        self,
        law: Law,
        *,
        moment: Callable[[], Moment],
        clock: Callable[[], datetime],
        sealing: Sealing,
        limits: StopLimits | None = None,
    ) -> None:
        self._law = law
        self._moment = moment
        self._clock = clock
        self._sealing = sealing
        self._limits = limits or StopLimits()

    def topics(self) -> dict[str, str]:
        """Return the consumer of each inbound topic, by topic: one a case system of today."""
        systems = self._law.register.case_systems(on=self._moment().today)
        return inbound_consumers(systems, service=SERVICE, prefix=CONSUMER_PREFIX)

    def consumption(self, consumer: str) -> Consumption | None:
        """Return how a consumer handles its records; None for a name that is none of these."""
        case_system_id = consumer.removeprefix(CONSUMER_PREFIX)
        sender = self._law.register.case_system(case_system_id)
        if case_system_id == consumer or sender is None:
            return None

        async def handle(connection: Connection, events: Sequence[IncomingEvent]) -> None:
            """Take items in, or answer why not."""
            await self._take_in(connection, events, sender=sender)

        async def tell(connection: Connection, refused: Sequence[Refused]) -> None:
            """Tell the case system what was parked."""
            await answer(
                connection,
                [_refused(one) for one in refused],
                case_system_id=case_system_id,
                moment=self._moment(),
            )

        parking = Parking(
            clock=self._clock,
            check=self._check,
            on_parked=tell,
            sealing=self._sealing,
            limits=self._limits,
        )
        return Consumption(handle, parking)

    def _check(self, event: IncomingEvent) -> None:
        """Raise what no state could make acceptable: another type, or a value with faults."""
        if event.type != SENT:
            advice = f"Send events of the type {SENT}."
            raise InvalidContent((Fault("/ce_type", "event_type_not_taken", advice),))
        item = _items.decode(bytes(event.data))
        law, now = self._law, self._moment().now
        faults = (
            *examine(item, kinds=law.tables.kinds, now=now, limits=law.limits),
            *examine_new(item),
        )
        if faults:
            raise InvalidContent(faults)

    async def _take_in(
        self, connection: Connection, events: Sequence[IncomingEvent], *, sender: CaseSystem
    ) -> None:
        moment = self._moment()
        items = [self._received(event, sender=sender, moment=moment) for event in events]
        await take_in(connection, items, law=self._law, moment=moment)

    def _received(
        self, event: IncomingEvent, *, sender: CaseSystem, moment: Moment
    ) -> ReceivedItem:
        item = _items.decode(bytes(event.data))
        trace = trace_of(None, event.traceparent)
        call = Call(
            organisation=sender.case_system_id,
            request_id=trace.request_id,
            traceparent=trace.traceparent,
            official_id=item.author.official_id,
            official_role=item.author.role,
            purpose="statement",
        )
        told = Told(municipal_id=item.municipal_id, action="new", item=item, author=item.author)
        submission = submission_of(told, sender=sender, call=call, moment=moment, law=self._law)
        by_topic: Submission = msgspec.structs.replace(submission, is_by_topic=True)
        return ReceivedItem(received_of(event, subject=item.client_id), by_topic)


def _refused(refused: Refused) -> RefusedRecord:
    """Return the answer to a parked record, which repeats no more of it than ids of our form."""
    incoming = refused.incoming
    body = incoming.body or b"" if isinstance(incoming, Malformed) else bytes(incoming.data)
    named = _named_in(body)
    client_id = id_or_none(named.client_id)
    return RefusedRecord(
        received=received_of(incoming, subject=client_id),
        codes=refused.codes[:CODES_MAX],
        municipal_id=_reference_or_none(named.municipal_id),
        client_id=client_id,
        is_parked=True,
    )


def _reference_or_none(text: str) -> str | None:
    """Return a reference of the agreed form that names nobody, None for any other text."""
    is_told = _REFERENCE.fullmatch(text) and not reference_faults([("/municipal_id", text)])
    return text if is_told else None


def _named_in(body: bytes) -> _Named:
    try:
        return _decode_named(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Named()
