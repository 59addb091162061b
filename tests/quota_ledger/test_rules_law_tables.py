from collections.abc import Callable
from datetime import date
from pathlib import Path
from shutil import copytree
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.values.business_ids import is_valid
from kuntavayla.values.tables import TableFault
from quota_ledger.rules.accounts import Instrument
from quota_ledger.rules.law_tables import load_quota_tables
from quota_ledger.rules.start_up_grant import StartUpGrantTable
from tests.quota_ledger.scenarios.cases import DATA, the_register, the_tables

OLD_BASE = "pay_subsidy/2021/unemployed-under-12-months,rate,,,,,1,6,300,per_mille,2021-03-01"
OLD_CAP = "pay_subsidy/2021/company-cap,cap,,,,,,,140000,cents_per_month,2021-03-01,2023-06-30"
OLD_LAW = "Act 916/2012 chapter 7 as in force to 30.6.2023; domain.md section 5"
LADDER = "24,,13,24,300"
DAILY = "start_up_grant/2021-01-01/daily,daily,3378,cents,2021-01-01,2021-12-31,2020-12-01"
LAST_DAILY = "3721,cents,2023-01-01,,2022-12-01"
WEEK_LAW = "Act 916/2012 chapter 8; domain.md section 5"
DAILY_LAW = "basic unemployment allowance of 2022; domain.md section 5"
CODE_LAW = "register of the TE office; domain.md section 5"
WEEK = "start_up_grant/2021/days-per-week,days_per_week,5"
CODE = "service_code/2021/60,60,PAY_SUBSIDY,private,2021-03-01,,register"
BODY = "9900777-0,Esimerkin Vuokratalot Oy,765,2021-03-01,,example,assumed"
LIMIT = "limits/2021/training-period,period,TRAINING,24,months,2021-03-01,,plausibility,design"

Change = Callable[[str], str]


def swap(old: str, new: str) -> Change:
    def changed(text: str) -> str:
        assert old in text, "the row stands in the table"
        return text.replace(old, new, 1)

    return changed


def broken(name: str, change: Change, *, folder: Path) -> Path:
    """Return a folder of the tables with one of them changed."""
    assert isinstance(DATA, Path)
    target = folder / "data"
    copytree(DATA, target)
    path = target / name
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return target


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(swap(f"{OLD_BASE},2023-06-30", f"{OLD_BASE},2023-06-29"), "A gap", id="gap"),
        pytest.param(
            swap(f"{OLD_BASE},2023-06-30", f"{OLD_BASE},2023-07-01"), "Two rows", id="overlap"
        ),
        pytest.param(swap(OLD_BASE, OLD_BASE.replace("03-01", "03-02")), "No row", id="late"),
        pytest.param(swap("2023-07-01,,2022", "2023-07-01,2030-12-31,2022"), "behind", id="ends"),
        pytest.param(swap("2023-06-30", "2023-06-29"), "A gap", id="gap for associations"),
        pytest.param(swap("2023-07-01", "2023-07-02"), "A gap", id="late for associations"),
        pytest.param(swap(OLD_CAP, OLD_CAP.replace("06-30", "06-29")), "A gap", id="cap gap"),
        pytest.param(swap(OLD_CAP, OLD_CAP.replace("06-30", "07-01")), "Two rows", id="cap twice"),
        pytest.param(swap(OLD_LAW, ""), "no source", id="no source"),
        pytest.param(swap("5,sure", "5,"), "no source", id="no sureness"),
        pytest.param(swap("5,sure", "5"), "number of cells", id="short row"),
        pytest.param(swap("2021/company-cap", "2021/association-cap"), "stands twice", id="id"),
        pytest.param(swap("pay_subsidy/2021/company-cap", ""), "no id", id="no id"),
        pytest.param(swap("140000,cents_per_month", "140000,"), "no unit", id="no unit"),
        pytest.param(swap("140000", "1400.00"), "no whole number", id="euros"),
        pytest.param(swap("140000", "-1"), "no whole number", id="negative"),
        pytest.param(swap(",cap,", ",cup,"), "neither rate", id="what"),
        pytest.param(swap("rate,association", "rate,society"), "no kind of employer", id="kind"),
        pytest.param(swap("turned_55", "turned_60"), "nothing that a row may", id="need"),
        pytest.param(swap("2023-06-30", "June"), "no days", id="day"),
        pytest.param(swap("2020-12-30", "2020"), "no day", id="known from"),
        pytest.param(swap("2023-06-30", "2021-02-28"), "ends before it starts", id="backwards"),
        pytest.param(swap(LADDER, LADDER.replace("13,", "14,")), "follow each", id="month gap"),
        pytest.param(swap(LADDER, LADDER.replace("13,", "12,")), "follow each", id="month twice"),
        pytest.param(swap(LADDER, LADDER.replace("24,300", "12,300")), "follow", id="no months"),
        pytest.param(swap("id,what", "id,which"), "columns", id="columns"),
    ],
)
def test_a_table_of_pay_subsidy_that_is_not_in_order_is_refused(
    change: Change, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(TableFault, match=reason):
        load_quota_tables(broken("pay_subsidy.csv", change, folder=tmp_path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(swap(DAILY, DAILY.replace("12-31", "12-30")), "A gap", id="gap"),
        pytest.param(swap(DAILY, DAILY.replace("12-31", "01-01")), "A gap", id="long gap"),
        pytest.param(swap("2022-01-01,2022-07-31", "2021-12-31,2022-07-31"), "Two", id="overlap"),
        pytest.param(
            swap(DAILY, DAILY.replace("2021-01-01,2", "2021-03-02,2")), "No row", id="late"
        ),
        pytest.param(
            swap(LAST_DAILY, LAST_DAILY.replace(",,", ",2030-12-31,")), "after", id="ends"
        ),
        pytest.param(swap(WEEK, "start_up_grant/2021/days-per-week,daily,5"), "Two", id="missing"),
        pytest.param(swap(WEEK_LAW, ""), "no source", id="no source"),
        pytest.param(
            swap(DAILY_LAW, ""),
            "no source",
            id="no source of a rate",
        ),
        pytest.param(swap(",daily,3450", ",weekly,3450"), "no number of", id="what"),
        pytest.param(swap("3450", "34.50"), "no whole number", id="euros"),
        pytest.param(swap("2022-01-01/daily", "2021-01-01/daily"), "stands twice", id="id"),
    ],
)
def test_a_table_of_the_start_up_grant_that_is_not_in_order_is_refused(
    change: Change, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(TableFault, match=reason):
        load_quota_tables(broken("start_up_grant.csv", change, folder=tmp_path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(swap(CODE, CODE.replace(",,", ",2023-12-31,")), "No row", id="ends"),
        pytest.param(swap(CODE, CODE.replace("03-01", "03-02")), "No row", id="late"),
        pytest.param(swap(",69,PAY", ",60,PAY"), "Two rows", id="overlap"),
        pytest.param(swap(CODE_LAW, ""), "no source", id="no source"),
        pytest.param(swap("60,PAY_SUBSIDY", "60,LOAN"), "no instrument", id="instrument"),
        pytest.param(swap("PAY_SUBSIDY,private", "PAY_SUBSIDY,church"), "no kind", id="employer"),
        pytest.param(swap("PAY_SUBSIDY,private", "PAY_SUBSIDY,"), "needs an employer", id="nobody"),
        pytest.param(
            swap("START_UP_GRANT,", "START_UP_GRANT,private"), "may have none", id="grant"
        ),
        pytest.param(
            lambda text: text.replace("COACHING", "TRAINING"), "No code belongs", id="none"
        ),
    ],
)
def test_a_table_of_service_codes_that_is_not_in_order_is_refused(
    change: Change, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(TableFault, match=reason):
        load_quota_tables(broken("service_codes.csv", change, folder=tmp_path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(swap(BODY, f"{BODY}\n{BODY}"), "Two rows", id="overlap"),
        pytest.param(swap(BODY, BODY.replace("-0,", "-1,")), "no business id", id="check digit"),
        pytest.param(swap(BODY, BODY.replace("9900777-0", "0201256-6")), "Two", id="municipality"),
        pytest.param(swap(BODY, BODY.replace("example", "")), "no source", id="no source"),
        pytest.param(swap(BODY, BODY.replace("2021-03-01", "March")), "no days", id="day"),
    ],
)
def test_a_list_of_controlled_bodies_that_is_not_in_order_is_refused(
    change: Change, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(TableFault, match=reason):
        load_quota_tables(broken("controlled_bodies.csv", change, folder=tmp_path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(swap(LIMIT, ""), "No row", id="missing"),
        pytest.param(swap(LIMIT, f"{LIMIT}\n{LIMIT}"), "Two rows", id="overlap"),
        pytest.param(swap(LIMIT, LIMIT.replace(",,p", ",2023-12-31,p")), "No row", id="ends"),
        pytest.param(swap(LIMIT, LIMIT.replace("plausibility", "")), "no source", id="no source"),
        pytest.param(swap(LIMIT, LIMIT.replace(",24,", ",two,")), "no whole", id="number"),
        pytest.param(swap(LIMIT, LIMIT.replace("TRAINING", "PAY_SUBSIDY")), "no limit", id="what"),
    ],
)
def test_a_table_of_limits_that_is_not_in_order_is_refused(
    change: Change, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(TableFault, match=reason):
        load_quota_tables(broken("limits.csv", change, folder=tmp_path))


def test_each_municipality_of_the_register_is_an_employer_of_its_own_but_one() -> None:
    known = {own.municipality_code for own in the_tables().own_posts.employers}
    every = {one.code for one in the_register().municipalities(on=date(2021, 3, 1))}

    assert every - known == {"111"}
    assert all(is_valid(own.business_id) for own in the_tables().own_posts.employers)


def test_each_instrument_has_service_codes() -> None:
    codes = the_tables().service_codes.rows

    assert {row.instrument for row in codes} == set(get_args(Instrument))
    assert {row.service_code for row in codes if row.is_own_post} == {
        "50",
        "53",
        "54",
        "57",
        "5T",
        "5V",
    }


@given(st.dates(date(2021, 3, 1), date(2060, 12, 31)), st.dates(date(2021, 3, 1)))
def test_no_calculation_uses_a_rate_that_was_not_known(day: date, decided_on: date) -> None:
    table: StartUpGrantTable = the_tables().start_up_grant

    row = table.row("daily", on=day, decided_on=decided_on)

    assert row.known_from <= decided_on
    assert row.period.starts_on <= day


def test_a_decision_from_before_anything_was_known_takes_what_became_known_first() -> None:
    row = the_tables().start_up_grant.row(
        "daily", on=date(2023, 5, 1), decided_on=date(2020, 11, 30)
    )

    assert row.row_id == "start_up_grant/2021-01-01/daily"
