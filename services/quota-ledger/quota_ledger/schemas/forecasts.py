"""When allocations run out."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from quota_ledger.rules.forecasts import Reason, Week


class ForecastResponse(Struct, frozen=True, kw_only=True):
    """When an account runs out, by the weeks that are shown.

    `run_out_on` goes by the median week, `earliest_on` by the upper quartile, `latest_on` by the
    lower one: null where such a week uses nothing. Without a date `reason` says why.
    """

    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    budget_year: int
    available_cents: int
    weeks: Sequence[Week]
    median_cents: int | None
    lower_quartile_cents: int | None
    upper_quartile_cents: int | None
    run_out_on: date | None
    earliest_on: date | None
    latest_on: date | None
    reason: Reason | None


class ForecastList(Struct, frozen=True):
    """A page of forecasts as of `on`, in order of area, municipality, instrument and year."""

    on: date
    items: Sequence[ForecastResponse]
    next_cursor: str | None
