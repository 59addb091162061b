import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla import outbox
from kuntavayla.database import Pool, transaction
from kuntavayla.events import Channel
from kuntavayla.feed import (
    Cursor,
    CursorExpired,
    CursorMalformed,
    FeedPage,
    Readings,
    StreamWaiters,
    load_cursor,
    load_page,
    parse_cursor,
)
from kuntavayla.testing import TestDatabase
from tests.shared.event_examples import KAJAANI, ORIGIN, SOTKAMO, a_draft, announce

WAKE_S_MAX = 30
NOON = datetime(2021, 3, 1, 10, 0, tzinfo=UTC)
PLACES = "SELECT recipient, channel, position FROM outbox_readings"
KILL_LISTENER = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ILIKE 'LISTEN%'
"""


def coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@given(epoch=st.integers(0, 999_999), position=st.integers(0, 10**18 - 1))
def test_a_cursor_comes_back_from_its_text(epoch: int, position: int) -> None:
    cursor = Cursor(epoch, position)

    assert parse_cursor(cursor.text()) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        "äö",
        "%%%",
        coded("1.17"),
        coded("000001.00000000000000001x"),
        coded("-00001.000000000000000017"),
        coded("000001.-00000000000000017"),
        coded("000001.0000000000000000_1"),
        coded("0177ec61-3ab8-726b-b2a7-4de452e6b438"),
        Cursor(1, 17).text() + "\n",
        "A" * 8_000,
    ],
)
def test_a_foreign_text_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorMalformed):
        parse_cursor(text)


@given(st.text())
def test_any_text_is_a_cursor_or_malformed(text: str) -> None:
    try:
        cursor = parse_cursor(text)
    except CursorMalformed:
        return

    assert cursor.text() == text


@pytest.mark.parametrize("cursor", [Cursor(1, 3), Cursor(2, 1), Cursor(0, 0), Cursor(1, 10**30)])
async def test_a_cursor_of_another_time_has_expired(pool: Pool, cursor: Cursor) -> None:
    await announce(pool, a_draft(), a_draft())

    async with transaction(pool) as connection:
        with pytest.raises(CursorExpired):
            await load_cursor(connection, cursor.text())


async def test_a_reader_starts_with_the_earliest_or_now_or_where_it_was(pool: Pool) -> None:
    await announce(pool, a_draft(), a_draft())

    async with transaction(pool) as connection:
        found = [
            await load_cursor(connection, after)
            for after in ("earliest", "now", Cursor(1, 1).text())
        ]

    assert found == [Cursor(1, 0), Cursor(1, 2), Cursor(1, 1)]


async def test_a_cursor_behind_what_is_kept_has_expired(
    pool: Pool, owner: asyncpg.Connection
) -> None:
    await announce(pool, a_draft(), a_draft(), a_draft())
    await owner.execute("DELETE FROM outbox WHERE position <= 2")
    await owner.execute("UPDATE outbox_head SET kept_from = 2")

    async with transaction(pool) as connection:
        with pytest.raises(CursorExpired):
            await load_cursor(connection, Cursor(1, 1).text())
        found = [
            await load_cursor(connection, after)
            for after in ("earliest", Cursor(1, 2).text(), Cursor(1, 3).text())
        ]

    assert found == [Cursor(1, 2), Cursor(1, 2), Cursor(1, 3)]


async def read(pool: Pool, cursor: Cursor, *, limit: int = 10) -> FeedPage:
    async with transaction(pool) as connection:
        return await load_page(
            connection, cursor, recipient=SOTKAMO, channel=Channel.COMMON, limit=limit
        )


def numbers(page: FeedPage) -> list[int]:
    return [event["data"]["number"] for event in json.loads(page.body)]


async def test_a_page_holds_the_streams_own_events_and_moves_to_the_head(pool: Pool) -> None:
    await announce(pool, a_draft(1), a_draft(2, recipient=KAJAANI))
    await announce(pool, a_draft(3, channel=Channel.RESTRICTED), a_draft(4))
    await announce(pool, a_draft(5, recipient=KAJAANI))

    page = await read(pool, Cursor(1, 0))

    assert numbers(page) == [1, 4]
    assert page.count == 2
    assert page.next_cursor == Cursor(1, 5)


async def test_a_full_page_stops_at_its_last_event(pool: Pool) -> None:
    await announce(pool, a_draft(1), a_draft(2, recipient=KAJAANI), a_draft(3), a_draft(4))

    first = await read(pool, Cursor(1, 0), limit=2)
    second = await read(pool, first.next_cursor, limit=2)

    assert (numbers(first), first.next_cursor) == ([1, 3], Cursor(1, 3))
    assert (numbers(second), second.next_cursor) == ([4], Cursor(1, 4))


async def test_an_empty_page_is_an_empty_array_and_moves_to_the_head(pool: Pool) -> None:
    await announce(pool, a_draft(recipient=KAJAANI))

    page = await read(pool, Cursor(1, 0))

    assert (page.body, page.next_cursor) == (b"[]", Cursor(1, 1))


async def test_only_the_stream_that_got_events_is_woken(pool: Pool, database: TestDatabase) -> None:
    waiters = StreamWaiters(database.url)
    with (
        waiters.ticket(recipient=SOTKAMO, channel=Channel.COMMON) as ours,
        waiters.ticket(recipient=KAJAANI, channel=Channel.COMMON) as anothers,
        waiters.ticket(recipient=SOTKAMO, channel=Channel.RESTRICTED) as restricted,
    ):
        async with waiters.listening():
            await listens(ours, anothers, restricted)
            await announce(pool, a_draft())
            await asyncio.wait_for(ours.wait(), WAKE_S_MAX)

    assert not anothers.is_set()
    assert not restricted.is_set()


async def listens(*events: asyncio.Event) -> None:
    """Wait until the listener has come up, which wakes everybody once."""
    for event in events:
        await asyncio.wait_for(event.wait(), WAKE_S_MAX)
        event.clear()


async def test_a_transaction_that_rolls_back_wakes_nobody(
    pool: Pool, database: TestDatabase
) -> None:
    waiters = StreamWaiters(database.url)
    with (
        waiters.ticket(recipient=SOTKAMO, channel=Channel.COMMON) as ours,
        waiters.ticket(recipient=KAJAANI, channel=Channel.COMMON) as anothers,
    ):
        async with waiters.listening():
            await listens(ours, anothers)
            with pytest.raises(asyncpg.UniqueViolationError):
                await announce_and_fail(pool)
            await announce(pool, a_draft(recipient=KAJAANI))
            await asyncio.wait_for(anothers.wait(), WAKE_S_MAX)

    # Notifications arrive in commit order, so ours would have come first.
    assert not ours.is_set()


async def announce_and_fail(pool: Pool) -> None:
    async with transaction(pool) as connection:
        await outbox.append(connection, [a_draft()], origin=ORIGIN)
        await connection.execute("INSERT INTO outbox_head DEFAULT VALUES")


async def test_the_listener_comes_back_after_its_connection_was_killed(
    pool: Pool, database: TestDatabase, owner: asyncpg.Connection
) -> None:
    waiters = StreamWaiters(database.url)
    with waiters.ticket(recipient=SOTKAMO, channel=Channel.COMMON) as ours:
        async with waiters.listening():
            await listens(ours)
            killed = await owner.fetch(KILL_LISTENER)
            await listens(ours)
            await announce(pool, a_draft())
            await asyncio.wait_for(ours.wait(), WAKE_S_MAX)

    assert len(killed) == 1


async def test_the_listener_tries_again_after_any_refusal_of_the_server() -> None:
    refused = asyncio.Queue[None]()

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fields = b"SFATAL\0C28P01\0Mpassword authentication failed\0\0"
        writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
        await writer.drain()
        writer.close()
        refused.put_nowait(None)

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        waiters = StreamWaiters(f"postgresql://u:p@127.0.0.1:{port}/nowhere?sslmode=disable")
        async with waiters.listening(), asyncio.timeout(WAKE_S_MAX):
            for _ in range(2):
                await refused.get()


async def test_nobody_is_remembered_who_has_stopped_waiting() -> None:
    waiters = StreamWaiters("postgresql:///nowhere")

    with waiters.ticket(recipient=SOTKAMO, channel=Channel.COMMON) as event:
        waiters.wake("common/cs-sotkamo")
        was_woken = event.is_set()
    waiters.wake("common/cs-sotkamo,common/cs-kajaani")

    assert was_woken
    assert waiters.waiting_count == 0


async def test_a_place_whose_saving_came_to_nothing_is_saved_the_next_time(
    database: TestDatabase, pool: Pool
) -> None:
    readings = Readings()
    readings.note(Cursor(1, 17), recipient=SOTKAMO, channel=Channel.COMMON, now=NOON)
    one = await asyncpg.connect(database.url)
    undone = one.transaction()
    await undone.start()
    await readings.save(one)
    await undone.rollback()
    await one.close()

    async with transaction(pool) as connection:
        await readings.save(connection)

    async with transaction(pool) as connection:
        assert [*map(tuple, await connection.fetch(PLACES))] == [(SOTKAMO, "common", 17)]


async def test_a_place_of_earlier_takes_the_place_of_no_newer_one(pool: Pool) -> None:
    earlier, newer = Readings(), Readings()
    earlier.note(Cursor(1, 17), recipient=SOTKAMO, channel=Channel.COMMON, now=NOON)
    newer.note(
        Cursor(1, 18), recipient=SOTKAMO, channel=Channel.COMMON, now=NOON + timedelta(seconds=1)
    )

    for readings in (newer, earlier, newer):
        async with transaction(pool) as connection:
            await readings.save(connection)

    async with transaction(pool) as connection:
        assert [*map(tuple, await connection.fetch(PLACES))] == [(SOTKAMO, "common", 18)]
