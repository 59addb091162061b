"""An item as it is kept, and the exact bytes in which its receiver gets it."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.values.responsibilities import ClientName
from statement_relay.rules.facts import Facts
from statement_relay.rules.hearing import Hearing
from statement_relay.rules.items import InformationItem
from statement_relay.rules.kinds import InformationKind
from statement_relay.rules.shape import Attachment, TimeSpan, WithdrawalReason
from statement_relay.rules.states import Action

NONCE_BYTES = 16
"""Random bytes in a body, so that nobody can guess a small item from its digest."""


class Withdrawn(Struct, frozen=True):
    """Why an item was withdrawn; stays here."""

    reason_code: WithdrawalReason
    reason: str


class Content(Struct, frozen=True):
    """The validated item, instants in UTC; of a withdrawal that which it withdraws, with why."""

    item: InformationItem
    withdrawn: Withdrawn | None = None


class _Client(Struct, frozen=True):
    client_id: str
    source_system: str | None
    client_number: str | None


class _Body(Struct, frozen=True, kw_only=True):
    """What the receiver contract says, in its order; the nonce comes last."""

    information_id: str
    sequence: int
    kind: InformationKind
    action: Action
    replaces_information_id: str | None
    client: _Client
    municipality_code: str
    period: TimeSpan
    facts: Facts
    hearing: Hearing
    occurred_at: datetime
    known_at: datetime
    author_role: str
    attachments: tuple[Attachment, ...]
    accepted_at: datetime
    nonce: str


class Envelope(Struct, frozen=True, kw_only=True):
    """What goes around an item on its way: ids, its place in the queue, who the client is there."""

    information_id: str
    action: Action
    replaces_information_id: str | None
    sequence: int
    client: ClientName
    author_role: str
    accepted_at: datetime
    nonce: bytes


_encode = msgspec.json.Encoder().encode
_decode_content = msgspec.json.Decoder(Content).decode


def body_of(content: Content, envelope: Envelope) -> bytes:
    """Return the bytes that are sent, made once and never encoded anew."""
    item, client = content.item, envelope.client
    return _encode(
        _Body(
            information_id=envelope.information_id,
            sequence=envelope.sequence,
            kind=item.kind,
            action=envelope.action,
            replaces_information_id=envelope.replaces_information_id,
            client=_Client(client.client_id, client.source_system, client.client_number),
            municipality_code=item.municipality_code,
            period=item.period,
            facts=item.facts,
            hearing=item.hearing,
            occurred_at=item.occurred_at,
            known_at=item.known_at,
            author_role=envelope.author_role,
            attachments=item.attachments,
            accepted_at=envelope.accepted_at,
            nonce=urlsafe_b64encode(envelope.nonce).decode("ascii").rstrip("="),
        )
    )


def content_text(content: Content) -> str:
    """Return a content as it is stored."""
    return _encode(content).decode()


def content_of(text: str) -> Content:
    """Return a stored content."""
    return _decode_content(text)


def in_utc(item: InformationItem) -> InformationItem:
    """Return an item with its instants in UTC: an instant is the same in every zone."""
    hearing = item.hearing
    return replace(
        item,
        occurred_at=_utc(item.occurred_at),
        known_at=_utc(item.known_at),
        hearing=replace(
            hearing,
            requested_at=_utc_or_none(hearing.requested_at),
            answered_at=_utc_or_none(hearing.answered_at),
        ),
    )


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)


def _utc_or_none(instant: datetime | None) -> datetime | None:
    return None if instant is None else _utc(instant)
