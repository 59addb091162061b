"""Facts of job offers, interviews and the duty to look for work."""

from collections.abc import Iterator
from datetime import date
from typing import ClassVar, Literal

from typing_extensions import override

from kuntavayla.errors import Fault
from kuntavayla.values.codes import Reference
from statement_relay.rules.coded import Channel, JobCount, JobOfferResultCode, ReasonCode
from statement_relay.rules.facts import Facts

Arranger = Literal["employer", "municipality", "te_office", "service_provider"]
"""Who arranged an interview."""


class JobOfferMadeFacts(Facts, frozen=True, kw_only=True):
    """A job was offered to the client."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("offered_on", "apply_by_on"),)

    job_offer_id: Reference
    offered_on: date
    apply_by_on: date | None = None
    is_duty_to_apply: bool
    channel: Channel


class JobOfferRefusedFacts(Facts, frozen=True, kw_only=True):
    """The client refused a job that was offered."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("offered_on", "refused_on"),)

    job_offer_id: Reference
    offered_on: date
    refused_on: date
    reason_code: ReasonCode
    was_duty_to_apply: bool


class JobOfferNotAppliedFacts(Facts, frozen=True, kw_only=True):
    """The client did not apply for a job that was offered, by the day given."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("offered_on", "apply_by_on"),)

    job_offer_id: Reference
    offered_on: date
    apply_by_on: date
    result_code: JobOfferResultCode
    was_duty_to_apply: bool


class JobOfferResultFacts(Facts, frozen=True, kw_only=True):
    """What came of a job offer."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("offered_on", "result_on"),)

    job_offer_id: Reference
    offered_on: date
    result_on: date
    result_code: JobOfferResultCode


class InterviewNoShowFacts(Facts, frozen=True, kw_only=True):
    """The client did not come to an interview to which they were invited."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("invited_on", "interview_on"),)

    arranged_by: Arranger
    channel: Channel
    invited_on: date
    interview_on: date
    reason_code: ReasonCode
    job_offer_id: Reference | None = None


class JobSearchDutyUnmetFacts(Facts, frozen=True, kw_only=True):
    """Fewer jobs were applied for in the review period than the plan asks; the law of 2.5.2022."""

    jobs_required: JobCount
    jobs_reported: JobCount
    is_first_omission: bool
    was_reminded: bool

    @override
    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.jobs_reported >= self.jobs_required:
            advice = "The duty is met where as many jobs are reported as required."
            yield Fault("/facts/jobs_reported", "duty_is_met", advice)
