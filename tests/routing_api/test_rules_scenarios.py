import csv
from dataclasses import dataclass
from datetime import date
from functools import cache

import msgspec
import pytest

from kuntavayla.register import Register, load_register
from routing_api.rules.explaining import client_text, explain, names_of
from routing_api.rules.gathering import gather
from routing_api.rules.intake import Accepted, Refused, examine
from routing_api.rules.judging import Judgement, judge
from routing_api.rules.registrations import Registration
from routing_api.rules.rule_sets import RuleSet
from tests.routing_api.scenarios.cases import (
    FOLDER,
    LIMITS,
    BadCase,
    Case,
    bad_cases,
    changed_body,
    decided_cases,
    earlier_of,
    good_body,
    register_of,
    registration_of,
    rule_sets_for,
)

NOT_YET_POSSIBLE = {"R4-2"}
"""R4-2 waits for the call that takes transfer requests; its days are tested on the pure rules."""


@cache
def the_register() -> Register:
    return load_register()


@dataclass(frozen=True)
class Decided:
    judgement: Judgement
    rule_set: RuleSet
    register: Register
    codes_that_hold: list[str]

    @property
    def authority(self) -> str:
        if self.judgement.outcome == "municipality":
            return f"{self.judgement.municipality_code}/{self.judgement.area_code}"
        return self.judgement.te_office_code


def decide(case: Case) -> Decided:
    registration = registration_of(case.facts, on=case.on)
    register = register_of(the_register(), case.facts)
    rule_sets = rule_sets_for(case.facts)
    today = case.decided_on or case.on
    examined = examine(
        registration, register=register, rule_sets=rule_sets, today=today, limits=LIMITS
    )
    assert isinstance(examined, Accepted), examined
    rule_set = rule_sets.applicable(effective_on=examined.effective_on, known_on=today)
    facts = gather(
        registration,
        born_on=examined.identity_code.born_on,
        effective_on=examined.effective_on,
        register=register,
        earlier=earlier_of(case.facts),
        rule_set=rule_set,
    )
    judgement = judge(facts, rule_set=rule_set)
    grounds = explain(judgement.grounds, facts=facts, rule_set=rule_set)
    holding = [ground for ground in grounds if ground.held == "yes"]
    deciding = [ground.code for ground in holding if ground.rule == judgement.decided_by]
    return Decided(judgement, rule_set, register, deciding)


@pytest.mark.parametrize("case", decided_cases(), ids=lambda case: case.name)
def test_each_case_is_decided_as_its_sentence_says(case: Case) -> None:
    decided = decide(case)

    expected = case.expect
    judgement = decided.judgement
    assert judgement.outcome == expected.outcome, judgement.grounds
    assert judgement.decided_by == expected.decided_by, judgement.grounds
    assert decided.authority == expected.authority
    assert decided.codes_that_hold == ([expected.ground] if expected.ground else [])
    assert judgement.review_reason == expected.reason
    assert judgement.missing_facts == expected.missing
    name = f"{decided.rule_set.id}/{decided.rule_set.version}"
    assert expected.rule_set in (None, name)


@pytest.mark.parametrize("case", decided_cases(), ids=lambda case: case.name)
def test_each_case_has_its_sentence_for_the_client_in_both_languages(case: Case) -> None:
    decided = decide(case)

    text = client_text(
        decided.judgement,
        rule_set=decided.rule_set,
        names=names_of(decided.judgement.municipality_code, register=decided.register, on=case.on),
        effective_on=case.on,
    )

    day = f"{case.on.day}.{case.on.month}.{case.on.year}"
    assert day in text.fi
    assert day in text.sv
    assert "{" not in text.fi + text.sv


@pytest.mark.parametrize("case", bad_cases(), ids=lambda case: case.name)
def test_bad_input_gets_no_decision(case: BadCase) -> None:
    body = changed_body(case.change)

    if case.refused_by == "form":
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body, type=Registration)
        return

    refused = examined(body)
    assert isinstance(refused, Refused)
    assert case.fault is not None
    assert [(fault.pointer, fault.code) for fault in refused.faults] == [
        (case.fault.pointer, case.fault.code)
    ]
    if isinstance(case.change.value, str):
        assert case.change.value not in refused.faults[0].message.replace(
            '"protected"', ""
        ).replace('"none"', "")


def examined(body: bytes) -> Accepted | Refused:
    return examine(
        msgspec.json.decode(body, type=Registration),
        register=the_register(),
        rule_sets=rule_sets_for(decided_cases()[0].facts),
        today=date(2021, 3, 1),
        limits=LIMITS,
    )


def test_the_registration_that_bad_cases_change_is_itself_good() -> None:
    body = msgspec.json.encode(good_body())

    assert isinstance(examined(body), Accepted)


def agreed_cases() -> list[dict[str, str]]:
    with (FOLDER / "routing_cases.csv").open(encoding="utf-8") as file:
        next(file)
        return list(csv.DictReader(file))


@pytest.mark.parametrize("agreed", agreed_cases(), ids=lambda agreed: agreed["case"])
def test_every_agreed_boundary_case_stands_in_a_scenario_with_the_same_decision(
    agreed: dict[str, str],
) -> None:
    name = agreed["case"]
    if name in NOT_YET_POSSIBLE:
        assert agreed["outcome"] == "409"
        return
    if agreed["outcome"] == "422":
        assert name in {case.name for case in bad_cases()}
        return

    [case] = [case for case in decided_cases() if case.name == name]

    assert case.on == date.fromisoformat(agreed["effective_on"])
    assert case.expect.outcome == agreed["outcome"]
    assert case.expect.decided_by == agreed["decided_by"]
    assert case.expect.authority == agreed["authority"].split(" until ")[0]
    assert case.expect.ground == (
        None if agreed["ground_that_decided"].startswith("none") else agreed["ground_that_decided"]
    )


def test_every_rule_decides_in_some_scenario() -> None:
    deciding = {case.expect.decided_by for case in decided_cases()}

    rules = {
        rule
        for rule_set in rule_sets_for(decided_cases()[0].facts).all()
        for rule in rule_set.rules
    }
    assert deciding == rules | {"R8", "R9"}


def test_names_of_scenarios_are_unique() -> None:
    names = [case.name for case in decided_cases()] + [case.name for case in bad_cases()]

    assert len(names) == len(set(names))
