"""Monthly figures of information with disclosure control: no small count can be read off them.

Every count is rounded, rates are made of rounded counts, and there is neither a rate nor a time of
few. What is summed up is summed up before it is rounded.
"""

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct, structs

from kuntavayla.values.statistics import Disclosure, rounded

TIME_STEPS: tuple[timedelta, ...] = (
    *(timedelta(seconds=seconds) for seconds in (1, 10)),
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 4, 8)),
    *(timedelta(days=days) for days in (1, 2, 3, 7)),
)
"""Within what time an item may be told to be delivered, so that none can be read off.

Source: docs/sources.md#information (figures).
"""


class Counts(Struct, frozen=True, kw_only=True):
    """How many items were accepted in a month, and what has come of them by now.

    On time and late are those delivered by and after their target of working days, the first time
    where one was sent again; overdue are
    those that have not ended and are past it.
    """

    accepted: int = 0
    delivered: int = 0
    delivered_on_time: int = 0
    delivered_late: int = 0
    overdue: int = 0
    rejected: int = 0
    refused: int = 0
    not_relayed: int = 0
    withdrawn: int = 0


class Tally(Struct, frozen=True, kw_only=True):
    """The true figures of one kind and area; None stands for all of them.

    `reached` says how many were delivered within each of the steps of time.
    """

    kind: str | None
    area_code: str | None
    counts: Counts
    reached: tuple[int, ...]


class Cell(Struct, frozen=True, kw_only=True):
    """Rounded figures of one kind and area; None stands for all of them, or for too few to tell."""

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


def cells_of(tallies: Sequence[Tally], *, disclosure: Disclosure) -> list[Cell]:
    """Return what may be told of the figures, in their order."""
    return [_cell(tally, disclosure=disclosure) for tally in tallies]


def _cell(tally: Tally, *, disclosure: Disclosure) -> Cell:
    """Round the counts; tell the share on time and the times where they are of enough.

    Source: docs/sources.md#information (figures).
    """
    counts = {
        name: rounded(count, to=disclosure.rounded_to)
        for name, count in structs.asdict(tally.counts).items()
    }
    delivered = counts["delivered"]
    is_enough = delivered >= disclosure.rate_of_min
    return Cell(
        kind=tally.kind,
        area_code=tally.area_code,
        **counts,
        on_time_percent=min(100, 100 * counts["delivered_on_time"] // delivered)
        if is_enough
        else None,
        delivered_within_s_median=_seconds_for(tally, tenths=5) if is_enough else None,
        delivered_within_s_p90=_seconds_for(tally, tenths=9) if is_enough else None,
    )


def _seconds_for(tally: Tally, *, tenths: int) -> int | None:
    """Return the step within which so many tenths were delivered, None where it took longer.

    Source: docs/sources.md#information (figures).
    """
    for step, reached in zip(TIME_STEPS, tally.reached, strict=True):
        if 10 * reached >= tenths * tally.counts.delivered:
            return int(step.total_seconds())
    return None
