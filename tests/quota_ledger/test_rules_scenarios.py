import msgspec
import pytest

from kuntavayla.service.errors import MunicipalityNotServed
from quota_ledger.rules.calculating import calculate
from quota_ledger.rules.calculations import Calculation, CalculationRefused
from quota_ledger.rules.competence import (
    Circumstances,
    ClientNotKnown,
    Competence,
    Judgement,
    NotCompetent,
    judge,
)
from quota_ledger.rules.intake import examine
from quota_ledger.rules.items import DecisionItem
from tests.quota_ledger.scenarios.cases import (
    BadCase,
    CompetenceCase,
    Counted,
    Judged,
    bad_cases,
    cents,
    changed,
    competence_cases,
    counted_cases,
    decoded,
    item_of,
    judged_item,
    the_register,
    the_tables,
    versions_of,
)

FILES = {
    "pay_subsidy.toml": "PAY_SUBSIDY",
    "start_up_grant.toml": "START_UP_GRANT",
    "places.toml": "TRAINING",
}
CASES = [
    pytest.param(item_of(case, instrument), case, id=case.name)
    for name, instrument in FILES.items()
    for case in counted_cases(name)
]


@pytest.mark.parametrize(("item", "case"), CASES)
def test_each_case_comes_out_to_the_cent(item: DecisionItem, case: Counted) -> None:
    faults = examine(item, tables=the_tables(), register=the_register(), today=case.decided)
    outcome = calculate(item, tables=the_tables(), decided_on=case.decided)

    assert faults == ()
    if case.expect.refused is not None:
        assert isinstance(outcome, CalculationRefused)
        assert outcome.code == case.expect.refused
        assert outcome.rule_rows
        return
    assert isinstance(outcome, Calculation)
    assert told(outcome, case) == wanted(case)


def told(outcome: Calculation, case: Counted) -> dict[str, object]:
    """Return what the calculation says of what the case says."""
    by_month = {month.month: month.cents for month in outcome.months}
    all_told = {
        "total": outcome.total_cents,
        "rate": outcome.rate_per_mille,
        "months_max": outcome.months_max,
        "month": outcome.cents_per_month,
        "holiday": outcome.holiday_pay_cents,
        "day": outcome.cents_per_day,
        "days": outcome.days_max,
        "cut": sum(cut.cents for cut in outcome.cuts),
        "months": {month: by_month.get(month) for month in case.expect.months},
        "rows": outcome.rule_rows,
    }
    assert sum(by_month.values()) == outcome.total_cents
    return {name: all_told[name] for name in wanted(case)}


def wanted(case: Counted) -> dict[str, object]:
    """Return what the case says, in cents."""
    expect = case.expect
    said: dict[str, object] = {"total": expect.total and cents(expect.total)}
    for name in ("month", "holiday", "day", "cut"):
        text = getattr(expect, name)
        said |= {} if text is None else {name: cents(text)}
    for name in ("rate", "months_max", "days"):
        number = getattr(expect, name)
        said |= {} if number is None else {name: number}
    said["months"] = {month: cents(text) for month, text in expect.months.items()}
    return said | ({"rows": expect.rows} if expect.rows else {})


@pytest.mark.parametrize("case", competence_cases(), ids=lambda case: case.name)
def test_each_case_of_competence_is_judged_as_its_sentence_says(case: CompetenceCase) -> None:
    sender = the_register().case_system(case.sender)
    assert sender is not None
    circumstances = Circumstances(
        tables=the_tables(), register=the_register(), sender=sender, versions=versions_of(case)
    )

    judgement = judge(judged_item(case), circumstances=circumstances, decided_on=case.on)

    assert said_of(judgement) == case.expect


def said_of(judgement: Judgement) -> Judged:
    match judgement:
        case Competence():
            return Judged("competent", judgement.rule)
        case NotCompetent():
            return Judged(
                judgement.code,
                judgement.rule,
                judgement.competent_authority,
                judgement.te_office_code,
                judgement.matched_on,
            )
        case ClientNotKnown():
            return Judged("client_not_known")
        case MunicipalityNotServed():
            return Judged(judgement.code)


@pytest.mark.parametrize("case", bad_cases(), ids=lambda case: case.name)
def test_bad_input_is_refused_with_its_place(case: BadCase) -> None:
    body = changed(case)

    if case.form:
        assert case.fault is None
        with pytest.raises(msgspec.ValidationError):
            decoded(body)
        return

    item = decoded(body)
    faults = examine(item, tables=the_tables(), register=the_register(), today=case.today)
    assert case.fault is not None
    assert [(fault.pointer, fault.code) for fault in faults] == [
        (case.fault.pointer, case.fault.code)
    ]
    value = case.change.get(case.fault.pointer)
    assert not (isinstance(value, str) and value in faults[0].message)


def test_a_clerk_finds_at_least_sixty_readable_cases() -> None:
    names = [case.name for name in FILES for case in counted_cases(name)]
    names += [case.name for case in competence_cases()] + [case.name for case in bad_cases()]

    assert len(names) == len(set(names))
    assert len(CASES) >= 60
