"""Registrations: the request, the answers of single and bulk calls."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.http import Problem
from routing_api.rules.registrations import Registration
from routing_api.schemas.decisions import DecisionResponse, Responsible

RegistrationRequest = Registration
"""The wire type of a registration is the domain value itself."""


class ShortDecision(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A decision as a bulk call tells it: ids, outcome, deciding rule, who is responsible."""

    registration_id: str
    decision_id: str
    client_id: str
    outcome: Literal["municipality", "te_office", "review"]
    decided_by: str
    responsible: Responsible
    transfer_id: str | None = None
    review_id: str | None = None


class BulkLine(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one line of a bulk call."""

    line: int
    key: str | None
    status: int
    result: ShortDecision | None = None
    problem: Problem | None = None
    replayed: bool = False


class DetailedBulkLine(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one accepted line of a bulk call with `?detail=full`."""

    line: int
    key: str
    status: int
    result: DecisionResponse
    replayed: bool = False


class RegistrationResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A stored registration and its decision; no name, contact or identity code."""

    registration_id: str
    client_id: str
    source_system: str
    source_registration_id: str
    source_client_number: str | None = None
    te_office_code: str
    registered_at: datetime
    received_at: datetime
    decision: DecisionResponse
