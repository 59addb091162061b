"""What was not taken, or is no longer tried, as an event to the case system that sent it."""

from msgspec import Struct

from kuntavayla.events import Channel, EventDraft
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.inbound import Place
from statement_relay.events import InformationRefusedV1


class Refusal(Struct, frozen=True, kw_only=True):
    """What was refused, with the codes of why; ids are given where they have our form.

    `subject` and `cause_id` are those of the event where there is no item: of a record.
    """

    codes: tuple[str, ...]
    information_id: str | None = None
    municipal_id: str | None = None
    client_id: str | None = None
    place: Place | None = None
    is_parked: bool = False
    subject: str | None = None
    cause_id: str | None = None


def refused_draft(
    refusal: Refusal, *, recipient: str, is_restricted: object, traceparent: str, moment: Moment
) -> EventDraft:
    """Return the event of a refusal, in the feed that applies."""
    subject = refusal.subject or refusal.client_id
    cause_id = refusal.cause_id or refusal.information_id
    assert subject is not None, "an event has a subject"
    assert cause_id is not None, "an event has a cause"
    place = refusal.place
    return EventDraft(
        event_id=moment.new_id(),
        type_name=InformationRefusedV1.type_name,
        version=1,
        subject=subject,
        recipient=recipient,
        channel=Channel.RESTRICTED if is_restricted else Channel.COMMON,
        causation_id=cause_id,
        traceparent=traceparent,
        data=InformationRefusedV1(
            information_id=refusal.information_id,
            municipal_id=refusal.municipal_id,
            client_id=refusal.client_id,
            codes=refusal.codes,
            topic=place.topic if place else None,
            partition=place.partition if place else None,
            offset=place.offset if place else None,
            is_parked=refusal.is_parked,
        ),
    )
