from datetime import date, timedelta

import msgspec
import pytest
from msgspec import structs

from routing_api.rules.definitions import RuleSetDefinition
from routing_api.rules.rule_sets import (
    RuleSetFault,
    load_rule_sets,
    parse_rule_sets,
    rule_sets_of,
)
from tests.routing_api.scenarios.cases import RULE_SETS

ANOTHER_RULE = """[[rules]]
rule = "R3c"
fi = ""
en = ""
source = ""
sure = "sure"
"""
PILOT_RULES = "R1 R3c R3 R4 R5 R6 R6b R3b X1 X2 R7a R7b R7c R7d"


def published() -> dict[str, RuleSetDefinition]:
    return {
        f"{rule_set.id}/{rule_set.version}": rule_set.definition
        for rule_set in load_rule_sets(RULE_SETS).all()
    }


def published_files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in RULE_SETS.glob("*.toml")}


def test_a_gap_between_rule_sets_is_refused() -> None:
    definitions = published()
    definitions["pilot/2"] = structs.replace(definitions["pilot/2"], valid_to=date(2024, 12, 30))

    with pytest.raises(RuleSetFault, match=r"employment-areas/1: A gap follows pilot/2"):
        rule_sets_of(list(definitions.values()))


def test_first_days_without_a_rule_set_are_refused() -> None:
    definitions = published()
    del definitions["before-pilot/1"]

    with pytest.raises(RuleSetFault, match="The first days have no rule set"):
        rule_sets_of(list(definitions.values()))


def test_last_days_without_a_rule_set_are_refused() -> None:
    definitions = published()
    del definitions["employment-areas/1"]

    with pytest.raises(RuleSetFault, match="The last days have no rule set"):
        rule_sets_of(list(definitions.values()))


def test_no_rule_set_at_all_is_refused() -> None:
    with pytest.raises(RuleSetFault, match="The first days have no rule set"):
        rule_sets_of([])


def test_two_rule_sets_on_one_day_are_refused() -> None:
    definitions = published()
    areas = definitions["employment-areas/1"]
    definitions["employment-areas/1"] = structs.replace(areas, valid_from=date(2024, 12, 31))

    with pytest.raises(RuleSetFault, match="overlaps"):
        rule_sets_of(list(definitions.values()))


def test_two_versions_known_from_the_same_day_are_refused() -> None:
    definitions = published()
    known_from = definitions["pilot/1"].known_from
    definitions["pilot/2"] = structs.replace(definitions["pilot/2"], known_from=known_from)

    with pytest.raises(RuleSetFault, match="overlaps"):
        rule_sets_of(list(definitions.values()))


def test_a_version_that_stands_twice_is_refused() -> None:
    definitions = list(published().values())

    with pytest.raises(RuleSetFault, match="The version stands twice"):
        rule_sets_of([*definitions, definitions[0]])


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('rule = "R1"', 'rule = "R0"'),
        ("[rules.pilot_starts_on]", "[rules.pilot_begins_on]"),
        ("value = 2021-03-01", 'value = "the first of March"'),
        ('unit = "legal day, Europe/Helsinki"', ""),
        ('sure = "sure"', 'sure = "probably"'),
        ("{day}", "{weekday}"),
        ("{day}", "{day"),
        ("valid_to = 2021-02-28", "valid_to = 2021-02-30"),
        ("valid_to = 2021-02-28", "valid_from = 2022-01-01\nvalid_to = 2021-02-28"),
        (
            '[[rules]]\nrule = "R1"',
            f'{ANOTHER_RULE}{ANOTHER_RULE}[[rules]]\nrule = "R1"',
        ),
    ],
    ids=[
        "unknown rule",
        "misspelt parameter",
        "wrong type",
        "parameter without unit",
        "unknown sureness",
        "unknown place in a text",
        "broken place in a text",
        "no such day",
        "ends before it begins",
        "rule twice",
    ],
)
def test_a_malformed_rule_set_is_refused_by_the_name_of_its_file(good: str, bad: str) -> None:
    files = published_files()
    text = files["before-pilot-1.toml"].decode()
    assert good in text
    files["before-pilot-1.toml"] = text.replace(good, bad, 1).encode()

    with pytest.raises(RuleSetFault) as refused:
        parse_rule_sets(files)

    assert refused.value.where == "before-pilot-1.toml"


def test_a_file_that_is_no_text_is_refused() -> None:
    files = published_files() | {"zz.toml": b"\xff\xfe"}

    with pytest.raises(RuleSetFault) as refused:
        parse_rule_sets(files)

    assert refused.value.where == "zz.toml"


def test_a_rule_set_without_rules_is_refused() -> None:
    files = published_files()
    head, _, _ = files["before-pilot-1.toml"].decode().partition("[[rules]]")
    files["before-pilot-1.toml"] = f"rules = []\n{head}".encode()

    with pytest.raises(RuleSetFault, match="There is no rule"):
        parse_rule_sets(files)


def test_every_day_of_a_hundred_years_has_exactly_one_rule_set_whenever_it_is_decided() -> None:
    rule_sets = load_rule_sets(RULE_SETS)
    known_days = [date(1990, 1, 1), date(2021, 2, 15), date(2022, 8, 1), date(2030, 1, 1)]

    for known_on in known_days:
        for day in range(0, 36_525, 5):
            effective_on = date(1960, 1, 1) + timedelta(days=day)
            rule_set = rule_sets.applicable(effective_on=effective_on, known_on=known_on)
            assert rule_set.valid_from <= effective_on <= rule_set.valid_to


@pytest.mark.parametrize(
    ("effective_on", "known_on", "name"),
    [
        (date.min, date.min, "before-pilot/1"),
        (date(2021, 2, 28), date(2021, 2, 28), "before-pilot/1"),
        (date(2021, 3, 1), date(2021, 1, 15), "pilot/1"),
        (date(2022, 7, 31), date(2022, 8, 1), "pilot/1"),
        (date(2022, 8, 1), date(2022, 7, 31), "pilot/1"),
        (date(2022, 8, 1), date(2022, 8, 1), "pilot/2"),
        (date(2023, 6, 30), date(2023, 6, 30), "pilot/2"),
        (date(2024, 12, 31), date(2024, 12, 31), "pilot/2"),
        (date(2025, 1, 1), date(2024, 12, 1), "employment-areas/1"),
        (date.max, date.max, "employment-areas/1"),
    ],
)
def test_a_decision_cites_the_version_known_on_its_day(
    effective_on: date, known_on: date, name: str
) -> None:
    rule_set = load_rule_sets(RULE_SETS).applicable(effective_on=effective_on, known_on=known_on)

    assert f"{rule_set.id}/{rule_set.version}" == name


def test_the_order_of_judging_is_the_order_of_the_data() -> None:
    rule_sets = load_rule_sets(RULE_SETS)

    assert " ".join(rule_sets.find("pilot", "1").rules) == PILOT_RULES
    assert " ".join(rule_sets.find("pilot", "2").rules) == PILOT_RULES
    assert " ".join(rule_sets.find("employment-areas", "1").rules) == "R1 R3c R3 R3b R2"
    assert " ".join(rule_sets.find("before-pilot", "1").rules) == "R1"


def test_the_extension_changes_nothing_but_the_period() -> None:
    one = load_rule_sets(RULE_SETS).find("pilot", "1").definition
    two = load_rule_sets(RULE_SETS).find("pilot", "2").definition

    assert (one.rules, one.client_texts) == (two.rules, two.client_texts)


def test_both_versions_of_the_pilot_share_its_first_day() -> None:
    rule_sets = load_rule_sets(RULE_SETS)

    assert rule_sets.find("pilot", "1").first_day_on == date(2021, 3, 1)
    assert rule_sets.find("pilot", "2").first_day_on == date(2021, 3, 1)
    assert rule_sets.find("employment-areas", "1").first_day_on == date(2025, 1, 1)


def test_a_rule_set_that_no_one_made_is_not_found() -> None:
    with pytest.raises(LookupError):
        load_rule_sets(RULE_SETS).find("pilot", "3")


def test_every_parameter_is_published_with_unit_source_and_sureness() -> None:
    for definition in published().values():
        for rule in msgspec.to_builtins(definition)["rules"]:
            assert rule["fi"]
            assert rule["en"]
            for parameter in [value for value in rule.values() if isinstance(value, dict)]:
                assert parameter["unit"]
                assert parameter["source"]
                assert parameter["sure"]
