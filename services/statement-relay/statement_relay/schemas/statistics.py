"""Monthly figures of information."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

FigureFormat = Literal["json", "csv"]


class InformationFigures(Struct, frozen=True, kw_only=True):
    """Rounded figures of one kind and area; null stands for all of them, or for too few to tell."""

    kind: str | None
    area_code: str | None
    accepted: int
    delivered: int
    delivered_on_time: int
    delivered_late: int
    overdue: int
    rejected: int
    refused: int
    not_relayed: int
    withdrawn: int
    on_time_percent: int | None
    delivered_within_s_median: int | None
    delivered_within_s_p90: int | None


class InformationStatistics(Struct, frozen=True, kw_only=True):
    """A month of information: of all, by kind, by area, by both; counts rounded to `rounded_to`."""

    month: str
    rounded_to: int
    target_working_days: int
    items: Sequence[InformationFigures]
