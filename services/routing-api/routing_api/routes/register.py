"""The register as of a day: areas, municipalities, case systems, and who is competent for what."""

from datetime import date
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.http import CURSOR_MALFORMED, described, json_answer, secured_router
from kuntavayla.register import Area, CaseSystem, Municipality, Register
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, page_of
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import Desk, desk_of
from routing_api.schemas.register import (
    AreaEntry,
    AreaList,
    CaseSystemEntry,
    CaseSystemList,
    CompetenceList,
    MunicipalityEntry,
    MunicipalityList,
)

router = secured_router(PREFIX)
On = Annotated[date | None, Query(description="Legal day; today where left out.")]


async def _register_of(desk: Desk) -> Register:
    async with desk.transaction() as connection:
        return await desk.law.registers.current(connection)


@router.get(
    "/areas", openapi_extra=described(answers={200: AreaList}, problems=(CURSOR_MALFORMED,))
)
async def list_areas(
    request: Request, *, on: On = None, after: After = None, limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List the areas that hold on a day, with their municipalities."""
    desk = desk_of(request)
    register = await _register_of(desk)
    entries = [_area(area) for area in register.areas(on=on or desk.moment().today)]
    page, cursor = page_of(entries, [entry.code for entry in entries], after=after, limit=limit)
    return json_answer(AreaList(page, cursor, register.version))


def _area(area: Area) -> AreaEntry:
    return AreaEntry(
        area.code, area.kind, area.name_fi, area.name_sv, area.name_en, area.municipality_codes
    )


@router.get(
    "/municipalities",
    openapi_extra=described(answers={200: MunicipalityList}, problems=(CURSOR_MALFORMED,)),
)
async def list_municipalities(
    request: Request, *, on: On = None, after: After = None, limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List the municipalities that exist on a day, with area, case system and TE office."""
    desk = desk_of(request)
    register = await _register_of(desk)
    day = on or desk.moment().today
    entries = [_municipality(row, register, day) for row in register.municipalities(on=day)]
    page, cursor = page_of(entries, [entry.code for entry in entries], after=after, limit=limit)
    return json_answer(MunicipalityList(page, cursor, register.version))


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


@router.get(
    "/case-systems",
    openapi_extra=described(answers={200: CaseSystemList}, problems=(CURSOR_MALFORMED,)),
)
async def list_case_systems(
    request: Request, *, on: On = None, after: After = None, limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List the case systems of a day with contact points and the municipalities that they serve."""
    desk = desk_of(request)
    register = await _register_of(desk)
    day = on or desk.moment().today
    entries = [_case_system(system, day) for system in register.case_systems(on=day)]
    keys = [entry.case_system_id for entry in entries]
    page, cursor = page_of(entries, keys, after=after, limit=limit)
    return json_answer(CaseSystemList(page, cursor, register.version))


def _case_system(system: CaseSystem, day: date) -> CaseSystemEntry:
    return CaseSystemEntry(
        system.case_system_id,
        system.name_fi,
        system.name_sv,
        system.contact_point,
        system.municipality_codes(on=day),
    )


@router.get(
    "/competences",
    openapi_extra=described(answers={200: CompetenceList}, problems=(CURSOR_MALFORMED,)),
)
async def list_competences(
    request: Request,
    *,
    task: Annotated[str | None, Query(max_length=64, description="One task only.")] = None,
    on: On = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List who is competent for which task on a day, with the source."""
    desk = desk_of(request)
    rows = desk.competences.on(on or desk.moment().today, task=task)
    page, cursor = page_of(rows, [row.task for row in rows], after=after, limit=limit)
    return json_answer(CompetenceList(page, cursor))
