"""A decision with all that explains it: facts, grounds, versions, and what it sets in motion."""

from datetime import date, datetime

import msgspec
from msgspec import Struct

from routing_api.rules.clienthoods import Authority, DecisionCause
from routing_api.rules.facts import Facts
from routing_api.rules.judging import Outcome, ReviewReason

_encode = msgspec.json.Encoder().encode


class Names(Struct, frozen=True, kw_only=True):
    """The names of a municipality and its area, as the register knew them when it was decided."""

    municipality_fi: str
    municipality_sv: str
    area_fi: str
    area_sv: str


class Decision(Struct, frozen=True, kw_only=True):
    """What was decided for one registration; never changed, and enough to build its answer again.

    `facts` is None after their retention period, `names` where no municipality is responsible.
    `grounds` is the compact form of
    `routing_api.rules.judging`.
    """

    decision_id: str
    registration_id: str
    client_id: str
    outcome: Outcome
    cause: DecisionCause
    decided_by: str
    effective_on: date
    decided_at: datetime
    authority: Authority
    municipality_code: str | None
    area_code: str | None
    case_system_id: str | None
    te_office_code: str
    rule_set_id: str
    rule_set_version: str
    register_version: str
    facts: Facts | None
    grounds: str
    transfer_id: str | None = None
    acknowledge_due_at: datetime | None = None
    notice_due_on: date | None = None
    review_id: str | None = None
    review_reason: ReviewReason | None = None
    missing_facts: tuple[str, ...] = ()
    review_due_on: date | None = None
    names: Names | None = None

    @property
    def facts_text(self) -> str:
        """Return the facts as JSON text, as they are stored with a new decision."""
        assert self.facts is not None, "a new decision has its facts"
        return _encode(self.facts).decode()

    @property
    def missing_facts_text(self) -> str:
        """Return the names of the missing facts, joined by commas."""
        return ",".join(self.missing_facts)

    @property
    def names_text(self) -> str | None:
        """Return the names as JSON text, as they are stored with a new decision."""
        return None if self.names is None else _encode(self.names).decode()
