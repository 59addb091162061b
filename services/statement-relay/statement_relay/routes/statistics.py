"""Monthly figures of information, for all."""

from datetime import date
from typing import Annotated

from fastapi import Query
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import AlsoCsv, csv_answer, described, json_answer, secured_router
from kuntavayla.values.statistics import Month
from statement_relay.operations import statistics as operations
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import desk_of
from statement_relay.schemas.statistics import (
    FigureFormat,
    InformationFigures,
    InformationStatistics,
)

router = secured_router(PREFIX)


@router.get(
    "/statistics/information",
    openapi_extra=described(answers={200: AlsoCsv(InformationStatistics)}),
)
async def load_statistics(
    request: Request,
    *,
    month: Annotated[
        str,
        Query(pattern=r"^20[0-9]{2}-[0-9]{2}$", description="Month of acceptance, as 2021-03."),
    ],
    format: Annotated[  # noqa: A002 - the name in the contract
        FigureFormat, Query(description="JSON, or the items alone as CSV.")
    ] = "json",
) -> Response:
    """Return what was accepted in a month and what has come of it by now, by kind and area.

    Counts are rounded to `rounded_to`. Of few there is no share on time and no time to delivery:
    seconds from acceptance to receipt by our clock within which half (`median`) and nine in ten
    (`p90`) were delivered, in steps from a second to a week; null also where it took longer. On
    time is by the target of working days, `target_working_days`, as each item was told when it was
    accepted. CSV has one line per item and the month in each.
    """
    desk = desk_of(request)
    asked = _month_of(month, today=desk.moment().today)
    async with desk.transaction() as connection:
        cells = await operations.figures_of(
            connection, asked, register=desk.newest_register(), disclosure=desk.disclosure
        )
    items = [InformationFigures(**asdict(cell)) for cell in cells]
    if format == "csv":
        names = InformationFigures.__struct_fields__
        return csv_answer(
            ("month", *names), [(month, *(getattr(item, name) for name in names)) for item in items]
        )
    return json_answer(
        InformationStatistics(
            month=month,
            rounded_to=desk.disclosure.rounded_to,
            target_working_days=desk.law.target.working_days,
            items=items,
        )
    )


def _month_of(text: str, *, today: date) -> Month:
    """Return the month asked for; it has begun."""
    try:
        month = Month.of(text)
    except ValueError as error:
        fault = Fault("/query/month", "month_malformed", "Give a month as 2021-03.")
        raise InvalidContent((fault,)) from error
    if month.first_on > today:
        fault = Fault("/query/month", "month_in_future", "Give a month that has begun.")
        raise InvalidContent((fault,))
    return month
