from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from quota_ledger.operations.booking import book
from quota_ledger.rules.forecasts import Week, forecast, full_weeks, quartile, this_monday
from quota_ledger.rules.posting import Holds
from tests.quota_ledger.accounts import held_leg, posting
from tests.quota_ledger.decided import decided, give, know_clients, sender, training
from tests.quota_ledger.orders import an_allocation, ordered, orderer
from tests.quota_ledger.service import Caller, Ledger
from tests.served import Json

TUESDAY = date(2021, 8, 24)
MONDAY = date(2021, 8, 23)


def weeks_of(*nets: int) -> list[Week]:
    """Return full weeks before that of the Tuesday, oldest first."""
    first = MONDAY - timedelta(weeks=len(nets))
    return [Week(first + timedelta(weeks=number), net) for number, net in enumerate(nets)]


def reader(ledger: Ledger, organisation: str = "cs-sotkamo") -> Caller:
    return ledger.caller(organisation, "forecasts.read")


async def forecasts(ledger: Ledger, **query: str) -> Json:
    answer = await reader(ledger).get("/forecasts", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_run_out_is_as_many_weeks_ahead_as_the_median_goes_into_what_is_free() -> None:
    told = forecast(weeks_of(100, 100, 200, 200, 200, 200, 400, 400), free_cents=800, today=TUESDAY)

    assert (told.median_cents, told.lower_quartile_cents, told.upper_quartile_cents) == (
        200,
        175,
        250,
    )
    assert told.run_out_on == TUESDAY + timedelta(weeks=4)
    # 800 / 250 weeks are 22.4 days, and 800 / 175 are 32.
    assert told.earliest_on == TUESDAY + timedelta(days=22)
    assert told.latest_on == TUESDAY + timedelta(days=32)
    assert told.reason is None


@pytest.mark.parametrize(
    ("ordered", "expected"),
    [
        ([1, 2, 3, 4, 5], (2, 3, 4)),
        ([1, 2, 3, 4], (Fraction(7, 4), Fraction(5, 2), Fraction(13, 4))),
        ([7], (7, 7, 7)),
    ],
)
def test_quartiles_divide_between_neighbours(
    ordered: list[int], expected: tuple[Fraction, ...]
) -> None:
    assert tuple(quartile(ordered, number) for number in (1, 2, 3)) == expected


@pytest.mark.parametrize(
    ("nets", "free", "reason"),
    [
        ((100, 100, 100), 500, "too_few_weeks"),
        ((), 500, "too_few_weeks"),
        ((0, 0, 0, 0), 500, "no_net_use"),
        ((-5, -5, -5, 900), 500, "no_net_use"),
        ((1, 1, 1, 1), 100_000_000, "beyond_ten_years"),
    ],
)
def test_without_a_date_there_is_a_reason(nets: tuple[int, ...], free: int, reason: str) -> None:
    told = forecast(weeks_of(*nets), free_cents=free, today=TUESDAY)

    assert (told.run_out_on, told.earliest_on, told.latest_on) == (None, None, None)
    assert told.reason == reason


def test_a_quiet_quarter_has_no_latest_day() -> None:
    told = forecast(weeks_of(0, 0, 100, 100, 100), free_cents=700, today=TUESDAY)

    assert (told.run_out_on, told.latest_on) == (TUESDAY + timedelta(weeks=7), None)


@pytest.mark.parametrize("free", [0, -300])
def test_what_is_used_up_runs_out_today(free: int) -> None:
    told = forecast(weeks_of(1, 1, 1, 1), free_cents=free, today=TUESDAY)

    assert told.run_out_on == told.earliest_on == told.latest_on == TUESDAY


def test_only_weeks_count_that_the_account_has_seen_whole() -> None:
    one_of_eight = MONDAY - timedelta(weeks=2)

    whole = full_weeks(one_of_eight, today=TUESDAY, net={one_of_eight: 5})
    broken = full_weeks(one_of_eight + timedelta(days=1), today=TUESDAY, net={one_of_eight: 5})
    of_old = full_weeks(date(2020, 1, 1), today=TUESDAY, net={})

    assert [week.net_cents for week in whole] == [5, 0]
    assert [week.net_cents for week in broken] == [0]
    assert (len(of_old), of_old[-1].starts_on) == (8, MONDAY - timedelta(weeks=1))
    assert this_monday(MONDAY) == MONDAY


async def test_a_forecast_goes_by_what_was_reserved_less_what_was_released(
    ledger: Ledger,
) -> None:
    ledger.clock.now = datetime(2021, 6, 28, 6, tzinfo=UTC)
    order = an_allocation(instrument="TRAINING", amount_cents=10_000_000)
    account_id = (await ordered(orderer(ledger), "/allocations", order))["balance"]["account_id"]
    await know_clients(ledger)
    for number in range(8):
        day = date(2021, 6, 30) + timedelta(weeks=number)
        ledger.clock.now = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
        body = training(number, cents=200_000, decided_on=day.isoformat())
        made = await decided(sender(ledger), body)
        assert made["outcome"] == "reserved"
    release = held_leg(account_id, "release", holds=Holds(reserved=-1), reserved_cents=-200_000)
    async with ledger.desk.transaction() as connection:
        await book(connection, [posting(release)], moment=ledger.desk.moment())
    ledger.clock.now = datetime(2021, 8, 24, 6, tzinfo=UTC)

    told = await forecasts(ledger, area="kainuu")

    [item] = told["items"]
    assert (told["on"], item["available_cents"]) == ("2021-08-24", 8_600_000)
    assert [week["net_cents"] for week in item["weeks"]] == [200_000] * 8
    # The release counts for the day of the booking, in the week that is not full yet.
    assert item["median_cents"] == 200_000
    assert item["run_out_on"] == "2022-06-21"
    assert item["earliest_on"] == item["latest_on"] == item["run_out_on"]


async def test_a_new_account_has_no_forecast_yet(ledger: Ledger) -> None:
    await give(ledger, cents=500)

    [item] = (await forecasts(ledger))["items"]

    assert (item["run_out_on"], item["reason"], item["weeks"]) == (None, "too_few_weeks", [])


async def test_weeks_before_an_account_was_booked_are_none_of_its_weeks(ledger: Ledger) -> None:
    await ordered(orderer(ledger), "/allocations", an_allocation(valid_from_on="2021-03-01"))

    [item] = (await forecasts(ledger))["items"]

    assert (item["reason"], item["weeks"]) == ("too_few_weeks", [])


async def test_forecasts_are_shown_to_those_whose_area_it_is(ledger: Ledger) -> None:
    await give(ledger, cents=500)

    own = (await reader(ledger, "ely-14").get("/forecasts")).json()["items"]
    others = (await reader(ledger, "cs-helsinki").get("/forecasts")).json()["items"]
    query = {"area": "kainuu"}
    refused = await reader(ledger, "cs-helsinki").get("/forecasts", params=query)
    stranger = await reader(ledger, "te-kainuu").get("/forecasts")

    assert (len(own), len(others)) == (1, 0)
    assert (refused.status_code, refused.json()["code"]) == (403, "area_not_yours")
    assert (stranger.status_code, stranger.json()["code"]) == (403, "caller_kind_refused")
