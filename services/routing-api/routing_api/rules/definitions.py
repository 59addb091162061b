"""The form of a rule set in data: one typed entry per rule, parameters with unit and source.

The order of the entries is the order of judging. What a rule does with its parameters stands in
`routing_api.rules.evaluating`; here is only what may be written down, and unknown or missing
members are refused.
"""

from datetime import date
from typing import Generic, Literal, TypeVar

from msgspec import Struct

Sureness = Literal["sure", "mixed", "assumed", "unsure", "design"]
"""How sure a row of law is, in the words of docs/sources.md."""
Value = TypeVar("Value", date, int, str, tuple[str, ...])


class Parameter(Struct, Generic[Value], frozen=True, forbid_unknown_fields=True):
    """A value from outside with its unit, where it was read and how sure it is."""

    value: Value
    unit: str
    source: str
    sure: Sureness


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="rule"):
    """What every rule carries: its sentence in two languages, source, sureness, first day."""

    fi: str
    en: str
    source: str
    sure: Sureness
    in_force_from: date | None = None


class BeforePilotRule(Rule, frozen=True, tag="R1"):
    """R1: before the pilot's first day the TE office is responsible."""

    pilot_starts_on: Parameter[date]


class HomeProtectedRule(Rule, frozen=True, tag="R3c"):
    """R3c: a home municipality hidden by a security ban goes to restricted review."""


class HomeOutsideRule(Rule, frozen=True, tag="R3"):
    """R3: home municipality missing, abroad or outside every area."""


class EmploymentAreaRule(Rule, frozen=True, tag="R2"):
    """R2: the employment area of the home municipality."""


class TransferInForceRule(Rule, frozen=True, tag="R4"):
    """R4: an accepted transfer on grounds decides; the grounds that may be accepted are listed."""

    accepted_grounds: Parameter[tuple[str, ...]]


class EarlierClienthoodRule(Rule, frozen=True, tag="R5"):
    """R5: who is or has been a pilot client stays one."""


class SituationOutsideRule(Rule, frozen=True, tag="R6"):
    """R6: a situation that the pilot does not serve; codes handed on are judged by R6b."""

    inside_codes: Parameter[tuple[str, ...]]
    handed_on_codes: Parameter[tuple[str, ...]]


class ShortWeekOrEducationRule(Rule, frozen=True, tag="R6b"):
    """R6b: a short week is reviewed, education is inside only as a service."""

    short_week_codes: Parameter[tuple[str, ...]]
    education_codes: Parameter[tuple[str, ...]]
    education_service_codes: Parameter[tuple[str, ...]]


class UnusableRowRule(Rule, frozen=True, tag="R3b"):
    """R3b: the register's row is unconfirmed or not valid on the day."""


class ShortUnemploymentRule(Rule, frozen=True, tag="X1"):
    """X1, a switch: an unemployment shorter than the limit, at first entry."""

    is_on: bool
    unemployed_days_min: Parameter[int]


class SwedishServiceRule(Rule, frozen=True, tag="X2"):
    """X2, a switch: service in Swedish wanted where Finnish alone is spoken, at first entry."""

    is_on: bool
    finnish_only_status: Parameter[str]


class NoEarningsRelatedAllowanceRule(Rule, frozen=True, tag="R7a"):
    """R7a: not entitled to earnings-related allowance."""


class YoungRule(Rule, frozen=True, tag="R7b"):
    """R7b: younger than the limit on the day."""

    age_years_limit: Parameter[int]


class ImmigrantRule(Rule, frozen=True, tag="R7c"):
    """R7c: no Finnish citizenship among the known ones."""

    finnish_code: Parameter[str]
    unknown_codes: Parameter[tuple[str, ...]]


class ForeignLanguageRule(Rule, frozen=True, tag="R7d"):
    """R7d: a known mother tongue that is not a domestic one."""

    domestic_codes: Parameter[tuple[str, ...]]
    unknown_codes: Parameter[tuple[str, ...]]


AnyRule = (
    BeforePilotRule
    | HomeProtectedRule
    | HomeOutsideRule
    | EmploymentAreaRule
    | TransferInForceRule
    | EarlierClienthoodRule
    | SituationOutsideRule
    | ShortWeekOrEducationRule
    | UnusableRowRule
    | ShortUnemploymentRule
    | SwedishServiceRule
    | NoEarningsRelatedAllowanceRule
    | YoungRule
    | ImmigrantRule
    | ForeignLanguageRule
)


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence for the client, in both languages of the state."""

    fi: str
    sv: str


class ClientTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """What the client is told, by outcome; `transfer` where it is not the home municipality.

    Places are filled in: {municipality_fi}, {municipality_sv}, {area_fi}, {area_sv} and {day}.
    """

    municipality: Text
    transfer: Text
    te_office: Text
    review: Text


class RuleSetDefinition(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule set as it is written down and published; its rules stand in order of judging.

    `valid_from` and `valid_to` (both included; open where left out) are the legal days judged by
    it; `known_from` is the day from which a decision may cite it.
    """

    id: str
    version: str
    name_fi: str
    name_sv: str
    name_en: str
    source: str
    sure: Sureness
    known_from: date
    valid_from: date | None = None
    valid_to: date | None = None
    abroad_municipality_codes: Parameter[tuple[str, ...]]
    client_texts: ClientTexts
    rules: tuple[AnyRule, ...]
