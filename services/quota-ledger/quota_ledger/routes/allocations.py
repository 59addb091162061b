"""Allocations: ordered by an ELY centre or the ministry, seen by all who work with them."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.errors import InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    CURSOR_MALFORMED,
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
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.routes.desk import official_of_call
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, next_cursor, place_of_id
from quota_ledger.errors import (
    AllocationAlreadyInitial,
    AllocationCutBelowBound,
    AreaNotYours,
    OverrideNotToCover,
    YearLapsed,
)
from quota_ledger.operations import allocations as operations
from quota_ledger.operations.allocations import Allocated
from quota_ledger.routes.answers import PREFIX, balance_answer
from quota_ledger.routes.desk import desk_of
from quota_ledger.routes.questions import AskedArea, AskedInstrument, AskedYear
from quota_ledger.routes.rights import (
    ORDERERS,
    READERS,
    area_faults,
    decider_of_call,
    find_known,
    narrowed,
    order_desk,
    require_own,
    seen_areas,
)
from quota_ledger.rules.allocations import (
    AllocationFilter,
    AllocationRequest,
    AllocationStatus,
    ListedAllocation,
)
from quota_ledger.schemas.allocations import (
    AllocationList,
    AllocationPreview,
    AllocationResponse,
    ListedAllocationResponse,
)

router = secured_router(PREFIX)
_asked = JsonDecoder(AllocationRequest)
_OF_ORDER = (
    AreaNotYours,
    OfficialRoleRefused,
    MunicipalityNotServed,
    OfficeNotYours,
    AllocationAlreadyInitial,
    AllocationCutBelowBound,
    YearLapsed,
    OverrideNotToCover,
)


@router.post(
    "/allocations",
    openapi_extra=described(
        body=AllocationRequest,
        answers={201: Headed(AllocationResponse, (LOCATION, REPLAYED))},
        problems=(*_OF_ORDER, IdempotencyKeyReused, InProgress),
        parameters=(IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def allocate(request: Request) -> Response:
    """Allocate money and persons to an area, add to them, or cut them.

    An ELY centre does it for its own areas, the ministry for all; the acting official is a decider.
    A cut takes at most what is free: else 409 `allocation_cut_below_bound` with both figures. An
    indicative allocation is shown beside balances and never spent. An addition may name the
    override that it covers, which falls back by as much at once. Needs an Idempotency-Key.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ORDERERS)
    key = idempotency_key(request)
    body = await _read(request)
    official = decider_of_call(request, body.acting_official)
    tools = order_desk(request, official, body, route="allocations", key=key)

    async def act() -> Allocated:
        async with desk.transaction() as connection:
            return await operations.allocate(connection, body, desk=tools)

    made = await repeating(act)
    headers = {"Location": f"{PREFIX}/allocations/{made.allocation.allocation_id}"}
    return json_answer(_answer(made), status=201, headers={**headers, **_replayed(made)})


@router.post(
    "/allocations:preview",
    openapi_extra=described(
        body=AllocationRequest,
        answers={200: AllocationPreview},
        problems=_OF_ORDER,
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def preview(request: Request) -> Response:
    """Return what an allocation would do to its account; nothing is stored.

    Any official of the caller's may ask.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ORDERERS)
    body = await _read(request)
    official = official_of_call(request, body.acting_official)
    tools = order_desk(request, official, body, route="allocations:preview", key="none")
    async with desk.transaction() as connection:
        found = await operations.preview(connection, body, desk=tools)
    on = body.valid_from_on
    return json_answer(
        AllocationPreview(
            balance_before=balance_answer(found.before, on=on),
            balance=balance_answer(found.after, on=on),
        )
    )


@router.get(
    "/allocations",
    openapi_extra=described(
        answers={200: AllocationList}, problems=(CURSOR_MALFORMED, AreaNotYours)
    ),
)
async def list_allocations(  # noqa: PLR0913 - one parameter per question
    request: Request,
    *,
    area: AskedArea = None,
    instrument: AskedInstrument = None,
    budget_year: AskedYear = None,
    status: Annotated[AllocationStatus | None, Query(description="Only of this status.")] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List allocations, oldest first: an ELY centre and a case system those of their areas."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    query = AllocationFilter(
        area_codes=narrowed(seen_areas(caller, desk=desk), area=area),
        instrument=instrument,
        budget_year=budget_year,
        status=status,
    )
    async with desk.transaction() as connection:
        found = await operations.list_of(connection, query, after=place_of_id(after), limit=limit)
    cursor = next_cursor([one.allocation.allocation_id for one in found], limit=limit)
    return json_answer(AllocationList([_listed(one) for one in found], cursor))


async def _read(request: Request) -> AllocationRequest:
    """Return a checked body; raises InvalidContent with every fault, AreaNotYours."""
    desk = desk_of(request)
    body = await _asked.read(request, limits=desk.body_limits)
    area = find_known(desk, body.area_code, on=body.valid_from_on)
    faults = (*body.faults(today=desk.moment().today), *area_faults("/area_code", area))
    if faults or area is None:
        raise InvalidContent(faults)
    require_own(caller_of(request), area, desk=desk)
    return body


def _answer(made: Allocated) -> AllocationResponse:
    allocation, balance = made.allocation, made.balance
    on = allocation.valid_from_on
    return AllocationResponse(
        allocation_id=allocation.allocation_id,
        entry_ids=[allocation.entry_id] if allocation.entry_id else [],
        balance=None if balance is None else balance_answer(balance, on=on),
    )


def _replayed(made: Allocated) -> Mapping[str, str]:
    return {"Idempotent-Replayed": "true"} if made.is_replay else {}


def _listed(one: ListedAllocation) -> ListedAllocationResponse:
    allocation, key = one.allocation, one.key
    return ListedAllocationResponse(
        allocation_id=allocation.allocation_id,
        account_id=allocation.account_id,
        area_code=key.area_code,
        instrument=key.instrument,
        budget_year=key.budget_year,
        kind=allocation.kind,
        status=allocation.status,
        amount_cents=allocation.amount_cents,
        persons=allocation.persons,
        valid_from_on=allocation.valid_from_on,
        basis=allocation.basis,
        document=allocation.document,
        reason=allocation.reason,
        covers_override_id=allocation.covers_override_id,
        entry_ids=[allocation.entry_id] if allocation.entry_id else [],
        organisation=allocation.organisation,
        official_id=allocation.official_id,
        created_at=allocation.created_at,
        reversed_by=one.reversed_by,
    )
