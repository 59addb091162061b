import asyncio
import json
from itertools import pairwise
from typing import NoReturn

import asyncpg
import pytest

from kuntavayla import outbox
from kuntavayla.database import Pool, open_pool, transaction
from kuntavayla.events import Channel, sequence_text
from kuntavayla.testing import TestDatabase
from tests.shared.event_examples import KAJAANI, ORIGIN, SOTKAMO, a_draft, announce

WRITERS, ROUNDS = 8, 12
POSITIONS = "SELECT array_agg(position ORDER BY position) FROM outbox"


class ChangedItsMindError(Exception):
    """A writer that rolls back."""


def change_mind() -> NoReturn:
    raise ChangedItsMindError


async def write_and_roll_back(pool: Pool, *, writer: int) -> int:
    """Announce in every round, keep two of three; return how many events were kept."""
    kept = 0
    for number in range(ROUNDS):
        drafts = [a_draft(writer * 1_000 + number) for _ in range(1 + number % 3)]
        try:
            async with transaction(pool) as connection:
                await outbox.append(connection, drafts, origin=ORIGIN)
                if number % 3 == writer % 3:
                    change_mind()
        except ChangedItsMindError:
            continue
        kept += len(drafts)
    return kept


async def watch(database: TestDatabase, *, done: asyncio.Event) -> list[list[int]]:
    """Return what a reader saw, look by look, until the writers were done."""
    connection = await asyncpg.connect(database.url)
    looks: list[list[int]] = []
    try:
        while not done.is_set():
            looks.append(await connection.fetchval(POSITIONS) or [])
    finally:
        await connection.close()
    return looks


async def test_positions_are_without_gap_and_in_commit_order_whoever_writes_and_rolls_back(
    database: TestDatabase,
) -> None:
    pool, done = await open_pool(database.url), asyncio.Event()
    watching = asyncio.create_task(watch(database, done=done))

    kept = await asyncio.gather(
        *(write_and_roll_back(pool, writer=writer) for writer in range(WRITERS))
    )
    done.set()
    looks = await watching
    last = await pool.fetchval(POSITIONS)
    await pool.close()

    # A position that became visible after a higher one would leave a hole in some look.
    assert all(look == list(range(1, len(look) + 1)) for look in looks)
    assert all(len(earlier) <= len(later) for earlier, later in pairwise(looks))
    assert last == list(range(1, sum(kept) + 1))


async def test_events_of_a_transaction_stand_in_the_order_given(pool: Pool) -> None:
    await announce(pool, a_draft(1))
    await announce(pool, *(a_draft(number) for number in range(2, 6)))

    rows = await pool.fetch("SELECT position, epoch, body FROM outbox ORDER BY position")

    events = [json.loads(row["body"]) for row in rows]
    assert [event["data"]["number"] for event in events] == [1, 2, 3, 4, 5]
    assert [event["sequence"] for event in events] == [
        sequence_text(row["epoch"], row["position"]) for row in rows
    ]


async def test_an_event_is_a_cloudevent_with_the_time_and_id_it_was_given(pool: Pool) -> None:
    draft = a_draft(7)

    await announce(pool, draft)

    event = json.loads(await pool.fetchval("SELECT body FROM outbox"))
    assert event == {
        "specversion": "1.0",
        "id": draft.event_id,
        "source": "/example",
        "type": "fi.kuntavayla.thing.done.v1",
        "subject": draft.subject,
        "time": "2021-03-01T06:02:11.004Z",
        "datacontenttype": "application/json",
        "dataschema": "/schemas/thing.done/1.json",
        "partitionkey": draft.subject,
        "traceparent": draft.traceparent,
        "causationid": draft.causation_id,
        "recipient": SOTKAMO,
        "sequence": "000001.000000000000000001",
        "data": {"number": 7},
    }


async def test_nothing_to_announce_takes_no_position_and_no_lock(pool: Pool) -> None:
    async with transaction(pool) as waiting, transaction(pool) as holder:
        await holder.execute("SELECT * FROM outbox_head FOR UPDATE")
        await outbox.append(waiting, [], origin=ORIGIN)

    assert await pool.fetchval("SELECT position FROM outbox_head") == 0


async def test_a_restored_database_goes_on_in_its_new_epoch(
    pool: Pool, owner: asyncpg.Connection
) -> None:
    await announce(pool, a_draft())
    await owner.execute("UPDATE outbox_head SET epoch = epoch + 1")

    await announce(pool, a_draft())

    bodies = [row["body"] for row in await pool.fetch("SELECT body FROM outbox ORDER BY position")]
    sequences = [json.loads(body)["sequence"] for body in bodies]
    assert sequences == ["000001.000000000000000001", "000002.000000000000000002"]
    assert sequences == sorted(sequences)


@pytest.mark.parametrize(
    ("recipients", "woken"),
    [
        ([SOTKAMO], "common/cs-sotkamo"),
        ([SOTKAMO, KAJAANI, SOTKAMO], "common/cs-kajaani,common/cs-sotkamo"),
        ([f"cs-{number:04}" for number in range(1_000)], outbox.EVERYBODY),
    ],
    ids=["one", "two", "more than a notification holds"],
)
def test_a_batch_wakes_its_recipients(recipients: list[str], woken: str) -> None:
    assert outbox.wake_of([a_draft(recipient=recipient) for recipient in recipients]) == woken


def test_both_channels_of_a_recipient_are_streams_of_their_own() -> None:
    drafts = [a_draft(), a_draft(channel=Channel.RESTRICTED)]

    assert outbox.wake_of(drafts) == "common/cs-sotkamo,restricted/cs-sotkamo"
