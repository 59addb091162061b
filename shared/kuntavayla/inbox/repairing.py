"""Repair: a parked message handled anew, edited, or skipped; then what queued behind it, in order.

Each repair is one transaction that holds the keys concerned, so a consumer of the same key waits
for it. It is bounded: what it does not reach goes on waiting, its first message parked.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import astuple, replace

from kuntavayla.database import Connection
from kuntavayla.errors import DomainError, Kind
from kuntavayla.inbox import parked, stopping
from kuntavayla.inbox.flowing import Fate, Flow, Handler
from kuntavayla.inbox.parked import Key, ParkedFilter, StoredMessage
from kuntavayla.inbox.parking import Parking, Refused
from kuntavayla.inbox.sources import Headers

MESSAGES_MAX = 1_000
"""Messages that one repair reaches, parked and queued."""
NOT_REACHED = "not_reached"
"""The reason of a message that a repair left waiting because it had reached its bound."""

Action = Literal["retry", "skip", "edit"]

APPEND_REPAIR = """
INSERT INTO inbox_repairs (repair_id, action, parked_id, matched, handled, skipped, parked, waiting,
                           reason, organisation, official_id, repaired_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
FIND_REPAIR = """
SELECT repair_id::text, action, parked_id::text, matched, handled, skipped, parked, waiting, reason,
       organisation, official_id, repaired_at
FROM inbox_repairs WHERE repair_id = $1
"""
CHOOSE = """
SELECT p.parked_id::text FROM inbox_parked p
WHERE p.state = 'parked'
  AND ($1::text IS NULL OR p.consumer = $1)
  AND ($2::text IS NULL OR p.key = $2)
  AND ($3::text IS NULL OR p.reason = $3)
ORDER BY p.number
LIMIT $4
"""


class ParkedMessageNotFound(DomainError):
    """No such parked message."""

    kind = Kind.NOT_FOUND
    code = "parked_message_not_found"


class MessageNotParked(DomainError):
    """The message is not the one that its key waits for."""

    kind = Kind.CONFLICT
    code = "message_not_parked"


class MessageNotEditable(DomainError):
    """Only a message from outside may be edited; ours are mended where they are made."""

    kind = Kind.CONFLICT
    code = "message_not_editable"


class CountDiffers(DomainError):
    """Another number of messages is parked than was expected; nothing was done."""

    kind = Kind.CONFLICT
    code = "count_differs"


class ConsumerNotStopped(DomainError):
    """The consumer is not stopped."""

    kind = Kind.CONFLICT
    code = "consumer_not_stopped"


class ConsumerUnknown(DomainError):
    """No consumer of this name handles messages in this release."""

    kind = Kind.CONFLICT
    code = "consumer_unknown"


class Consumption(Struct, frozen=True):
    """How a consumer handles messages, and how it parks."""

    handle: Handler
    parking: Parking


Consumptions = Callable[[str], Consumption | None]
"""From the name of a consumer to how it handles messages, if this release knows it."""


class Who(Struct, frozen=True, kw_only=True):
    """Who repairs, when, why; `repair_id` names the repair for ever."""

    repair_id: str
    organisation: str
    official_id: str
    reason: str
    at: datetime


class Repair(Struct, frozen=True, kw_only=True):
    """What a repair has done: keys that it matched, and what became of their messages.

    `parked` keys stand still again, `waiting` messages wait under all of them.
    """

    repair_id: str
    action: Action
    parked_id: str | None
    matched: int
    handled: int
    skipped: int
    parked: int
    waiting: int
    reason: str
    organisation: str
    official_id: str
    repaired_at: datetime


class Edited(Struct, frozen=True):
    """What an operator puts in place of a message from outside; without headers they stay."""

    body: bytes
    headers: Headers | None = None


class Progress(Struct):
    """What has become of messages so far."""

    states: dict[str, str] = field(default_factory=dict)
    again: dict[str, tuple[str, int]] = field(default_factory=dict)
    told: list[tuple[Parking, Refused]] = field(default_factory=list)


async def choose(connection: Connection, query: ParkedFilter, *, expected_count: int) -> list[str]:
    """Return the oldest parked messages that a filter means, at most 1,000.

    Raises CountDiffers where not as many as expected are parked.
    """
    count = await parked.count_parked(connection, query)
    if count != expected_count:
        raise CountDiffers(expected=expected_count, parked=count)
    rows = await connection.fetch(CHOOSE, query.consumer, query.key, query.reason, MESSAGES_MAX)
    return [row["parked_id"] for row in rows]


async def lock_parked(connection: Connection, parked_ids: Sequence[str]) -> list[StoredMessage]:
    """Lock the keys of messages, in their order, and return the messages as they stand then.

    Raises ParkedMessageNotFound, and MessageNotParked for one that is settled or queued.
    """
    found = await parked.find_messages(connection, parked_ids)
    if len(found) < len(parked_ids):
        raise ParkedMessageNotFound
    await parked.lock_keys(connection, sorted({message.of_key for message in found}))
    # A new statement: what another repair or the consumer committed meanwhile is seen.
    messages = await parked.find_messages(connection, parked_ids)
    if any(message.state != "parked" for message in messages):
        raise MessageNotParked
    return messages


async def edit(
    connection: Connection, message: StoredMessage, edited: Edited, *, parking: Parking
) -> None:
    """Put other content in the place of a message from outside that the caller has locked.

    Raises MessageNotEditable for a message of ours.
    """
    if message.speaker != "outside":
        raise MessageNotEditable
    record = parking.open(message)
    headers = record.headers if edited.headers is None else edited.headers
    content, key_id = parking.seal(
        replace(record, headers=headers, body=edited.body), parked_id=message.parked_id
    )
    assert key_id is not None, "what is from outside is sealed"
    await parked.edit(connection, message.parked_id, content=content, key_id=key_id)


async def repair(
    connection: Connection,
    messages: Sequence[StoredMessage],
    action: Action,
    *,
    who: Who,
    consumptions: Consumptions,
) -> Repair:
    """Handle parked messages, or skip them, and what queued behind them, each key in order.

    The caller has locked them. A key stands still again at the next message that cannot be
    handled. Commits together: effects, states, keys, the repair. Raises ConsumerUnknown.
    """
    keys = [message.of_key for message in messages]
    waiting = await parked.list_waiting(connection, keys, limit=MESSAGES_MAX)
    progress = Progress()
    if action == "skip":
        progress.states = {message.parked_id: "skipped" for message in messages}
    rest = [message for message in waiting if message.parked_id not in progress.states]
    for consumer in dict.fromkeys(message.consumer for message in rest):
        consumption = consumptions(consumer)
        if consumption is None:
            raise ConsumerUnknown(consumer=consumer)
        own = [message for message in rest if message.consumer == consumer]
        await _flow(connection, own, consumption=consumption, progress=progress)
    await parked.settle(connection, progress.states, at=who.at, repair_id=who.repair_id)
    await parked.park_again(connection, progress.again, repair_id=who.repair_id)
    await _park_first_of_rest(connection, keys, repair_id=who.repair_id)
    done = await _record(connection, messages, action, who=who, progress=progress)
    for parking, refused in progress.told:
        if parking.on_parked is not None:
            await parking.on_parked(connection, [refused])
    return done


async def _flow(
    connection: Connection,
    messages: Sequence[StoredMessage],
    *,
    consumption: Consumption,
    progress: Progress,
) -> None:
    """Send one consumer's messages through its handler; later ones of a key that parks wait on."""
    parking = consumption.parking
    arrivals = [parking.arrival_of(message) for message in messages]
    flow = Flow(arrivals, handle=consumption.handle, check=parking.check, blocked=set())
    await flow.run(connection)
    for message, arrival, verdict in zip(messages, arrivals, flow.verdicts, strict=True):
        if verdict.fate is Fate.HANDLED:
            progress.states[message.parked_id] = "done"
        elif verdict.fate is Fate.PARKED:
            progress.again[message.parked_id] = (verdict.reason, 1)
            if message.attempts == 0:
                refused = Refused(message.parked_id, arrival.incoming, verdict.codes)
                progress.told.append((parking, refused))


async def _park_first_of_rest(
    connection: Connection, keys: Sequence[Key], *, repair_id: str
) -> None:
    """Park the first message of each key that still waits and was not reached; free the rest."""
    first = await parked.find_messages(connection, await parked.first_of_rest(connection, keys))
    await parked.park_again(
        connection,
        {message.parked_id: (NOT_REACHED, 0) for message in first if message.state == "queued"},
        repair_id=repair_id,
    )
    waiting = {message.of_key for message in first}
    await parked.set_keys(
        connection, {key: "parked" if key in waiting else "free" for key in sorted(keys)}
    )


async def _record(
    connection: Connection,
    messages: Sequence[StoredMessage],
    action: Action,
    *,
    who: Who,
    progress: Progress,
) -> Repair:
    counts = await parked.count_waiting(connection, [message.of_key for message in messages])
    states = [*progress.states.values()]
    done = Repair(
        repair_id=who.repair_id,
        action=action,
        parked_id=messages[0].parked_id if len(messages) == 1 else None,
        matched=len(messages),
        handled=states.count("done"),
        skipped=states.count("skipped"),
        parked=sum(count > 0 for count in counts.values()),
        waiting=sum(counts.values()),
        reason=who.reason,
        organisation=who.organisation,
        official_id=who.official_id,
        repaired_at=who.at,
    )
    await connection.execute(APPEND_REPAIR, *astuple(done))
    return done


async def load_repair(connection: Connection, repair_id: str) -> Repair:
    """Return what a repair has done."""
    row = await connection.fetchrow(FIND_REPAIR, repair_id)
    assert row is not None, "a repair is stored with its key"
    return Repair(**dict(row))


async def start_consumer(connection: Connection, consumer: str, *, at: datetime) -> None:
    """Let a stopped consumer run again, its limits counted anew; raises ConsumerNotStopped."""
    if not await stopping.start(connection, consumer, now=at):
        raise ConsumerNotStopped
