from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.events import instant_of_id, new_ids_at
from kuntavayla.values.calendar import legal_day
from statement_relay.rules.statistics import (
    Counts,
    Disclosure,
    Month,
    Tally,
    cells_of,
    rounded,
)

DISCLOSURE = Disclosure(rounded_to=5, rate_of_min=20)
AREAS = {"765": "kainuu", "205": "kainuu", "837": "pirkanmaa"}
COUNTS = st.builds(Counts, *(st.integers(0, 1_000) for _ in Counts.__struct_fields__))
TALLIES = st.lists(
    st.builds(
        Tally,
        st.sampled_from(["RESIGNATION", "PLAN_REFUSED"]),
        st.sampled_from([*AREAS, "588"]),
        COUNTS,
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, 0), (2, 0), (3, 5), (7, 5), (8, 10), (12, 10), (13, 15)]
)
def test_a_count_is_rounded_to_the_nearest_five(count: int, expected: int) -> None:
    assert rounded(count, to=5) == expected


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 2), (2, 2), (3, 4)])
def test_a_half_is_rounded_up(count: int, expected: int) -> None:
    assert rounded(count, to=2) == expected


@given(TALLIES)
def test_every_published_count_is_a_multiple_and_near_the_true_one(tallies: list[Tally]) -> None:
    cells = {
        (cell.kind, cell.area_code): cell
        for cell in cells_of(tallies, area_of=AREAS, disclosure=DISCLOSURE)
    }

    for (kind, area_code), cell in cells.items():
        true = sum(
            tally.counts.accepted
            for tally in tallies
            if kind in (None, tally.kind)
            and area_code in (None, AREAS.get(tally.municipality_code))
        )
        assert cell.accepted % 5 == 0
        assert abs(cell.accepted - true) <= 2
        assert (cell.on_time_percent is None) is (cell.delivered < 20)
    assert (None, None) in cells


def test_what_is_summed_up_is_summed_up_before_it_is_rounded() -> None:
    tallies = [Tally("RESIGNATION", code, Counts(2)) for code in ("765", "205", "837")]

    cells = cells_of(tallies, area_of=AREAS, disclosure=DISCLOSURE)

    assert [(cell.kind, cell.area_code, cell.accepted) for cell in cells] == [
        (None, None, 5),
        (None, "kainuu", 5),
        (None, "pirkanmaa", 0),
        ("RESIGNATION", None, 5),
        ("RESIGNATION", "kainuu", 5),
        ("RESIGNATION", "pirkanmaa", 0),
    ]


def test_a_rate_is_made_of_rounded_counts_and_there_is_none_of_few() -> None:
    many = Tally("RESIGNATION", "765", Counts(30, 22, 21))
    few = Tally("PLAN_REFUSED", "765", Counts(30, 17, 17))

    cells = cells_of([many, few], area_of=AREAS, disclosure=DISCLOSURE)

    rates = {cell.kind: cell.on_time_percent for cell in cells if cell.area_code is None}
    assert rates == {None: 100, "RESIGNATION": 100, "PLAN_REFUSED": None}


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
