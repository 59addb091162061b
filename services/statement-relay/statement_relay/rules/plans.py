"""Facts of plans: refused, their meetings missed, their steps left out."""

from datetime import date
from typing import ClassVar, Literal

from kuntavayla.values.codes import ShortCode
from statement_relay.rules.coded import Channel, ReasonCode
from statement_relay.rules.facts import Facts

StepCode = Literal["job_search", "service", "studies", "health_and_work_ability", "other"]


class PlanRefusedFacts(Facts, frozen=True, kw_only=True):
    """The client refused to make or to revise a plan."""

    plan_kind_code: ShortCode
    refused_on: date
    reason_code: ReasonCode


class PlanMeetingMissedFacts(Facts, frozen=True, kw_only=True):
    """The client did not come to a meeting in which a plan was to be made or revised."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("invited_on", "meeting_on"),)

    plan_kind_code: ShortCode
    channel: Channel
    invited_on: date
    meeting_on: date
    reason_code: ReasonCode


class PlanStepOmittedFacts(Facts, frozen=True, kw_only=True):
    """A step that the plan asks for was left out."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("plan_made_on", "step_due_on"),)

    plan_kind_code: ShortCode
    plan_made_on: date
    step_code: StepCode
    step_due_on: date
    reason_code: ReasonCode
