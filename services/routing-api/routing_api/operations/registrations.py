"""Register persons: one decision per registration, exactly once.

This holds whatever is repeated and whoever calls at the same time.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from kuntavayla import audit
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.idempotency import InProgress
from kuntavayla.register import Register
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.repeats import Repeats
from kuntavayla.service.operations.witnessing import line_of
from routing_api.errors import EffectiveOnBeforeNewestDecision, RegistrationIdReused
from routing_api.operations.deciding import Case, Decider
from routing_api.operations.effects import Effects
from routing_api.operations.judged import Judged, judge_registration
from routing_api.operations.law import Law
from routing_api.operations.profiles import Profile, changed_groups, decode
from routing_api.operations.repeats import Outcome, Registered
from routing_api.operations.submissions import Submission
from routing_api.operations.vault import Lookups
from routing_api.rules.clienthoods import ClientState
from routing_api.rules.decisions import Decision
from routing_api.rules.facts import EarlierClienthood
from routing_api.rules.rule_sets import RuleSet
from routing_api.store import clients, decisions, registrations
from routing_api.store.clients import NewClient
from routing_api.store.registrations import StoredRegistration


async def register(
    connection: Connection, submissions: Sequence[Submission], *, law: Law, moment: Moment
) -> list[Outcome]:
    """Store and decide registrations; one outcome per submission, in their order.

    Locks idempotency keys, then known clients in client order, then the outbox head. Commits
    together: registrations, decisions, clienthoods, transfers, reviews, audit lines and events.
    Raises LostRace where another transaction stored the same person or business key first: run the
    batch again.
    """
    known = await registrations.find_by_source(connection, [item.source for item in submissions])
    repeats = Repeats[Submission, Registered](submissions, known, reused=RegistrationIdReused())
    await repeats.claim_keys(connection)
    decided = await _decide(connection, repeats.pending(), law=law, moment=moment)
    await repeats.release_keys(connection, failed=decided.failed())
    earlier = await decisions.load_first_decisions(connection, repeats.replayed_ids())
    replays = {name: Registered(first, is_replay=True) for name, first in earlier.items()}
    outcomes = repeats.outcomes(decided.outcomes, replays)
    refused = [
        Refused(item.call, item.lookups, outcome.code)
        for item, outcome in zip(submissions, outcomes, strict=True)
        if isinstance(outcome, DomainError) and not isinstance(outcome, InProgress)
    ]
    decided.effects.audit += await _lines_of(connection, refused, moment=moment)
    await decided.effects.write(connection, moment=moment)
    return outcomes


class Refused(Struct, frozen=True):
    """A registration that was refused: whose call, the look-ups of the person, the refusal."""

    call: Call
    lookups: Lookups
    code: str


async def witness_refusals(
    connection: Connection, refused: Sequence[Refused], *, moment: Moment
) -> None:
    """Put on record registrations that were refused before they came here."""
    await audit.append(connection, await _lines_of(connection, refused, moment=moment))


async def _lines_of(
    connection: Connection, refused: Sequence[Refused], *, moment: Moment
) -> list[AuditLine]:
    """Return the audit lines of refusals; they name the clients that are known already."""
    if not refused:
        return []
    known = await _known_clients(connection, [item.lookups for item in refused])
    return [
        line_of(
            item.call,
            action="registration.decided",
            outcome=item.code,
            moment=moment,
            client_id=client_id,
        )
        for item, client_id in zip(refused, known, strict=True)
    ]


async def _known_clients(connection: Connection, lookups: Sequence[Lookups]) -> list[str | None]:
    """Return the client of each person, None where nobody has registered the person yet."""
    asked = [one for item in lookups for one in item.a]
    known = await clients.find_by_lookups(connection, asked)
    return [next((known[one] for one in item.a if one in known), None) for item in lookups]


async def preview(
    connection: Connection, submissions: Sequence[Submission], *, law: Law, moment: Moment
) -> list[Outcome]:
    """Decide as `register` would and store nothing but the audit's line.

    The line names the client where the person is one already.
    """
    pending = dict(enumerate(submissions))
    known = await _known_clients(connection, [item.lookups for item in submissions])
    decided = await _decide(connection, pending, law=law, moment=moment)
    lines = [
        line_of(
            submission.call,
            action="registration.previewed",
            outcome=_outcome_name(decided.outcomes[place]),
            moment=moment,
            client_id=known[place],
        )
        for place, submission in pending.items()
    ]
    await audit.append(connection, lines)
    return [decided.outcomes[place] for place in pending]


class _Decided(Struct):
    """What a batch of decisions came to: outcomes by place, and what is to be written."""

    outcomes: dict[int, Outcome]
    effects: Effects

    def failed(self) -> set[int]:
        """Return the places that were refused."""
        return {
            place for place, outcome in self.outcomes.items() if isinstance(outcome, DomainError)
        }


async def _decide(
    connection: Connection, pending: dict[int, Submission], *, law: Law, moment: Moment
) -> _Decided:
    register = await law.registers.current(connection)
    stored = await clients.lock_by_lookup(
        connection, [one for item in pending.values() for one in item.lookups.a]
    )
    states = {
        item.lookup: stored[one]
        for item in pending.values()
        for one in item.lookups.a
        if one in stored
    }
    profiles = await _load_profiles(connection, states.values(), law=law)
    desk = _Desk(law, moment, register=register, states=states, profiles=profiles)
    outcomes = {place: desk.take(item) for place, item in pending.items()}
    return _Decided(outcomes, desk.effects)


async def _load_profiles(
    connection: Connection, states: Iterable[ClientState], *, law: Law
) -> dict[str, Profile]:
    """Return the profiles that a case system knows now, by client.

    Only those can have changed groups.
    """
    holders = {state.registration_id: state for state in states if state.transfer_id is not None}
    if not holders:
        return {}
    sealed = await registrations.load_profiles(connection, list(holders))
    return {
        holders[registration_id].client_id: decode(
            law.vault.open(ciphertext, key_id=key_id, belongs_to=registration_id)
        )
        for registration_id, (ciphertext, key_id) in sealed.items()
    }


class _Desk:
    """Takes submissions one after the other; a later one sees what an earlier one decided."""

    def __init__(
        self,
        law: Law,
        moment: Moment,
        *,
        register: Register,
        states: dict[bytes, ClientState],
        profiles: dict[str, Profile],
    ) -> None:
        self._law = law
        self._moment = moment
        self._register = register
        self._states = states
        self._profiles = profiles
        self._rule_sets: dict[object, RuleSet] = {}
        self.effects = Effects()
        self._decider = Decider(law, moment, self.effects)

    def take(self, item: Submission) -> Outcome:
        """Decide one submission into the effects, or refuse it without any."""
        state = self._states.get(item.lookup)
        if state is not None and item.effective_on < state.newest_effective_on:
            return EffectiveOnBeforeNewestDecision(
                newest_effective_on=state.newest_effective_on.isoformat()
            )
        case = self._case(item, state)
        decision, new_state = self._decider.decide(case, state=state)
        if state is None:
            self.effects.keep_new_client(_new_client(item, new_state))
        self._states[item.lookup] = new_state
        self._profiles[new_state.client_id] = item.profile
        self.effects.registrations.append(_stored(item, decision))
        self.effects.witness(
            item.call,
            action="registration.decided",
            outcome=decision.outcome,
            moment=self._moment,
            client_id=decision.client_id,
            resource_id=decision.registration_id,
            rule_version=f"{decision.rule_set_id}/{decision.rule_set_version}",
        )
        return Registered(decision, is_replay=False)

    def _case(self, item: Submission, state: ClientState | None) -> Case:
        judged = self._judged(item, state)
        before = None if state is None else self._profiles.get(state.client_id)
        return Case(
            decision_id=self._moment.new_id(),
            client_id=item.new_client_id if state is None else state.client_id,
            registration_id=item.registration_id,
            source_system=item.registration.source.system,
            client_number=item.registration.source.client_number,
            effective_on=item.effective_on,
            facts=judged.facts,
            judgement=judged.judgement,
            rule_set=judged.rule_set,
            register=self._register,
            is_restricted=item.is_restricted,
            call=item.call,
            changed_groups=changed_groups(before, item.profile) if before else (),
        )

    def _judged(self, item: Submission, state: ClientState | None) -> Judged:
        """Return the judgement made ahead where it still holds, else a new one."""
        rule_set = self._rule_set(item)
        has_been_client = state is not None and state.was_client_before(item.effective_on)
        ahead = item.as_first_entry
        if not has_been_client and ahead.holds_for(register=self._register, rule_set=rule_set):
            return ahead
        return judge_registration(
            item.registration,
            born_on=item.born_on,
            effective_on=item.effective_on,
            register=self._register,
            rule_set=rule_set,
            earlier=EarlierClienthood(has_been_client),
        )

    def _rule_set(self, item: Submission) -> RuleSet:
        found = self._rule_sets.get(item.effective_on)
        if found is None:
            found = self._law.rule_sets.applicable(
                effective_on=item.effective_on, known_on=self._moment.today
            )
            self._rule_sets[item.effective_on] = found
        return found


def _new_client(item: Submission, state: ClientState) -> NewClient:
    return NewClient(
        state,
        item.lookups.a[0],
        item.lookups.b[0],
        item.identity.ciphertext,
        item.identity.key_id,
        item.received_at,
    )


def _stored(item: Submission, decision: Decision) -> StoredRegistration:
    """Return the row of a registration.

    Where the TE office stays responsible, no contact data are stored.
    """
    keeps_profile = decision.outcome != "te_office"
    source = item.registration.source
    return StoredRegistration(
        registration_id=item.registration_id,
        organisation=item.call.organisation,
        source_system=source.system,
        source_registration_id=source.registration_id,
        client_number=source.client_number,
        fingerprint=item.fingerprint,
        client_id=decision.client_id,
        decision_id=decision.decision_id,
        te_office_code=item.registration.te_office_code,
        registered_at=item.registration.registered_at,
        received_at=item.received_at,
        profile_ciphertext=item.sealed_profile.ciphertext if keeps_profile else None,
        profile_key_id=item.sealed_profile.key_id if keeps_profile else None,
    )


def _outcome_name(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, DomainError) else outcome.decision.outcome
