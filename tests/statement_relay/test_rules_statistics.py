from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.events import instant_of_id, new_ids_at
from kuntavayla.values.calendar import legal_day
from kuntavayla.values.statistics import Disclosure, Month, rounded
from statement_relay.rules.statistics import TIME_STEPS, Counts, Tally, cells_of

DISCLOSURE = Disclosure(rounded_to=5, rate_of_min=20)
COUNTS = st.builds(Counts, **{name: st.integers(0, 1_000) for name in Counts.__struct_fields__})
TALLIES = st.builds(
    Tally,
    kind=st.just("RESIGNATION"),
    area_code=st.just("kainuu"),
    counts=COUNTS,
    reached=st.just((1_000,) * len(TIME_STEPS)),
)


def a_tally(*reached: int, **counts: int) -> Tally:
    """Return the figures of one place; all is reached in the last steps that are not given."""
    delivered = counts["delivered"]
    steps = (*reached, *(delivered for _ in TIME_STEPS[len(reached) :]))
    return Tally(kind="RESIGNATION", area_code="kainuu", counts=Counts(**counts), reached=steps)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, 0), (2, 0), (3, 5), (7, 5), (8, 10), (12, 10), (13, 15)]
)
def test_a_count_is_rounded_to_the_nearest_five(count: int, expected: int) -> None:
    assert rounded(count, to=5) == expected


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 2), (2, 2), (3, 4)])
def test_a_half_is_rounded_up(count: int, expected: int) -> None:
    assert rounded(count, to=2) == expected


@given(TALLIES)
def test_every_published_count_is_a_multiple_and_near_the_true_one(tally: Tally) -> None:
    [cell] = cells_of([tally], disclosure=DISCLOSURE)

    for name in Counts.__struct_fields__:
        told, true = getattr(cell, name), getattr(tally.counts, name)
        assert told % 5 == 0
        assert abs(told - true) <= 2
    few = cell.delivered < 20
    assert (cell.on_time_percent is None) is few
    assert (cell.delivered_within_s_median is None) is few
    assert (cell.delivered_within_s_p90 is None) is few


def test_a_rate_is_made_of_rounded_counts() -> None:
    [cell] = cells_of(
        [a_tally(10, 11, 19, delivered=22, delivered_on_time=21)], disclosure=DISCLOSURE
    )

    assert (cell.delivered, cell.delivered_on_time, cell.on_time_percent) == (20, 20, 100)
    assert (cell.delivered_within_s_median, cell.delivered_within_s_p90) == (10, 300)


def test_a_time_longer_than_the_last_step_is_not_told() -> None:
    tally = a_tally(*([0] * 11), 20, delivered=40)

    [cell] = cells_of([tally], disclosure=DISCLOSURE)

    assert list(TIME_STEPS) == sorted(TIME_STEPS)
    assert (cell.delivered_within_s_median, cell.delivered_within_s_p90) == (7 * 24 * 3_600, None)


def test_of_few_there_is_neither_a_rate_nor_a_time() -> None:
    [cell] = cells_of([a_tally(delivered=17, delivered_on_time=17)], disclosure=DISCLOSURE)

    assert (cell.delivered, cell.on_time_percent) == (15, None)
    assert (cell.delivered_within_s_median, cell.delivered_within_s_p90) == (None, None)


@given(st.datetimes(datetime(2021, 3, 1), datetime(2099, 12, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_months_ids_are_those_drawn_on_its_days_in_helsinki(now: datetime) -> None:
    drawn = new_ids_at(now)()
    day = legal_day(instant_of_id(UUID(drawn)))
    month = Month.of(f"{day:%Y-%m}")

    first_id, next_id = month.ids()

    assert first_id <= drawn < next_id
    assert month.first_on <= day < month.next_on


def test_the_month_after_december_is_january() -> None:
    assert Month.of("2021-12") == Month(date(2021, 12, 1), date(2022, 1, 1))
    assert Month.of("2021-02").next_on - Month.of("2021-02").first_on == timedelta(days=28)


@pytest.mark.parametrize("text", ["2021-13", "2021-00", "2021", "march"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid isoformat|month must be"):
        Month.of(text)
