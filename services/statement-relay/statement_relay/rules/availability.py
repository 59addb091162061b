"""Facts of the job search itself: whether the client is available, and where."""

from collections.abc import Iterator
from datetime import date
from typing import ClassVar, Literal

from typing_extensions import override

from kuntavayla.errors import Fault
from kuntavayla.values.codes import CountryCode, TriState
from statement_relay.rules.coded import Channel, ReasonCode, ToldBy
from statement_relay.rules.facts import Facts
from statement_relay.rules.kinds import InformationKind

JobSearchEndCode = Literal[
    "client_asked",
    "not_renewed",
    "no_answer",
    "work",
    "studies",
    "moved_abroad",
    "deceased",
    "other",
]
"""Why a job search ended."""


class NotAvailableForWorkFacts(Facts, frozen=True, kw_only=True):
    """The client can not take work in the period."""

    reason_code: ReasonCode
    concerns_work_capacity: bool
    told_by: ToldBy


class WorkCapacityChangeFacts(Facts, frozen=True, kw_only=True):
    """Something changed that concerns the client's capacity to work; nothing more is told."""

    since_on: date
    concerns_work_capacity: bool
    told_by: ToldBy

    @override
    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if not self.concerns_work_capacity:
            advice = "A change of work capacity concerns it: give true, or another kind."
            yield Fault("/facts/concerns_work_capacity", "kind_needs_true", advice)


class JobSearchEndedFacts(Facts, frozen=True, kw_only=True):
    """The client's job search ended."""

    ended_on: date
    reason_code: JobSearchEndCode
    told_by: ToldBy


class JobSearchRenewedFacts(Facts, frozen=True, kw_only=True):
    """The client renewed their job search."""

    renewed_on: date
    channel: Channel


class MovedAbroadFacts(Facts, frozen=True, kw_only=True):
    """The client moved abroad."""

    moved_on: date
    country_code: CountryCode
    is_permanent: TriState
    told_by: ToldBy


class EuJobSearchFacts(Facts, frozen=True, kw_only=True):
    """The client goes to look for work in another state of the EU or the EEA."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("leaves_on", "planned_returns_on"),)

    leaves_on: date
    planned_returns_on: date | None = None
    country_code: CountryCode
    told_by: ToldBy


class ClientExplanationReceivedFacts(Facts, frozen=True, kw_only=True):
    """The client explained a matter, asked or not; the explanation itself is an attachment."""

    about_kind: InformationKind
    received_on: date
    channel: Channel
