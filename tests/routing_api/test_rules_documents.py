from pathlib import Path
from typing import Any

import pytest

from routing_api.rules.definitions import Parameter
from routing_api.rules.judging import ReviewReason
from routing_api.rules.rule_sets import RuleSet, load_rule_sets
from tests.routing_api.scenarios.cases import RULE_SETS

DOCS = Path(__file__).parents[2] / "docs"


def rows(document: str) -> list[list[str]]:
    lines = (DOCS / document).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]


def every_rule_set() -> list[RuleSet]:
    return list(load_rule_sets(RULE_SETS).all())


def name_of(rule_set: RuleSet) -> str:
    return f"{rule_set.id}/{rule_set.version}"


@pytest.mark.parametrize("rule_set", every_rule_set(), ids=name_of)
def test_each_rule_set_stands_in_the_sources_with_its_days(rule_set: RuleSet) -> None:
    [row] = [row for row in rows("sources.md") if row[0] == name_of(rule_set)]

    definition = rule_set.definition
    for day in (definition.valid_from, definition.valid_to):
        assert day is None or day.isoformat() in row[1]
    assert row[2] == definition.known_from.isoformat()
    assert row[4] == definition.sure


@pytest.mark.parametrize("rule_set", every_rule_set(), ids=name_of)
def test_each_rule_stands_in_the_sources_with_its_source_and_sureness(rule_set: RuleSet) -> None:
    for name, rule in rule_set.rules.items():
        [row] = [row for row in rows("sources.md") if row[0] == name and len(row) == 5]
        assert (row[3], row[4]) == (rule.source, rule.sure)
        assert rule.in_force_from is None or rule.in_force_from.isoformat() in row[1]


@pytest.mark.parametrize("rule_set", every_rule_set(), ids=name_of)
def test_each_number_of_law_stands_in_the_sources_with_its_value(rule_set: RuleSet) -> None:
    found = {(row[0], row[1]): row for row in rows("sources.md") if len(row) == 6}
    parameters: dict[tuple[str, str], Parameter[Any]] = {
        ("all", "abroad_municipality_codes"): rule_set.definition.abroad_municipality_codes
    }
    for name, rule in rule_set.rules.items():
        for field in rule.__struct_fields__:
            value = getattr(rule, field)
            if isinstance(value, Parameter):
                parameters[name, field] = value

    for key, parameter in parameters.items():
        row = found[key]
        values = parameter.value if isinstance(parameter.value, tuple) else (parameter.value,)
        assert row[2] == ", ".join(str(value) for value in values)
        assert row[5] == parameter.sure


def test_each_reason_for_a_review_stands_among_the_states() -> None:
    reasons = {row[0].strip("`") for row in rows("states.md") if len(row) == 3}

    assert set(ReviewReason.__args__) <= reasons  # type: ignore[attr-defined]
