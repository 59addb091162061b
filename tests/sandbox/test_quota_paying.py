"""What KEHA pays of the year: month by month, some of it late, and what it takes back."""

from datetime import date
from typing import Any

import pytest

from kuntavayla_sandbox.quota_year.accounts import Draw
from kuntavayla_sandbox.quota_year.holding import Held
from kuntavayla_sandbox.quota_year.paying import (
    LATE_BACK_EVERY,
    LATE_EVERY,
    RECOVERED_EVERY,
    late_payments,
    late_recoveries,
    payments,
    recoveries,
)

ACCOUNT = ("kainuu", "PAY_SUBSIDY", 2021)
LAST_DAY = date(2022, 9, 30)
MONTHS = [("2022-07", 300), ("2022-08", 300), ("2022-09", 300)]
PERIOD = ("2022-07", "2022-09")


def held(draw: Draw, *, state: str = "granted", **changes: Any) -> Held:  # noqa: ANN401 - members of any type
    members = {"months": MONTHS, "period": PERIOD, **changes}
    return Held("a", state, {ACCOUNT: draw}, None, **members)


def told(items: Any) -> list[tuple[str, str, int]]:  # noqa: ANN401 - an iterator of documents
    return [(one["decision_id"], one["month"], one["amount_cents"]) for one in items]


def nth(number: int, one: Held) -> dict[str, Held]:
    """Return a decision in so-many-eth place, behind others of which nothing comes."""
    found = {f"id-{place}": held(Draw()) for place in range(1, number)}
    return {**found, "it": one}


def test_each_month_that_has_ended_is_paid_up_to_what_is_committed() -> None:
    decisions = {
        "granted": held(Draw(committed_cents=900)),
        "ended": held(Draw(committed_cents=200), state="ended"),
        "cancelled": held(Draw(), state="cancelled"),
        "reserved": held(Draw(reserved_cents=900), state="reserved"),
    }

    assert told(payments(decisions, paid_on=LAST_DAY)) == [
        ("granted", "2022-07", 300),
        ("granted", "2022-08", 300),
        ("ended", "2022-07", 200),
    ]


def test_a_month_is_paid_once_and_only_what_is_left_of_the_commitment() -> None:
    draw = Draw(committed_cents=500, paid_cents=300, net_cents=300)

    due = payments({"it": held(draw, paid_months=("2022-07",))}, paid_on=LAST_DAY)

    assert told(due) == [("it", "2022-08", 200)]


@pytest.mark.parametrize(("place", "count"), [(RECOVERED_EVERY, 1), (RECOVERED_EVERY + 1, 0)])
def test_of_one_of_many_a_part_is_taken_back(place: int, count: int) -> None:
    draw = Draw(committed_cents=900, paid_cents=300, net_cents=300)
    decisions = nth(place, held(draw, paid_months=("2022-07",)))

    due = list(recoveries(decisions, paid_on=LAST_DAY))

    assert told(due) == [("it", "2022-07", -30)] * count
    assert {one["kind"] for one in due} <= {"recovery"}


def test_nothing_is_taken_back_twice_nor_more_than_was_paid() -> None:
    draw = Draw(committed_cents=900, paid_cents=300, net_cents=20)
    once = nth(RECOVERED_EVERY, held(draw, paid_months=("2022-07",), recovered_cents=30))
    little = nth(RECOVERED_EVERY, held(draw, paid_months=("2022-07",)))

    assert list(recoveries(once, paid_on=LAST_DAY)) == []
    assert told(recoveries(little, paid_on=LAST_DAY)) == [("it", "2022-07", -20)]


@pytest.mark.parametrize(
    ("state", "period", "month"),
    [
        ("cancelled", PERIOD, "2022-07"),
        ("ended", ("2022-07", "2022-07"), "2022-08"),
        ("ended", ("2021-07", "2021-12"), "2022-01"),
    ],
)
def test_what_is_over_is_paid_once_more_too_late(
    state: str, period: tuple[str, str], month: str
) -> None:
    decisions = nth(LATE_EVERY, held(Draw(), state=state, period=period))

    assert told(late_payments(decisions, paid_on=LAST_DAY)) == [("it", month, 300)]


@pytest.mark.parametrize(
    "one",
    [
        held(Draw(committed_cents=900)),
        held(Draw(), state="expired"),
        held(Draw(), state="cancelled", is_paid_late=True),
        held(Draw(), state="ended"),
        held(Draw(), state="cancelled", months=[("2022-09", 300)]),
    ],
)
def test_nothing_is_paid_late_of_what_goes_on_nor_twice_nor_before_its_month(one: Held) -> None:
    assert list(late_payments(nth(LATE_EVERY, one), paid_on=LAST_DAY)) == []


def test_of_every_second_late_payment_all_is_taken_back() -> None:
    draw = Draw(net_cents=70, excess_cents=70)
    late = held(draw, state="cancelled", is_paid_late=True)

    taken = late_recoveries(nth(LATE_EVERY * LATE_BACK_EVERY, late), paid_on=LAST_DAY)
    kept = late_recoveries(nth(LATE_EVERY, late), paid_on=LAST_DAY)

    assert told(taken) == [("it", "2022-07", -70)]
    assert list(kept) == []
