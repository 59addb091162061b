"""Acknowledgements that a case system sends by its topic: the same act as over HTTP.

Whose they are is told by the topic, never by the record. What is refused is answered with an event,
in the same transaction.
"""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import outbox
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.events import Channel, EventDraft
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.inbound import Received
from routing_api.events import AcknowledgementRefusedV1
from routing_api.operations import transfers
from routing_api.operations.transfers import Party
from routing_api.rules.transfers import Acknowledgement, ReportBounds


class ReceivedAcknowledgement(Struct, frozen=True):
    """An acknowledgement, and the record that it came in."""

    received: Received
    item: Acknowledgement


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a record was not taken; a parked one waits for an operator."""

    received: Received
    transfer_id: str | None
    codes: tuple[str, ...]
    is_parked: bool


async def acknowledge(
    connection: Connection,
    acknowledgements: Sequence[ReceivedAcknowledgement],
    *,
    call: Call,
    moment: Moment,
    bounds: ReportBounds,
) -> None:
    """Record that clients of the calling case system were taken over.

    Restricted clients are not acknowledged by a topic, since no topic tells of them: their
    transfers are like unknown ones. Locks the transfers in order of their ids. Commits together:
    states, audit lines, events to the TE offices and answers to what was refused.
    """
    outcomes = await transfers.acknowledge(
        connection,
        [one.item for one in acknowledgements],
        party=Party(case_system_id=call.organisation),
        call=call,
        moment=moment,
        bounds=bounds,
    )
    refusals = [
        Refusal(
            received=one.received,
            transfer_id=one.item.transfer_id,
            codes=(outcome.code,),
            is_parked=False,
        )
        for one, outcome in zip(acknowledgements, outcomes, strict=True)
        if isinstance(outcome, DomainError)
    ]
    await answer(connection, refusals, case_system_id=call.organisation, moment=moment)


async def answer(
    connection: Connection, refusals: Sequence[Refusal], *, case_system_id: str, moment: Moment
) -> None:
    """Tell a case system which of its records were not taken, and why; call it last."""
    drafts = [
        EventDraft(
            event_id=moment.new_id(),
            type_name=AcknowledgementRefusedV1.type_name,
            version=1,
            subject=refusal.received.subject,
            recipient=case_system_id,
            channel=Channel.COMMON,
            causation_id=refusal.received.cause_id,
            traceparent=refusal.received.traceparent,
            data=AcknowledgementRefusedV1(
                transfer_id=refusal.transfer_id,
                codes=refusal.codes,
                topic=refusal.received.place.topic,
                partition=refusal.received.place.partition,
                offset=refusal.received.place.offset,
                is_parked=refusal.is_parked,
            ),
        )
        for refusal in refusals
    ]
    await outbox.append(connection, drafts, origin=moment.origin)
