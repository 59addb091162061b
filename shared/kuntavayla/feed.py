"""The event feed over the outbox: pages in commit order, opaque cursors, long polls.

A cursor is (epoch, position); the recipient comes from the token, never from the cursor. Both feeds
of a recipient, common and restricted, are streams of their own. A waiting long poll holds no
database connection: one LISTEN connection per process wakes those whose stream got events.
"""

import asyncio
import base64
import binascii
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg
from msgspec import Struct

from kuntavayla import outbox
from kuntavayla.database import Connection
from kuntavayla.events import Channel, sequence_text
from kuntavayla.telemetry import log

MEDIA_TYPE = "application/cloudevents-batch+json"
LIMIT_MAX = 1_000
WAIT_S_MAX = 25
RECONNECT_S = 0.5

PAGE = """
SELECT position, body FROM outbox
WHERE recipient = $1 AND channel = $2 AND position > $3
ORDER BY position
LIMIT $4
"""

SAVE_READINGS = """
INSERT INTO outbox_readings AS r (recipient, channel, position, read_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[])
ON CONFLICT (recipient, channel) DO UPDATE SET
    position = excluded.position, read_at = excluded.read_at
WHERE r.read_at <= excluded.read_at
    AND (r.position, r.read_at) IS DISTINCT FROM (excluded.position, excluded.read_at)
"""


class CursorMalformed(ValueError):
    """The text is no cursor of ours."""


class CursorExpired(Exception):
    """The cursor points behind what is kept or beyond a restored point: resync."""


class Cursor(Struct, frozen=True):
    """A place in the outbox; text form is opaque to callers."""

    epoch: int
    position: int

    def text(self) -> str:
        """Return the opaque form."""
        return base64.urlsafe_b64encode(sequence_text(self.epoch, self.position).encode()).decode()


class FeedPage(Struct, frozen=True):
    """One answer of the feed: a JSON array of events as bytes, how many, and where to go on."""

    body: bytes
    count: int
    next_cursor: Cursor


def parse_cursor(text: str) -> Cursor:
    """Return the cursor of its opaque form; raises CursorMalformed."""
    try:
        epoch, position = base64.urlsafe_b64decode(text.encode("ascii")).decode("ascii").split(".")
        cursor = Cursor(int(epoch), int(position))
    except (ValueError, binascii.Error) as error:
        raise CursorMalformed from error
    if cursor.text() != text or min(cursor.epoch, cursor.position) < 0:
        raise CursorMalformed
    return cursor


async def load_cursor(connection: Connection, after: str) -> Cursor:
    """Return where `after` (earliest, now, or a cursor) stands.

    Raises CursorMalformed or CursorExpired.
    """
    epoch, kept_from, position = await outbox.load_bounds(connection)
    if after == "now":
        return Cursor(epoch, position)
    if after == "earliest":
        return Cursor(epoch, kept_from)
    cursor = parse_cursor(after)
    if cursor.epoch != epoch or not kept_from <= cursor.position <= position:
        raise CursorExpired
    return cursor


async def load_page(
    connection: Connection, cursor: Cursor, *, recipient: str, channel: Channel, limit: int
) -> FeedPage:
    """Return the next events of one stream, at most `limit`, in commit order.

    The head is read before the page: every position up to it is visible to the page's statement, so
    a short page may move the cursor on to the head and the next read is as cheap as the first.
    """
    epoch, head = await outbox.load_head(connection)
    rows: list[Any] = await connection.fetch(PAGE, recipient, channel, cursor.position, limit)
    last = rows[-1]["position"] if rows else cursor.position
    position = last if len(rows) == limit else max(last, head)
    body = b"[" + b",".join([row["body"] for row in rows]) + b"]"
    return FeedPage(body, len(rows), Cursor(epoch, position))


class Readings:
    """With which cursor each recipient last came, kept in memory and saved now and then.

    A reader that comes with a cursor says that it has what lies before it. Saving now and then, and
    not at each poll, keeps polls free of writing. What was saved is kept as well: whether that
    transaction ends well is not known here, and another may not see it yet.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[str, Channel], tuple[int, datetime]] = {}

    def note(self, cursor: Cursor, *, recipient: str, channel: Channel, now: datetime) -> None:
        """Remember where a recipient reads."""
        self._newest[recipient, channel] = cursor.position, now

    async def save(self, connection: Connection) -> None:
        """Store what was noted; the newest of several processes stands."""
        noted = sorted(self._newest.items())
        if noted:
            await connection.execute(
                SAVE_READINGS,
                [recipient for (recipient, _), _ in noted],
                [channel for (_, channel), _ in noted],
                [position for _, (position, _) in noted],
                [read_at for _, (_, read_at) in noted],
            )


class StreamWaiters:
    """Wakes long polls of this process when their stream got events."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.is_ending = False

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Keep one LISTEN connection open inside the block, again and again if it breaks."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @property
    def waiting_count(self) -> int:
        """Return how many long polls wait now."""
        return sum(map(len, self._waiting.values()))

    def end(self) -> None:
        """Let every long poll answer at once, now and from now on: the process is about to end."""
        self.is_ending = True
        self.wake(outbox.EVERYBODY)

    @contextlib.contextmanager
    def ticket(self, *, recipient: str, channel: Channel) -> Any:  # noqa: ANN401 - a context manager
        """Give an event that is set when the stream gets events; take it before the page."""
        stream = f"{channel}/{recipient}"
        event = asyncio.Event()
        self._waiting[stream].add(event)
        try:
            yield event
        finally:
            self._waiting[stream].discard(event)
            if not self._waiting[stream]:
                del self._waiting[stream]

    def wake(self, streams: str) -> None:
        """Wake the streams of one notification; `*` wakes all."""
        names = list(self._waiting) if streams == outbox.EVERYBODY else streams.split(",")
        for name in names:
            for event in self._waiting.get(name, ()):
                event.set()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
                log.warning("feed.listener_lost", error_type=type(error).__name__)
            await asyncio.sleep(RECONNECT_S)

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(self._url)
        gone = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: gone.set())
            await connection.add_listener(
                outbox.NOTIFY_CHANNEL, lambda _c, _p, _n, payload: self.wake(payload)
            )
            # What was announced while nobody listened has no notification any more.
            self.wake(outbox.EVERYBODY)
            await gone.wait()
        finally:
            connection.terminate()
