from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from kuntavayla.values.tables import TableFault
from quota_ledger.rules.law_tables import load_quota_tables
from tests.quota_ledger.scenarios.cases import DATA

OLD_BASE = "pay_subsidy/2021/unemployed-under-12-months,rate,,,,,1,6,300,per_mille,2021-03-01"
OLD_CAP = "pay_subsidy/2021/company-cap,cap,,,,,,,140000,cents_per_month,2021-03-01,2023-06-30"
OLD_LAW = "Act 916/2012 chapter 7 as in force to 30.6.2023; domain.md section 5"
LADDER = "24,,13,24,300"
DAILY = "start_up_grant/2021-01-01/daily,daily,3378,cents,2021-01-01,2021-12-31,2020-12-01"
LAST_DAILY = "3721,cents,2023-01-01,,2022-12-01"
WEEK = "start_up_grant/2021/days-per-week,days_per_week,5"
CODE = "service_code/2021/60,60,PAY_SUBSIDY,private,2021-03-01,,register"
BODY = "9900777-0,Esimerkin Vuokratalot Oy,765,2021-03-01,,example,assumed"
LIMIT = "limits/2021/training-period,period,TRAINING,24,months,2021-03-01,,plausibility,assumed"

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
        pytest.param(swap("2023-07-01,,2022", "2023-07-01,2030-12-31,2022"), "", id="ends"),
        pytest.param(swap(OLD_CAP, OLD_CAP.replace("06-30", "06-29")), "A gap", id="cap gap"),
        pytest.param(swap(OLD_CAP, OLD_CAP.replace("06-30", "07-01")), "Two rows", id="cap twice"),
        pytest.param(swap(OLD_LAW, ""), "no source", id="no source"),
        pytest.param(swap(",sure", ","), "no source", id="no sureness"),
        pytest.param(swap(",sure", ""), "number of cells", id="short row"),
        pytest.param(swap("2021/company-cap", "2021/association-cap"), "stands twice", id="id"),
        pytest.param(swap("2021/company-cap", ""), "", id="id of two words"),
        pytest.param(swap("pay_subsidy/2021/company-cap", ""), "no id", id="no id"),
        pytest.param(swap("140000,cents_per_month", "140000,"), "no unit", id="no unit"),
        pytest.param(swap("140000", "1400.00"), "no whole number", id="euros"),
        pytest.param(swap("140000", "-1"), "no whole number", id="negative"),
        pytest.param(swap(",cap,", ",cup,"), "neither rate", id="what"),
        pytest.param(swap("association", "society"), "", id="id is free text"),
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
    if not reason:
        load_quota_tables(broken("pay_subsidy.csv", change, folder=tmp_path))
        return

    with pytest.raises(TableFault, match=reason):
        load_quota_tables(broken("pay_subsidy.csv", change, folder=tmp_path))
