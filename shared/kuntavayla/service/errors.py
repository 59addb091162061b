"""Failures of what every service offers, each with its kind and public code."""

from typing import ClassVar

from kuntavayla.errors import DomainError, Kind


class OfficeNotYours(DomainError):
    """An office acts only under its own code, by officials of its own."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "office_not_yours"


class MunicipalityNotServed(DomainError):
    """The caller's case system does not serve the municipality."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "municipality_not_served"


class OfficialRoleRefused(DomainError):
    """An official of this role may not do this."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "official_role_refused"


class RecipientNotFound(DomainError):
    """No such recipient of events for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "recipient_not_found"


class RecipientPaused(DomainError):
    """The recipient's events are held back by the operator; nothing is lost."""

    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    code: ClassVar[str] = "recipient_paused"


class RedeliveryTooLarge(DomainError):
    """More events are chosen than one redelivery sends."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "redelivery_too_large"


class EventCountDiffers(DomainError):
    """Another number of events would be sent than was expected; nothing was sent."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "event_count_differs"


class MunicipalIdReused(DomainError):
    """The municipal id is taken by other content."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "municipal_id_reused"


class DecisionNotFound(DomainError):
    """No such decision for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "decision_not_found"
