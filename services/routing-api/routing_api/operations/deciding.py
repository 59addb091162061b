"""Decide one case and say all that follows; pure but for new ids.

What follows: the clienthood, the transfer, the review, the events. Used by the registration of a
person and by the resolution of a review alike.
"""

from datetime import date, timedelta

from msgspec import Struct

from kuntavayla.events import Channel
from kuntavayla.register import Register
from kuntavayla.service.events import INTERNAL
from kuntavayla.service.moments import Call, Moment
from routing_api.events import ChangedGroup, EventData
from routing_api.operations import announcing
from routing_api.operations.effects import Effects
from routing_api.operations.law import Law
from routing_api.rules.clienthoods import ClientState, Transition, client_since, transition
from routing_api.rules.decisions import Decision
from routing_api.rules.due_times import acknowledge_due_at, notice_due_on, review_due_on
from routing_api.rules.explaining import names_of
from routing_api.rules.facts import Facts
from routing_api.rules.judging import Judgement
from routing_api.rules.reviews import Review
from routing_api.rules.rule_sets import RuleSet
from routing_api.rules.transfers import Transfer
from routing_api.store.clients import Clienthood, EndedClienthood
from routing_api.store.reviews import Closing

ONE_DAY = timedelta(days=1)


class Case(Struct, frozen=True, kw_only=True):
    """One case to decide: whose, from what day, on which facts, with which judgement.

    `resolution_reason` is given where an official resolves the client's open review; otherwise a
    decision supersedes it.
    """

    decision_id: str
    client_id: str
    registration_id: str
    source_system: str
    client_number: str | None
    effective_on: date
    facts: Facts
    judgement: Judgement
    rule_set: RuleSet
    register: Register
    is_restricted: bool
    call: Call
    changed_groups: tuple[ChangedGroup, ...] = ()
    resolution_reason: str | None = None


class Decider(Struct, frozen=True):
    """Decides the cases of one batch into its effects."""

    law: Law
    moment: Moment
    effects: Effects

    def decide(self, case: Case, *, state: ClientState | None) -> tuple[Decision, ClientState]:
        """Return the decision and the client's new state; everything else goes into the effects."""
        change = transition(state, case.judgement, effective_on=case.effective_on)
        decision = self._decision(case, change)
        new = self._state(case, state, change=change, decision=decision)
        if state is not None:
            self._supersede(case, state, change=change)
            self._leave(case, state, change=change, decision=decision)
        if change.begins is not None:
            self._begin(case, state, new=new, decision=decision)
        elif state is not None:
            self._go_on(case, state, new=new, decision=decision)
        if decision.review_id is not None:
            self.effects.reviews[decision.review_id] = self._review(case, decision)
        self.effects.decisions.append(decision)
        self.effects.keep_client(new)
        return decision, new

    def _decision(self, case: Case, change: Transition) -> Decision:
        judgement, responsible = case.judgement, change.responsible
        offers = change.begins is not None and change.begins.authority == "municipality"
        reviews = judgement.outcome == "review"
        first_day_on = case.rule_set.first_day_on
        is_initial = change.cause == "first_entry" and case.effective_on == first_day_on
        begins_on = max(self.moment.today, case.effective_on)
        days = self.law.deadlines
        due_at = acknowledge_due_at(begins_on, is_initial=is_initial, deadlines=days)
        return Decision(
            decision_id=case.decision_id,
            registration_id=case.registration_id,
            client_id=case.client_id,
            outcome=judgement.outcome,
            cause=change.cause,
            decided_by=judgement.decided_by,
            effective_on=case.effective_on,
            decided_at=self.moment.now,
            authority=responsible.authority,
            municipality_code=responsible.municipality_code,
            area_code=responsible.area_code,
            case_system_id=responsible.case_system_id,
            te_office_code=judgement.te_office_code,
            rule_set_id=case.rule_set.id,
            rule_set_version=case.rule_set.version,
            register_version=case.register.version,
            facts=case.facts,
            grounds=judgement.grounds,
            transfer_id=self.moment.new_id() if offers else None,
            acknowledge_due_at=due_at if offers else None,
            notice_due_on=notice_due_on(begins_on, deadlines=days) if offers else None,
            review_id=self.moment.new_id() if reviews else None,
            review_reason=judgement.review_reason,
            missing_facts=judgement.missing_facts,
            review_due_on=review_due_on(self.moment.today, deadlines=days) if reviews else None,
            names=names_of(
                responsible.municipality_code, register=case.register, on=case.effective_on
            ),
        )

    def _state(
        self, case: Case, state: ClientState | None, *, change: Transition, decision: Decision
    ) -> ClientState:
        standing = state if change.begins is None else None
        return ClientState(
            client_id=case.client_id,
            version=standing.version if standing else 1 + (state.version if state else 0),
            responsible=change.responsible,
            transfer_id=standing.transfer_id if standing else decision.transfer_id,
            decision_id=decision.decision_id,
            registration_id=case.registration_id,
            review_id=decision.review_id,
            newest_effective_on=case.effective_on,
            is_restricted=case.is_restricted,
            valid_from=standing.valid_from if standing else case.effective_on,
            client_since_on=client_since(state, change.responsible, effective_on=case.effective_on),
        )

    def _supersede(self, case: Case, state: ClientState, *, change: Transition) -> None:
        """Erase the profile of the registration before, unless it may be fetched until a later day.

        A standing transfer points to the new registration; one that ends ahead keeps its own.
        """
        is_new = case.registration_id != state.registration_id
        ends_on = case.effective_on - ONE_DAY
        ends_ahead = change.begins is not None and ends_on >= self.moment.today
        if is_new and not (ends_ahead and state.transfer_id is not None):
            self.effects.erased_profiles.append(state.registration_id)

    def _leave(
        self, case: Case, state: ClientState, *, change: Transition, decision: Decision
    ) -> None:
        """End what the decision ends: the old channel, the standing version, the open review."""
        if state.is_restricted != case.is_restricted:
            self.effects.changed_channels[state.client_id] = case.is_restricted
            if state.transfer_id is not None:
                self._announce_channel(case, state, decision=decision)
        if state.review_id is not None:
            self._close_review(case, state, decision=decision)
        if change.begins is None:
            return
        ends_on = case.effective_on - ONE_DAY
        self.effects.end_clienthood(EndedClienthood(state.client_id, state.version, ends_on))
        if state.transfer_id is not None:
            self.effects.withdraw_transfer(state.transfer_id, ends_on=ends_on)
            data = announcing.withdrawn(state, ends_on=ends_on, next_authority=decision.authority)
            self._tell(case, data, recipient=state.responsible.case_system_id, decision=decision)

    def _announce_channel(self, case: Case, state: ClientState, *, decision: Decision) -> None:
        """Tell both feeds, without a reason, that the client's events change over to the other."""
        data = announcing.updated(state, groups=("channel",))
        for recipient in (state.responsible.case_system_id, INTERNAL):
            for channel in Channel:
                self._tell(case, data, recipient=recipient, decision=decision, channel=channel)

    def _close_review(self, case: Case, state: ClientState, *, decision: Decision) -> None:
        """Close the open review and tell its owner, the office responsible while it was open."""
        review_id = state.review_id
        assert review_id is not None, "only an open review is closed"
        is_superseded = case.resolution_reason is None
        if decision.outcome == "te_office" and case.registration_id == state.registration_id:
            # No municipality became responsible by what was asked about, and none will.
            self.effects.erased_profiles.append(state.registration_id)
        self.effects.close_review(
            Closing(
                review_id=review_id,
                state="superseded" if is_superseded else "resolved",
                outcome=None if is_superseded else decision.outcome,
                resolution_reason=case.resolution_reason,
                decision_id=decision.decision_id,
            ),
            at=self.moment.now,
        )
        data = announcing.review_resolved(review_id, decision, is_superseded=is_superseded)
        owner = state.responsible.te_office_code
        self._tell(case, data, recipient=owner, decision=decision)

    def _begin(
        self, case: Case, state: ClientState | None, *, new: ClientState, decision: Decision
    ) -> None:
        self.effects.clienthoods[new.client_id, new.version] = Clienthood(
            client_id=new.client_id,
            version=new.version,
            responsible=new.responsible,
            decision_id=decision.decision_id,
            valid_from=case.effective_on,
            valid_to=None,
        )
        if decision.transfer_id is not None:
            transfer = self._transfer(case, new, decision=decision)
            self.effects.transfers[transfer.transfer_id] = transfer
            previous = "te_office" if state is None else state.responsible.authority
            data = announcing.transferred(transfer, previous_authority=previous)
            self._tell(case, data, recipient=transfer.case_system_id, decision=decision)
        if new.transfer_id is not None or (state is not None and state.transfer_id is not None):
            self._tell_responsible(case, new, decision=decision)

    def _go_on(
        self, case: Case, state: ClientState, *, new: ClientState, decision: Decision
    ) -> None:
        """Keep the standing version; what names the client, or the feed, may have changed."""
        if new.transfer_id is not None:
            self._refresh(case, new, decision=decision)
        changes_feed = state.is_restricted != new.is_restricted
        # A first version of the TE office's own was never told.
        is_told = new.transfer_id is not None or new.version > 1
        if is_told and (changes_feed or "source_client_number" in case.changed_groups):
            self._tell_responsible(case, new, decision=decision)

    def _tell_responsible(self, case: Case, new: ClientState, *, decision: Decision) -> None:
        """Tell our own services who is responsible, and by what name the TE system knows them."""
        changed = announcing.responsibility_changed(
            new, source_system=case.source_system, client_number=case.client_number
        )
        self._tell(case, changed, recipient=INTERNAL, decision=decision)

    def _transfer(self, case: Case, new: ClientState, *, decision: Decision) -> Transfer:
        assert decision.transfer_id is not None
        assert decision.case_system_id is not None
        assert decision.municipality_code is not None
        assert decision.area_code is not None
        assert decision.acknowledge_due_at is not None
        assert decision.notice_due_on is not None
        assert decision.cause != "update", "a new transfer has a cause"
        return Transfer(
            transfer_id=decision.transfer_id,
            client_id=new.client_id,
            clienthood_version=new.version,
            registration_id=case.registration_id,
            case_system_id=decision.case_system_id,
            municipality_code=decision.municipality_code,
            area_code=decision.area_code,
            te_office_code=decision.te_office_code,
            cause=decision.cause,
            effective_on=case.effective_on,
            is_restricted=case.is_restricted,
            state="offered",
            offered_at=self.moment.now,
            acknowledge_due_at=decision.acknowledge_due_at,
            notice_due_on=decision.notice_due_on,
        )

    def _refresh(self, case: Case, new: ClientState, *, decision: Decision) -> None:
        """Point the standing transfer to the new registration and name the groups that changed."""
        assert new.transfer_id is not None, "only a standing transfer is refreshed"
        refreshed = (new.transfer_id, case.is_restricted, case.registration_id)
        self.effects.refreshed_transfers[new.transfer_id] = refreshed
        if case.changed_groups:
            data = announcing.updated(new, groups=case.changed_groups)
            self._tell(case, data, recipient=new.responsible.case_system_id, decision=decision)

    def _review(self, case: Case, decision: Decision) -> Review:
        assert decision.review_id is not None
        assert decision.review_reason is not None
        assert decision.review_due_on is not None
        return Review(
            review_id=decision.review_id,
            client_id=case.client_id,
            registration_id=case.registration_id,
            decision_id=decision.decision_id,
            te_office_code=decision.te_office_code,
            reason=decision.review_reason,
            missing_facts=decision.missing_facts,
            is_restricted=case.is_restricted,
            state="open",
            version=1,
            opened_at=self.moment.now,
            due_on=decision.review_due_on,
        )

    def _tell(
        self,
        case: Case,
        data: EventData,
        *,
        recipient: str | None,
        decision: Decision,
        channel: Channel | None = None,
    ) -> None:
        """Announce to one recipient, in the client's feed unless another is named."""
        assert recipient is not None, "a municipality has a case system"
        applying = Channel.RESTRICTED if case.is_restricted else Channel.COMMON
        self.effects.announce(
            data,
            recipient=recipient,
            channel=channel or applying,
            cause_id=decision.decision_id,
            call=case.call,
            moment=self.moment,
        )
