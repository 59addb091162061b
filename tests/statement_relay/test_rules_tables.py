from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.values.tables import TableFault
from statement_relay.rules.answers import (
    Action,
    Answer,
    AnswerTable,
    Failure,
    load_answers,
)
from statement_relay.rules.issuers import load_issuers
from statement_relay.rules.kinds import KINDS, load_kinds
from statement_relay.rules.receivers import load_receivers
from tests.statement_relay.scenarios.cases import DATA, SENT, the_answers, the_tables

FIRST_ON = date(2021, 3, 1)
S1 = "RESIGNATION,te_office,S1,2021-03-01,2021-10-01,Act 1269/2020; K2019,sure"
S3 = "RESIGNATION,employment_area,S3,2025-01-01,,Act 380/2023,sure"
KAINUU = "*,te-kainuu,te-kainuu,2021-03-01,2024-12-31,one office for each ELY area,assumed"


def changed(name: str, old: str, new: str, *, folder: Path) -> Path:
    text = (DATA / name).read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / name
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(S1, S1.replace("10-01", "09-30"), "A gap", id="gap"),
        pytest.param(S1, S1.replace("10-01", "10-02"), "Two rows", id="overlap"),
        pytest.param(S1, S1.replace("2021-03-01", "2021-03-02"), "No row", id="late"),
        pytest.param(S3, S3.replace(",,", ",2030-12-31,"), "No row", id="ends"),
        pytest.param(S3, "", "No row", id="missing"),
        pytest.param(S1, f"{S1}\n{S1}", "Two rows", id="twice"),
        pytest.param(S1, S1.replace("Act 1269/2020; K2019", ""), "no source", id="no source"),
        pytest.param(S1, S1.replace(",sure", ","), "no source", id="no sureness"),
        pytest.param(S1, S1.replace(",sure", ""), "number of cells", id="short"),
        pytest.param(S1, f"{S1},more", "number of cells", id="long"),
        pytest.param(S1, S1.replace("RESIGNATION", "HOLIDAY"), "no kind", id="kind"),
        pytest.param(S1, S1.replace("te_office", "keha"), "no authority", id="authority"),
        pytest.param(S1, S1.replace(",S1,", ",,"), "names no rule", id="rule"),
        pytest.param(S1, S1.replace("2021-10-01", "October"), "no days", id="day"),
        pytest.param(S1, S1.replace("2021-10-01", "2021-02-28"), "no days", id="backwards"),
        pytest.param("kind,authority,rule", "kind,authority,law", "columns", id="columns"),
    ],
)
def test_a_table_of_issuers_that_is_not_in_order_is_refused(
    old: str, new: str, *, reason: str, tmp_path: Path
) -> None:
    source = changed("issuers.csv", old, new, folder=tmp_path)

    with pytest.raises(TableFault, match=reason):
        load_issuers(source, first_on=FIRST_ON)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        pytest.param(f"{KAINUU}\n{KAINUU}", "Two rows", id="overlap"),
        pytest.param(KAINUU.replace("assumed", ""), "no source", id="no sureness"),
        pytest.param(KAINUU.replace("*", "HOLIDAY"), "no kind", id="kind"),
        pytest.param(KAINUU.replace("te-kainuu,te-kainuu", "te-kainuu,"), "no office", id="nobody"),
        pytest.param(KAINUU.replace("2021-03-01", "2025-03-01"), "no days", id="backwards"),
    ],
)
def test_a_table_of_receivers_that_is_not_in_order_is_refused(
    new: str, reason: str, tmp_path: Path
) -> None:
    source = changed("receivers.csv", KAINUU, new, folder=tmp_path)

    with pytest.raises(TableFault, match=reason):
        load_receivers(source)


def test_a_national_centre_takes_over_by_one_row_more(tmp_path: Path) -> None:
    until = KAINUU.replace("2024-12-31", "2021-09-30")
    centre = "*,*,te-national,2021-10-01,2024-12-31,(decision on the centre),sure"
    own = "RESIGNATION,te-kainuu,te-kainuu,2021-10-01,2024-12-31,(kept by the office),sure"
    table = load_receivers(
        changed("receivers.csv", KAINUU, f"{until}\n{centre}\n{own}", folder=tmp_path)
    )

    def receiver(kind: str, office: str, on: date) -> str | None:
        return table.find(kind=kind, te_office_code=office, on=on)

    assert receiver("PLAN_REFUSED", "te-kainuu", date(2021, 9, 30)) == "te-kainuu"
    assert receiver("PLAN_REFUSED", "te-kainuu", date(2021, 10, 1)) == "te-national"
    assert receiver("RESIGNATION", "te-kainuu", date(2021, 10, 1)) == "te-kainuu"
    assert receiver("PLAN_REFUSED", "te-lappi", date(2021, 10, 1)) == "te-lappi"
    assert receiver("PLAN_REFUSED", "te-kainuu", date(2025, 1, 1)) is None


def test_an_organisation_gives_receipts_for_itself_and_for_whoever_takes_its_information(
    tmp_path: Path,
) -> None:
    until = KAINUU.replace("2024-12-31", "2021-09-30")
    shared = "*,te-kainuu,te-lappi,2021-10-01,2024-12-31,(decision on one centre),sure"
    centre = "RESIGNATION,*,te-national,2021-03-01,2024-12-31,(decision on the centre),sure"
    table = load_receivers(
        changed("receivers.csv", KAINUU, f"{until}\n{shared}\n{centre}", folder=tmp_path)
    )

    assert table.receivers_of("te-kainuu") == {"te-kainuu", "te-lappi"}
    assert table.receivers_of("te-lappi") == {"te-lappi"}
    assert table.receivers_of("te-national") == {"te-national"}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param('kind = "RESIGNATION"', 'kind = "HOLIDAY"', "Invalid enum", id="kind"),
        pytest.param('kind = "RESIGNATION"', 'kind = "PLAN_REFUSED"', "once", id="twice"),
        pytest.param('sv = "Egen uppsägning", ', "", "missing", id="text"),
    ],
)
def test_a_list_of_kinds_that_is_not_in_order_is_refused(
    old: str, new: str, *, reason: str, tmp_path: Path
) -> None:
    source = changed("kinds.toml", old, new, folder=tmp_path)

    with pytest.raises(TableFault, match=reason):
        load_kinds(source)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param('on = ["3xx", "1xx"]', 'on = ["3xx"]', "No row for 1xx", id="gap"),
        pytest.param('on = ["202"]', 'on = ["202", "409"]', "leads to two", id="overlap"),
        pytest.param('code = "too_fast"', 'code = "rejected"', "stands twice", id="code twice"),
        pytest.param('on = ["429"]', 'when = ["429"]', "unknown field", id="member"),
    ],
)
def test_a_table_of_answers_that_is_not_in_order_is_refused(
    old: str, new: str, *, reason: str, tmp_path: Path
) -> None:
    source = changed("answers.toml", old, new, folder=tmp_path)

    with pytest.raises(TableFault, match=reason):
        load_answers(source)


@given(st.sampled_from(KINDS), st.dates(FIRST_ON, date(2060, 12, 31)))
def test_every_kind_has_an_issuer_on_every_day_from_the_first(kind: str, day: date) -> None:
    issuer = the_tables().issuers.on(day, kind=kind)

    assert issuer.from_on <= day
    assert issuer.is_relayed is (issuer.authority == "te_office")
    if day >= date(2025, 1, 1):
        assert issuer.rule == "S3"


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_has_an_issuer_before_the_pilot(kind: str) -> None:
    with pytest.raises(LookupError):
        the_tables().issuers.on(date(2021, 2, 28), kind=kind)


ANSWERS = st.one_of(
    st.builds(Answer, failure=st.sampled_from(get_args(Failure))),
    st.builds(
        Answer,
        status=st.integers(100, 999),
        code=st.none() | st.text(max_size=20) | st.sampled_from(["client_unknown", "in_progress"]),
        is_json=st.booleans(),
        has_x_road_error=st.booleans(),
        retry_after_s=st.none() | st.integers(0, 100_000),
    ),
)


@given(ANSWERS)
def test_every_answer_has_a_verdict_and_none_is_proof_without_a_receipt(answer: Answer) -> None:
    verdict = the_answers().verdict(answer, digest=SENT)

    assert verdict.action in get_args(Action)
    assert verdict.action != "delivered"
    assert the_answers().of(verdict.code).verdict == verdict


def test_a_table_without_a_row_for_a_class_of_answers_is_no_table() -> None:
    with pytest.raises(TableFault, match="No row for 1xx"):
        AnswerTable(())
