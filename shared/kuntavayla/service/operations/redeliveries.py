"""Redeliveries: events once more to one recipient, counted first, bounded, on record."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import audit, idempotency, outbox
from kuntavayla.database import Connection
from kuntavayla.events import Channel
from kuntavayla.feed import load_cursor
from kuntavayla.idempotency import KeyUse
from kuntavayla.outbox import Choice, Redelivery, Request
from kuntavayla.service.errors import EventCountDiffers, RedeliveryTooLarge
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of

DONE = "done"
EARLIEST, NOW = "earliest", "now"


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked for: a recipient's events behind a cursor up to another, or by their ids."""

    recipient: str
    channels: Sequence[Channel]
    after: str
    until: str
    event_ids: Sequence[str] | None


class Redelivered(Struct, frozen=True):
    """A redelivery, and whether it was done by an earlier call with the same key."""

    redelivery: Redelivery
    epoch: int
    is_replay: bool


class RedeliveryDesk(Struct, frozen=True, kw_only=True):
    """What a redelivery is made with; `use.result_id` is its id."""

    use: KeyUse
    call: Call
    moment: Moment
    reason: str
    expected_count: int | None


async def count(connection: Connection, wanted: Wanted) -> int:
    """Return how many events are chosen, or one more than a redelivery sends.

    Raises CursorMalformed or CursorExpired.
    """
    return await outbox.count_chosen(connection, await _choice(connection, wanted))


async def redeliver(connection: Connection, wanted: Wanted, *, desk: RedeliveryDesk) -> Redelivered:
    """Append the chosen events once more; a repeat of the call answers as the first one did.

    Locks the key, and the outbox last. Raises CursorMalformed, CursorExpired, IdempotencyKeyReused,
    RedeliveryTooLarge, and EventCountDiffers where the call expects another number.
    """
    known = await idempotency.claim_one(connection, desk.use)
    epoch, _ = await outbox.load_head(connection)
    if known is not None:
        done = await outbox.load_redelivery(connection, known.result_id)
        return Redelivered(done, epoch, is_replay=True)
    choice = await _choice(connection, wanted)
    number = await outbox.count_chosen(connection, choice)
    if number > outbox.EVENTS_MAX:
        raise RedeliveryTooLarge(events_max=outbox.EVENTS_MAX)
    if desk.expected_count not in (None, number):
        raise EventCountDiffers(event_count=number)
    await _witness(connection, wanted.recipient, desk=desk)
    request = Request(
        redelivery_id=desk.use.result_id,
        reason=desk.reason,
        organisation=desk.call.organisation,
        official_id=desk.call.official_id or "",
        at=desk.moment.now,
    )
    done = await outbox.redeliver(connection, choice, request, count=number)
    return Redelivered(done, epoch, is_replay=False)


async def _choice(connection: Connection, wanted: Wanted) -> Choice:
    """Return the choice by positions; what is announced from now on is no part of it."""
    after = await load_cursor(connection, wanted.after)
    until = await load_cursor(connection, wanted.until)
    return Choice(
        recipient=wanted.recipient,
        channels=wanted.channels,
        behind=after.position,
        upto=until.position,
        event_ids=wanted.event_ids,
    )


async def _witness(connection: Connection, recipient: str, *, desk: RedeliveryDesk) -> None:
    line = line_of(
        desk.call,
        action=f"redelivery.requested:{recipient}",
        outcome=DONE,
        moment=desk.moment,
        resource_id=desk.use.result_id,
    )
    await audit.append(connection, [line])
