"""One kind, one type: the item of every kind of information with its own facts.

The members that all kinds share stand in `statement_relay.rules.shape`. The wire type and the
domain value are one: bytes are decoded straight into these frozen values, by the member `kind`.
"""

from statement_relay.rules.availability import (
    ClientExplanationReceivedFacts,
    EuJobSearchFacts,
    JobSearchEndedFacts,
    JobSearchRenewedFacts,
    MovedAbroadFacts,
    NotAvailableForWorkFacts,
    WorkCapacityChangeFacts,
)
from statement_relay.rules.job_offers import (
    InterviewNoShowFacts,
    JobOfferMadeFacts,
    JobOfferNotAppliedFacts,
    JobOfferRefusedFacts,
    JobOfferResultFacts,
    JobSearchDutyUnmetFacts,
)
from statement_relay.rules.plans import (
    PlanMeetingMissedFacts,
    PlanRefusedFacts,
    PlanStepOmittedFacts,
)
from statement_relay.rules.services import (
    ServiceAbsenceFacts,
    ServiceEndedFacts,
    ServiceInterruptedFacts,
    ServiceNotStartedFacts,
    ServiceRefusedFacts,
    ServiceRemovedForConductFacts,
    ServiceStartedFacts,
)
from statement_relay.rules.shape import Item
from statement_relay.rules.work import (
    DismissalOwnConductFacts,
    EmploymentEndedFacts,
    EmploymentStartedFacts,
    EntrepreneurshipEndedFacts,
    EntrepreneurshipStartedFacts,
    ResignationFacts,
    StudiesEndedFacts,
    StudiesStartedFacts,
)


class JobOfferMadeItem(Item, frozen=True, kw_only=True, tag="JOB_OFFER_MADE"):
    """A job was offered to the client."""

    facts: JobOfferMadeFacts


class JobOfferRefusedItem(Item, frozen=True, kw_only=True, tag="JOB_OFFER_REFUSED"):
    """The client refused a job that was offered."""

    facts: JobOfferRefusedFacts


class JobOfferNotAppliedItem(Item, frozen=True, kw_only=True, tag="JOB_OFFER_NOT_APPLIED"):
    """The client did not apply for a job that was offered, by the day given."""

    facts: JobOfferNotAppliedFacts


class JobOfferResultItem(Item, frozen=True, kw_only=True, tag="JOB_OFFER_RESULT"):
    """What came of a job offer."""

    facts: JobOfferResultFacts


class InterviewNoShowItem(Item, frozen=True, kw_only=True, tag="INTERVIEW_NO_SHOW"):
    """The client did not come to an interview to which they were invited."""

    facts: InterviewNoShowFacts


class PlanRefusedItem(Item, frozen=True, kw_only=True, tag="PLAN_REFUSED"):
    """The client refused to make or to revise a plan."""

    facts: PlanRefusedFacts


class PlanMeetingMissedItem(Item, frozen=True, kw_only=True, tag="PLAN_MEETING_MISSED"):
    """The client did not come to a meeting in which a plan was to be made or revised."""

    facts: PlanMeetingMissedFacts


class PlanStepOmittedItem(Item, frozen=True, kw_only=True, tag="PLAN_STEP_OMITTED"):
    """A step that the plan asks for was left out."""

    facts: PlanStepOmittedFacts


class JobSearchDutyUnmetItem(Item, frozen=True, kw_only=True, tag="JOB_SEARCH_DUTY_UNMET"):
    """Fewer jobs were applied for in the review period than the plan asks; the law of 2.5.2022."""

    facts: JobSearchDutyUnmetFacts


class ServiceRefusedItem(Item, frozen=True, kw_only=True, tag="SERVICE_REFUSED"):
    """The client refused a service that was offered."""

    facts: ServiceRefusedFacts


class ServiceNotStartedItem(Item, frozen=True, kw_only=True, tag="SERVICE_NOT_STARTED"):
    """A service that was agreed on was not begun on its day."""

    facts: ServiceNotStartedFacts


class ServiceStartedItem(Item, frozen=True, kw_only=True, tag="SERVICE_STARTED"):
    """A service began."""

    facts: ServiceStartedFacts


class ServiceInterruptedItem(Item, frozen=True, kw_only=True, tag="SERVICE_INTERRUPTED"):
    """A service was broken off before its planned end."""

    facts: ServiceInterruptedFacts


class ServiceRemovedForConductItem(
    Item, frozen=True, kw_only=True, tag="SERVICE_REMOVED_FOR_CONDUCT"
):
    """The client was removed from a service for their conduct."""

    facts: ServiceRemovedForConductFacts


class ServiceEndedItem(Item, frozen=True, kw_only=True, tag="SERVICE_ENDED"):
    """A service came to its end."""

    facts: ServiceEndedFacts


class ServiceAbsenceItem(Item, frozen=True, kw_only=True, tag="SERVICE_ABSENCE"):
    """The client was away from a service."""

    facts: ServiceAbsenceFacts


class EmploymentStartedItem(Item, frozen=True, kw_only=True, tag="EMPLOYMENT_STARTED"):
    """The client began to work for an employer."""

    facts: EmploymentStartedFacts


class EmploymentEndedItem(Item, frozen=True, kw_only=True, tag="EMPLOYMENT_ENDED"):
    """The client's work for an employer ended."""

    facts: EmploymentEndedFacts


class ResignationItem(Item, frozen=True, kw_only=True, tag="RESIGNATION"):
    """The client gave notice of their own."""

    facts: ResignationFacts


class DismissalOwnConductItem(Item, frozen=True, kw_only=True, tag="DISMISSAL_OWN_CONDUCT"):
    """The client was dismissed for their own conduct."""

    facts: DismissalOwnConductFacts


class EntrepreneurshipStartedItem(Item, frozen=True, kw_only=True, tag="ENTREPRENEURSHIP_STARTED"):
    """The client began to work in an enterprise of their own or of their family."""

    facts: EntrepreneurshipStartedFacts


class EntrepreneurshipEndedItem(Item, frozen=True, kw_only=True, tag="ENTREPRENEURSHIP_ENDED"):
    """The client's own enterprise, or their work in it, ended."""

    facts: EntrepreneurshipEndedFacts


class StudiesStartedItem(Item, frozen=True, kw_only=True, tag="STUDIES_STARTED"):
    """The client began to study."""

    facts: StudiesStartedFacts


class StudiesEndedItem(Item, frozen=True, kw_only=True, tag="STUDIES_ENDED"):
    """The client's studies ended."""

    facts: StudiesEndedFacts


class NotAvailableForWorkItem(Item, frozen=True, kw_only=True, tag="NOT_AVAILABLE_FOR_WORK"):
    """The client can not take work in the period."""

    facts: NotAvailableForWorkFacts


class WorkCapacityChangeItem(Item, frozen=True, kw_only=True, tag="WORK_CAPACITY_CHANGE"):
    """Something changed that concerns the client's capacity to work; nothing more is told."""

    facts: WorkCapacityChangeFacts


class JobSearchEndedItem(Item, frozen=True, kw_only=True, tag="JOB_SEARCH_ENDED"):
    """The client's job search ended."""

    facts: JobSearchEndedFacts


class JobSearchRenewedItem(Item, frozen=True, kw_only=True, tag="JOB_SEARCH_RENEWED"):
    """The client renewed their job search."""

    facts: JobSearchRenewedFacts


class MovedAbroadItem(Item, frozen=True, kw_only=True, tag="MOVED_ABROAD"):
    """The client moved abroad."""

    facts: MovedAbroadFacts


class EuJobSearchItem(Item, frozen=True, kw_only=True, tag="EU_JOB_SEARCH"):
    """The client goes to look for work in another state of the EU or the EEA."""

    facts: EuJobSearchFacts


class ClientExplanationReceivedItem(
    Item, frozen=True, kw_only=True, tag="CLIENT_EXPLANATION_RECEIVED"
):
    """The client explained a matter, asked or not; the explanation itself is an attachment."""

    facts: ClientExplanationReceivedFacts


InformationItem = (
    JobOfferMadeItem
    | JobOfferRefusedItem
    | JobOfferNotAppliedItem
    | JobOfferResultItem
    | InterviewNoShowItem
    | PlanRefusedItem
    | PlanMeetingMissedItem
    | PlanStepOmittedItem
    | JobSearchDutyUnmetItem
    | ServiceRefusedItem
    | ServiceNotStartedItem
    | ServiceStartedItem
    | ServiceInterruptedItem
    | ServiceRemovedForConductItem
    | ServiceEndedItem
    | ServiceAbsenceItem
    | EmploymentStartedItem
    | EmploymentEndedItem
    | ResignationItem
    | DismissalOwnConductItem
    | EntrepreneurshipStartedItem
    | EntrepreneurshipEndedItem
    | StudiesStartedItem
    | StudiesEndedItem
    | NotAvailableForWorkItem
    | WorkCapacityChangeItem
    | JobSearchEndedItem
    | JobSearchRenewedItem
    | MovedAbroadItem
    | EuJobSearchItem
    | ClientExplanationReceivedItem
)
"""An item of information of any kind, told apart by `kind`."""
