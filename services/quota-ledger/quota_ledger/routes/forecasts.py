"""When allocations run out."""

from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.http import (
    CURSOR_MALFORMED,
    caller_of,
    described,
    json_answer,
    secured_router,
)
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, page_of
from quota_ledger.errors import AreaNotYours
from quota_ledger.operations import forecasting as operations
from quota_ledger.operations.forecasting import Forecasted
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.desk import desk_of
from quota_ledger.routes.questions import AskedArea
from quota_ledger.routes.rights import READERS, narrowed, seen_areas
from quota_ledger.schemas.forecasts import ForecastList, ForecastResponse

router = secured_router(PREFIX)


@router.get(
    "/forecasts",
    openapi_extra=described(answers={200: ForecastList}, problems=(CURSOR_MALFORMED, AreaNotYours)),
)
async def list_forecasts(
    request: Request,
    *,
    area: AskedArea = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """Say when the accounts of an area run out, with the weeks that this goes by, and a range.

    Net use is what was reserved less what was released in each of the last eight full weeks. Under
    four weeks, or with a median of zero or less, there is no date, with the reason.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    areas = narrowed(seen_areas(caller, desk=desk), area=area)
    today = desk.moment().today
    async with desk.transaction() as connection:
        found = await operations.list_of(connection, area_codes=areas, today=today)
    keys = ["/".join(map(str, asdict(one.balance.key).values())) for one in found]
    page, cursor = page_of(found, keys, after=after, limit=limit)
    return json_answer(ForecastList(today, [_answer(one) for one in page], cursor))


def _answer(one: Forecasted) -> ForecastResponse:
    key = one.balance.key
    return ForecastResponse(
        account_id=one.balance.account_id,
        area_code=key.area_code,
        municipality_code=key.municipality_code or None,
        instrument=key.instrument,
        budget_year=key.budget_year,
        available_cents=one.balance.sums.free_cents,
        **asdict(one.forecast),
    )
