"""Every statement of the simulated receivers; each works on a whole batch."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla_sandbox.te_office.knobs import Knobs

Key = tuple[str, UUID]
"""A receiver and an item's id."""

FIND_KNOWN = """
SELECT receiver_id, information_id, client_id, digest, receipt_id, received_at, state,
       rejection_code
FROM unnest($1::text[], $2::uuid[]) AS wanted (receiver_id, information_id)
     JOIN items USING (receiver_id, information_id)
"""
FIND_REPLACED = """
SELECT receiver_id, replaces_information_id
FROM unnest($1::text[], $2::uuid[]) AS wanted (receiver_id, replaces_information_id)
     JOIN items USING (receiver_id, replaces_information_id)
WHERE state <> 'rejected'
"""
APPEND_ITEMS = """
INSERT INTO items (receiver_id, information_id, client_id, sequence, kind, action,
                   replaces_information_id, digest, body, receipt_id, received_at, received_on,
                   state, repeats, receipt_due_at)
SELECT receiver_id, information_id, client_id, sequence, kind, action, replaces_information_id,
       digest, body, receipt_id, received_at, received_on,
       CASE WHEN receipt_due_at IS NULL THEN 'held' ELSE 'waiting' END, 0, receipt_due_at
FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::uuid[],
            $8::text[], $9::bytea[], $10::text[], $11::timestamptz[], $12::date[],
            $13::timestamptz[])
     WITH ORDINALITY
     AS new (receiver_id, information_id, client_id, sequence, kind, action,
             replaces_information_id, digest, body, receipt_id, received_at, received_on,
             receipt_due_at, place)
ORDER BY place
"""
COUNT_REPEATS = """
UPDATE items SET repeats = repeats + again.times
FROM unnest($1::text[], $2::uuid[], $3::int[]) AS again (receiver_id, information_id, times)
WHERE items.receiver_id = again.receiver_id AND items.information_id = again.information_id
"""
LIST_HELD = """
SELECT position, information_id::text, client_id::text, sequence, kind, action,
       replaces_information_id::text, digest, receipt_id, received_at, state, rejection_code,
       repeats, CASE WHEN $4 THEN convert_from(body, 'UTF8') END AS body
FROM items WHERE receiver_id = $1 AND position > $2 ORDER BY position LIMIT $3
"""
LIST_DAY = """
SELECT position, information_id::text, receipt_id, received_at, digest
FROM items
WHERE receiver_id = $1 AND received_on = $2 AND position > $3 AND state = 'held'
ORDER BY position LIMIT $4
"""
COUNT_ITEMS = """
SELECT receiver_id, state, count(*), sum(repeats)::bigint FROM items GROUP BY receiver_id, state
"""
LIST_DUE = """
SELECT receiver_id, information_id, digest, receipt_id, received_at
FROM items WHERE receipt_due_at <= clock_timestamp() ORDER BY receipt_due_at LIMIT $1
"""
MARK_POSTED = """
UPDATE items
SET state = CASE WHEN posted.code IS NULL THEN 'held' ELSE 'rejected' END,
    rejection_code = posted.code, receipt_due_at = NULL
FROM unnest($1::text[], $2::uuid[], $3::text[]) AS posted (receiver_id, information_id, code)
WHERE items.receiver_id = posted.receiver_id AND items.information_id = posted.information_id
"""
POSTPONE = """
UPDATE items SET receipt_due_at = clock_timestamp() + make_interval(secs => $3)
FROM unnest($1::text[], $2::uuid[]) AS later (receiver_id, information_id)
WHERE items.receiver_id = later.receiver_id AND items.information_id = later.information_id
"""
LOAD_KNOBS = "SELECT receiver_id, knobs::text FROM knobs"
SET_KNOBS = """
INSERT INTO knobs (receiver_id, knobs) VALUES ($1, $2::text::jsonb)
ON CONFLICT (receiver_id) DO UPDATE SET knobs = excluded.knobs
"""


class Known(Struct, frozen=True):
    """An item that the receiver has, and what it answered."""

    client_id: UUID
    digest: str
    receipt_id: str
    received_at: datetime
    state: str
    rejection_code: str | None


class NewItem(Struct, frozen=True, kw_only=True):
    """An item to be kept with its receipt; with `receipt_due_at` the receipt follows."""

    receiver_id: str
    information_id: UUID
    client_id: UUID
    sequence: int
    kind: str
    action: str
    replaces_information_id: UUID | None
    digest: str
    body: bytes
    receipt_id: str
    received_at: datetime
    received_on: date
    receipt_due_at: datetime | None


class HeldItem(Struct, frozen=True, kw_only=True):
    """An item as the receiver holds it, for whoever compares."""

    position: int
    information_id: str
    client_id: str
    sequence: int
    kind: str
    action: str
    replaces_information_id: str | None
    digest: str
    receipt_id: str
    received_at: datetime
    state: str
    rejection_code: str | None
    repeats: int
    body: str | None


class ListedItem(Struct, frozen=True, kw_only=True):
    """An item in the list of its day."""

    position: int
    information_id: str
    receipt_id: str
    received_at: datetime
    digest: str


class DueReceipt(Struct, frozen=True):
    """An item whose receipt is to be posted now."""

    receiver_id: str
    information_id: UUID
    digest: str
    receipt_id: str
    received_at: datetime


class Count(Struct, frozen=True):
    """How many items of a receiver stand in a state, and how often they came again."""

    receiver_id: str
    state: str
    items: int
    repeats: int


async def find_known(connection: Connection, keys: Iterable[Key]) -> dict[Key, Known]:
    """Return what is known of these items."""
    rows = await connection.fetch(FIND_KNOWN, *_columns(keys))
    return {(row[0], row[1]): Known(*row[2:]) for row in rows}


async def find_replaced(connection: Connection, keys: Iterable[Key]) -> set[Key]:
    """Return which of these items have been replaced by another."""
    rows = await connection.fetch(FIND_REPLACED, *_columns(keys))
    return {(row[0], row[1]) for row in rows}


def _columns(keys: Iterable[Key]) -> tuple[list[str], list[UUID]]:
    listed = sorted(set(keys))
    return [key[0] for key in listed], [key[1] for key in listed]


async def append_items(connection: Connection, items: Sequence[NewItem]) -> None:
    """Keep new items, in this order of reception."""
    await connection.execute(
        APPEND_ITEMS,
        [item.receiver_id for item in items],
        [item.information_id for item in items],
        [item.client_id for item in items],
        [item.sequence for item in items],
        [item.kind for item in items],
        [item.action for item in items],
        [item.replaces_information_id for item in items],
        [item.digest for item in items],
        [item.body for item in items],
        [item.receipt_id for item in items],
        [item.received_at for item in items],
        [item.received_on for item in items],
        [item.receipt_due_at for item in items],
    )


async def count_repeats(connection: Connection, times: dict[Key, int]) -> None:
    """Note how often known items came again."""
    await connection.execute(
        COUNT_REPEATS,
        [key[0] for key in times],
        [key[1] for key in times],
        list(times.values()),
    )


async def list_held(
    connection: Connection, receiver_id: str, *, after: int, limit: int, with_bodies: object
) -> list[HeldItem]:
    """Return a receiver's items in the order of reception, from behind `after`."""
    rows = await connection.fetch(LIST_HELD, receiver_id, after, limit, bool(with_bodies))
    return [HeldItem(**dict(row)) for row in rows]


async def list_day(
    connection: Connection, receiver_id: str, *, received_on: date, after: int, limit: int
) -> list[ListedItem]:
    """Return what a receiver took for good on a day, in the order of reception."""
    rows = await connection.fetch(LIST_DAY, receiver_id, received_on, after, limit)
    return [ListedItem(**dict(row)) for row in rows]


async def count_items(connection: Connection) -> list[Count]:
    """Return how many items stand in each state, by receiver."""
    return [Count(*row) for row in await connection.fetch(COUNT_ITEMS)]


async def list_due(connection: Connection, *, limit: int) -> list[DueReceipt]:
    """Return the items whose receipts are due, the oldest first."""
    rows = await connection.fetch(LIST_DUE, limit)
    return [DueReceipt(*row) for row in rows]


async def mark_posted(connection: Connection, codes: dict[Key, str | None]) -> None:
    """Note receipts as posted; with a code the item was rejected."""
    await connection.execute(
        MARK_POSTED,
        [key[0] for key in codes],
        [key[1] for key in codes],
        list(codes.values()),
    )


async def postpone(connection: Connection, keys: Iterable[Key], *, pause_s: float) -> None:
    """Let receipts that could not be posted be due again after a pause."""
    await connection.execute(POSTPONE, *_columns(keys), pause_s)


async def load_knobs(connection: Connection) -> dict[str, Knobs]:
    """Return the knobs that were ever set, by receiver."""
    rows = await connection.fetch(LOAD_KNOBS)
    return {row[0]: msgspec.json.decode(row[1], type=Knobs) for row in rows}


async def set_knobs(connection: Connection, receiver_id: str, knobs: Knobs) -> None:
    """Keep the knobs of a receiver."""
    await connection.execute(SET_KNOBS, receiver_id, msgspec.json.encode(knobs).decode())
