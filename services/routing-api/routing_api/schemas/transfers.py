"""Transfers, acknowledgements and notices."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.errors import Fault
from kuntavayla.http import Problem
from kuntavayla.service.schemas.limits import CALL_ITEMS_MAX, Id
from kuntavayla.values.codes import Instant, LanguageCode, Reference
from kuntavayla.values.faults import instant_fault, reference_faults
from kuntavayla.values.officials import ActingOfficial
from routing_api.rules.transfers import Acknowledgement, NoticeChannel, TransferState


class TransferResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A transfer and its hand-shake."""

    transfer_id: str
    client_id: str
    clienthood_version: int
    case_system_id: str
    municipality_code: str
    area_code: str
    te_office_code: str
    cause: str
    effective_on: date
    state: TransferState
    flags: Sequence[str]
    acknowledge_due_at: datetime
    acknowledged_at: datetime | None = None
    taken_over_at: datetime | None = None
    caseworker_id: str | None = None
    contact_point: str | None = None
    notice_due_on: date
    notified_at: datetime | None = None
    notice_channel: str | None = None
    notice_language_code: str | None = None


class Caseworker(Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes care of the client at the municipality."""

    official_id: Reference | None = None
    contact_point: Reference | None = None


class AcknowledgementItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One client taken over."""

    transfer_id: Id
    taken_over_at: Instant
    caseworker: Caseworker = Caseworker()

    def faults(self, *, at: str) -> list[Fault]:
        """Return what the decoder cannot know; `at` is the pointer of the item.

        An instant that UTC has no day for, a reference that holds an identity code.
        """
        taken_over = instant_fault(f"{at}/taken_over_at", self.taken_over_at)
        references = [
            (f"{at}/caseworker/official_id", self.caseworker.official_id),
            (f"{at}/caseworker/contact_point", self.caseworker.contact_point),
        ]
        return [*([taken_over] if taken_over else []), *reference_faults(references)]

    def value(self) -> Acknowledgement:
        """Return the acknowledgement that the item, without faults, makes."""
        return Acknowledgement(
            transfer_id=self.transfer_id,
            taken_over_at=self.taken_over_at.astimezone(UTC),
            caseworker_id=self.caseworker.official_id,
            contact_point=self.caseworker.contact_point,
        )


class AcknowledgeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Clients taken over."""

    items: Annotated[list[AcknowledgementItem], Meta(min_length=1, max_length=CALL_ITEMS_MAX)]


class NoticeItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One person told about a transfer."""

    transfer_id: Id
    channel: NoticeChannel
    language_code: LanguageCode
    notified_at: Instant
    template: Reference | None = None


class NoticeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Persons told about their transfers."""

    items: Annotated[list[NoticeItem], Meta(min_length=1, max_length=CALL_ITEMS_MAX)]
    acting_official: ActingOfficial | None = None


class ItemResult(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one item of a call on many."""

    transfer_id: str
    result: Literal["done", "refused"]
    state: str | None = None
    problem: Problem | None = None


class ItemsResponse(Struct, frozen=True):
    """One outcome per item, in order."""

    items: Sequence[ItemResult]


class TransferList(Struct, frozen=True):
    """A page of transfers."""

    items: Sequence[TransferResponse]
    next_cursor: str | None
