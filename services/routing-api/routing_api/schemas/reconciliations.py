"""Reconciliations: the list that a case system sends, and what came of it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.service.schemas.limits import Id

CLAIMS_MAX = 100_000
Version = Annotated[
    int,
    Meta(
        ge=1,
        le=1_000_000,
        title="clienthood_version",
        description="Give the newest clienthood_version that you know of the client.",
    ),
]


class ReconciliationRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the list: a client that the case system holds."""

    client_id: Id
    clienthood_version: Version


class ReconciledDifference(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A client about which the two lists differ, and what repairs it."""

    kind: Literal["missing", "unknown", "ended", "version_differs"]
    client_id: str
    your_version: int | None = None
    our_version: int | None = None
    repaired_by: Literal["POST /redeliveries", "case_system"]
    event_ids: Sequence[str] = ()


class ReconciliationResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result of an organisation and a day; the first 1,000 differences, all are counted."""

    organisation: str
    day: date
    reconciled_at: datetime
    is_equal: bool
    your_count: int
    our_count: int
    matched: int
    missing: int
    unknown: int
    ended: int
    version_differs: int
    on_the_way: int
    differences: Sequence[ReconciledDifference] | None = None


class ReconciliationList(Struct, frozen=True):
    """The results of a day."""

    items: Sequence[ReconciliationResponse]
    next_cursor: None
