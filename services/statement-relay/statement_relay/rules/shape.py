"""The members that every item of information has, whatever its kind."""

from datetime import date
from typing import Annotated, Literal, cast

from msgspec import Meta, Struct

from kuntavayla.values.codes import Id, Instant, MunicipalityCode, Reference
from statement_relay.rules.digests import Digest
from statement_relay.rules.facts import Facts
from statement_relay.rules.hearing import Hearing
from statement_relay.rules.kinds import InformationKind

ATTACHMENTS_MAX = 20
AuthorRole = Literal["caseworker", "decider", "import"]
AttachmentKind = Literal[
    "client_explanation", "employer_certificate", "service_provider_report", "plan", "other"
]
WithdrawalReason = Literal[
    "entered_in_error", "wrong_client", "wrong_kind", "sent_twice", "matter_cleared_up", "other"
]


class TimeSpan(Struct, frozen=True, forbid_unknown_fields=True):
    """The days that the item is about, both ends included; without `ends_on` it is open."""

    starts_on: date
    ends_on: date | None = None


class Author(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wrote the item, by the municipality's own id; the receiver learns the role alone."""

    official_id: Reference
    role: AuthorRole


class Attachment(Struct, frozen=True, forbid_unknown_fields=True):
    """A document in the municipality's own archive; its content never passes the relay."""

    reference: Reference
    kind: AttachmentKind
    digest: Digest


class Item(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """An item of information; `municipal_id` is the sender's own, once for ever.

    `occurred_at` is when it happened, `known_at` when the municipality learned of it. `replaces`
    names the item that a correction stands for, and is null in any other.
    """

    municipal_id: Reference
    client_id: Id
    municipality_code: MunicipalityCode
    period: TimeSpan
    facts: Facts
    hearing: Hearing
    occurred_at: Instant
    known_at: Instant
    author: Author
    attachments: Annotated[tuple[Attachment, ...], Meta(max_length=ATTACHMENTS_MAX)] = ()
    replaces: Id | None = None

    @property
    def kind(self) -> InformationKind:
        """The kind, by which the bytes were told apart."""
        return cast("InformationKind", self.__struct_config__.tag)


class WithdrawalRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The withdrawal of an item: under a municipal id of its own, with the reason."""

    municipal_id: Reference
    reason_code: WithdrawalReason
    reason: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1000,
            title="reason",
            description="Give 1 to 1,000 characters, without health or identity codes.",
        ),
    ]
