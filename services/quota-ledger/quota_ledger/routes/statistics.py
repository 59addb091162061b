"""Monthly figures of quotas, for all."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated

from fastapi import Query
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import AlsoCsv, csv_answer, described, json_answer, secured_router
from kuntavayla.values.statistics import Month
from quota_ledger.operations import statistics as operations
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.desk import desk_of
from quota_ledger.rules.statistics import AMOUNTS_ROUNDED_TO_CENTS, Cell
from quota_ledger.schemas.statistics import FigureFormat, QuotaFigures, QuotaStatistics

router = secured_router(PREFIX)
_NAMES = QuotaFigures.__struct_fields__


@router.get("/statistics/quota", openapi_extra=described(answers={200: AlsoCsv(QuotaStatistics)}))
async def load_statistics(
    request: Request,
    *,
    month: Annotated[
        str, Query(pattern=r"^20[0-9]{2}-[0-9]{2}$", description="The month, as 2021-03.")
    ],
    format: Annotated[  # noqa: A002 - the name in the contract
        FigureFormat, Query(description="JSON, or the items alone as CSV.")
    ] = "json",
) -> Response:
    """Return how quotas were used by the end of a month, and what was decided in it.

    By area, instrument and budget year, and of all areas together. Counts are rounded to
    `rounded_to`, what decisions hold to `amounts_rounded_to_cents`, and of few persons it is not
    told, nor of the smallest other areas where the sum would tell it; what is allocated is told as
    it is. CSV has one line per item, the month in each, and
    refusals as `code:count`.
    """
    desk = desk_of(request)
    asked = _month_of(month, today=desk.moment().today)
    async with desk.transaction() as connection:
        cells = await operations.figures_of(connection, asked, disclosure=desk.disclosure)
    items = [_figures(cell) for cell in cells]
    if format == "csv":
        return csv_answer(("month", *_NAMES), _lines(month, items))
    return json_answer(
        QuotaStatistics(
            month=month,
            rounded_to=desk.disclosure.rounded_to,
            amounts_rounded_to_cents=AMOUNTS_ROUNDED_TO_CENTS,
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


def _figures(cell: Cell) -> QuotaFigures:
    place = cell.place
    members = {name: value for name, value in asdict(cell).items() if name != "place"}
    return QuotaFigures(
        area_code=place.area_code or None,
        instrument=place.instrument,
        budget_year=place.budget_year,
        **members,
    )


def _lines(month: str, items: Sequence[QuotaFigures]) -> Iterator[Sequence[object]]:
    for item in items:
        refusals = " ".join(f"{one.code}:{one.count}" for one in item.refusals)
        yield (month, *(getattr(item, name) for name in _NAMES if name != "refusals"), refusals)
