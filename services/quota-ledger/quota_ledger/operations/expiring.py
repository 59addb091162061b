"""Reservations that nobody grants: warned of before their end, released behind it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from msgspec.structs import replace

from kuntavayla import outbox
from kuntavayla.database import Connection
from kuntavayla.events import Channel
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.gathering import Gathered
from quota_ledger.events import DecisionExpiringV1
from quota_ledger.operations.booking import Ledger
from quota_ledger.operations.law import Law
from quota_ledger.operations.stepped import Taken, step_of
from quota_ledger.operations.telling import StepWriting
from quota_ledger.rules.areas import recipient_of
from quota_ledger.rules.booked import Booked
from quota_ledger.rules.decided import Decision, Holding
from quota_ledger.rules.posting import Posting, Refs
from quota_ledger.rules.steps import KINDS, legs_between, reduced
from quota_ledger.store import steps, stories

EXPIRY_BATCH = 500
"""Reservations of one transaction."""
Holdings = Mapping[str, Sequence[Holding]]


async def expire(connection: Connection, *, call: Call, moment: Moment, law: Law) -> int:
    """Release reservations whose end has passed, at most 500; return how many were due.

    Locks their accounts in order of their ids, then the decisions; one that was granted, changed or
    released in between stays as it is. Safe to run in many processes at once. One that holds of
    other accounts by then is left to the next round.
    """
    due = await steps.list_expired(connection, now=moment.now, limit=EXPIRY_BATCH)
    if not due:
        return 0
    found = await stories.list_by_id(connection, due)
    before = await stories.list_holdings(connection, due)
    ledger = await Ledger.locked(
        connection,
        {one.account_id for one in before},
        client_ids={one.client_id for one in found},
    )
    locked = await steps.lock(connection, due)
    holdings = _by_decision(await stories.list_holdings(connection, due))
    known = _by_decision(before)
    numbers = await steps.last_numbers(connection, due)
    writing = StepWriting(law, moment)
    for decision_id in due:
        decision = locked[decision_id]
        is_due = decision.state == "reserved" and decision.has_ended(moment.now)
        if is_due and _accounts(holdings[decision_id]) <= _accounts(known[decision_id]):
            taken = _expired(decision, holdings, ledger=ledger, call=call, moment=moment)
            step = step_of(taken, number=numbers[decision_id] + 1, moment=moment)
            writing.add(taken, step)
    await writing.write(connection, ledger)
    return len(due)


def _expired(
    decision: Decision, holdings: Holdings, *, ledger: Ledger, call: Call, moment: Moment
) -> Taken:
    """Book what a reservation gives back, and return the step."""
    held = holdings[decision.decision_id]
    left = reduced(held, 0)
    refs = Refs(
        value_on=moment.today,
        organisation=call.organisation,
        decision_id=decision.decision_id,
    )
    legs = legs_between(held, left, kind=KINDS["expire"], client_id=decision.client_id)
    booked = ledger.book(Posting(legs=legs, refs=refs), moment=moment)
    assert isinstance(booked, Booked), "what is freed always fits"
    return Taken(
        action="expire",
        call=call,
        before=decision,
        after=replace(
            decision, state="expired", version=decision.version + 1, settled_at=moment.now
        ),
        held_before=held,
        holdings=left,
        entries=booked.entries,
    )


def _accounts(holdings: Collection[Holding]) -> set[str]:
    return {one.account_id for one in holdings}


def _by_decision(holdings: Collection[Holding]) -> dict[str, list[Holding]]:
    found: dict[str, list[Holding]] = defaultdict(list)
    for one in holdings:
        found[one.decision_id].append(one)
    return found


async def warn(connection: Connection, *, call: Call, moment: Moment, law: Law) -> int:
    """Tell case systems of reservations that end soon, each once; return how many, at most 500."""
    before = moment.now + timedelta(days=law.warning_days)
    ids = await steps.warn(connection, before=before, now=moment.now, limit=EXPIRY_BATCH)
    gathered = Gathered()
    for decision in await stories.list_by_id(connection, ids):
        assert decision.expires_at is not None, "what is reserved has its end"
        gathered.announce(
            DecisionExpiringV1(
                decision_id=decision.decision_id,
                client_id=decision.client_id,
                area_code=decision.area_code,
                municipality_code=decision.municipality_code,
                instrument=decision.instrument,
                expires_at=decision.expires_at,
            ),
            recipient=recipient_of(
                law.register,
                decision.municipality_code,
                decided_by=decision.organisation,
                on=moment.today,
            ),
            channel=Channel.RESTRICTED if decision.is_restricted else Channel.COMMON,
            cause_id=decision.decision_id,
            call=call,
            moment=moment,
        )
    await outbox.append(connection, gathered.events, origin=moment.origin)
    return len(ids)
