"""The official on whose behalf a call is made (contracts.md, "Who acts")."""

from typing import Literal

from msgspec import Struct

from kuntavayla.values.codes import MunicipalityCode, OfficeCode, Reference

Role = Literal["caseworker", "decider", "import", "operator", "auditor"]
Purpose = Literal["client_service", "statement", "quota_decision", "supervision"]


class ActingOfficial(Struct, frozen=True, forbid_unknown_fields=True):
    """The official who acts: id in their own organisation, role, municipality or office."""

    official_id: Reference
    role: Role
    municipality_code: MunicipalityCode | None = None
    office: OfficeCode | None = None
