"""Failures of statement-relay, each with its kind and public code."""

from typing import ClassVar

from kuntavayla.errors import DomainError, Kind


class InformationNotFound(DomainError):
    """No such item of information for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "information_not_found"


class ResponsibleOther(DomainError):
    """On the day that the information concerns another authority was responsible for the client."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "responsible_other"


class AlreadyReplaced(DomainError):
    """The item was corrected or withdrawn before; its newest successor is what can be changed."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "already_replaced"


class InformationEnded(DomainError):
    """The item was withdrawn, refused, rejected, or never relayed: there is nothing to change."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "information_ended"


class OnlyByRest(DomainError):
    """Information about this client is taken over HTTP only, never by a topic."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "only_by_rest"


class DeliverySettled(DomainError):
    """The item's delivery has ended otherwise; nothing changes it any more."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "delivery_settled"


class SuccessorOvertaken(DomainError):
    """Another correction or withdrawal of the item was accepted since; this one stays rejected."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "successor_overtaken"


class DeliveryUnderWay(DomainError):
    """The item is being delivered at this moment; what comes of it is known soon."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "delivery_under_way"


class DeliveryBehindOthers(DomainError):
    """Earlier items of the client come first; the first of them is what can be repaired."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "delivery_behind_others"


class DeliveryNotFound(DomainError):
    """No such item that is on its way to a receiver."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "delivery_not_found"


class DeliveryCountDiffers(DomainError):
    """Another number of items is meant than was expected; nothing was done."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "delivery_count_differs"


class DeliveriesTooMany(DomainError):
    """More items are meant than one call repairs."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "deliveries_too_many"


class ReceiverNotFound(DomainError):
    """No such receiver."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "receiver_not_found"


class NoSuchClient(DomainError):
    """No such client for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "client_not_found"


class InformationRequestNotFound(DomainError):
    """No such information request for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "information_request_not_found"


class StatementNotFound(DomainError):
    """No such statement for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "statement_not_found"


class IssuerOther(DomainError):
    """The statement on this kind and day is issued by another authority."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "issuer_other"


class ReferenceReused(DomainError):
    """The reference is taken by a question or statement of the same sender with other content."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "reference_reused"


class AlreadyAnswered(DomainError):
    """The information request was answered before, with other content."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "already_answered"


class ReconciliationNotFound(DomainError):
    """The receiver has sent no list of the day."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "reconciliation_not_found"


class ReceiverListMissing(DomainError):
    """The receiver has not told what it took: away, refusing, or with a list that is none."""

    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    code: ClassVar[str] = "receiver_list_missing"
