"""One function per rule: from its parameters to a function that judges facts and names the ground.

The finding of a rule is a short text, `rule:code:held`, made once when the rule set is read;
judging only chooses among them. A rule that does not hold carries its last code. Which finding
decides what stands in `routing_api.rules.judging`.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from routing_api.rules.definitions import (
    AnyRule,
    BeforePilotRule,
    EarlierClienthoodRule,
    EmploymentAreaRule,
    ForeignLanguageRule,
    HomeOutsideRule,
    HomeProtectedRule,
    ImmigrantRule,
    NoEarningsRelatedAllowanceRule,
    Rule,
    ShortUnemploymentRule,
    ShortWeekOrEducationRule,
    SituationOutsideRule,
    SwedishServiceRule,
    TransferInForceRule,
    UnusableRowRule,
    YoungRule,
)
from routing_api.rules.facts import Facts

Evaluate = Callable[[Facts], str]
"""Judge the facts by one rule and return its finding, `rule:code:held`."""


def before_pilot(rule: BeforePilotRule) -> Evaluate:
    """Hold on every day before the pilot's first.

    Source: docs/sources.md, row R1.
    """
    starts_on = rule.pilot_starts_on.value

    def evaluate(facts: Facts) -> str:
        if facts.effective_on < starts_on:
            return "R1:before_pilot:yes"
        return "R1:before_pilot:no"

    return evaluate


def home_protected(_rule: HomeProtectedRule) -> Evaluate:
    """Hold where a security ban hides the home municipality.

    Source: docs/sources.md, row R3c.
    """

    def evaluate(facts: Facts) -> str:
        if facts.membership_status == "hidden":
            return "R3c:home_protected:yes"
        return "R3c:home_protected:no"

    return evaluate


def home_outside(_rule: HomeOutsideRule) -> Evaluate:
    """Hold where the home municipality is missing, abroad or outside every area.

    A hidden one is unknown. One that has ended or whose row is unconfirmed is left to R3b.
    Source: docs/sources.md, row R3.
    """
    findings = {
        "missing": "R3:home_municipality_missing:yes",
        "abroad": "R3:home_municipality_abroad:yes",
        "outside": "R3:home_municipality_outside_areas:yes",
        "hidden": "R3:home_municipality_outside_areas:unknown",
    }
    not_held = "R3:home_municipality_outside_areas:no"

    def evaluate(facts: Facts) -> str:
        return findings.get(facts.membership_status, not_held)

    return evaluate


def employment_area(_rule: EmploymentAreaRule) -> Evaluate:
    """Hold where the home municipality belongs to an employment area by a usable row.

    Source: docs/sources.md, row R2.
    """
    findings = {
        "missing": "R2:employment_area:no",
        "abroad": "R2:employment_area:no",
        "outside": "R2:employment_area:no",
        "hidden": "R2:employment_area:unknown",
        "unconfirmed": "R2:employment_area:unknown",
        "not_valid": "R2:employment_area:unknown",
    }
    held = "R2:employment_area:yes"

    def evaluate(facts: Facts) -> str:
        return findings.get(facts.membership_status, held)

    return evaluate


def transfer_in_force(_rule: TransferInForceRule) -> Evaluate:
    """Hold from the first day of an accepted transfer on grounds.

    Source: docs/sources.md, row R4.
    """

    def evaluate(facts: Facts) -> str:
        from_on = facts.transfer_from_on
        if from_on is not None and from_on <= facts.effective_on:
            return "R4:transfer_in_force:yes"
        return "R4:transfer_in_force:no"

    return evaluate


def earlier_clienthood(_rule: EarlierClienthoodRule) -> Evaluate:
    """Hold for who is or has been a pilot client.

    Source: docs/sources.md, row R5.
    """

    def evaluate(facts: Facts) -> str:
        if facts.has_earlier_clienthood == "yes":
            return "R5:earlier_clienthood:yes"
        return "R5:earlier_clienthood:no"

    return evaluate


def situation_outside(rule: SituationOutsideRule) -> Evaluate:
    """Hold where the employment code is neither inside nor handed on to R6b.

    Source: docs/sources.md, row R6.
    """
    known = frozenset(rule.inside_codes.value + rule.handed_on_codes.value)

    def evaluate(facts: Facts) -> str:
        if facts.employment_code in known:
            return "R6:situation_outside:no"
        return "R6:situation_outside:yes"

    return evaluate


def short_week_or_education(rule: ShortWeekOrEducationRule) -> Evaluate:
    """Hold for a short week, and for education that is no listed service.

    Source: docs/sources.md, row R6b.
    """
    short_week = frozenset(rule.short_week_codes.value)
    education = frozenset(rule.education_codes.value)
    services = frozenset(rule.education_service_codes.value)

    def evaluate(facts: Facts) -> str:
        if facts.employment_code in short_week:
            return "R6b:short_week:yes"
        if facts.employment_code in education and facts.service_code not in services:
            return "R6b:education_not_a_service:yes"
        return "R6b:education_not_a_service:no"

    return evaluate


def unusable_row(_rule: UnusableRowRule, *, transfers_from_on: date) -> Evaluate:
    """Hold where the row that would decide is unconfirmed, or not valid on the day.

    The row is the transfer's target's where a transfer is in force (never before
    `transfers_from_on`), else the home municipality's. A target in no area on the day has no valid
    row.
    Source: docs/sources.md, row R3b.
    """
    home_findings = {
        "unconfirmed": "R3b:membership_unconfirmed:yes",
        "not_valid": "R3b:municipality_not_valid:yes",
        "hidden": "R3b:municipality_not_valid:unknown",
    }
    target_findings = {**home_findings, "outside": "R3b:municipality_not_valid:yes"}
    not_held = "R3b:municipality_not_valid:no"

    def evaluate(facts: Facts) -> str:
        from_on = facts.transfer_from_on
        on = facts.effective_on
        if from_on is not None and from_on <= on and transfers_from_on <= on:
            return target_findings.get(facts.target_membership_status, not_held)
        return home_findings.get(facts.membership_status, not_held)

    return evaluate


def short_unemployment(rule: ShortUnemploymentRule) -> Evaluate:
    """Hold at first entry where the unemployment is strictly shorter than the limit.

    Source: docs/sources.md, row X1.
    """
    days_min = rule.unemployed_days_min.value

    def evaluate(facts: Facts) -> str:
        if facts.has_earlier_clienthood == "yes":
            return "X1:short_unemployment:no"
        days = facts.unemployed_days
        if days is None:
            return "X1:short_unemployment:unknown"
        return "X1:short_unemployment:yes" if days < days_min else "X1:short_unemployment:no"

    return evaluate


def swedish_service(rule: SwedishServiceRule) -> Evaluate:
    """Hold at first entry where service in Swedish is wanted and Finnish alone is spoken.

    Source: docs/sources.md, row X2.
    """
    finnish_only = rule.finnish_only_status.value

    def evaluate(facts: Facts) -> str:
        wants = facts.wants_service_in_swedish
        if wants == "no" or facts.has_earlier_clienthood == "yes":
            return "X2:swedish_service:no"
        if facts.membership_status == "hidden":
            return "X2:swedish_service:unknown"
        if facts.municipality_language_status != finnish_only:
            return "X2:swedish_service:no"
        return "X2:swedish_service:yes" if wants == "yes" else "X2:swedish_service:unknown"

    return evaluate


def no_earnings_related_allowance(_rule: NoEarningsRelatedAllowanceRule) -> Evaluate:
    """Hold for who is not entitled to earnings-related allowance; fund membership is never asked.

    Source: docs/sources.md, row R7a.
    """
    findings = {
        "not_entitled": "R7a:no_earnings_related_allowance:yes",
        "entitled": "R7a:no_earnings_related_allowance:no",
        "unknown": "R7a:no_earnings_related_allowance:unknown",
    }

    def evaluate(facts: Facts) -> str:
        return findings[facts.earnings_related_entitlement]

    return evaluate


def young(_rule: YoungRule) -> Evaluate:
    """Hold up to the day before the birthday at which the limit is reached.

    The birthday is a fact, reckoned with the rule's limit when the facts were gathered.
    Source: docs/sources.md, row R7b.
    """

    def evaluate(facts: Facts) -> str:
        birthday = facts.turns_30_on
        if birthday is not None and facts.effective_on < birthday:
            return "R7b:under_30:yes"
        return "R7b:under_30:no"

    return evaluate


def immigrant(_rule: ImmigrantRule) -> Evaluate:
    """Hold where no known citizenship is Finnish, and be unknown where none is known.

    Source: docs/sources.md, row R7c.
    """
    findings = {
        "yes": "R7c:immigrant:no",
        "no": "R7c:immigrant:yes",
        "unknown": "R7c:immigrant:unknown",
    }

    def evaluate(facts: Facts) -> str:
        return findings[facts.has_finnish_citizenship]

    return evaluate


def foreign_language(_rule: ForeignLanguageRule) -> Evaluate:
    """Hold where the mother tongue is known and not a domestic one.

    Source: docs/sources.md, row R7d.
    """
    findings = {
        "foreign": "R7d:foreign_language:yes",
        "domestic": "R7d:foreign_language:no",
        "unknown": "R7d:foreign_language:unknown",
    }

    def evaluate(facts: Facts) -> str:
        return findings[facts.mother_tongue_group]

    return evaluate


_EVALUATIONS: dict[type[Rule], Callable[[Any], Evaluate]] = {
    BeforePilotRule: before_pilot,
    HomeProtectedRule: home_protected,
    HomeOutsideRule: home_outside,
    EmploymentAreaRule: employment_area,
    TransferInForceRule: transfer_in_force,
    EarlierClienthoodRule: earlier_clienthood,
    SituationOutsideRule: situation_outside,
    ShortWeekOrEducationRule: short_week_or_education,
    ShortUnemploymentRule: short_unemployment,
    SwedishServiceRule: swedish_service,
    NoEarningsRelatedAllowanceRule: no_earnings_related_allowance,
    YoungRule: young,
    ImmigrantRule: immigrant,
    ForeignLanguageRule: foreign_language,
}


def evaluation_of(rule: AnyRule, *, transfers_from_on: date) -> Evaluate:
    """Return the function that judges by the rule; R3b must know from when transfers count."""
    if isinstance(rule, UnusableRowRule):
        return unusable_row(rule, transfers_from_on=transfers_from_on)
    return _EVALUATIONS[type(rule)](rule)
