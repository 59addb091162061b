"""Book payments and recoveries: each exactly once, whatever it exceeds.

A refusal stays on record until the same item, or a corrected one, can be booked in its place.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla import audit, outbox
from kuntavayla.database import Connection, LostRace
from kuntavayla.errors import DomainError
from kuntavayla.events import Channel, EventDraft
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.gathering import Gathered
from quota_ledger.errors import DecisionUnknown, PayerReferenceReused, RecoveryAbovePaid
from quota_ledger.events import PaymentBookedV1
from quota_ledger.operations.announcing import threshold_drafts
from quota_ledger.operations.booking import Ledger, opened
from quota_ledger.operations.covering import Freed, give_back
from quota_ledger.operations.law import Law
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.areas import recipient_of
from quota_ledger.rules.booked import Booked, Crossing
from quota_ledger.rules.payments import (
    PaidChange,
    PaidOf,
    PayableDecision,
    Payment,
    PaymentItem,
    Split,
    split_payment,
    split_recovery,
)
from quota_ledger.rules.posting import Holds, Leg, Posting, Refs
from quota_ledger.rules.states import PaymentState
from quota_ledger.store import accounts, payments
from quota_ledger.store.payments import Drawn, Summed


class Reported(Struct, frozen=True, kw_only=True):
    """An item without faults, with the id that it gets if it is new."""

    item: PaymentItem
    report_id: str
    payment_id: str
    fingerprint: bytes
    older_fingerprints: tuple[bytes, ...]

    def has_content_of(self, fingerprint: bytes) -> bool:
        """Say whether a stored fingerprint, made by any of our keys, is that of this content."""
        return fingerprint in (self.fingerprint, *self.older_fingerprints)


class Paid(Struct, frozen=True):
    """A payment as it was booked or refused; a replay is answered as the first."""

    payment: Payment
    is_replay: bool


Outcome = Paid | PayerReferenceReused
REFUSALS: Mapping[str, type[DomainError]] = {
    failure.code: failure for failure in (DecisionUnknown, RecoveryAbovePaid)
}
"""Why an item is refused and kept on record, by code."""


async def pay(
    connection: Connection,
    reported: Sequence[Reported],
    *,
    call: Call,
    law: Law,
    moment: Moment,
    is_replay: bool = False,
) -> list[Outcome]:
    """Book what is new, in order of arrival; one outcome per item, in their order.

    What was refused before is tried again, and may be corrected, unless the whole report is a
    replay: that is answered as the first.

    Locks the accounts in order of their ids, then the decisions, their overrides, the outbox head.
    Commits together: payments, entries, what decisions were paid, what was raised for them, audit
    lines, events. Raises LostRace
    where another transaction was first: run the batch again.
    """
    known = await payments.find_by_reference(
        connection, {one.item.payer_reference for one in reported}
    )
    refused = {name: one for name, one in known.items() if one.state == "refused" and not is_replay}
    new = _first_of_each(reported, known.keys() - refused.keys())
    cashier = await _Cashier.of(connection, [*new.values()], law=law, moment=moment)
    made = {
        name: cashier.take(_under_its_id(one, refused.get(name)), call=call)
        for name, one in new.items()
    }
    changed = [one for name, one in made.items() if not _is_same(one, refused.get(name))]
    await cashier.write(connection, changed, before=refused, call=call)
    return [_outcome(one, known | made, new=new) for one in reported]


def _first_of_each(reported: Sequence[Reported], settled: Collection[str]) -> dict[str, Reported]:
    """Return the items whose reference is new, or was refused: the first of each."""
    new: dict[str, Reported] = {}
    for one in reported:
        if one.item.payer_reference not in settled:
            new.setdefault(one.item.payer_reference, one)
    return new


def _under_its_id(one: Reported, refused: Payment | None) -> Reported:
    """Return an item under the id by which it was refused, where it was."""
    return one if refused is None else replace(one, payment_id=refused.payment_id)


def _is_same(made: Payment, refused: Payment | None) -> bool:
    """Say whether an item is refused as it was: then nothing is to be written."""
    return refused is not None and (made.refused_code, made.fingerprint) == (
        refused.refused_code,
        refused.fingerprint,
    )


def _outcome(
    one: Reported, standing: Mapping[str, Payment], *, new: Mapping[str, Reported]
) -> Outcome:
    reference = one.item.payer_reference
    stored = standing[reference]
    if not one.has_content_of(stored.fingerprint):
        return PayerReferenceReused()
    return Paid(stored, is_replay=new.get(reference) is not one)


class _Cashier:
    """The decisions of a batch and their accounts, locked; a later item sees an earlier one."""

    def __init__(
        self,
        ledger: Ledger,
        decisions: Mapping[str, PayableDecision],
        paid: Mapping[str, Sequence[PaidOf]],
        *,
        law: Law,
        moment: Moment,
    ) -> None:
        self._ledger = ledger
        self._decisions = decisions
        self._paid = dict(paid)
        self._law = law
        self._moment = moment
        self._touched: set[str] = set()
        self._cause: dict[str, str] = {}
        self._freed: Counter[tuple[str, str]] = Counter()

    @classmethod
    async def of(
        cls, connection: Connection, reported: Sequence[Reported], *, law: Law, moment: Moment
    ) -> "_Cashier":
        """Lock the accounts of all decisions that are named, then the decisions."""
        named = {one.item.decision_id for one in reported}
        decisions = await payments.list_decisions(connection, named)
        drawn = await payments.list_paid(connection, decisions)
        undrawn = [one for name, one in decisions.items() if name not in drawn]
        beside = await _accounts_of(connection, undrawn, law=law, moment=moment)
        used = {one.account_id for each in drawn.values() for one in each}
        used |= {one.account_id for one in beside.values()}
        client_ids = {one.client_id for one in decisions.values()}
        ledger = await Ledger.locked(connection, used, client_ids=client_ids)
        decisions = await payments.lock_decisions(connection, decisions)
        # A new statement, because what was drawn may have changed before the locks were ours.
        paid: dict[str, Sequence[PaidOf]] = {**await payments.list_paid(connection, decisions)}
        if not {one.account_id for each in paid.values() for one in each} <= used:
            raise LostRace
        for name, one in beside.items():
            paid.setdefault(name, [one])
        return cls(ledger, decisions, paid, law=law, moment=moment)

    def take(self, reported: Reported, *, call: Call) -> Payment:
        """Book an item, or refuse it."""
        item = reported.item
        decision = self._decisions.get(item.decision_id)
        if decision is None:
            return _refused(reported, DecisionUnknown, call=call, moment=self._moment)
        paid = self._paid[item.decision_id]
        if item.kind == "payment":
            is_covered = decision.covers(item.month_start)
            split: Split | None = split_payment(item.amount_cents, paid, is_covered=is_covered)
        else:
            split = split_recovery(-item.amount_cents, paid, is_over=decision.is_over)
        if split is None:
            return _refused(reported, RecoveryAbovePaid, call=call, moment=self._moment)
        self._book(reported, split, call=call)
        return _booked(reported, split, call=call, moment=self._moment)

    def _book(self, reported: Reported, split: Split, *, call: Call) -> None:
        item = reported.item
        legs = tuple(
            _leg(one, item, client_id=self._decisions[item.decision_id].client_id)
            for one in split.changes
        )
        refs = Refs(
            value_on=max(item.paid_on, self._decisions[item.decision_id].decided_on),
            organisation=call.organisation,
            official_id=call.official_id,
            decision_id=item.decision_id,
            payment_id=reported.payment_id,
            reason=item.reason_code,
        )
        outcome = self._ledger.book(Posting(legs=legs, refs=refs), moment=self._moment)
        assert isinstance(outcome, Booked), "what was paid is always booked"
        self._paid[item.decision_id] = split.after
        self._touched.add(item.decision_id)
        for one in split.changes:
            self._cause[one.account_id] = reported.payment_id
            if one.sums.committed_cents < 0:
                self._freed[item.decision_id, one.account_id] -= one.sums.committed_cents

    async def write(
        self,
        connection: Connection,
        made: Sequence[Payment],
        *,
        before: Collection[str],
        call: Call,
    ) -> None:
        """Write everything; the outbox last, because no lock is taken after its head.

        `before` are references under which something was refused before. What was raised by
        overrides for decisions that were paid back falls back first.
        """
        freed = Freed(self._freed, dict.fromkeys(self._touched, call))
        fallen = await give_back(
            connection, freed, ledger=self._ledger, law=self._law, moment=self._moment
        )
        crossings = await self._ledger.write(connection)
        await payments.append(
            connection, [one for one in made if one.payer_reference not in before]
        )
        await payments.take_anew(connection, [one for one in made if one.payer_reference in before])
        drawn = [
            Drawn(name, one.account_id, one.committed_cents, one.paid_cents)
            for name in sorted(self._touched)
            for one in self._paid[name]
        ]
        await payments.keep_paid(connection, drawn, _sums_of(made))
        gathered = Gathered()
        for one in made:
            self._tell(gathered, one, call=call)
        await audit.append(connection, gathered.audit)
        drafts = [*gathered.events, *fallen, *self._thresholds(crossings, call=call)]
        await outbox.append(connection, drafts, origin=self._moment.origin)

    def _tell(self, gathered: Gathered, payment: Payment, *, call: Call) -> None:
        decision = self._decisions.get(payment.decision_id or "")
        gathered.witness(
            call,
            action="payment.booked",
            outcome=payment.refused_code or payment.state,
            moment=self._moment,
            client_id=decision.client_id if decision else None,
            resource_id=payment.payment_id,
        )
        if decision is None or payment.state == "refused":
            return
        gathered.announce(
            _event(payment, decision),
            recipient=recipient_of(
                self._law.register,
                decision.municipality_code,
                decided_by=decision.organisation,
                on=self._moment.today,
            ),
            channel=Channel.RESTRICTED if decision.is_restricted else Channel.COMMON,
            cause_id=payment.payment_id,
            call=call,
            moment=self._moment,
        )

    def _thresholds(self, crossings: Sequence[Crossing], *, call: Call) -> list[EventDraft]:
        return [
            draft
            for crossing in crossings
            for draft in threshold_drafts(
                [crossing],
                cause_id=self._cause[crossing.balance.account_id],
                register=self._law.register,
                call=call,
                moment=self._moment,
            )
        ]


def _leg(change: PaidChange, item: PaymentItem, *, client_id: str) -> Leg:
    """Return the change of an account; it names the client only where less is committed."""
    return Leg(
        account_id=change.account_id,
        kind=item.kind,
        change=change.sums,
        client_id=client_id if change.sums.committed_cents else None,
        holds=Holds(committed=-change.lets_go),
    )


async def _accounts_of(
    connection: Connection, decisions: Sequence[PayableDecision], *, law: Law, moment: Moment
) -> dict[str, PaidOf]:
    """Return where a payment is booked of decisions that drew on nothing, by decision.

    It is the municipality's account of the decision's year, else that of its area, which is opened
    where there is none.
    """
    own = {one.decision_id: _key(one, one.municipality_code) for one in decisions}
    known = await accounts.find_by_key(connection, {*own.values()})
    keys = {
        one.decision_id: own[one.decision_id] if own[one.decision_id] in known else _key(one, "")
        for one in decisions
    }
    ids = await opened(connection, {*keys.values()}, binds_persons=law.binds_persons, moment=moment)
    return {
        name: PaidOf(account_id=ids[key], budget_year=key.budget_year) for name, key in keys.items()
    }


def _key(decision: PayableDecision, municipality_code: str) -> AccountKey:
    return AccountKey(
        decision.area_code, municipality_code, decision.instrument, decision.budget_year
    )


def _payment(reported: Reported, *, state: PaymentState, call: Call, moment: Moment) -> Payment:
    item = reported.item
    return Payment(
        payment_id=reported.payment_id,
        report_id=reported.report_id,
        payer_reference=item.payer_reference,
        fingerprint=reported.fingerprint,
        decision_id=item.decision_id,
        kind=item.kind,
        month=item.month_start,
        amount_cents=item.amount_cents,
        paid_on=item.paid_on,
        reason_code=item.reason_code,
        state=state,
        organisation=call.organisation,
        official_id=call.official_id,
        booked_at=moment.now,
    )


def _booked(reported: Reported, split: Split, *, call: Call, moment: Moment) -> Payment:
    state: PaymentState = "exceeds_commitment" if split.excess_cents > 0 else "booked"
    return replace(
        _payment(reported, state=state, call=call, moment=moment),
        within_cents=split.within_cents,
        excess_cents=split.excess_cents,
        commitment_left_cents=split.left_cents,
    )


def _refused(reported: Reported, why: type[DomainError], *, call: Call, moment: Moment) -> Payment:
    made = _payment(reported, state="refused", call=call, moment=moment)
    return replace(made, refused_code=why.code)


def _sums_of(made: Sequence[Payment]) -> list[Summed]:
    """Return what a batch adds to the sums of each decision."""
    sums: dict[str, Summed] = {}
    for one in made:
        if one.state == "refused" or one.decision_id is None:
            continue
        before = sums.get(one.decision_id, Summed(one.decision_id, 0, 0))
        sums[one.decision_id] = Summed(
            one.decision_id,
            before.paid_cents + max(0, one.amount_cents),
            before.recovered_cents + max(0, -one.amount_cents),
        )
    return [sums[name] for name in sorted(sums)]


def _event(payment: Payment, decision: PayableDecision) -> PaymentBookedV1:
    assert payment.commitment_left_cents is not None, "what is booked says what is left"
    return PaymentBookedV1(
        payment_id=payment.payment_id,
        decision_id=decision.decision_id,
        client_id=decision.client_id,
        kind=payment.kind,
        state="exceeds_commitment" if payment.excess_cents > 0 else "booked",
        month=f"{payment.month:%Y-%m}",
        amount_cents=payment.amount_cents,
        within_cents=payment.within_cents,
        excess_cents=payment.excess_cents,
        commitment_left_cents=payment.commitment_left_cents,
        reason_code=payment.reason_code,
    )
