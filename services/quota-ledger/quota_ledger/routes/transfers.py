"""Transfers between accounts of one ELY centre, or to the account of a municipality."""

from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    IDEMPOTENCY_KEY,
    LOCATION,
    REPLAYED,
    Headed,
    JsonDecoder,
    caller_of,
    described,
    idempotency_key,
    json_answer,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress
from kuntavayla.register import Area
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.routes.desk import official_of_call
from kuntavayla.service.routes.outcomes import repeating
from quota_ledger.errors import (
    AllocationCutBelowBound,
    AreaNotYours,
    OverrideNotToCover,
    YearLapsed,
)
from quota_ledger.operations import transfers as operations
from quota_ledger.operations.transfers import Transferred
from quota_ledger.routes.answers import PREFIX, balance_answer
from quota_ledger.routes.desk import Desk, desk_of
from quota_ledger.routes.rights import (
    ORDERERS,
    area_faults,
    decider_of_call,
    find_known,
    order_desk,
    require_own,
)
from quota_ledger.rules.allocations import AccountName, TransferRequest
from quota_ledger.rules.areas import ely_of
from quota_ledger.schemas.allocations import TransferPreview, TransferResponse

router = secured_router(PREFIX)
_asked = JsonDecoder(TransferRequest)
_OF_ORDER = (
    AreaNotYours,
    OfficialRoleRefused,
    MunicipalityNotServed,
    OfficeNotYours,
    AllocationCutBelowBound,
    YearLapsed,
    OverrideNotToCover,
)


@router.post(
    "/allocation-transfers",
    openapi_extra=described(
        body=TransferRequest,
        answers={201: Headed(TransferResponse, (LOCATION, REPLAYED))},
        problems=(*_OF_ORDER, IdempotencyKeyReused, InProgress),
        parameters=(IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def transfer(request: Request) -> Response:
    """Move money and persons between areas of one ELY centre, or to a municipality's account.

    What one account gives the other gets: two entries, or none. From an account at most what is
    free: else 409 `allocation_cut_below_bound`. Once a municipality has an account of its own its
    decisions draw on that alone. It may name the override of the other account that it covers.
    Needs an Idempotency-Key and a decider.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ORDERERS)
    key = idempotency_key(request)
    body = await _read(request)
    official = decider_of_call(request, body.acting_official)
    tools = order_desk(request, official, body, route="allocation-transfers", key=key)

    async def act() -> Transferred:
        async with desk.transaction() as connection:
            return await operations.transfer(connection, body, desk=tools)

    made = await repeating(act)
    headers = {"Location": f"{PREFIX}/allocation-transfers/{made.transfer.transfer_id}"}
    if made.is_replay:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(_answer(made), status=201, headers=headers)


@router.post(
    "/allocation-transfers:preview",
    openapi_extra=described(
        body=TransferRequest,
        answers={200: TransferPreview},
        problems=_OF_ORDER,
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def preview(request: Request) -> Response:
    """Return what a transfer would do to both accounts; nothing is stored.

    Any official of the caller's may ask.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ORDERERS)
    body = await _read(request)
    official = official_of_call(request, body.acting_official)
    tools = order_desk(request, official, body, route="allocation-transfers:preview", key="none")
    async with desk.transaction() as connection:
        found = await operations.preview(connection, body, desk=tools)
    return json_answer(
        TransferPreview(
            from_balance=balance_answer(found.from_balance, on=body.value_on),
            to_balance=balance_answer(found.to_balance, on=body.value_on),
        )
    )


async def _read(request: Request) -> TransferRequest:
    """Return a checked body; raises InvalidContent with every fault, AreaNotYours."""
    desk = desk_of(request)
    body = await _asked.read(request, limits=desk.body_limits)
    named = {"/from_account": body.from_account, "/to_account": body.to_account}
    found = {
        pointer: find_known(desk, name.area_code, on=body.value_on)
        for pointer, name in named.items()
    }
    faults = [*body.faults(today=desk.moment().today)]
    for pointer, name in named.items():
        faults += area_faults(f"{pointer}/area_code", found[pointer])
        faults += _municipality_faults(pointer, name, area=found[pointer])
    areas = [area for area in found.values() if area is not None]
    if faults:
        raise InvalidContent(tuple(faults))
    require_own(caller_of(request), *areas, desk=desk)
    _require_one_ely(areas, desk=desk)
    return body


def _municipality_faults(pointer: str, name: AccountName, *, area: Area | None) -> list[Fault]:
    code = name.municipality_code
    if area is None or code is None or code in area.municipality_codes:
        return []
    advice = "Give a municipality of the area on that day."
    return [Fault(f"{pointer}/municipality_code", "municipality_outside_area", advice)]


def _require_one_ely(areas: list[Area], *, desk: Desk) -> None:
    """Refuse what would go from one ELY centre to another: nobody may order that by a transfer."""
    register = desk.newest_register()
    if len({ely_of(register, area) for area in areas}) > 1:
        advice = "Name two accounts of one ELY centre; cut one and add to the other."
        raise InvalidContent((Fault("/to_account/area_code", "areas_of_two_centres", advice),))


def _answer(made: Transferred) -> TransferResponse:
    ordered = made.transfer
    return TransferResponse(
        transfer_id=ordered.transfer_id,
        entry_ids=[ordered.out_entry_id, ordered.in_entry_id],
        from_balance=balance_answer(made.from_balance, on=ordered.value_on),
        to_balance=balance_answer(made.to_balance, on=ordered.value_on),
    )
