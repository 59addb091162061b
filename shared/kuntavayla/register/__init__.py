"""The register: dated municipalities, areas, memberships, case systems, offices, organisations.

It is read once, at composition, from the package's data; reading refuses gaps, overlaps, duplicates
and unknown codes. A register never changes: an operator's recorded changes make a new one. Nothing
here reads a clock or a database.
"""

from kuntavayla.register.changes import ChangeKind, RegisterChange
from kuntavayla.register.entries import (
    Area,
    CaseSystem,
    Membership,
    MembershipKind,
    MembershipStatus,
    Municipality,
    Organisation,
    OrganisationKind,
    ServedMunicipality,
    TeOffice,
)
from kuntavayla.register.faults import RegisterFault
from kuntavayla.register.loading import load_register, parse_register
from kuntavayla.register.lookups import Register

__all__ = [
    "Area",
    "CaseSystem",
    "ChangeKind",
    "Membership",
    "MembershipKind",
    "MembershipStatus",
    "Municipality",
    "Organisation",
    "OrganisationKind",
    "Register",
    "RegisterChange",
    "RegisterFault",
    "ServedMunicipality",
    "TeOffice",
    "load_register",
    "parse_register",
]
