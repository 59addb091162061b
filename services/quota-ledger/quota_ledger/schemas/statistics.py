"""Monthly figures of quotas."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from quota_ledger.rules.statistics import Refusals

FigureFormat = Literal["json", "csv"]


class QuotaFigures(Struct, frozen=True, kw_only=True):
    """Figures of an area, an instrument and a budget year; without an area of all together.

    Amounts are null where too few persons stand behind them, and where those of few persons could
    be reckoned from them and the sum of all.
    """

    area_code: str | None
    instrument: str
    budget_year: int
    allocated_cents: int
    allocated_persons: int
    overridden_cents: int | None
    reserved_cents: int | None
    reserved_persons: int
    committed_cents: int | None
    committed_persons: int
    paid_cents: int | None
    paid_excess_cents: int | None
    free_cents: int | None
    free_persons: int
    use_percent: int | None
    decisions_reserved: int
    decisions_refused: int
    decisions_not_competent: int
    refusals: Sequence[Refusals]


class QuotaStatistics(Struct, frozen=True, kw_only=True):
    """A month of quotas; counts and amounts are rounded, what is allocated is not."""

    month: str
    rounded_to: int
    amounts_rounded_to_cents: int
    items: Sequence[QuotaFigures]
