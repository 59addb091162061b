"""Who was told about a client."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct


class DisclosureResponse(Struct, frozen=True, kw_only=True):
    """One time that somebody was told about the client: who, when, by which act, for what."""

    disclosed_at: datetime
    organisation: str
    official_id: str | None
    official_role: str | None
    municipality_code: str | None
    action: str
    purpose: str | None
    resource_id: str | None
    request_id: str


class DisclosureList(Struct, frozen=True):
    """A page of disclosures, oldest first."""

    items: Sequence[DisclosureResponse]
    next_cursor: str | None
