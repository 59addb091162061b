"""Parked messages: shown to operators, repaired by them, each reading and repair on record."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from msgspec import Struct

from kuntavayla import audit, idempotency
from kuntavayla.database import Connection
from kuntavayla.idempotency import KeyUse
from kuntavayla.inbox import (
    ConsumerFigures,
    Consumptions,
    Edited,
    ParkedFilter,
    ParkedMessage,
    Record,
    Repair,
    StoredMessage,
    Who,
    parked,
    repairing,
)
from kuntavayla.inbox.repairing import Action, ConsumerUnknown, ParkedMessageNotFound
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of, witness

READ, LISTED, COUNTED = "parked-message.read", "parked-message.listed", "parked-message.counted"
STARTED = "consumer.started"


class RepairDesk(Struct, frozen=True, kw_only=True):
    """What a repair is made with; `use.result_id` is the id that it gets."""

    use: KeyUse
    call: Call
    reason: str
    moment: Moment
    consumptions: Consumptions


class Shown(Struct, frozen=True):
    """A message, its record as it would be handled now, and what waits under its key."""

    message: StoredMessage
    record: Record
    waiting: int
    behind: Sequence[ParkedMessage]


class Repaired(Struct, frozen=True):
    """What a repair has done; of a repeated call, what the first one did."""

    repair: Repair
    is_replay: bool


class Started(Struct, frozen=True):
    """A consumer as it stands after a start, or after the repeat of one."""

    figures: ConsumerFigures
    is_replay: bool


async def list_of(
    connection: Connection,
    query: ParkedFilter,
    *,
    after: int,
    limit: int,
    call: Call,
    moment: Moment,
) -> list[ParkedMessage]:
    """List messages, oldest first, without their bytes; audited."""
    await witness(connection, call, action=LISTED, moment=moment)
    return await parked.list_messages(connection, query, after=after, limit=limit)


async def count_of(
    connection: Connection, query: ParkedFilter, *, call: Call, moment: Moment
) -> int:
    """Return how many messages are parked that a filter means; audited."""
    await witness(connection, call, action=COUNTED, moment=moment)
    return await parked.count_parked(connection, query)


async def show(
    connection: Connection,
    parked_id: str,
    *,
    behind_max: int,
    call: Call,
    moment: Moment,
    consumptions: Consumptions,
) -> Shown:
    """Return a message with its bytes; audited with the client that its key names.

    Raises ParkedMessageNotFound, and ConsumerUnknown where no key of this release opens it.
    """
    found = await parked.find_messages(connection, [parked_id])
    if not found:
        raise ParkedMessageNotFound
    [message] = found
    consumption = consumptions(message.consumer)
    if consumption is None:
        raise ConsumerUnknown(consumer=message.consumer)
    await witness(
        connection,
        call,
        action=READ,
        moment=moment,
        client_id=client_of(message),
        resource_id=parked_id,
    )
    waiting = await parked.count_waiting(connection, [message.of_key])
    return Shown(
        message,
        consumption.parking.open(message),
        waiting[message.of_key],
        await parked.list_behind(connection, message.of_key, limit=behind_max),
    )


async def find_replay(connection: Connection, use: KeyUse) -> Repaired | None:
    """Claim the key of a repair; return what the first call did where this one repeats it.

    Locks the key until the caller's transaction ends. Raises IdempotencyKeyReused for another body.
    """
    known = await idempotency.claim_one(connection, use)
    if known is None:
        return None
    return Repaired(await repairing.load_repair(connection, known.result_id), is_replay=True)


Choose = Callable[[Connection], Awaitable[Sequence[str]]]
"""Returns the ids of the messages that a repair means."""


def just(parked_id: str) -> Choose:
    """Choose one message by its id."""

    async def choose(_: Connection) -> Sequence[str]:
        return [parked_id]

    return choose


def all_of(query: ParkedFilter, *, expected_count: int) -> Choose:
    """Choose the parked messages that a filter means, if they are as many as expected."""

    async def choose(connection: Connection) -> Sequence[str]:
        return await repairing.choose(connection, query, expected_count=expected_count)

    return choose


async def repair(
    connection: Connection, choose: Choose, action: Action, *, desk: RepairDesk
) -> Repaired:
    """Handle messages again, or skip them, and what waits behind them, in order.

    Locks their keys. Commits together: effects, states, the repair, a line of the audit for each.
    """
    replayed = await find_replay(connection, desk.use)
    if replayed is not None:
        return replayed
    messages = await repairing.lock_parked(connection, await choose(connection))
    return await _repair(connection, messages, action, desk=desk)


async def edit(
    connection: Connection, parked_id: str, edited: Edited, *, desk: RepairDesk
) -> Repaired:
    """Put other content in the place of a message from outside, and handle it; see `repair`."""
    replayed = await find_replay(connection, desk.use)
    if replayed is not None:
        return replayed
    [message] = await repairing.lock_parked(connection, [parked_id])
    consumption = desk.consumptions(message.consumer)
    if consumption is None:
        raise ConsumerUnknown(consumer=message.consumer)
    await repairing.edit(connection, message, edited, parking=consumption.parking)
    messages = await parked.find_messages(connection, [parked_id])
    return await _repair(connection, messages, "edit", desk=desk)


async def _repair(
    connection: Connection, messages: Sequence[StoredMessage], action: Action, *, desk: RepairDesk
) -> Repaired:
    call, moment = desk.call, desk.moment
    who = Who(
        repair_id=desk.use.result_id,
        organisation=call.organisation,
        official_id=call.official_id or "",
        reason=desk.reason,
        at=moment.now,
    )
    lines = [
        line_of(
            call,
            action=f"parked-message.{action}",
            outcome="done",
            moment=moment,
            client_id=client_of(message),
            resource_id=message.parked_id,
        )
        for message in messages
    ]
    await audit.append(connection, lines)
    done = await repairing.repair(
        connection, messages, action, who=who, consumptions=desk.consumptions
    )
    return Repaired(done, is_replay=False)


async def start_consumer(
    connection: Connection, consumer: str, *, use: KeyUse, call: Call, moment: Moment
) -> Started:
    """Let a stopped consumer run again, or say that the same call did; audited.

    Raises ConsumerNotStopped.
    """
    known = await idempotency.claim_one(connection, use)
    if known is None:
        await repairing.start_consumer(connection, consumer, at=moment.now)
        await witness(connection, call, action=STARTED, outcome="done", moment=moment)
    figures = await parked.load_figures(connection)
    [consumer_figures] = [one for one in figures if one.consumer == consumer]
    return Started(consumer_figures, is_replay=known is not None)


def client_of(message: ParkedMessage) -> str | None:
    """Return the client that a message's key names, as far as it is an id at all."""
    try:
        return str(UUID(message.key))
    except ValueError:
        return None
