"""Periods of whole days, both ends included."""

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.values.periods import Period

DAYS = st.dates(date(2021, 1, 1), date(2021, 3, 31))
PERIODS = st.builds(
    lambda start, length: Period(start, None if length is None else start + timedelta(days=length)),
    DAYS,
    st.none() | st.integers(0, 40),
)


def test_a_period_may_not_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="end before"):
        Period(date(2021, 3, 2), date(2021, 3, 1))


def test_a_period_that_ends_before_it_starts_is_refused_when_it_is_decoded() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"starts_on":"2021-03-02","ends_on":"2021-03-01"}', type=Period)


def test_both_ends_belong_to_a_period() -> None:
    period = Period(date(2021, 3, 1), date(2024, 12, 31))

    days = (date(2021, 2, 28), date(2021, 3, 1), date(2024, 12, 31), date(2025, 1, 1))
    assert [period.contains(day) for day in days] == [False, True, True, False]


def test_a_period_with_an_open_end_holds_for_ever() -> None:
    period = Period(date(2025, 1, 1))

    assert period.contains(date.max)
    assert not period.contains(date(2024, 12, 31))


@given(PERIODS, PERIODS)
def test_two_periods_overlap_exactly_when_a_day_belongs_to_both(one: Period, two: Period) -> None:
    later_start = max(one.starts_on, two.starts_on)
    shares_a_day = one.contains(later_start) and two.contains(later_start)

    assert one.overlaps(two) == two.overlaps(one) == shares_a_day
