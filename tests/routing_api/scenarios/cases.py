"""Read the scenario files; turn their words into registrations, facts and expectations."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs

from kuntavayla.register import Register, RegisterChange
from routing_api.rules.definitions import (
    AnyRule,
    RuleSetDefinition,
    ShortUnemploymentRule,
    SwedishServiceRule,
)
from routing_api.rules.facts import EarlierClienthood
from routing_api.rules.intake import IntakeLimits
from routing_api.rules.registrations import (
    EmploymentCode,
    Entitlement,
    HomeMunicipalityBasis,
    Registration,
)
from routing_api.rules.rule_sets import RuleSets, load_rule_sets, rule_sets_of

FOLDER = Path(__file__).parent
RULE_SETS = Path(__file__).parents[3] / "services/routing-api/routing_api/data/rule_sets"
LIMITS = IntakeLimits(
    days_ahead_max=60, days_back_max=31, age_years_max=120, is_test_code_allowed=True
)


class Differing(Struct, frozen=True, forbid_unknown_fields=True):
    """The facts of a case; each default is the base case of README.md."""

    home: str = "765"
    basis: HomeMunicipalityBasis = "population_register"
    residence: str = "765"
    born: date = date(1980, 5, 24)
    citizenship: tuple[str, ...] = ("246",)
    tongue: str = "fi"
    swedish: str = "no"
    security_ban: bool = False
    employment: EmploymentCode = "02"
    service: str | None = None
    unemployed_since: date | None = None
    entitlement: Entitlement = "entitled"
    office: str | None = None
    earlier: bool = False
    transfer_to: str | None = None
    transfer_from: date | None = None
    confirmed: tuple[str, ...] = ()
    short_unemployment_days: int | None = None
    swedish_switch: str = "on"


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """What the law makes of the case."""

    outcome: str
    authority: str
    decided_by: str
    ground: str | None = None
    reason: str | None = None
    missing: tuple[str, ...] = ()
    rule_set: str | None = None


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence with its facts and its decision."""

    name: str
    sentence: str
    on: date
    facts: Differing
    expect: Expected
    decided_on: date | None = None


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """A value put into a good registration; without a value the member is taken out."""

    pointer: str
    value: str | int | None = None


class ExpectedFault(Struct, frozen=True, forbid_unknown_fields=True):
    pointer: str
    code: str


class BadCase(Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence with the bad value, and who refuses it."""

    name: str
    sentence: str
    change: Change
    refused_by: str
    fault: ExpectedFault | None = None


class _Cases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[Case, ...]


class _BadCases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[BadCase, ...]


def decided_cases() -> list[Case]:
    """Return the cases of every file but `bad_input.toml`."""
    files = sorted(path for path in FOLDER.glob("*.toml") if path.name != "bad_input.toml")
    return [
        case for path in files for case in msgspec.toml.decode(path.read_bytes(), type=_Cases).case
    ]


def bad_cases() -> list[BadCase]:
    """Return the cases of `bad_input.toml`."""
    return list(msgspec.toml.decode((FOLDER / "bad_input.toml").read_bytes(), type=_BadCases).case)


def good_body() -> dict[str, Any]:
    """Return the body of a registration without faults, effective on 1.3.2021."""
    body: dict[str, Any] = msgspec.to_builtins(registration_of(Differing(), on=date(2021, 3, 1)))
    return body


def changed_body(change: Change) -> bytes:
    """Return the body of the good registration with the change made."""
    body = good_body()
    *parents, member = change.pointer.strip("/").split("/")
    place = body
    for parent in parents:
        place = place[parent]
    if change.value is None:
        del place[member]
    else:
        place[member] = change.value
    return msgspec.json.encode(body)


def registration_of(facts: Differing, *, on: date) -> Registration:
    """Return the registration, decoded from JSON as a caller would send it."""
    area_office = "ta10" if on.year >= 2025 else "te-kainuu"
    is_home_known = facts.basis in ("population_register", "residence")
    body = {
        "source": {"system": "ura", "registration_id": "URA-R-0300417"},
        "registered_at": f"{on.isoformat()}T08:01:50+02:00",
        "effective_on": on,
        "te_office_code": facts.office or area_office,
        "person": {
            "identity_code": identity_code_of(facts.born),
            "family_name": "Esimerkki",
            "given_names": "Aino Testi",
            "home_municipality_code": facts.home if is_home_known else None,
            "home_municipality_basis": facts.basis,
            "residence_municipality_code": facts.residence,
            "citizenship_codes": facts.citizenship,
            "mother_tongue_code": facts.tongue,
            "has_security_ban": facts.security_ban,
        },
        "situation": {
            "employment_code": facts.employment,
            "service_code": facts.service,
            "unemployed_since_on": facts.unemployed_since,
            "earnings_related_entitlement": facts.entitlement,
            "wants_service_in_swedish": facts.swedish,
        },
    }
    return msgspec.json.decode(msgspec.json.encode(body), type=Registration)


def identity_code_of(born_on: date) -> str:
    """Return a valid test code (individual number 900) for the birth date."""
    sign = {18: "+", 19: "-", 20: "A"}[born_on.year // 100]
    digits = f"{born_on:%d%m%y}"
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(f"{digits}900") % 31]
    return f"{digits}{sign}900{check}"


def earlier_of(facts: Differing) -> EarlierClienthood:
    """Return what the store would know of the person."""
    return EarlierClienthood(facts.earlier, facts.transfer_to, facts.transfer_from)


def register_of(register: Register, facts: Differing) -> Register:
    """Return the register with the case's confirmations."""
    if not facts.confirmed:
        return register
    change = RegisterChange(
        change_id="scenario",
        kind="confirm_memberships",
        municipality_codes=facts.confirmed,
        reason="The scenario says so.",
        recorded_on=date(2021, 2, 1),
    )
    return register.with_changes([change])


def rule_sets_for(facts: Differing) -> RuleSets:
    """Return the rule sets as published, with the case's switches."""
    published = load_rule_sets(RULE_SETS)
    if facts.short_unemployment_days is None and facts.swedish_switch == "on":
        return published
    return rule_sets_of([_switched(rule_set.definition, facts) for rule_set in published.all()])


def _switched(definition: RuleSetDefinition, facts: Differing) -> RuleSetDefinition:
    return structs.replace(
        definition, rules=tuple(_switched_rule(rule, facts) for rule in definition.rules)
    )


def _switched_rule(rule: AnyRule, facts: Differing) -> AnyRule:
    days = facts.short_unemployment_days
    if isinstance(rule, ShortUnemploymentRule) and days is not None:
        limit = structs.replace(rule.unemployed_days_min, value=days)
        return structs.replace(rule, is_on=True, unemployed_days_min=limit)
    if isinstance(rule, SwedishServiceRule):
        return structs.replace(rule, is_on=facts.swedish_switch == "on")
    return rule
