"""The life of a clienthood: how a new judgement moves the responsibility for a client.

A client has one responsible authority at a time: a municipality, or the TE office; while a review
is open it is the TE office. Every change begins a new version. States and transitions:
docs/states.md.
"""

from datetime import date
from typing import Literal

from msgspec import Struct

from routing_api.rules.judging import Judgement

Authority = Literal["municipality", "te_office"]
DecisionCause = Literal["first_entry", "return", "move", "update"]


class Responsible(Struct, frozen=True):
    """Who is responsible: a municipality with its area and case system, or the TE office.

    The TE office concerned is always named: it is responsible, or it tells the person of the
    transfer.
    """

    authority: Authority
    te_office_code: str
    municipality_code: str | None = None
    area_code: str | None = None
    case_system_id: str | None = None


class ClientState(Struct, frozen=True, kw_only=True):
    """A client as the newest decision left them.

    `valid_from` is the first day of the standing version. `client_since_on` is the first day on
    which a municipality was responsible; a version replaced on its own first day does not count.
    """

    client_id: str
    version: int
    responsible: Responsible
    transfer_id: str | None
    decision_id: str
    registration_id: str
    review_id: str | None
    newest_effective_on: date
    is_restricted: bool
    valid_from: date
    client_since_on: date | None

    def was_client_before(self, on: date) -> bool:
        """Say whether a municipality was responsible on some day before `on`."""
        return self.client_since_on is not None and self.client_since_on < on


class Transition(Struct, frozen=True):
    """What a judgement does to a clienthood.

    `begins` is the responsibility of a new version, or None where the standing one goes on.
    """

    cause: DecisionCause
    responsible: Responsible
    begins: Responsible | None


def responsible_of(judgement: Judgement) -> Responsible:
    """Return who is responsible by a judgement.

    An open review leaves it with the TE office (domain.md, section 2).
    """
    if judgement.outcome != "municipality":
        return Responsible("te_office", judgement.te_office_code)
    return Responsible(
        "municipality",
        judgement.te_office_code,
        judgement.municipality_code,
        judgement.area_code,
        judgement.case_system_id,
    )


def client_since(
    state: ClientState | None, responsible: Responsible, *, effective_on: date
) -> date | None:
    """Return the first day on which a municipality is responsible, after a decision.

    What began on `effective_on` itself is replaced by the decision and does not count.
    """
    if state is not None and state.was_client_before(effective_on):
        return state.client_since_on
    return effective_on if responsible.authority == "municipality" else None


def transition(
    state: ClientState | None, judgement: Judgement, *, effective_on: date
) -> Transition:
    """Return how a judgement moves the responsibility for a client; None is one not known."""
    responsible = responsible_of(judgement)
    if state is None:
        return Transition("first_entry", responsible, responsible)
    standing = state.responsible
    if _is_same(standing, responsible):
        return Transition("update", standing, None)
    if standing.authority == "municipality":
        return Transition("move", responsible, responsible)
    if responsible.authority == "te_office":
        return Transition("update", responsible, responsible)
    is_return = state.was_client_before(effective_on)
    cause: DecisionCause = "return" if is_return else "first_entry"
    return Transition(cause, responsible, responsible)


def _is_same(one: Responsible, other: Responsible) -> bool:
    if one.authority != other.authority:
        return False
    if one.authority == "municipality":
        return (
            one.municipality_code == other.municipality_code
            and one.area_code == other.area_code
            and one.case_system_id == other.case_system_id
        )
    return one.te_office_code == other.te_office_code
