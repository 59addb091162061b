"""The register as of a day: areas, municipalities, case systems, and who is competent for what."""

from datetime import date
from typing import Annotated

from fastapi import Query
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.http import described, json_answer, secured_router
from kuntavayla.register import Area, CaseSystem, Municipality, Register
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import Desk, desk_of
from routing_api.rules.competences import Competence

router = secured_router(PREFIX)
On = Annotated[date | None, Query(description="Legal day; today where left out.")]


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
    next_cursor: None
    register_version: str


class MunicipalityList(Struct, frozen=True):
    """The municipalities of a day."""

    items: list[MunicipalityEntry]
    next_cursor: None
    register_version: str


class CaseSystemList(Struct, frozen=True):
    """The case systems of a day."""

    items: list[CaseSystemEntry]
    next_cursor: None
    register_version: str


class CompetenceList(Struct, frozen=True):
    """The competences of a day."""

    items: list[Competence]
    next_cursor: None


async def _register_of(desk: Desk) -> Register:
    async with desk.transaction() as connection:
        return await desk.law.registers.current(connection)


@router.get("/areas", openapi_extra=described(answers={200: AreaList}))
async def list_areas(request: Request, on: On = None) -> Response:
    """List the areas that hold on a day, with their municipalities; a register of a few hundred rows, so one page."""
    desk = desk_of(request)
    register = await _register_of(desk)
    areas = register.areas(on=on or desk.moment().today)
    return json_answer(AreaList([_area(area) for area in areas], None, register.version))


def _area(area: Area) -> AreaEntry:
    return AreaEntry(
        area.code, area.kind, area.name_fi, area.name_sv, area.name_en, area.municipality_codes
    )


@router.get("/municipalities", openapi_extra=described(answers={200: MunicipalityList}))
async def list_municipalities(request: Request, on: On = None) -> Response:
    """List the municipalities that exist on a day, with area, case system and TE office."""
    desk = desk_of(request)
    register = await _register_of(desk)
    day = on or desk.moment().today
    entries = [_municipality(row, register, day) for row in register.municipalities(on=day)]
    return json_answer(MunicipalityList(entries, None, register.version))


def _municipality(row: Municipality, register: Register, day: date) -> MunicipalityEntry:
    membership = register.membership(row.code, on=day)
    return MunicipalityEntry(
        row.code,
        row.name_fi,
        row.name_sv,
        row.name_en,
        area_code=membership.area_code if membership else None,
        membership_status=membership.status if membership else None,
        case_system_id=membership.case_system_id if membership else None,
        te_office_code=register.te_office_of(row.code, on=day),
    )


@router.get("/case-systems", openapi_extra=described(answers={200: CaseSystemList}))
async def list_case_systems(request: Request, on: On = None) -> Response:
    """List the case systems of a day with contact points and the municipalities that they serve."""
    desk = desk_of(request)
    register = await _register_of(desk)
    day = on or desk.moment().today
    entries = [_case_system(system, day) for system in register.case_systems(on=day)]
    return json_answer(CaseSystemList(entries, None, register.version))


def _case_system(system: CaseSystem, day: date) -> CaseSystemEntry:
    return CaseSystemEntry(
        system.case_system_id,
        system.name_fi,
        system.name_sv,
        system.contact_point,
        system.municipality_codes(on=day),
    )


@router.get("/competences", openapi_extra=described(answers={200: CompetenceList}))
async def list_competences(
    request: Request,
    task: Annotated[str | None, Query(max_length=64, description="One task only.")] = None,
    on: On = None,
) -> Response:
    """List who is competent for which task on a day, with the source."""
    desk = desk_of(request)
    rows = desk.competences.on(on or desk.moment().today, task=task)
    return json_answer(CompetenceList(list(rows), None))
