"""A decision as callers read it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from routing_api.rules.explaining import ClientText, Ground


class Responsible(Struct, frozen=True, omit_defaults=True):
    """Who is responsible for the client."""

    authority: Literal["municipality", "te_office"]
    municipality_code: str | None = None
    area_code: str | None = None
    case_system_id: str | None = None
    te_office_code: str | None = None


class RuleSetName(Struct, frozen=True):
    """The rule set that judged, and its version."""

    id: str
    version: str


class OfferedTransfer(Struct, frozen=True):
    """The transfer that a decision offers."""

    transfer_id: str
    state: Literal["offered"]
    acknowledge_due_at: datetime


class DueNotice(Struct, frozen=True):
    """The notice that the TE office owes the person."""

    state: Literal["due"]
    due_on: date


class OpenedReview(Struct, frozen=True):
    """The open question that a decision leaves."""

    review_id: str
    reason: str
    missing_facts: Sequence[str]
    due_on: date
    resolve: str


class Recomputed(Struct, frozen=True):
    """What the stored facts give when they are judged again by the stored rule-set version."""

    is_equal: bool
    outcome: str
    decided_by: str


class DecisionResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A decision with every ground; the answer to a registration."""

    registration_id: str | None = None
    decision_id: str | None = None
    client_id: str | None = None
    outcome: Literal["municipality", "te_office", "review"]
    cause: Literal["first_entry", "return", "move", "update"]
    decided_by: str
    effective_on: date
    decided_at: datetime
    responsible: Responsible
    grounds: Sequence[Ground]
    rule_set: RuleSetName
    register_version: str
    transfer: OfferedTransfer | None = None
    notice: DueNotice | None = None
    review: OpenedReview | None = None
    client_text: ClientText
    recomputed: Recomputed | None = None
