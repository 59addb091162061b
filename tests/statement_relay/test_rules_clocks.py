from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.values.calendar import is_working_day, legal_day, working_day_after
from statement_relay.rules.clocks import (
    BusinessHours,
    DeliveryTarget,
    due,
    is_open,
    next_working_day_at,
    opens_at,
    working_days_later,
)

TARGET = DeliveryTarget(working_days=2, at=time(16, 15), warn_working_days_before=1)
HOURS = BusinessHours(time(8), time(16, 15))
INSTANTS = st.datetimes(datetime(2021, 3, 1), datetime(2025, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("accepted_at", "deliver_by_at", "warn_at"),
    [
        pytest.param(
            "2021-03-24T11:40:02Z",
            "2021-03-26T14:15:00Z",
            "2021-03-25T14:15:00Z",
            id="the agreed example",
        ),
        pytest.param(
            "2021-03-26T11:40:02Z",
            "2021-03-30T13:15:00Z",
            "2021-03-29T13:15:00Z",
            id="over a week-end and the change to summer time",
        ),
        pytest.param(
            "2021-04-01T09:00:00Z",
            "2021-04-07T13:15:00Z",
            "2021-04-06T13:15:00Z",
            id="over Easter",
        ),
        pytest.param(
            "2021-04-01T21:30:00Z",
            "2021-04-07T13:15:00Z",
            "2021-04-06T13:15:00Z",
            id="accepted on Good Friday by clocks in Helsinki",
        ),
        pytest.param(
            "2021-06-23T09:00:00Z",
            "2021-06-28T13:15:00Z",
            "2021-06-24T13:15:00Z",
            id="Midsummer Eve is no working day",
        ),
        pytest.param(
            "2021-12-05T09:00:00Z",
            "2021-12-08T14:15:00Z",
            "2021-12-07T14:15:00Z",
            id="over Independence Day",
        ),
    ],
)
def test_information_is_due_two_working_days_later(
    accepted_at: str, deliver_by_at: str, warn_at: str
) -> None:
    found = due(at(accepted_at), target=TARGET)

    assert (found.deliver_by_at, found.warn_at) == (at(deliver_by_at), at(warn_at))


@given(INSTANTS, st.integers(1, 10), st.integers(0, 12))
def test_a_warning_lies_between_acceptance_and_the_end_of_the_time(
    accepted_at: datetime, days: int, warn_before: int
) -> None:
    target = DeliveryTarget(
        working_days=days, at=time(16, 15), warn_working_days_before=warn_before
    )

    found = due(accepted_at, target=target)

    assert accepted_at <= found.warn_at <= found.deliver_by_at
    assert is_working_day(legal_day(found.deliver_by_at))
    assert legal_day(found.deliver_by_at) == working_day_after(legal_day(accepted_at), days)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2021-03-24T05:59:59Z", False),
        ("2021-03-24T06:00:00Z", True),
        ("2021-03-24T14:14:59Z", True),
        ("2021-03-24T14:15:00Z", False),
        ("2021-03-27T10:00:00Z", False),
        ("2021-04-02T10:00:00Z", False),
        ("2021-03-29T05:00:00Z", True),
    ],
)
def test_a_receiver_takes_calls_in_its_hours_on_working_days(now: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_open(HOURS, now=at(now)) is expected
    assert is_open(None, now=at(now))


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2021-03-24T05:00:00Z", "2021-03-24T06:00:00Z"),
        ("2021-03-24T10:00:00Z", "2021-03-24T10:00:00Z"),
        ("2021-03-24T14:15:00Z", "2021-03-25T06:00:00Z"),
        ("2021-03-26T14:15:00Z", "2021-03-29T05:00:00Z"),
        ("2021-04-02T04:00:00Z", "2021-04-06T05:00:00Z"),
    ],
)
def test_a_closed_receiver_is_called_when_it_opens(now: str, opens: str) -> None:
    assert opens_at(HOURS, now=at(now)) == at(opens)
    assert opens_at(None, now=at(now)) == at(now)


@given(INSTANTS)
def test_a_receiver_is_open_when_it_is_said_to_open(now: datetime) -> None:
    opens = opens_at(HOURS, now=now)

    assert opens >= now
    assert is_open(HOURS, now=opens)
    assert opens == now or not is_open(HOURS, now=opens - timedelta(microseconds=1))


@given(INSTANTS)
def test_the_next_working_day_is_another_day(now: datetime) -> None:
    with_hours = next_working_day_at(HOURS, now=now, opens=time(9))
    without = next_working_day_at(None, now=now, opens=time(9))

    assert legal_day(with_hours) == legal_day(without) == working_day_after(legal_day(now))
    assert is_open(HOURS, now=with_hours)
    assert without - with_hours == timedelta(hours=1)


@pytest.mark.parametrize("closes", [time(8), time(7, 59)])
def test_hours_that_never_begin_are_refused(closes: time) -> None:
    with pytest.raises(ValueError, match="closes after it opens"):
        BusinessHours(time(8), closes)


def test_days_to_answer_are_working_days() -> None:
    asked_at = at("2021-12-22T12:00:00Z")

    assert legal_day(working_days_later(asked_at, days=3, at=time(16, 15))) == date(2021, 12, 28)
