"""Event data of quota-ledger, version 1: ids, codes and amounts; no name and no employer.

Within a version changes are additive. The envelope is `kuntavayla.events`; the committed schemas
are compared in tests. Events of an account go to its ELY centre and to the case systems of its
area.
"""

from typing import ClassVar, Literal

from msgspec import Struct

from kuntavayla.service.events import AuditSealedV1

SERVICE = "quota-ledger"
SOURCE = f"/kuntavayla/{SERVICE}"


class AllocationChangedV1(Struct, frozen=True, kw_only=True):
    """What an account may spend has changed, or an indicative allocation was told.

    `amount_cents` and `persons` are the change, negative where it is less; the others are what is
    allocated and free behind it.
    """

    type_name: ClassVar[str] = "allocation.changed"
    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    budget_year: int
    kind: Literal["initial", "addition", "cut", "transfer_in", "transfer_out", "lapse"]
    status: Literal["indicative", "confirmed"]
    allocation_id: str | None
    transfer_id: str | None
    amount_cents: int
    persons: int
    allocated_cents: int
    allocated_persons: int
    available_cents: int


class QuotaThresholdReachedV1(Struct, frozen=True, kw_only=True):
    """So much of an account is used, in per cent; told once until its allocation changes."""

    type_name: ClassVar[str] = "quota.threshold_reached"
    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    budget_year: int
    threshold_per_cent: int
    used_cents: int
    allocated_cents: int
    available_cents: int


EVENT_TYPES = (
    AllocationChangedV1,
    QuotaThresholdReachedV1,
    AuditSealedV1,
)
