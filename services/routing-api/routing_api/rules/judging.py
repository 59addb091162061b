"""Judge facts by a rule set: all rules in force are evaluated, the first that decides, decides.

Pure and total: every facts value has exactly one outcome. The findings of the rules, joined, are
the `grounds` that are stored; the verdict follows from them alone, so the same grounds always mean
the same decision.
"""

from functools import lru_cache
from typing import Literal

from msgspec import Struct

from kuntavayla.values.codes import TriState
from routing_api.rules.facts import Facts
from routing_api.rules.rule_sets import RuleSet

Outcome = Literal["municipality", "te_office", "review"]
ReviewReason = Literal[
    "entitlement_unknown",
    "citizenship_unknown",
    "mother_tongue_unknown",
    "short_week",
    "membership_unconfirmed",
    "municipality_not_valid",
    "home_protected",
]

_OUTCOMES: dict[str, Outcome] = {
    "R1": "te_office",
    "R3c": "review",
    "R3": "te_office",
    "R2": "municipality",
    "R4": "municipality",
    "R5": "municipality",
    "R6": "te_office",
    "R6b": "te_office",
    "R3b": "review",
    "X1": "te_office",
    "X2": "te_office",
    "R7a": "municipality",
    "R7b": "municipality",
    "R7c": "municipality",
    "R7d": "municipality",
}
"""What a rule decides where it holds (docs/sources.md); R6b's short week is a review instead."""
_REVIEW_REASONS: dict[str, ReviewReason] = {
    "home_protected": "home_protected",
    "short_week": "short_week",
    "membership_unconfirmed": "membership_unconfirmed",
    "municipality_not_valid": "municipality_not_valid",
}
_MISSING: dict[str, tuple[ReviewReason, str]] = {
    "R7a": ("entitlement_unknown", "earnings_related_entitlement"),
    "R7c": ("citizenship_unknown", "citizenship_codes"),
    "R7d": ("mother_tongue_unknown", "mother_tongue_code"),
}
_NEEDS_A_ROW = ("R4", "R5")
"""Rules whose municipality must have a usable row: else R3b decides in their place."""


class Finding(Struct, frozen=True):
    """What one rule found: its name, the code of the ground, and whether it holds."""

    rule: str
    code: str
    held: TriState


class Verdict(Struct, frozen=True):
    """What the grounds mean, whoever the person is."""

    outcome: Outcome
    decided_by: str
    review_reason: ReviewReason | None = None
    missing_facts: tuple[str, ...] = ()


class Judgement(Struct, frozen=True):
    """The decision on one registration: who is responsible, by which rule, on which grounds.

    `te_office_code` is the TE office concerned, whatever the outcome. `grounds` is the compact form
    that is stored: `rule:code:held`, joined by commas, in order of judging.
    """

    outcome: Outcome
    decided_by: str
    te_office_code: str
    grounds: str
    municipality_code: str | None = None
    area_code: str | None = None
    case_system_id: str | None = None
    review_reason: ReviewReason | None = None
    missing_facts: tuple[str, ...] = ()


def judge(facts: Facts, *, rule_set: RuleSet) -> Judgement:
    """Return the one decision that the rule set gives on the facts."""
    evaluations = rule_set.evaluations_on(facts.effective_on)
    grounds = ",".join([evaluate(facts) for evaluate in evaluations])
    verdict = verdict_of(grounds)
    if verdict.outcome != "municipality":
        return Judgement(
            verdict.outcome,
            verdict.decided_by,
            facts.te_office_code,
            grounds,
            review_reason=verdict.review_reason,
            missing_facts=verdict.missing_facts,
        )
    if verdict.decided_by == "R4":
        return Judgement(
            "municipality",
            "R4",
            facts.te_office_code,
            grounds,
            facts.transfer_target_code,
            facts.target_area_code,
            facts.target_case_system_id,
        )
    return Judgement(
        "municipality",
        verdict.decided_by,
        facts.te_office_code,
        grounds,
        facts.home_municipality_code,
        facts.area_code,
        facts.case_system_id,
    )


@lru_cache(maxsize=8192)
def findings_of(grounds: str) -> tuple[Finding, ...]:
    """Return the findings that the stored grounds tell, in order of judging."""
    return tuple(_finding(*piece.split(":")) for piece in grounds.split(","))


# Few hundred different grounds occur; the bound only keeps hostile variety from filling the memory.
@lru_cache(maxsize=8192)
def verdict_of(grounds: str) -> Verdict:
    """Return what the grounds mean: the first rule that decides, decides.

    R8: where no ground of the target group holds and one is unknown, it is a review that names what
    is missing. R9: otherwise it is the TE office. Source: docs/sources.md, rows R8 and R9.
    """
    findings = findings_of(grounds)
    unusable = next((item for item in findings if item.rule == "R3b" and item.held == "yes"), None)
    for finding in findings:
        if finding.held == "yes":
            deciding = unusable if unusable and finding.rule in _NEEDS_A_ROW else finding
            return _verdict(deciding)
    missing = [_MISSING[item.rule] for item in findings if _is_missing(item)]
    if not missing:
        return Verdict("te_office", "R9")
    return Verdict("review", "R8", missing[0][0], tuple(name for _, name in missing))


def _verdict(deciding: Finding) -> Verdict:
    reason = _REVIEW_REASONS.get(deciding.code)
    if reason is not None:
        return Verdict("review", deciding.rule, reason)
    return Verdict(_OUTCOMES[deciding.rule], deciding.rule)


def _is_missing(finding: Finding) -> bool:
    return finding.held == "unknown" and finding.rule in _MISSING


def _finding(rule: str, code: str, held: str) -> Finding:
    return Finding(rule, code, _HELD[held])


_HELD: dict[str, TriState] = {"yes": "yes", "no": "no", "unknown": "unknown"}
