import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import NoReturn

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kuntavayla import inbox
from kuntavayla.database import Connection, Pool, open_pool
from kuntavayla.inbox import (
    CursorRefused,
    FeedSource,
    Inbox,
    IncomingEvent,
    OneStream,
    SourceAway,
    SourceBatch,
    consuming,
)
from kuntavayla.testing import DatabaseServer, TestDatabase
from tests.shared.inbox_example import EFFECTS, an_event, consumer_database, keep

PAGE = 3


class ListSource:
    """A publisher whose events stand in a list; its cursor is a place in it."""

    def __init__(self, events: Sequence[IncomingEvent]) -> None:
        self.events = list(events)
        self.away = 0
        self.asked: list[str] = []

    async def next_batch(self, cursor: str) -> SourceBatch:
        self.asked.append(cursor)
        if self.away:
            self.away -= 1
            raise SourceAway
        first = 0 if cursor == "earliest" else int(cursor)
        batch = self.events[first : first + PAGE]
        return SourceBatch(batch, str(first + len(batch)))


class CrashedError(Exception):
    """The process has ended between fetch and commit."""


async def keep_and_crash(connection: Connection, events: Sequence[IncomingEvent]) -> NoReturn:
    await keep(connection, events)
    raise CrashedError


@pytest.fixture
async def consumer(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with consumer_database(databases) as database:
        yield database


@pytest.fixture
async def store(consumer: TestDatabase) -> AsyncIterator[Pool]:
    pool = await open_pool(consumer.url)
    yield pool
    await pool.close()


def an_inbox(pool: Pool, source: inbox.Source) -> Inbox:
    return Inbox(pool, OneStream(source, "common"), consumer="cs-sotkamo")


async def test_every_statement_can_be_prepared(store: Pool) -> None:
    statements = [value for name, value in vars(consuming).items() if name.endswith("_POSITIONS")]

    async with store.acquire() as connection:
        prepared = [await connection.prepare(statement) for statement in statements]

    assert len(prepared) == 4


async def test_batches_have_their_effect_in_order_and_the_reading_goes_on_where_it_was(
    store: Pool,
) -> None:
    source = ListSource([an_event(number) for number in range(1, 6)])

    new = [await an_inbox(store, source).step(keep) for _ in range(3)]

    assert new == [3, 2, 0]
    assert source.asked == ["earliest", "3", "5"]
    assert await store.fetchval(EFFECTS) == [1, 2, 3, 4, 5]


async def test_a_redelivery_at_another_cursor_has_no_effect_and_is_counted(store: Pool) -> None:
    events = [an_event(number) for number in range(1, 4)]
    source = ListSource([*events, *events, an_event(4)])
    reader = an_inbox(store, source)

    new = [await reader.step(keep) for _ in range(3)]

    assert new == [3, 0, 1]
    assert reader.redeliveries == 3
    assert await store.fetchval(EFFECTS) == [1, 2, 3, 4]


async def test_a_batch_that_holds_old_and_new_gives_effect_to_the_new(store: Pool) -> None:
    first, second, third = an_event(1), an_event(2), an_event(3)
    reader = an_inbox(store, ListSource([first, second, second, second, third]))

    new = [await reader.step(keep), await reader.step(keep)]

    assert new == [2, 1]
    assert reader.redeliveries == 2
    assert await store.fetchval(EFFECTS) == [1, 2, 3]


async def test_what_was_redelivered_on_request_has_no_effect_and_moves_nothing_seen(
    store: Pool,
) -> None:
    again = [replace(an_event(number), redeliveryid="somebody-asked") for number in (1, 5)]
    first, second, *later = (an_event(number) for number in range(1, 6))
    reader = an_inbox(store, ListSource([first, second, *again, *later]))

    new = [await reader.step(keep) for _ in range(3)]

    assert new == [2, 2, 1]
    assert reader.redeliveries == 2
    assert await store.fetchval(EFFECTS) == [1, 2, 3, 4, 5]


async def test_events_of_a_new_epoch_are_newer_than_all_before(store: Pool) -> None:
    source = ListSource([an_event(8), an_event(9), an_event(10), an_event(1, epoch=2)])
    reader = an_inbox(store, source)

    new = [await reader.step(keep), await reader.step(keep)]

    assert new == [3, 1]


async def test_a_crash_between_fetch_and_commit_loses_nothing_and_doubles_nothing(
    store: Pool,
) -> None:
    source = ListSource([an_event(number) for number in range(1, 4)])
    with pytest.raises(CrashedError):
        await an_inbox(store, source).step(keep_and_crash)
    after_the_crash = await store.fetchval(EFFECTS)

    new = await an_inbox(store, source).step(keep)

    assert after_the_crash is None
    assert new == 3
    assert source.asked == ["earliest", "earliest"]
    assert await store.fetchval(EFFECTS) == [1, 2, 3]


async def test_two_processes_of_one_consumer_have_each_effect_once(
    store: Pool, consumer: TestDatabase
) -> None:
    count = 60
    other = await open_pool(consumer.url)
    readers = [
        an_inbox(pool, ListSource([an_event(number) for number in range(1, count + 1)]))
        for pool in (store, other, store, other)
    ]

    async def read_all(reader: Inbox) -> None:
        while (await store.fetchval(EFFECTS) or [0])[-1] < count:
            await reader.step(keep)

    await asyncio.gather(*map(read_all, readers))
    await other.close()

    assert await store.fetchval(EFFECTS) == list(range(1, count + 1))


async def test_consumers_and_streams_have_positions_of_their_own(store: Pool) -> None:
    source = ListSource([an_event(1)])
    readers = [
        Inbox(store, OneStream(source, stream), consumer=consumer)
        for consumer in ("cs-sotkamo", "cs-kajaani")
        for stream in ("common", "restricted")
    ]

    new = [await reader.step(keep) for reader in readers]

    assert new == [1, 1, 1, 1]


async def test_what_passes_by_itself_is_repeated_and_what_does_not_stops_the_consumer(
    store: Pool,
) -> None:
    source = ListSource([an_event(number) for number in range(1, 5)])
    source.away = 2
    steps = 0

    async def keep_once(connection: Connection, events: Sequence[IncomingEvent]) -> None:
        nonlocal steps
        steps += 1
        if steps > 1:
            await keep_and_crash(connection, events)
        await keep(connection, events)

    with pytest.raises(CrashedError):
        await an_inbox(store, source).run(keep_once)

    assert source.asked == ["earliest", "earliest", "earliest", "3"]
    assert await store.fetchval(EFFECTS) == [1, 2, 3]
    assert await store.fetchval("SELECT cursor FROM inbox_positions") == "3"


@contextlib.asynccontextmanager
async def publisher(*answers: Response) -> AsyncIterator[tuple[FeedSource, list[Request]]]:
    """Give a source over HTTP whose publisher answers in turn, and what it was asked."""
    waiting, asked = list(answers), []

    async def answer(request: Request) -> Response:
        asked.append(request)
        return waiting.pop(0)

    async def token() -> str:
        return "a-token"

    app = Starlette(routes=[Route("/events", answer)])
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://publisher") as client:
        yield FeedSource(client, url="http://publisher/events", token=token), asked


async def test_a_feed_is_read_with_the_cursor_and_its_unknown_attributes_are_ignored() -> None:
    event = {**msgspec.json.decode(msgspec.json.encode(an_event(1))), "specversion": "1.0"}
    page = Response(msgspec.json.encode([event]), headers={"Next-Cursor": "next"})

    async with publisher(page) as (source, asked):
        batch = await source.next_batch("here")

    [request] = asked
    assert batch == SourceBatch([an_event(1)], "next")
    assert dict(request.query_params) == {"after": "here", "limit": "1000", "wait": "25"}
    assert request.headers["Authorization"] == "Bearer a-token"


async def test_a_refused_cursor_stops_the_consumer_that_must_take_the_snapshot(
    store: Pool,
) -> None:
    async with publisher(Response(status_code=410)) as (source, _):
        with pytest.raises(CursorRefused):
            await an_inbox(store, source).run(keep)


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_a_publisher_that_does_not_serve_is_away(status: int) -> None:
    async with publisher(Response(status_code=status)) as (source, _):
        with pytest.raises(SourceAway):
            await source.next_batch("here")


async def test_a_publisher_that_cannot_be_reached_is_away() -> None:
    async def token() -> str:
        return "a-token"

    async with httpx.AsyncClient() as client:
        source = FeedSource(client, url="http://127.0.0.1:9/events", token=token)
        with pytest.raises(SourceAway):
            await source.next_batch("here")
