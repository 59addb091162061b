"""Monthly figures of quotas, for all: what is told adds up, and nobody's money can be read off."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.values.statistics import Disclosure
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.balances import Sums
from quota_ledger.rules.statistics import AMOUNTS_ROUNDED_TO_CENTS, Decided, Place, cells_of
from tests.quota_ledger.accounts import balance
from tests.quota_ledger.acts import acted
from tests.quota_ledger.decided import (
    client_id,
    decided,
    give,
    know_clients,
    send_lines,
    sender,
    training,
)
from tests.quota_ledger.service import Ledger
from tests.served import Json

DISCLOSURE = Disclosure(rounded_to=5, rate_of_min=20)
PRICE = 310_000
SUMS = st.builds(
    Sums,
    allocated_cents=st.integers(0, 10**9),
    reserved_cents=st.integers(0, 10**9),
    committed_cents=st.integers(0, 10**9),
    paid_cents=st.integers(0, 10**9),
    paid_excess_cents=st.integers(0, 10**6),
    allocated_persons=st.integers(0, 500),
    reserved_persons=st.integers(0, 40),
    committed_persons=st.integers(0, 40),
)
AMOUNTS = ("overridden", "reserved", "committed", "paid", "paid_excess", "free")


async def figures(ledger: Ledger, month: str = "2021-08", organisation: str = "keha") -> Json:
    caller = ledger.caller(organisation, "statistics.read")
    answer = await caller.get(f"/statistics/quota?month={month}")
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?month=2021-13", "month_malformed"),
        ("?month=2021-09", "month_in_future"),
        ("?month=1999-01", None),
        ("", None),
        ("?month=2021-08&format=xml", None),
    ],
)
async def test_a_month_that_is_none_is_refused(
    refusing: Ledger, query: str, code: str | None
) -> None:
    answer = await refusing.caller("keha", "statistics.read").get(f"/statistics/quota{query}")

    assert answer.status_code == 422, answer.text
    assert code is None or [one["code"] for one in answer.json()["errors"]] == [code]


async def test_the_scope_is_needed(refusing: Ledger) -> None:
    answer = await refusing.caller("keha", "balances.read").get("/statistics/quota?month=2021-08")

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_of_few_persons_no_amount_is_told(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=10 * PRICE, persons=10, instrument="TRAINING")
    made = await decided(sender(ledger), training(1))
    await acted(sender(ledger), made, "grant")

    told = await figures(ledger)

    assert [one["area_code"] for one in told["items"]] == [None, "kainuu"]
    for one in told["items"]:
        assert (one["allocated_cents"], one["allocated_persons"]) == (10 * PRICE, 10)
        assert {one[f"{name}_cents"] for name in AMOUNTS} == {None}
        assert (one["committed_persons"], one["free_persons"], one["use_percent"]) == (0, 10, None)
        assert one["decisions_reserved"] == 0


async def test_of_many_it_is_told_how_much_and_why_not(ledger: Ledger) -> None:
    clients = [client_id(number) for number in range(30)]
    await know_clients(ledger, *clients)
    await give(ledger, cents=22 * PRICE, instrument="TRAINING")
    bodies = [training(number, client_id=one) for number, one in enumerate(clients)]
    await send_lines(sender(ledger), bodies)

    told = await figures(ledger, organisation="te-kainuu")
    ledger.clock.pass_days(10)
    next_month = await figures(ledger, "2021-09")

    [_, one] = told["items"]
    # 22 x 3,100.00 = 68,200.00 EUR, told as 68,000; 22 persons as 20, 8 refused as 10.
    assert (one["reserved_cents"], one["reserved_persons"]) == (6_800_000, 20)
    assert (one["free_cents"], one["use_percent"]) == (0, 100)
    assert (one["decisions_reserved"], one["decisions_refused"]) == (20, 10)
    assert one["refusals"] == [{"code": "allocation_exhausted", "count": 10}]
    assert (told["rounded_to"], told["amounts_rounded_to_cents"]) == (5, 100_000)
    [_, later] = next_month["items"]
    assert (later["reserved_persons"], later["decisions_reserved"]) == (20, 0)


PLACES = ("kainuu", "pori", "raasepori", "tampere")


def cells_with(*persons: int) -> dict[str, bool]:
    """Return of which areas, with so many persons each, amounts are told; "" stands for all."""
    balances = [
        balance(
            number,
            key=AccountKey(area_code, "", "PAY_SUBSIDY", 2021),
            allocated_cents=10**9,
            allocated_persons=100,
            committed_cents=count * PRICE,
            committed_persons=count,
        )
        for number, (area_code, count) in enumerate(zip(PLACES, persons, strict=False), 1)
    ]
    cells = cells_of(balances, [], disclosure=DISCLOSURE)
    for cell in cells:
        amounts = {getattr(cell, f"{name}_cents") is None for name in AMOUNTS}
        assert amounts == {cell.use_percent is None}
    return {cell.place.area_code: cell.use_percent is not None for cell in cells}


@pytest.mark.parametrize(
    ("persons", "hidden"),
    [
        pytest.param((30, 40, 50), set(), id="none is of few"),
        pytest.param((12, 40, 30, 50), {"kainuu", "raasepori"}, id="one is, the next goes too"),
        pytest.param((12, 11, 30), {"kainuu", "pori"}, id="two are, of enough together"),
        pytest.param((3, 2, 30, 40), {"kainuu", "pori", "raasepori"}, id="two of few together"),
        pytest.param((0, 30, 40), {"kainuu"}, id="one without amounts tells nothing"),
        pytest.param((0, 5, 30, 40), {"kainuu", "pori", "raasepori"}, id="nor does it hide"),
        pytest.param((4, 30), {"kainuu", "pori"}, id="of two both"),
        pytest.param((4, 5), {"", "kainuu", "pori"}, id="few in all"),
        pytest.param((4,), {"", "kainuu"}, id="one alone"),
        pytest.param((40,), set(), id="one alone of many"),
    ],
)
def test_the_sum_does_not_tell_what_is_hidden(persons: tuple[int, ...], hidden: set[str]) -> None:
    told = cells_with(*persons)

    assert {area_code for area_code, is_told in told.items() if not is_told} == hidden


@given(persons=st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_what_can_be_reckoned_is_never_of_few(persons: list[int]) -> None:
    told = cells_with(*persons)

    hidden = [n for area, n in zip(PLACES, persons, strict=False) if n and not told[area]]
    assert not told[""] or not hidden or (len(hidden) > 1 and sum(hidden) >= 18)


async def test_as_csv_it_is_the_same(ledger: Ledger) -> None:
    await give(ledger, cents=500, instrument="TRAINING")
    caller = ledger.caller("auditor", "statistics.read")

    answer = await caller.get("/statistics/quota?month=2021-08&format=csv")

    lines = list(csv.DictReader(io.StringIO(answer.text)))
    items = (await figures(ledger))["items"]
    assert answer.headers["content-type"].startswith("text/csv")
    assert [line["allocated_cents"] for line in lines] == ["500", "500"]
    assert [*lines[0]] == ["month", *items[0]]
    assert {line["month"] for line in lines} == {"2021-08"}


@given(sums=st.lists(SUMS, min_size=1, max_size=4))
def test_nothing_of_few_and_nothing_exact_is_told(sums: list[Sums]) -> None:
    balances = [
        balance(number, **{name: getattr(one, name) for name in one.__struct_fields__})
        for number, one in enumerate(sums, 1)
    ]
    counted = [
        Decided(
            place=Place("kainuu", "PAY_SUBSIDY", 2021), outcome="refused", reason_code="x", count=7
        )
    ]

    for cell in cells_of(balances, counted, disclosure=DISCLOSURE):
        amounts = [getattr(cell, f"{name}_cents") for name in AMOUNTS]
        is_few = cell.reserved_persons + cell.committed_persons < DISCLOSURE.rate_of_min - 5
        assert all(one is None or one % AMOUNTS_ROUNDED_TO_CENTS == 0 for one in amounts)
        assert not is_few or set(amounts) == {None}
        assert cell.reserved_persons % 5 == 0
        assert cell.decisions_refused in {0, 5}
