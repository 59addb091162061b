"""Steps written and told: rows, audit lines, events to who decided, releases to the area."""

from kuntavayla import audit, outbox
from kuntavayla.database import Connection
from kuntavayla.events import Channel, EventDraft
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.gathering import Gathered
from quota_ledger.events import (
    DecisionChangedV1,
    DecisionExpiredV1,
    DecisionGrantedV1,
    DecisionReleasedV1,
)
from quota_ledger.operations.announcing import drafts_of, threshold_drafts
from quota_ledger.operations.booking import Ledger
from quota_ledger.operations.covering import freed_by, give_back
from quota_ledger.operations.law import Law
from quota_ledger.operations.stepped import Taken
from quota_ledger.rules.areas import recipient_of
from quota_ledger.rules.booked import Entry
from quota_ledger.rules.decided import Decision, Step
from quota_ledger.store import steps

Told = DecisionGrantedV1 | DecisionChangedV1 | DecisionExpiredV1 | DecisionReleasedV1


class StepWriting:
    """Gathers the steps of a batch, and writes them behind their entries."""

    def __init__(self, law: Law, moment: Moment) -> None:
        self._law = law
        self._moment = moment
        self._gathered = Gathered()
        self._taken: list[Taken] = []
        self._steps: list[Step] = []
        self._to_area: list[EventDraft] = []

    def add(self, taken: Taken, step: Step, *, outcome: str = "done") -> None:
        """Add a step that was taken, its line of the audit, and its events."""
        self._steps.append(step)
        after = taken.after
        self._gathered.witness(
            taken.call,
            action=f"decision.{taken.action}",
            outcome=outcome,
            moment=self._moment,
            client_id=after.client_id,
            resource_id=after.decision_id,
        )
        if outcome != "done":
            return
        self._taken.append(taken)
        told = _told(taken)
        if told is not None:
            self._announce(told, taken)
        for entry in taken.entries:
            self._release(entry, taken)

    def _recipient(self, after: Decision) -> str:
        return recipient_of(
            self._law.register,
            after.municipality_code,
            decided_by=after.organisation,
            on=self._moment.today,
        )

    def _announce(self, data: Told, taken: Taken) -> None:
        after = taken.after
        self._gathered.events.append(
            EventDraft(
                event_id=self._moment.new_id(),
                type_name=data.type_name,
                version=1,
                subject=after.client_id,
                recipient=self._recipient(after),
                channel=Channel.RESTRICTED if after.is_restricted else Channel.COMMON,
                causation_id=after.decision_id,
                traceparent=taken.call.traceparent,
                data=data,
            )
        )

    def _release(self, entry: Entry, taken: Taken) -> None:
        """Tell of what an entry has freed: its own case system of whom, the area of how much."""
        freed = -entry.change.bound_cents
        if freed <= 0:
            return
        own = _released(entry, taken, cents=freed)
        self._announce(own, taken)
        drafts = drafts_of(
            _without_client(own),
            cause_id=entry.entry_id,
            register=self._law.register,
            call=taken.call,
            moment=self._moment,
        )
        own_system = self._recipient(taken.after)
        self._to_area += [one for one in drafts if one.recipient != own_system]

    async def write(self, connection: Connection, ledger: Ledger) -> None:
        """Write accounts, entries and decisions; the outbox last.

        What was raised by overrides for decisions that have let money go falls back before.
        """
        freed = freed_by(self._taken)
        fallen = await give_back(
            connection, freed, ledger=ledger, law=self._law, moment=self._moment
        )
        crossings = await ledger.write(connection)
        await steps.change(connection, [one.after for one in self._taken])
        held = [holding for one in self._taken for holding in one.holdings]
        await steps.keep_holdings(connection, held)
        await steps.append(connection, self._steps)
        await audit.append(connection, self._gathered.audit)
        drafts = [*self._gathered.events, *self._to_area, *fallen]
        if crossings and self._taken:
            last = self._taken[-1]
            drafts += threshold_drafts(
                crossings,
                cause_id=last.after.decision_id,
                register=self._law.register,
                call=last.call,
                moment=self._moment,
            )
        await outbox.append(connection, drafts, origin=self._moment.origin)


def _told(taken: Taken) -> Told | None:
    after = taken.after
    named = {
        "decision_id": after.decision_id,
        "client_id": after.client_id,
        "area_code": after.area_code,
        "municipality_code": after.municipality_code,
        "instrument": after.instrument,
    }
    reserved = sum(one.reserved_cents for one in taken.holdings)
    committed = sum(one.committed_cents for one in taken.holdings)
    match taken.action:
        case "grant":
            return DecisionGrantedV1(
                **named, committed_cents=committed, released_cents=taken.freed_cents
            )
        case "change" | "interrupt" | "end":
            return DecisionChangedV1(
                **named,
                reserved_cents=reserved,
                committed_cents=committed,
                added_cents=taken.added_cents,
                released_cents=taken.freed_cents,
            )
        case "expire":
            return DecisionExpiredV1(**named, released_cents=taken.freed_cents)
        case "cancel" | "refuse" | "override":
            return None


def _released(entry: Entry, taken: Taken, *, cents: int) -> DecisionReleasedV1:
    balance, key = entry.balance, entry.balance.key
    return DecisionReleasedV1(
        decision_id=taken.after.decision_id,
        client_id=taken.after.client_id,
        account_id=balance.account_id,
        area_code=key.area_code,
        municipality_code=key.municipality_code or None,
        instrument=key.instrument,
        budget_year=key.budget_year,
        cents=cents,
        available_cents=0 if balance.is_lapsed else balance.sums.free_cents,
    )


def _without_client(own: DecisionReleasedV1) -> DecisionReleasedV1:
    members = {name: getattr(own, name) for name in own.__struct_fields__}
    return DecisionReleasedV1(**{**members, "decision_id": None, "client_id": None})
