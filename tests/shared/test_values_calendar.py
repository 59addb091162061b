"""The Finnish calendar: legal days, working days, ages."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.values.calendar import (
    age_on,
    helsinki_instant,
    is_working_day,
    legal_day,
    turns_on,
    working_day_after,
)

DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))
BIRTHS = st.dates(date(1850, 1, 1), date(2030, 12, 31))


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        pytest.param("2021-02-28T21:59:59Z", date(2021, 2, 28), id="last second, winter time"),
        pytest.param("2021-02-28T22:00:00Z", date(2021, 3, 1), id="first second, winter time"),
        pytest.param("2021-02-28T22:30:00Z", date(2021, 3, 1), id="the day of the pilots"),
        pytest.param("2021-07-31T20:59:59Z", date(2021, 7, 31), id="last second, summer time"),
        pytest.param("2021-07-31T21:00:00Z", date(2021, 8, 1), id="first second, summer time"),
        pytest.param("2021-03-01T00:00:00+14:00", date(2021, 2, 28), id="far east"),
        pytest.param("2020-12-31T23:00:00-01:00", date(2021, 1, 1), id="the year changes"),
    ],
)
def test_a_legal_day_is_the_calendar_day_in_helsinki(instant: str, day: date) -> None:
    assert legal_day(datetime.fromisoformat(instant)) == day


def test_an_instant_without_offset_has_no_legal_day() -> None:
    with pytest.raises(AssertionError):
        legal_day(datetime(2021, 3, 1, 8, 0))  # noqa: DTZ001 - the missing offset is the case


@given(DAYS, st.integers(0, 23), st.integers(0, 59))
def test_an_instant_made_for_a_day_belongs_to_that_day(on: date, hour: int, minute: int) -> None:
    instant = helsinki_instant(on, hour, minute)

    assert (instant.tzinfo, legal_day(instant)) == (UTC, on)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001 - the strategy adds the offset
def test_the_offset_in_which_an_instant_is_written_changes_nothing(
    moment: datetime, offset_minutes: int
) -> None:
    instant = moment.replace(tzinfo=UTC)

    other = instant.astimezone(timezone(timedelta(minutes=offset_minutes)))

    assert legal_day(other) == legal_day(instant)


def test_four_in_the_afternoon_is_an_hour_earlier_in_utc_when_it_is_summer() -> None:
    winter = helsinki_instant(date(2021, 3, 15), 16, 0)
    summer = helsinki_instant(date(2021, 3, 29), 16, 0)

    assert winter == datetime(2021, 3, 15, 14, 0, tzinfo=UTC)
    assert summer == datetime(2021, 3, 29, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(date(2021, 1, 1), id="New Year's Day"),
        pytest.param(date(2021, 1, 6), id="Epiphany"),
        pytest.param(date(2021, 2, 27), id="a Saturday"),
        pytest.param(date(2021, 2, 28), id="a Sunday"),
        pytest.param(date(2021, 4, 2), id="Good Friday"),
        pytest.param(date(2021, 4, 5), id="Easter Monday"),
        pytest.param(date(2024, 5, 1), id="May Day"),
        pytest.param(date(2021, 5, 13), id="Ascension Day"),
        pytest.param(date(2021, 6, 25), id="Midsummer Eve"),
        pytest.param(date(2021, 12, 6), id="Independence Day"),
        pytest.param(date(2021, 12, 24), id="Christmas Eve"),
        pytest.param(date(2024, 12, 25), id="Christmas Day"),
        pytest.param(date(2024, 12, 26), id="Boxing Day"),
    ],
)
def test_offices_rest_on_weekends_and_holidays(day: date) -> None:
    assert not is_working_day(day)


@pytest.mark.parametrize(
    ("after", "count", "expected"),
    [
        pytest.param(date(2021, 3, 1), 1, date(2021, 3, 2), id="the next day"),
        pytest.param(date(2021, 3, 5), 1, date(2021, 3, 8), id="over a weekend"),
        pytest.param(date(2021, 3, 6), 1, date(2021, 3, 8), id="from a Saturday"),
        pytest.param(date(2021, 3, 1), 5, date(2021, 3, 8), id="five: notice of day one"),
        pytest.param(date(2021, 3, 1), 10, date(2021, 3, 15), id="ten: the initial batch"),
        pytest.param(date(2021, 4, 1), 1, date(2021, 4, 6), id="over Easter"),
        pytest.param(date(2021, 12, 23), 1, date(2021, 12, 27), id="over Christmas"),
        pytest.param(date(2024, 12, 31), 1, date(2025, 1, 2), id="over the new year"),
    ],
)
def test_working_days_are_counted_from_the_day_after(
    after: date, count: int, expected: date
) -> None:
    assert working_day_after(after, count) == expected


@given(DAYS, st.integers(1, 30))
def test_counting_working_days_one_by_one_comes_to_the_same(on: date, count: int) -> None:
    day = on
    for _ in range(count):
        day = working_day_after(day)

    assert (working_day_after(on, count), is_working_day(day)) == (day, True)


@pytest.mark.parametrize(
    ("born_on", "on", "age"),
    [
        pytest.param(date(1991, 3, 2), date(2021, 3, 1), 29, id="the day before the birthday"),
        pytest.param(date(1991, 3, 1), date(2021, 3, 1), 30, id="the birthday"),
        pytest.param(date(1992, 2, 29), date(2022, 2, 28), 29, id="28 February, common year"),
        pytest.param(date(1992, 2, 29), date(2022, 3, 1), 30, id="1 March, common year"),
        pytest.param(date(1992, 2, 29), date(2024, 2, 29), 32, id="29 February, leap year"),
        pytest.param(date(2021, 3, 1), date(2021, 3, 1), 0, id="the day of birth"),
        pytest.param(date(2021, 3, 2), date(2021, 3, 1), -1, id="not yet born"),
    ],
)
def test_age_is_counted_in_full_years(born_on: date, on: date, age: int) -> None:
    assert age_on(born_on, on) == age


def test_who_was_born_on_29_february_turns_on_1_march_in_common_years() -> None:
    assert turns_on(date(1992, 2, 29), 30) == date(2022, 3, 1)
    assert turns_on(date(1992, 2, 29), 32) == date(2024, 2, 29)


@given(BIRTHS, st.integers(0, 130))
def test_the_day_on_which_one_turns_is_the_first_of_that_age(born_on: date, years: int) -> None:
    day = turns_on(born_on, years)

    assert (age_on(born_on, day), age_on(born_on, day - timedelta(days=1))) == (years, years - 1)
