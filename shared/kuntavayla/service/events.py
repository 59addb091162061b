"""Events that every service announces, version 1; a service lists them among its own."""

from datetime import date
from typing import ClassVar

from msgspec import Struct

INTERNAL = "internal"
"""The recipient of events for our own services."""


class AuditSealedV1(Struct, frozen=True, kw_only=True):
    """The audit's blocks of a legal day are complete; its last hash, to be kept outside."""

    type_name: ClassVar[str] = "audit.sealed"
    sealed_on: date
    block_number: int
    block_hash: str
    block_count: int
    line_count: int
    key_id: str
