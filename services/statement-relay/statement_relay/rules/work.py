"""Facts of work, enterprise and studies: begun, ended, given up."""

from datetime import date
from typing import ClassVar, Literal

from kuntavayla.values.codes import TriState
from statement_relay.rules.coded import (
    ConductCode,
    EmploymentForm,
    ReasonCode,
    ToldBy,
    WeeklyHours,
    WorkingTime,
)
from statement_relay.rules.facts import Facts

StudyLevel = Literal[
    "basic", "general_upper_secondary", "vocational", "higher", "integration_training", "other"
]
BusinessForm = Literal["sole_trader", "company", "partnership", "farming", "light", "other"]
EndingParty = Literal["fixed_term", "employer", "client", "agreement", "other"]
"""Who or what ended the work for an employer."""
StudyResultCode = Literal["completed", "interrupted", "not_known"]
"""What came of studies."""


class EmploymentStartedFacts(Facts, frozen=True, kw_only=True):
    """The client began to work for an employer."""

    employment_form: EmploymentForm
    working_time: WorkingTime
    weekly_hours_hundredths: WeeklyHours | None = None
    is_fixed_term: bool
    told_by: ToldBy


class EmploymentEndedFacts(Facts, frozen=True, kw_only=True):
    """The client's work for an employer ended."""

    employment_form: EmploymentForm
    working_time: WorkingTime
    ended_on: date
    ended_by: EndingParty
    told_by: ToldBy


class ResignationFacts(Facts, frozen=True, kw_only=True):
    """The client gave notice of their own."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("resigned_on", "last_work_day_on"),)

    resigned_on: date
    last_work_day_on: date
    reason_code: ReasonCode
    told_by: ToldBy


class DismissalOwnConductFacts(Facts, frozen=True, kw_only=True):
    """The client was dismissed for their own conduct."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("dismissed_on", "last_work_day_on"),)

    dismissed_on: date
    last_work_day_on: date
    conduct_code: ConductCode
    was_warned: TriState
    told_by: ToldBy


class EntrepreneurshipStartedFacts(Facts, frozen=True, kw_only=True):
    """The client began to work in an enterprise of their own or of their family."""

    started_on: date
    business_form: BusinessForm
    is_full_time: TriState
    told_by: ToldBy


class EntrepreneurshipEndedFacts(Facts, frozen=True, kw_only=True):
    """The client's own enterprise, or their work in it, ended."""

    ended_on: date
    business_form: BusinessForm
    is_wound_up: TriState
    told_by: ToldBy


class StudiesStartedFacts(Facts, frozen=True, kw_only=True):
    """The client began to study."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("started_on", "planned_ends_on"),)

    started_on: date
    planned_ends_on: date | None = None
    study_level: StudyLevel
    is_full_time: TriState
    told_by: ToldBy


class StudiesEndedFacts(Facts, frozen=True, kw_only=True):
    """The client's studies ended."""

    ended_on: date
    study_level: StudyLevel
    result_code: StudyResultCode
    told_by: ToldBy
