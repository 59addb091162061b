"""The wire types of routing-api, one file per noun; field names are binding (contracts.md)."""

from routing_api.schemas.clients import (
    ClienthoodList,
    ClienthoodResponse,
    ClientResponse,
    HeldClienthoodResponse,
    LookupRequest,
)
from routing_api.schemas.decisions import (
    DecisionResponse,
    DueNotice,
    OfferedTransfer,
    OpenedReview,
    Recomputed,
    Responsible,
    RuleSetName,
)
from routing_api.schemas.disclosures import DisclosureList, DisclosureResponse
from routing_api.schemas.operating import StatusResponse
from routing_api.schemas.persons import FetchedItem, FetchedPerson, FetchRequest, FetchResponse
from routing_api.schemas.reconciliations import (
    ReconciledDifference,
    ReconciliationList,
    ReconciliationRequest,
    ReconciliationResponse,
)
from routing_api.schemas.registrations import (
    BulkLine,
    DetailedBulkLine,
    RegistrationRequest,
    RegistrationResponse,
    ShortDecision,
)
from routing_api.schemas.reviews import ResolveRequest, ReviewList, ReviewResponse
from routing_api.schemas.transfers import (
    AcknowledgementItem,
    AcknowledgeRequest,
    Caseworker,
    ItemResult,
    ItemsResponse,
    NoticeItem,
    NoticeRequest,
    TransferList,
    TransferResponse,
)

__all__ = [
    "AcknowledgeRequest",
    "AcknowledgementItem",
    "BulkLine",
    "Caseworker",
    "ClientResponse",
    "ClienthoodList",
    "ClienthoodResponse",
    "DecisionResponse",
    "DetailedBulkLine",
    "DisclosureList",
    "DisclosureResponse",
    "DueNotice",
    "FetchRequest",
    "FetchResponse",
    "FetchedItem",
    "FetchedPerson",
    "HeldClienthoodResponse",
    "ItemResult",
    "ItemsResponse",
    "LookupRequest",
    "NoticeItem",
    "NoticeRequest",
    "OfferedTransfer",
    "OpenedReview",
    "Recomputed",
    "ReconciledDifference",
    "ReconciliationList",
    "ReconciliationRequest",
    "ReconciliationResponse",
    "RegistrationRequest",
    "RegistrationResponse",
    "ResolveRequest",
    "Responsible",
    "ReviewList",
    "ReviewResponse",
    "RuleSetName",
    "ShortDecision",
    "StatusResponse",
    "TransferList",
    "TransferResponse",
]
