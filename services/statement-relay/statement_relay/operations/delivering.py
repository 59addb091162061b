"""Delivery, turn by turn: what becomes of calls is decided, what may be called next is claimed.

A turn is one transaction over everything that has ended since the last one; no call is made in it.
What was decided is settled by another, beside the turns that follow.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla import audit, outbox
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from statement_relay.operations import receipts
from statement_relay.operations.rejecting import reject_successors
from statement_relay.operations.settlements import attempt_of, settlement_of
from statement_relay.operations.telling import Telling
from statement_relay.rules.answers import Answer, Verdict
from statement_relay.rules.deliveries import (
    SETTLING_REFUSED,
    Called,
    Delivery,
    Fate,
    LateReceipt,
    Pace,
    Tracked,
    breaker_after,
    fate_of,
    shortened,
)
from statement_relay.rules.endpoints import Endpoints
from statement_relay.rules.pacing import (
    Draw,
    Room,
    Standing,
    after_sending,
    may_be_called_at,
    room_of,
)
from statement_relay.store import deliveries, receivers, repairs
from statement_relay.store.deliveries import Claimed, lease_of

NOTIFY_CHANNEL = deliveries.NOTIFY_CHANNEL
Standings = dict[str, Standing]


class DeliveryDesk(Struct, frozen=True, kw_only=True):
    """What a turn is made with: where receivers are, how fast they are called, who speaks."""

    endpoints: Endpoints
    pace: Pace
    call: Call
    moment: Moment
    draw: Draw


class Decided(Struct, frozen=True):
    """A call that has ended, and what becomes of its item: to be settled."""

    called: Called
    fate: Fate


class Held(Struct, frozen=True, kw_only=True):
    """What a courier holds besides what has ended since its last turn.

    `unsettled` are calls of earlier turns, `ready` claims of which no call was made yet. `running`
    is how many calls run by receiver, `ready_max` how many claims may lie ready beside them.
    """

    unsettled: Collection[Decided] = ()
    ready: Collection[Delivery] = ()
    running: Mapping[str, int] = {}
    ready_max: Mapping[str, int] = {}


class Turn(Struct, frozen=True, kw_only=True):
    """What a turn has brought: what to call next, what to settle, and when another may bring more.

    `again_in_s` goes by breaker and rate; what is settled may make more due. `calm` says whether
    claims may lie ready for a receiver: then as many calls begin now as there are `places`, else
    those of all `deliveries`.
    """

    deliveries: Sequence[Delivery] = ()
    calm: Mapping[str, bool] = {}
    places: Mapping[str, int] = {}
    decided: Sequence[Decided] = ()
    again_in_s: float | None = None


async def make_known(connection: Connection, receiver_ids: Collection[str]) -> None:
    """Make a standing for receivers that have none yet."""
    await receivers.ensure_receivers(connection, receiver_ids)


class _Work(Struct):
    """A turn under way: receivers as locked and as they stand by now, and what was decided."""

    before: Standings
    standings: Standings
    now: datetime
    decided: Sequence[Decided]


async def take_turn(
    connection: Connection,
    ended: Sequence[Called],
    *,
    held: Held,
    desk: DeliveryDesk,
) -> Turn:
    """Decide on calls, given in the order in which they ended, and claim what may be sent now.

    What is held unsettled or ready is not under way, nor what has ended now, and its queues are not
    claimed. Locks receivers, then queues, each in order of their keys, then items.
    """
    ready = map(attrgetter("receiver_id"), held.ready)
    work = await _decide(connection, ended, beside=ready, desk=desk)
    if work is None:
        return Turn()
    rooms = _rooms(work, desk=desk)
    calm = {
        name: name in rooms and rooms[name].is_calm(running=held.running.get(name, 0))
        for name in work.standings
    }
    rooms = _beside(rooms, held, calm=calm)
    claimed = await _claim(connection, work, rooms, held=held, desk=desk)
    await _write(connection, work)
    return Turn(
        deliveries=claimed.deliveries,
        calm=calm,
        places=claimed.places,
        decided=work.decided,
        again_in_s=_again_in_s(work, desk=desk),
    )


async def decide(
    connection: Connection, ended: Sequence[Called], *, desk: DeliveryDesk
) -> Sequence[Decided]:
    """Decide on calls as `take_turn` does, and claim nothing."""
    work = await _decide(connection, ended, desk=desk)
    if work is None:
        return []
    await _write(connection, work)
    return work.decided


async def settle(
    connection: Connection, decided: Sequence[Decided], *, desk: DeliveryDesk
) -> Sequence[Decided]:
    """Record every attempt, settle items and their queues, tell of them; return what was given.

    A call whose lease has gone to somebody else changes nothing but the record of attempts, and
    not that where the attempt stands as cut off; but the proof that it brought is taken as a
    receipt that comes later. Locks queues in order of their keys, items, and the outbox head last.
    """
    telling = Telling(desk.call, desk.moment)
    await _settle(connection, decided, telling=telling, desk=desk)
    await audit.append(connection, telling.gathered.audit)
    await outbox.append(connection, telling.gathered.events, origin=desk.moment.origin)
    return decided


async def give_back(connection: Connection, never_begun: Sequence[Delivery]) -> None:
    """Undo claims of which no call was made: they are no attempts, and are due at once.

    A claim that has gone to somebody else is left as it is. Locks queues in order of their keys,
    then items.
    """
    held = await deliveries.lock_leases(connection, never_begun)
    mine = [one for one in never_begun if lease_of(one) in held]
    await deliveries.give_back(connection, mine)
    await repairs.refresh(connection, mine)


def refused(decided: Decided) -> Decided:
    """Return what becomes of an item whose outcome the database refuses: a human looks at it.

    Nothing of the answer is left in it.
    """
    verdict = Verdict("human", SETTLING_REFUSED, is_receivers_fault=False)
    called = replace(decided.called, answer=Answer(), verdict=verdict)
    return Decided(called, Fate(state="parked", code=SETTLING_REFUSED, is_blocked=True))


async def _decide(
    connection: Connection,
    ended: Sequence[Called],
    *,
    beside: Iterable[str] = (),
    desk: DeliveryDesk,
) -> _Work | None:
    """Lock the receivers; None where no receiver is involved and nothing is due."""
    by_receiver = _by_receiver(ended)
    locked = await receivers.lock_receivers(connection, {*by_receiver, *beside})
    if locked.now is None:
        return None
    now = locked.now
    standings = {
        name: replace(
            one,
            breaker=breaker_after(one.breaker, by_receiver.get(name, ()), now=now, pace=desk.pace),
        )
        for name, one in locked.standings.items()
    }
    fates = _fates(ended, standings, desk=desk, now=now)
    decided = list(map(Decided, ended, fates))
    return _Work(locked.standings, standings, now, decided)


def _rooms(work: _Work, *, desk: DeliveryDesk) -> dict[str, Room]:
    """Return the room that receivers with an address have, where they have any."""
    known = {name: desk.endpoints.find(name) for name in work.standings}
    return {
        name: room
        for name, endpoint in known.items()
        if endpoint is not None
        and (
            room := room_of(work.standings[name], endpoint, now=work.now, legal_now=desk.moment.now)
        )
        is not None
    }


def _beside(rooms: Mapping[str, Room], held: Held, *, calm: Mapping[str, bool]) -> dict[str, Room]:
    """Return the rooms beside what lies ready, which is never more than calls run."""
    ready = Counter(map(attrgetter("receiver_id"), held.ready))
    beside = {}
    for name, room in rooms.items():
        most = min(room.ready, held.running.get(name, 0), held.ready_max.get(name, 0))
        beside[name] = replace(room, ready=max(0, most - ready[name]) if calm[name] else 0)
    return beside


async def _claim(
    connection: Connection,
    work: _Work,
    rooms: Mapping[str, Room],
    *,
    held: Held,
    desk: DeliveryDesk,
) -> Claimed:
    """Claim what receivers may be sent now, and count it against them."""
    over = [one.called.delivery for one in (*held.unsettled, *work.decided)]
    claimed = await deliveries.claim(
        connection,
        rooms,
        over=[lease_of(one) for one in (*over, *held.ready)],
        new_token=desk.moment.new_id,
        lease_s=desk.pace.lease_s,
        now=desk.moment.now,
    )
    sent = Counter(map(attrgetter("receiver_id"), claimed.deliveries))
    for name, count in sent.items():
        endpoint = desk.endpoints.find(name)
        assert endpoint is not None, "only receivers with an address have room"
        work.standings[name] = after_sending(work.standings[name], endpoint, count, now=work.now)
    return claimed


async def _write(connection: Connection, work: _Work) -> None:
    """Write the receivers that changed."""
    changed = [one for name, one in work.standings.items() if one != work.before[name]]
    await receivers.change_receivers(connection, changed)


def _again_in_s(work: _Work, *, desk: DeliveryDesk) -> float | None:
    """Return in how long another turn may bring something: by breaker or rate."""
    left_s = [
        (instant - work.now).total_seconds()
        for name, one in work.standings.items()
        if (endpoint := desk.endpoints.find(name)) is not None
        and (instant := may_be_called_at(one, endpoint, now=work.now)) is not None
    ]
    return max(0.0, min(left_s)) if left_s else None


def _by_receiver(ended: Sequence[Called]) -> dict[str, list[Called]]:
    by_receiver = defaultdict(list)
    for called in ended:
        by_receiver[called.delivery.receiver_id].append(called)
    return by_receiver


def _fates(
    ended: Sequence[Called], standings: Standings, *, desk: DeliveryDesk, now: datetime
) -> list[Fate]:
    """Return what becomes of each item, in order."""
    fates = []
    for called in ended:
        receiver_id = called.delivery.receiver_id
        endpoint = desk.endpoints.find(receiver_id)
        fate = fate_of(
            called,
            pace=desk.pace,
            hours=None if endpoint is None else endpoint.hours,
            draw=desk.draw(),
            legal_now=desk.moment.now,
        )
        fates.append(shortened(fate, called, standings[receiver_id].breaker, now=now))
    return fates


async def _settle(
    connection: Connection, decided: Sequence[Decided], *, telling: Telling, desk: DeliveryDesk
) -> None:
    """Settle the items of those whose lease still holds."""
    held = await deliveries.lock_leases(connection, [one.called.delivery for one in decided])
    mine = [(one.called, one.fate) for one in decided if lease_of(one.called.delivery) in held]
    now = desk.moment.now
    settled = await deliveries.settle(
        connection,
        [settlement_of(called, fate, now=now) for called, fate in mine],
        [attempt_of(one.called) for one in decided],
    )
    rejected = []
    for called, fate in mine:
        item = settled.get(called.delivery.information_id)
        if item is not None:
            _tell(item, called, fate, telling=telling)
            rejected += [item] if fate.state == "rejected" else []
    await reject_successors(connection, rejected, telling=telling, moment=desk.moment)
    # A receipt came during the call: what it made of the item says what the queue waits for.
    overtaken = [
        lease_of(called.delivery)
        for called, _ in mine
        if called.delivery.information_id not in settled
    ]
    await repairs.refresh(connection, overtaken)
    lost = [one.called for one in decided if lease_of(one.called.delivery) not in held]
    await receipts.take_proofs(
        connection, _proofs(lost), telling=telling, call=desk.call, moment=desk.moment
    )


def _proofs(lost: Sequence[Called]) -> list[LateReceipt]:
    """Return the receipts of the very bytes that were sent."""
    return [
        LateReceipt(
            information_id=called.delivery.information_id,
            digest=called.answer.receipt.digest,
            receipt=called.answer.receipt,
            code=None,
        )
        for called in lost
        if called.answer.receipt is not None and called.verdict.action == "delivered"
    ]


def _tell(item: Tracked, called: Called, fate: Fate, *, telling: Telling) -> None:
    """Tell what the municipality is to know; of an item that goes on waiting there is nothing."""
    code, receipt = called.verdict.code, called.answer.receipt
    match fate.state:
        case "delivered":
            assert receipt is not None, "delivered is what has a receipt"
            telling.delivered(item, receipt)
        case "rejected":
            telling.rejected([item], code=code)
        case "parked":
            telling.parked(item, code=code)
        case _:
            pass
