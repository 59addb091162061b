"""Failures of quota-ledger, each with its kind and public code."""

from typing import ClassVar

from kuntavayla.errors import DomainError, Kind


class AreaNotYours(DomainError):
    """The area, or the account asked for, is not one of the caller's."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "area_not_yours"
