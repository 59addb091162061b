"""Explain a decision: the long form of its stored grounds, and the sentence for the client.

The grounds are stored in their compact form; each is explained with its source and with the facts
it rests on.
"""

from collections.abc import Callable
from datetime import date

from msgspec import Struct
from msgspec.structs import asdict

from kuntavayla.register import Register
from kuntavayla.values.codes import TriState
from routing_api.rules.decisions import Names
from routing_api.rules.definitions import Text
from routing_api.rules.facts import Facts
from routing_api.rules.judging import Judgement, findings_of
from routing_api.rules.rule_sets import RuleSet

Fact = str | int


class Ground(Struct, frozen=True):
    """A rule that was evaluated: whether it holds, its source, and the facts it rests on."""

    rule: str
    code: str
    held: TriState
    source: str
    facts: dict[str, Fact]


class ClientText(Struct, frozen=True):
    """What the client is told about the decision."""

    fi: str
    sv: str


def explain(grounds: str, *, facts: Facts | None, rule_set: RuleSet) -> list[Ground]:
    """Return one ground per rule evaluated, in order of judging.

    Without facts (they are erased in time) the grounds stand with their sources alone.
    """
    return [
        Ground(
            rule=finding.rule,
            code=finding.code,
            held=finding.held,
            source=rule_set.rules[finding.rule].source,
            facts={} if facts is None else _FACTS[finding.rule](facts),
        )
        for finding in findings_of(grounds)
    ]


def client_text(
    judgement: Judgement, *, rule_set: RuleSet, names: Names | None, effective_on: date
) -> ClientText:
    """Return the sentence for the client, in both languages of the state.

    `names` are those of the day of the decision; only a municipality has some.
    """
    texts = rule_set.definition.client_texts
    day = f"{effective_on.day}.{effective_on.month}.{effective_on.year}"
    if judgement.outcome == "te_office":
        return _filled(texts.te_office, {"day": day})
    if judgement.outcome == "review":
        return _filled(texts.review, {"day": day})
    text = texts.transfer if judgement.decided_by == "R4" else texts.municipality
    assert names is not None, "a decision for a municipality has its names"
    return _filled(text, {"day": day, **asdict(names)})


def _filled(text: Text, places: dict[str, str]) -> ClientText:
    return ClientText(text.fi.format_map(places), text.sv.format_map(places))


def names_of(code: str | None, *, register: Register, on: date) -> Names | None:
    """Return the names of a municipality and its area; its own twice, where no area is known.

    The code itself stands for a municipality that the register does not know.
    """
    if code is None:
        return None
    municipality = register.municipality(code)
    membership = register.membership(code, on=on)
    name_fi = municipality.name_fi if municipality else code
    name_sv = municipality.name_sv if municipality else code
    return Names(
        municipality_fi=name_fi,
        municipality_sv=name_sv,
        area_fi=membership.area_name_fi if membership else name_fi,
        area_sv=membership.area_name_sv if membership else name_sv,
    )


def _home_facts(facts: Facts) -> dict[str, Fact]:
    if facts.home_municipality_code is None:
        return {"home_municipality_basis": facts.home_municipality_basis}
    return {"home_municipality_code": facts.home_municipality_code}


def _area_facts(facts: Facts) -> dict[str, Fact]:
    area = {"area_code": facts.area_code} if facts.area_code else {}
    return {**_home_facts(facts), **area, "membership_status": facts.membership_status}


def _transfer_facts(facts: Facts) -> dict[str, Fact]:
    if facts.transfer_target_code is None or facts.transfer_from_on is None:
        return {"has_accepted_transfer": "no"}
    return {
        "has_accepted_transfer": "yes",
        "transfer_target_code": facts.transfer_target_code,
        "transfer_from_on": facts.transfer_from_on.isoformat(),
    }


def _row_facts(facts: Facts) -> dict[str, Fact]:
    if facts.transfer_target_code is not None:
        return {
            "transfer_target_code": facts.transfer_target_code,
            "membership_status": facts.target_membership_status,
        }
    return {"membership_status": facts.membership_status}


def _situation_facts(facts: Facts) -> dict[str, Fact]:
    return {"employment_code": facts.employment_code or "unknown"}


def _service_facts(facts: Facts) -> dict[str, Fact]:
    service = {"service_code": facts.service_code} if facts.service_code else {}
    return {**_situation_facts(facts), **service}


def _duration_facts(facts: Facts) -> dict[str, Fact]:
    days = facts.unemployed_days
    return {
        "unemployed_days": "unknown" if days is None else days,
        "has_earlier_clienthood": facts.has_earlier_clienthood,
    }


def _swedish_facts(facts: Facts) -> dict[str, Fact]:
    wants: dict[str, Fact] = {"wants_service_in_swedish": facts.wants_service_in_swedish}
    if facts.wants_service_in_swedish == "no":
        return wants
    return {
        **wants,
        "municipality_language_status": facts.municipality_language_status or "unknown",
        "has_earlier_clienthood": facts.has_earlier_clienthood,
    }


def _age_facts(facts: Facts) -> dict[str, Fact]:
    if facts.age_years is None or facts.turns_30_on is None:
        return {}
    return {"age_years": facts.age_years, "turns_30_on": facts.turns_30_on.isoformat()}


_FACTS: dict[str, Callable[[Facts], dict[str, Fact]]] = {
    "R1": lambda facts: {"effective_on": facts.effective_on.isoformat()},
    "R3c": lambda facts: {"home_municipality_basis": facts.home_municipality_basis},
    "R3": _home_facts,
    "R2": _area_facts,
    "R4": _transfer_facts,
    "R5": lambda facts: {"has_earlier_clienthood": facts.has_earlier_clienthood},
    "R6": _situation_facts,
    "R6b": _service_facts,
    "R3b": _row_facts,
    "X1": _duration_facts,
    "X2": _swedish_facts,
    "R7a": lambda facts: {"earnings_related_entitlement": facts.earnings_related_entitlement},
    "R7b": _age_facts,
    "R7c": lambda facts: {"has_finnish_citizenship": facts.has_finnish_citizenship},
    "R7d": lambda facts: {"mother_tongue_group": facts.mother_tongue_group},
}
"""The facts that each rule rests on."""
