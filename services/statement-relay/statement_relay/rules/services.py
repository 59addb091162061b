"""Facts of employment-promoting services, from the offer to the end."""

from datetime import date
from typing import ClassVar, Literal

from kuntavayla.values.codes import ServiceCode
from statement_relay.rules.coded import ConductCode, Days, ReasonCode
from statement_relay.rules.facts import Facts

Interrupter = Literal["client", "service_provider", "municipality"]
"""Who interrupted a service."""
ServiceResultCode = Literal["completed", "employed", "studies", "ended_early", "other"]
"""What came of a service."""


class ServiceRefusedFacts(Facts, frozen=True, kw_only=True):
    """The client refused a service that was offered."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("offered_on", "refused_on"),)

    service_code: ServiceCode
    offered_on: date
    refused_on: date
    reason_code: ReasonCode


class ServiceNotStartedFacts(Facts, frozen=True, kw_only=True):
    """A service that was agreed on was not begun on its day."""

    service_code: ServiceCode
    planned_starts_on: date
    reason_code: ReasonCode


class ServiceStartedFacts(Facts, frozen=True, kw_only=True):
    """A service began."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("started_on", "planned_ends_on"),)

    service_code: ServiceCode
    started_on: date
    planned_ends_on: date | None = None


class ServiceInterruptedFacts(Facts, frozen=True, kw_only=True):
    """A service was broken off before its planned end."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("interrupted_on", "planned_ends_on"),)

    service_code: ServiceCode
    planned_ends_on: date | None = None
    interrupted_on: date
    interrupted_by: Interrupter
    reason_code: ReasonCode
    concerns_work_capacity: bool


class ServiceRemovedForConductFacts(Facts, frozen=True, kw_only=True):
    """The client was removed from a service for their conduct."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = (("removed_on", "planned_ends_on"),)

    service_code: ServiceCode
    planned_ends_on: date | None = None
    removed_on: date
    conduct_code: ConductCode
    was_warned: bool


class ServiceEndedFacts(Facts, frozen=True, kw_only=True):
    """A service came to its end."""

    service_code: ServiceCode
    planned_ends_on: date | None = None
    ended_on: date
    result_code: ServiceResultCode


class ServiceAbsenceFacts(Facts, frozen=True, kw_only=True):
    """The client was away from a service."""

    service_code: ServiceCode
    absent_days: Days
    is_authorised: bool
    concerns_work_capacity: bool
