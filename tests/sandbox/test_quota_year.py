"""The budget year before it is sent: sized by the formula, drawn by a seed, without a fault."""

from collections import Counter
from datetime import date
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from kuntavayla.register import load_register
from kuntavayla.values.business_ids import is_valid
from kuntavayla_sandbox.quota_year.assumptions import load_assumptions
from kuntavayla_sandbox.quota_year.books import Held, Unequal
from kuntavayla_sandbox.quota_year.generating import (
    Planned,
    YearClient,
    counts,
    generate_year,
)
from kuntavayla_sandbox.quota_year.paying import RECOVERED_EVERY, payments, recoveries
from kuntavayla_sandbox.quota_year.running import YearRun, acts_of
from kuntavayla_sandbox.quota_year.sizing import allocations, ely_of, participants
from kuntavayla_sandbox.quota_year.telling import year_parts
from quota_ledger.app import tables_of_release
from quota_ledger.rules import areas
from quota_ledger.rules.allocations import AllocationRequest
from quota_ledger.rules.intake import examine
from quota_ledger.rules.items import DecisionItem
from tests.sandbox.year_books import balance, honest

REGISTER, ASSUMED = load_register(), load_assumptions()
MARCH_1, LAST_DAY = date(2021, 3, 1), ASSUMED.year.last_on
PILOTS = REGISTER.areas(on=MARCH_1)


def clients(count: int) -> list[YearClient]:
    """Return so many clients in every area, spread over its municipalities."""
    found = []
    for area in PILOTS:
        codes = sorted(area.municipality_codes)
        for number in range(count):
            code = codes[number % len(codes)]
            membership = REGISTER.membership(code, on=MARCH_1)
            assert membership is not None
            name = f"{PILOTS.index(area):08x}-0000-7000-8000-{number:012x}"
            found.append(YearClient(name, code, area.code, membership.case_system_id))
    return found


def year(*, decisions: int = 1_500, seed: int = 1) -> list[Planned]:
    return generate_year(
        clients(100), decisions=decisions, seed=seed, assumed=ASSUMED, register=REGISTER
    )


def test_an_allocation_is_clients_times_participation_times_unit_cost() -> None:
    orders = list(allocations({"kainuu": 1_000}, assumed=ASSUMED, decided_on=MARCH_1))

    sized = {one["instrument"]: (one["persons"], one["amount_cents"]) for one in orders}
    assert sized["PAY_SUBSIDY"] == (160, 160 * 760_000)
    assert sized["COACHING"] == (95, 95 * 95_000)
    assert len(sized) == 4


def test_an_area_in_which_nobody_takes_part_gets_nothing() -> None:
    assert list(allocations({"kainuu": 3}, assumed=ASSUMED, decided_on=MARCH_1)) == []


def test_half_a_participant_is_one() -> None:
    assert (participants(3, per_mille=166), participants(3, per_mille=167)) == (0, 1)


def test_the_orders_are_as_the_service_takes_them() -> None:
    official = {"official_id": "ely-14:u-0001", "role": "decider"}
    for order in allocations({"kainuu": 1_000}, assumed=ASSUMED, decided_on=MARCH_1):
        body = msgspec.json.encode({**order, "acting_official": official})
        assert list(msgspec.json.decode(body, type=AllocationRequest).faults(today=MARCH_1)) == []


def test_each_area_has_the_ely_centre_that_the_service_knows() -> None:
    assert {area.code: ely_of(REGISTER, area) for area in PILOTS} == {
        area.code: areas.ely_of(REGISTER, area) for area in PILOTS
    }


def test_the_same_seed_gives_the_same_year_and_another_one_another() -> None:
    assert year() == year()
    assert year() != year(seed=2)


def test_about_so_many_are_decided_as_asked_and_more_than_was_sized_where_money_ends() -> None:
    moved = dict.fromkeys((area.code for area in PILOTS), 1_000)

    wanted = counts(moved, decisions=5_000, assumed=ASSUMED)

    assert sum(wanted.values()) == 5_000
    for (area, instrument), count in wanted.items():
        per_mille = ASSUMED.instruments[instrument].past_participation_per_mille
        sized = participants(1_000, per_mille=per_mille)
        assert (count > sized) is (area in ASSUMED.demand.dry_areas)


def test_where_nobody_has_moved_nothing_is_decided() -> None:
    assert generate_year([], decisions=10, seed=1, assumed=ASSUMED, register=REGISTER) == []


def test_no_decision_of_the_year_has_a_fault() -> None:
    tables = tables_of_release()

    for one in year():
        item: DecisionItem = msgspec.json.decode(
            msgspec.json.encode(one.document), type=DecisionItem
        )
        assert examine(item, tables=tables, register=REGISTER, today=LAST_DAY) == ()


def test_every_business_id_is_one() -> None:
    employers = [one.document["employer"] for one in year() if one.document.get("employer")]

    assert employers
    assert all(is_valid(each["business_id"]) for each in employers)


def test_everything_that_may_become_of_a_decision_does_and_only_the_first_month_forgets() -> None:
    planned = year(decisions=4_000)

    assert set(Counter(one.fate for one in planned)) == {
        "granted", "refused", "forgotten", "cancelled", "ended", "shortened",
    }  # fmt: skip
    assert {one.decided_on.month for one in planned if one.fate == "forgotten"} == {10}
    assert all(acts_of(one) for one in planned if one.fate != "forgotten")


def test_each_month_that_has_ended_is_paid_up_to_what_is_committed() -> None:
    months = [("2022-07", 300), ("2022-08", 300), ("2022-09", 300)]
    account = ("kainuu", "PAY_SUBSIDY")
    held = {
        "granted": Held(account, "a", 0, 900, None, months),
        "ended": Held(account, "b", 0, 200, None, months, is_changed=True),
        "cancelled": Held(account, "c", 0, 0, None, months, is_changed=True),
        "reserved": Held(account, "d", 900, 0, None, months),
    }

    due = list(payments(held, paid_on=LAST_DAY))

    assert [(one["decision_id"], one["month"], one["amount_cents"]) for one in due] == [
        ("granted", "2022-07", 300),
        ("granted", "2022-08", 300),
        ("ended", "2022-07", 200),
    ]


def test_a_month_is_paid_once_and_only_what_is_left_of_the_commitment() -> None:
    months = [("2022-07", 300), ("2022-08", 300)]
    paid = Held(
        ("kainuu", "PAY_SUBSIDY"), "a", 0, 500, None, months, paid_cents=300,
        paid_months=("2022-07",),
    )  # fmt: skip

    due = list(payments({"paid": paid}, paid_on=LAST_DAY))

    assert [(one["month"], one["amount_cents"]) for one in due] == [("2022-08", 200)]


def test_of_a_few_that_go_on_a_part_is_taken_back_once() -> None:
    months, account = [("2022-07", 300)], ("kainuu", "PAY_SUBSIDY")
    held = {
        f"id-{number}": Held(account, "a", 0, 300, None, months, paid_months=("2022-07",))
        for number in range(1, 2 * RECOVERED_EVERY + 1)
    }

    first = list(recoveries(held, paid_on=LAST_DAY))
    held[f"id-{RECOVERED_EVERY}"].recovered_cents = 30
    held[f"id-{2 * RECOVERED_EVERY}"].is_changed = True

    assert [(one["decision_id"], one["amount_cents"]) for one in first] == [
        (f"id-{RECOVERED_EVERY}", -30),
        (f"id-{2 * RECOVERED_EVERY}", -30),
    ]
    assert {one["kind"] for one in first} == {"recovery"}
    assert list(recoveries(held, paid_on=LAST_DAY)) == []


@pytest.mark.parametrize(("is_intact", "said"), [(True, "Verified, no"), (False, "Verified: 2")])
def test_the_closing_shows_areas_reasons_exactness_and_verification(
    *, is_intact: bool, said: str
) -> None:
    text = _shown(_run(is_intact=is_intact))

    assert "allocation_exhausted" in text
    assert "Exact to the cent" in text
    assert said in text
    assert "10,000" in text


def test_what_does_not_add_up_is_shown() -> None:
    run = _run(is_intact=True)
    run.books.unequal.append(Unequal("free", "kainuu/TRAINING", "5", "6"))

    assert "It does not add up: 1 differences" in _shown(run)
    assert not run.is_right


def _run(*, is_intact: bool) -> YearRun:
    verification = {
        "is_intact": is_intact,
        "account_count": 1,
        "entry_count": 4,
        "decision_count": 3,
        "difference_count": 0 if is_intact else 2,
    }
    return YearRun(
        books=honest(),
        decisions=3,
        deciding_s=0.5,
        balances=[balance()],
        verification=verification,
    )


def _shown(run: YearRun) -> str:
    screen = StringIO()
    Console(file=screen, width=160).print(*year_parts(run))
    return screen.getvalue()
