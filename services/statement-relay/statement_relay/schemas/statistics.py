"""Monthly figures of information."""

from collections.abc import Sequence

from msgspec import Struct


class InformationFigures(Struct, frozen=True, kw_only=True):
    """Rounded figures of one kind and area; null stands for all of them."""

    kind: str | None
    area_code: str | None
    accepted: int
    delivered: int
    delivered_on_time: int
    rejected: int
    not_relayed: int
    on_time_percent: int | None


class InformationStatistics(Struct, frozen=True, kw_only=True):
    """A month of information: of all, by kind, by area, by both; counts rounded to `rounded_to`."""

    month: str
    rounded_to: int
    items: Sequence[InformationFigures]
