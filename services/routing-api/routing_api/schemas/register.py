"""The register as callers read it."""

from msgspec import Struct

from routing_api.rules.competences import Competence


class AreaEntry(Struct, frozen=True):
    """An area and the municipalities that belong to it on the day."""

    code: str
    kind: str
    name_fi: str
    name_sv: str
    name_en: str | None
    municipality_codes: tuple[str, ...]


class MunicipalityEntry(Struct, frozen=True, omit_defaults=True):
    """A municipality on the day: names, membership and its status, case system, TE office."""

    code: str
    name_fi: str
    name_sv: str
    name_en: str
    area_code: str | None = None
    membership_status: str | None = None
    case_system_id: str | None = None
    te_office_code: str | None = None


class CaseSystemEntry(Struct, frozen=True):
    """A case system, its contact point, and the municipalities that it serves on the day."""

    case_system_id: str
    name_fi: str
    name_sv: str
    contact_point: str
    municipality_codes: tuple[str, ...]


class AreaList(Struct, frozen=True):
    """The areas of a day."""

    items: list[AreaEntry]
    next_cursor: str | None
    register_version: str


class MunicipalityList(Struct, frozen=True):
    """The municipalities of a day."""

    items: list[MunicipalityEntry]
    next_cursor: str | None
    register_version: str


class CaseSystemList(Struct, frozen=True):
    """The case systems of a day."""

    items: list[CaseSystemEntry]
    next_cursor: str | None
    register_version: str


class CompetenceList(Struct, frozen=True):
    """The competences of a day."""

    items: list[Competence]
    next_cursor: str | None
