"""Failures of what every service offers, each with its kind and public code."""

from typing import ClassVar

from kuntavayla.errors import DomainError, Kind


class OfficeNotYours(DomainError):
    """An office sends only registrations of its own code, by officials of its own."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "office_not_yours"


class MunicipalityNotServed(DomainError):
    """The caller's case system does not serve the official's municipality."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "municipality_not_served"


class OfficialRoleRefused(DomainError):
    """An official of this role may not do this."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "official_role_refused"
