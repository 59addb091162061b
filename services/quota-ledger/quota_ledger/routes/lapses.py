"""Years closed by the ELY centre: what is left of them lapses."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.errors import InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    IDEMPOTENCY_KEY,
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
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.routes.desk import official_of_call
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.values.officials import ActingOfficial
from quota_ledger.errors import YearNotOver
from quota_ledger.operations import lapsing as operations
from quota_ledger.operations.lapsing import Closing, Lapsed
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.desk import desk_of
from quota_ledger.routes.rights import decider_of_call, order_desk, seen_areas
from quota_ledger.rules.balances import Balance
from quota_ledger.rules.lapses import (
    LapsedAccount,
    LapseRequest,
    lapsing_cents,
    lapsing_persons,
)
from quota_ledger.schemas.lapses import LapsedAccountResponse, LapsePreview, LapseResponse

router = secured_router(PREFIX)
_asked = JsonDecoder(LapseRequest)
_OF_OFFICIAL = (OfficialRoleRefused, MunicipalityNotServed, OfficeNotYours)
OfficialOf = Callable[[Request, ActingOfficial | None], ActingOfficial]
Year = Annotated[int, Path(ge=2000, le=2100, description="The appropriation year.")]


@router.post(
    "/years/{year}:lapse",
    openapi_extra=described(
        body=LapseRequest,
        answers={200: Headed(LapseResponse, (REPLAYED,))},
        problems=(*_OF_OFFICIAL, YearNotOver, IdempotencyKeyReused, InProgress),
        parameters=(IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def lapse(request: Request, year: Year) -> Response:
    """Close a year in the areas of the ELY centre: what is free in its accounts lapses.

    Only after the end of the year behind it: else 409 `year_not_over`. What is bound stays; what is
    freed of it later lapses at once. Accounts closed before are left as they are, so a second call
    has no effect. Needs an Idempotency-Key and a decider.
    """
    require_kind(caller_of(request), OrganisationKind.ELY)
    key = idempotency_key(request)
    closing, tools = await _read(request, year, key=key, official_of=decider_of_call)

    async def act() -> Lapsed:
        async with desk_of(request).transaction() as connection:
            return await operations.lapse(connection, closing, desk=tools)

    made = await repeating(act)
    headers = {"Idempotent-Replayed": "true"} if made.is_replay else {}
    return json_answer(_answer(made), headers=headers)


@router.post(
    "/years/{year}:preview",
    openapi_extra=described(
        body=LapseRequest,
        answers={200: LapsePreview},
        problems=(*_OF_OFFICIAL, YearNotOver),
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def preview(request: Request, year: Year) -> Response:
    """Return what would lapse if the year were closed now; nothing is stored.

    Any official of the caller's may ask.
    """
    require_kind(caller_of(request), OrganisationKind.ELY)
    closing, tools = await _read(request, year, key="none", official_of=official_of_call)
    async with desk_of(request).transaction() as connection:
        found = await operations.preview(connection, closing, desk=tools)
    told = [
        _account(
            one,
            LapsedAccount(one.account_id, lapsing_cents(one), None, lapsing_persons(one)),
        )
        for one in found
    ]
    preview = LapsePreview(
        budget_year=year,
        cents=sum(one.cents for one in told),
        persons=sum(one.persons for one in told),
        accounts=told,
    )
    return json_answer(preview)


async def _read(
    request: Request, year: int, *, key: str, official_of: OfficialOf
) -> tuple[Closing, OrderDesk]:
    """Return what is to be closed, checked, and what it is done with."""
    desk = desk_of(request)
    body = await _asked.read(request, limits=desk.body_limits)
    faults = tuple(body.faults())
    if faults:
        raise InvalidContent(faults)
    official = official_of(request, body.acting_official)
    own = seen_areas(caller_of(request), desk=desk) or frozenset()
    content = {"year": year, "asked": body}
    tools = order_desk(request, official, content, route="years:lapse", key=key)
    return Closing(budget_year=year, area_codes=own, asked=body), tools


def _answer(made: Lapsed) -> LapseResponse:
    told = [_account(made.balances[one.account_id], one) for one in made.lapse.accounts]
    return LapseResponse(
        lapse_id=made.lapse.lapse_id,
        budget_year=made.lapse.budget_year,
        cents=sum(one.cents for one in told),
        persons=sum(one.persons for one in told),
        accounts=told,
    )


def _account(balance: Balance, lapsed: LapsedAccount) -> LapsedAccountResponse:
    return LapsedAccountResponse(
        account_id=balance.account_id,
        area_code=balance.key.area_code,
        municipality_code=balance.key.municipality_code or None,
        instrument=balance.key.instrument,
        cents=lapsed.cents,
        persons=lapsed.persons,
        entry_id=lapsed.entry_id,
    )
