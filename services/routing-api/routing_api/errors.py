"""Failures of routing-api, each with its kind and public code."""

from typing import ClassVar

from kuntavayla.errors import DomainError, Kind


class RegistrationIdReused(DomainError):
    """The source registration id is taken by a registration with other content."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "registration_id_reused"


class EffectiveOnBeforeNewestDecision(DomainError):
    """The registration would be effective before the client's newest decision."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "effective_on_before_newest_decision"


class RegistrationNotFound(DomainError):
    """No such registration for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "registration_not_found"


class ReviewNotFound(DomainError):
    """No such review for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "review_not_found"


class ClientNotFound(DomainError):
    """No such client for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "client_not_found"


class TransferNotFound(DomainError):
    """No such transfer for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "transfer_not_found"


class TransferWithdrawn(DomainError):
    """The transfer was withdrawn; somebody else is responsible for the client."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "transfer_withdrawn"


class AlreadyAcknowledged(DomainError):
    """The transfer was acknowledged before, with other content."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "already_acknowledged"


class NoticeAlreadyGiven(DomainError):
    """The person was told of this transfer before, in another way."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "notice_already_given"


class ReportedInFuture(DomainError):
    """What is reported lies in the future."""

    kind: ClassVar[Kind] = Kind.INVALID
    code: ClassVar[str] = "reported_in_future"


class ReportedTooEarly(DomainError):
    """What is reported lies before the transfer that it is about."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "reported_too_early"


class ReviewClosed(DomainError):
    """The review is no longer open."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "review_closed"


class ResolutionContradictsRules(DomainError):
    """With these facts the rules decide otherwise."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "resolution_contradicts_rules"


class MunicipalityNotInAnArea(DomainError):
    """The home municipality belongs to no area on that day, so it can not become responsible."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "municipality_not_in_an_area"


class FactsErased(DomainError):
    """The facts of the decision were erased when their period ended; it can not be recomputed."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "facts_erased"
