"""What was stored: registrations and their decisions, read or judged again."""

from msgspec import Struct

from kuntavayla import audit
from kuntavayla.database import Connection
from kuntavayla.service.errors import DecisionNotFound
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of
from routing_api.errors import FactsErased, RegistrationNotFound
from routing_api.operations.law import Law
from routing_api.operations.reviews import BY_OFFICIAL
from routing_api.operations.transfers import Party
from routing_api.rules.decisions import Decision
from routing_api.rules.judging import judge
from routing_api.store import clients, decisions, registrations
from routing_api.store.registrations import StoredRegistration


class Recomputation(Struct, frozen=True):
    """What the stored facts give when judged again, and whether that equals what was decided."""

    is_equal: bool
    outcome: str
    decided_by: str


class ReadRegistration(Struct, frozen=True):
    """A stored registration and the decision that answered it."""

    registration: StoredRegistration
    decision: Decision


async def load_registration(
    connection: Connection, registration_id: str, *, party: Party, call: Call, moment: Moment
) -> ReadRegistration | RegistrationNotFound:
    """Return a registration of the office with the decision that answered it, or the refusal.

    The read, allowed or refused, is audited in the same transaction, so a refusal is answered and
    not raised.
    """
    registration = await registrations.find_registration(connection, registration_id)
    is_seen = (
        registration is not None
        and party.te_office_code in (None, registration.te_office_code)
        and await _may_see_client(connection, registration.client_id, party=party)
    )
    line = line_of(
        call,
        action="registration.read",
        outcome="disclosed" if is_seen else "refused",
        moment=moment,
        client_id=registration.client_id if registration else None,
        resource_id=registration_id,
    )
    await audit.append(connection, [line])
    if registration is None or not is_seen:
        return RegistrationNotFound()
    first = await decisions.load_first_decisions(connection, [registration_id])
    return ReadRegistration(registration, first[registration_id])


async def load_decision(
    connection: Connection, decision_id: str, *, party: Party, call: Call, moment: Moment
) -> Decision | DecisionNotFound:
    """Return a decision that concerns the office, or the refusal; either is audited.

    It concerns the TE office of the home municipality, and the office that sent the registration.
    """
    decision = (await decisions.load_decisions(connection, [decision_id])).get(decision_id)
    is_seen = (
        decision is not None
        and await _concerns(connection, decision, party=party)
        and await _may_see_client(connection, decision.client_id, party=party)
    )
    line = line_of(
        call,
        action="decision.read",
        outcome="disclosed" if is_seen else "refused",
        moment=moment,
        client_id=decision.client_id if decision else None,
        resource_id=decision_id,
    )
    await audit.append(connection, [line])
    if decision is None or not is_seen:
        return DecisionNotFound()
    return decision


async def _concerns(connection: Connection, decision: Decision, *, party: Party) -> bool:
    if party.te_office_code in (None, decision.te_office_code):
        return True
    registration = await registrations.find_registration(connection, decision.registration_id)
    return registration is not None and registration.te_office_code == party.te_office_code


async def _may_see_client(connection: Connection, client_id: str, *, party: Party) -> bool:
    """Say whether no security ban stands between the party and the client."""
    if party.may_see_restricted:
        return True
    state = await clients.find_state(connection, client_id)
    return state is not None and not state.is_restricted


def recompute(decision: Decision, *, law: Law) -> Recomputation:
    """Judge the stored facts again by the stored rule set.

    Raises FactsErased where they are gone. Where an official decided a question that the rules
    leave open, equal means that they still leave it open.
    """
    if decision.facts is None:
        raise FactsErased
    rule_set = law.rule_sets.find(decision.rule_set_id, decision.rule_set_version)
    judged = judge(decision.facts, rule_set=rule_set)
    is_same_grounds = judged.grounds == decision.grounds
    if decision.decided_by == BY_OFFICIAL:
        is_equal = is_same_grounds and judged.outcome == "review"
    else:
        is_equal = is_same_grounds and (judged.outcome, judged.decided_by) == (
            decision.outcome,
            decision.decided_by,
        )
    return Recomputation(is_equal, judged.outcome, judged.decided_by)
