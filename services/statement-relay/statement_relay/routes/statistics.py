"""Monthly figures of information, for all."""

from typing import Annotated

from fastapi import Query
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import described, json_answer, secured_router
from statement_relay.operations import statistics as operations
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import desk_of
from statement_relay.rules.statistics import Month
from statement_relay.schemas.statistics import InformationFigures, InformationStatistics

router = secured_router(PREFIX)


@router.get(
    "/statistics/information",
    openapi_extra=described(answers={200: InformationStatistics}),
)
async def load_statistics(
    request: Request,
    *,
    month: Annotated[
        str,
        Query(pattern=r"^20[0-9]{2}-[0-9]{2}$", description="Month of acceptance, as 2021-03."),
    ],
) -> Response:
    """Return what was accepted in a month and what has come of it by now, by kind and area.

    Every count is rounded; the share on time is that of rounded counts, and there is none of few.
    """
    desk = desk_of(request)
    try:
        asked = Month.of(month)
    except ValueError as error:
        fault = Fault("/month", "month_malformed", "Give a month of the calendar, as 2021-03.")
        raise InvalidContent((fault,)) from error
    async with desk.transaction() as connection:
        cells = await operations.figures_of(
            connection, asked, register=desk.newest_register(), disclosure=desk.disclosure
        )
    return json_answer(
        InformationStatistics(
            month=month,
            rounded_to=desk.disclosure.rounded_to,
            items=[InformationFigures(**asdict(cell)) for cell in cells],
        )
    )
