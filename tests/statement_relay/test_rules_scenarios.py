from datetime import date
from functools import cache

import pytest

from kuntavayla.register import Register, load_register
from kuntavayla.service.errors import MunicipalityNotServed
from statement_relay.errors import ResponsibleOther
from statement_relay.rules.answers import AnswerRow, Verdict
from statement_relay.rules.competence import (
    ClientNotKnown,
    Judgement,
    NotRelayed,
    Relayed,
    judge,
)
from statement_relay.rules.issuers import Issuer
from statement_relay.rules.kinds import KINDS
from tests.statement_relay.scenarios.cases import (
    SENT,
    AnswerCase,
    Case,
    Outcome,
    answer_cases,
    answer_of,
    competence_cases,
    item_of,
    the_answers,
    the_tables,
    versions_of,
)


@cache
def the_register() -> Register:
    return load_register()


def told(judgement: Judgement) -> Outcome:
    match judgement:
        case MunicipalityNotServed() | ResponsibleOther():
            return Outcome(judgement.code)
        case Relayed():
            return of_issuer("relayed", judgement.issuer, receiver=judgement.receiver_id)
        case NotRelayed():
            return of_issuer("not_relayed", judgement.issuer)
        case ClientNotKnown():
            return of_issuer("client_not_known", judgement.issuer)


def of_issuer(outcome: str, issuer: Issuer, *, receiver: str | None = None) -> Outcome:
    return Outcome(outcome, issuer.authority, issuer.rule, issuer.from_on, receiver)


@pytest.mark.parametrize("case", competence_cases(), ids=lambda case: case.name)
def test_each_case_is_judged_as_its_sentence_says(case: Case) -> None:
    sender = the_register().case_system(case.sender)
    assert sender is not None

    judgement = judge(item_of(case), sender=sender, versions=versions_of(case), tables=the_tables())

    assert told(judgement) == case.expect


@pytest.mark.parametrize("case", answer_cases(), ids=lambda case: case.name)
def test_each_answer_leads_where_its_case_says(case: AnswerCase) -> None:
    verdict = the_answers().verdict(answer_of(case.answer), digest=SENT)

    expected = case.expect
    assert verdict == Verdict(
        expected.action,  # type: ignore[arg-type]
        expected.code,
        expected.is_receivers_fault,
    )


def test_each_code_that_an_answer_leads_to_has_a_case() -> None:
    shown = {case.expect.code for case in answer_cases()}

    assert {row.code for row in the_answers().rows if row.on} == shown


@pytest.mark.parametrize("row", the_answers().rows, ids=lambda row: row.code)
def test_each_code_has_text_and_advice_in_three_languages(row: AnswerRow) -> None:
    texts = [*vars_of(row.text), *vars_of(row.advice)]

    assert all(text and text.endswith(".") for text in texts)
    assert len(set(texts)) == len(texts)


def vars_of(texts: object) -> list[str]:
    return [getattr(texts, language) for language in ("fi", "sv", "en")]


@pytest.mark.parametrize("kind", KINDS)
def test_each_office_of_the_register_has_a_receiver_while_te_offices_issue(kind: str) -> None:
    tables = the_tables()
    for day in (date(2021, 3, 1), date(2021, 10, 1), date(2021, 10, 2), date(2024, 12, 31)):
        for office in the_register().te_offices(on=day):
            found = tables.receivers.find(kind=kind, te_office_code=office.code, on=day)
            assert found == office.code
    assert not tables.issuers.on(date(2025, 1, 1), kind=kind).is_relayed
