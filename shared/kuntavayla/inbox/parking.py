"""Parking: what a handler cannot do is kept with its bytes and reason, and only its key waits.

All of it stands in the one transaction with the position. Content from outside may hold personal
data by mistake: it is sealed, and neither its key, id nor type is kept unless it has the form of
ours.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.database import Connection
from kuntavayla.events import new_ids_at
from kuntavayla.inbox import parked, stopping
from kuntavayla.inbox.flowing import Arrival, Check, Fate, Flow, Handler, Verdict
from kuntavayla.inbox.parked import NewMessage, StoredMessage
from kuntavayla.inbox.records import Record, incoming_of, record_of
from kuntavayla.inbox.sources import Incoming, IncomingEvent, Malformed, Speaker
from kuntavayla.inbox.stopping import StopLimits, StopRule
from kuntavayla.values.digests import KeyedDigest

KEY_LENGTH_MAX = 100
_EVENT_TYPE = re.compile(r"fi\.kuntavayla(?:\.[a-z]+(?:-[a-z]+)*){1,4}\.v[0-9]{1,3}")
_KEY = re.compile(r"[\x21-\x7e]{1,100}")
_OUR_DIGEST = KeyedDigest(b"key")
_encode = msgspec.msgpack.Encoder().encode
_decode_record = msgspec.msgpack.Decoder(Record).decode


class SealedContent(Protocol):
    """A ciphertext, and the id of its key."""

    @property
    def ciphertext(self) -> bytes:
        """The bytes, with all that is needed to open them but the key."""

    @property
    def key_id(self) -> str:
        """Which key opens it."""


class Vault(Protocol):
    """Seals what may hold personal data; what is sealed for one id opens for no other."""

    def seal(self, plain: bytes, *, belongs_to: str) -> SealedContent:
        """Return the ciphertext."""

    def open(self, ciphertext: bytes, *, key_id: str, belongs_to: str) -> bytes:
        """Return the bytes of a ciphertext."""


class Refused(Struct, frozen=True):
    """A message that was just parked for the first time: what it is, and what is wrong with it."""

    parked_id: str
    incoming: Incoming
    codes: tuple[str, ...]


OnParked = Callable[[Connection, Sequence[Refused]], Awaitable[None]]
"""Tells whoever must know, inside the same transaction, as its last part."""


class Sealing(Struct, frozen=True):
    """How content from outside is kept: by which vault, and its keys of order by which digest."""

    vault: Vault
    key_digest: KeyedDigest


class Parking(Struct, frozen=True, kw_only=True):
    """How a consumer handles and parks: what no state makes acceptable, its limits, who is told.

    With `sealing` the consumer's streams are from outside, without it they are ours.
    """

    clock: Callable[[], datetime]
    check: Check | None = None
    on_parked: OnParked | None = None
    sealing: Sealing | None = None
    limits: StopLimits = StopLimits()

    @property
    def speaker(self) -> Speaker:
        """Return who writes the consumer's streams."""
        return Speaker.OURS if self.sealing is None else Speaker.OUTSIDE

    def key_of(self, incoming: Incoming) -> str:
        """Return the key by which a message keeps its order, in a form that is safe to store.

        A key that is no text keeps its order by a digest of its bytes. A record without a key, or
        with an empty one, keeps order with nothing: its place is its key.
        """
        subject = incoming.subject.encode() if isinstance(incoming, IncomingEvent) else b""
        given = (incoming.key or subject) if self.sealing else (subject or incoming.key)
        if not given:
            return f"place:{incoming.place}"[:KEY_LENGTH_MAX]
        text = given.decode("ascii", "replace")
        if _is_id(text) or (self.sealing is None and _KEY.fullmatch(text)):
            return text
        digest = self.sealing.key_digest if self.sealing else _OUR_DIGEST
        return f"digest:{digest(b'inbox key ' + given).hex()[:32]}"

    def seal(self, record: Record, *, parked_id: str) -> tuple[bytes, str | None]:
        """Return a record as it is stored, and the id of the key that seals it, if one does."""
        content = _encode(record)
        if self.sealing is None:
            return content, None
        sealed = self.sealing.vault.seal(content, belongs_to=parked_id)
        return sealed.ciphertext, sealed.key_id

    def open(self, message: StoredMessage) -> Record:
        """Return a stored message's record: the edited one, where there is one."""
        content, key_id = message.content, message.content_key_id
        if message.edited_content is not None:
            content, key_id = message.edited_content, message.edited_key_id
        if key_id is not None:
            assert self.sealing is not None, "what is sealed is from outside"
            content = self.sealing.vault.open(content, key_id=key_id, belongs_to=message.parked_id)
        return _decode_record(content)

    def arrival_of(self, message: StoredMessage) -> Arrival:
        """Return a stored message on its way to the handler again."""
        return Arrival(message.key, incoming_of(self.open(message), speaker=self.speaker))


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


class Batch(Struct, frozen=True, kw_only=True):
    """Messages of one stream that are new, in order."""

    consumer: str
    stream: str
    messages: Sequence[Incoming]


async def lock_keys(connection: Connection, batches: Sequence[Batch], *, parking: Parking) -> None:
    """Lock the keys of batches that ever parked, in their order, before anything is handled.

    A handler may lock the outbox's head, and after that nothing may be waited for.
    """
    keys = {
        (batch.consumer, parking.key_of(incoming))
        for batch in batches
        for incoming in batch.messages
    }
    await parked.lock_keys(connection, sorted(keys))


async def take(
    connection: Connection, batch: Batch, *, handle: Handler, parking: Parking
) -> tuple[int, str | None]:
    """Handle a batch; park what cannot be handled, queue what comes behind a parked message.

    Returns how many messages were settled, from the start, and why the consumer must stop, if it
    must. Locks the batch's keys that ever parked, in their order. Commits together with the
    caller's position: effects, parked messages, keys, and a stop.
    """
    consumer, now = batch.consumer, parking.clock()
    arrivals = [Arrival(parking.key_of(incoming), incoming) for incoming in batch.messages]
    keys = sorted({(consumer, arrival.key) for arrival in arrivals})
    blocked = {key for _, key in await parked.lock_keys(connection, keys)}
    first = await parked.load_tally(connection, consumer, batch.stream) + 1
    flow = Flow(arrivals, handle=handle, check=parking.check, blocked=blocked)
    rule = StopRule(
        connection, parking.limits, consumer=consumer, stream=batch.stream, first=first, now=now
    )
    await flow.run(connection, stop=rule.reason)
    settled = sum(verdict.fate is not Fate.UNTOUCHED for verdict in flow.verdicts)
    await parked.tally(connection, consumer, batch.stream, messages=settled)
    await _mark_redelivered(connection, consumer, arrivals, verdicts=flow.verdicts, at=now)
    filed = _filed(batch, arrivals, flow.verdicts, parking=parking, first=first)
    await _store(connection, filed, parking=parking)
    reason = flow.stop_reason or await _queue_fault(connection, filed, limits=parking.limits)
    if reason is not None:
        await stopping.stop(connection, consumer, reason=reason, now=now)
    return settled, reason


async def _mark_redelivered(
    connection: Connection,
    consumer: str,
    arrivals: Sequence[Arrival],
    *,
    verdicts: Sequence[Verdict],
    at: datetime,
) -> None:
    """Mark what had been skipped and was handled now, delivered again."""
    handled = [
        arrival.incoming.id
        for arrival, verdict in zip(arrivals, verdicts, strict=True)
        if verdict.fate is Fate.HANDLED
        and isinstance(arrival.incoming, IncomingEvent)
        and arrival.incoming.redeliveryid
    ]
    if handled:
        skipped = await parked.find_skipped(connection, consumer, handled)
        await parked.settle(connection, dict.fromkeys(skipped.values(), "done"), at=at)


class _Filed(Struct, frozen=True):
    """A message that waits, as a row, with what it is and its verdict."""

    row: NewMessage
    incoming: Incoming
    verdict: Verdict


def _filed(
    batch: Batch,
    arrivals: Sequence[Arrival],
    verdicts: Sequence[Verdict],
    *,
    parking: Parking,
    first: int,
) -> list[_Filed]:
    """Return what must wait of a batch whose first message has the ordinal `first`."""
    now = parking.clock()
    new_id = new_ids_at(now)
    filed: list[_Filed] = []
    for ordinal, (arrival, verdict) in enumerate(zip(arrivals, verdicts, strict=True), first):
        if verdict.fate not in (Fate.PARKED, Fate.QUEUED):
            continue
        incoming, parked_id = arrival.incoming, new_id()
        record = replace(record_of(incoming), offset_text=incoming.sequence)
        content, content_key_id = parking.seal(record, parked_id=parked_id)
        event_id, event_type = _names_of(incoming)
        is_parked = verdict.fate is Fate.PARKED
        row = NewMessage(
            parked_id=parked_id,
            consumer=batch.consumer,
            stream=batch.stream,
            place=incoming.place,
            sequence=incoming.sequence,
            key=arrival.key,
            speaker=parking.speaker,
            event_id=event_id,
            event_type=event_type,
            content=content,
            content_key_id=content_key_id,
            state="parked" if is_parked else "queued",
            reason=verdict.reason if is_parked else None,
            attempts=1 if is_parked else 0,
            ordinal=ordinal if is_parked else None,
            parked_at=now,
        )
        filed.append(_Filed(row, incoming, verdict))
    return filed


def _names_of(incoming: Incoming) -> tuple[str | None, str | None]:
    """Return id and type of an event where they have the form of ours; else neither is kept."""
    if isinstance(incoming, Malformed):
        return None, None
    is_typed = _EVENT_TYPE.fullmatch(incoming.type) is not None
    return incoming.id if _is_id(incoming.id) else None, incoming.type if is_typed else None


async def _store(connection: Connection, filed: Sequence[_Filed], *, parking: Parking) -> None:
    """Add what waits, and tell of what was parked, last."""
    rows = [one.row for one in filed]
    await parked.set_keys(
        connection, {(row.consumer, row.key): "parked" for row in rows if row.state == "parked"}
    )
    await parked.append(connection, rows)
    refused = [
        Refused(one.row.parked_id, one.incoming, one.verdict.codes)
        for one in filed
        if one.verdict.fate is Fate.PARKED
    ]
    if refused and parking.on_parked is not None:
        await parking.on_parked(connection, refused)


async def _queue_fault(
    connection: Connection, filed: Sequence[_Filed], *, limits: StopLimits
) -> str | None:
    """Return that too much waits behind parked messages, where this batch has added to it."""
    queued = next((one.row for one in filed if one.row.state == "queued"), None)
    if queued is None or await stopping.has_room(connection, queued.consumer, limits=limits):
        return None
    return stopping.QUEUE


async def unknown_of(connection: Connection, batch: Batch, *, parking: Parking) -> list[Incoming]:
    """Return the batch without messages that have no sequence and are parked from their place.

    A consumer that stopped in the middle of a batch reads its start again; what has a sequence is
    recognised by it.
    """
    nameless = [
        incoming
        for incoming in batch.messages
        if isinstance(incoming, Malformed) and not incoming.sequence
    ]
    if not nameless:
        return [*batch.messages]
    assert parking.sealing is None, "a record from outside has its offset"
    known = await parked.find_places(
        connection, batch.consumer, batch.stream, places=[one.place for one in nameless]
    )
    return [
        incoming
        for incoming in batch.messages
        if incoming not in nameless
        or (incoming.place, parking.seal(record_of(incoming), parked_id="")[0]) not in known
    ]
