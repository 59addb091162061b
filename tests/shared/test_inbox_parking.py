import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from kuntavayla.database import Pool, open_pool
from kuntavayla.errors import Fault, InvalidContent, Kind, Unavailable
from kuntavayla.inbox import (
    ConsumerStopped,
    Inbox,
    MessageRefused,
    OneStream,
    StopLimits,
    parked,
    repairing,
    stopping,
)
from kuntavayla.inbox.flowing import passes
from kuntavayla.testing import DatabaseServer, TestDatabase
from tests.shared.parking_example import (
    CONSUMER,
    STREAM,
    Consumer,
    CrashedProcess,
    ListSource,
    ThingRefused,
    a_consumer_database,
    an_empty_pool,
    an_event,
    from_outside,
    garbage,
)

SMALL = StopLimits(messages=20, parked_max=2, keys_max=3, within=timedelta(minutes=10))
HELD_S_MAX = 30


@pytest.fixture(scope="module")
async def database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with a_consumer_database(databases) as database:
        yield database


@pytest.fixture
async def pool(database: TestDatabase) -> AsyncIterator[Pool]:
    async with an_empty_pool(database) as pool:
        yield pool


async def test_every_statement_can_be_prepared(pool: Pool) -> None:
    statements = [
        value
        for module in (parked, stopping, repairing)
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and " " in str(value)
    ]

    async with pool.acquire() as connection:
        prepared = [await connection.prepare(statement) for statement in statements]

    assert len(prepared) == 24


async def test_poison_in_the_middle_of_a_stream_parks_alone_and_only_its_key_waits(
    pool: Pool,
) -> None:
    consumer = Consumer(pool)
    consumer.poison = {3}

    await consumer.take(*(an_event(n, "ab"[n % 2]) for n in range(1, 9)))

    assert await consumer.effects() == {"a": [2, 4, 6, 8], "b": [1]}
    assert await consumer.rows() == [
        ("b", 3, "parked", "thing_refused", 1),
        ("b", 5, "queued", None, 0),
        ("b", 7, "queued", None, 0),
    ]
    assert await consumer.key_states() == {"b": "parked"}
    assert consumer.told == [("thing_refused",)]


async def test_messages_of_a_later_batch_queue_behind_their_key(pool: Pool) -> None:
    consumer = Consumer(pool)
    consumer.poison = {1}

    await consumer.take(*(an_event(n, "ab"[n % 2]) for n in range(1, 8)), page=2)

    assert await consumer.effects() == {"a": [2, 4, 6]}
    assert [number for _, number, *_ in await consumer.rows()] == [1, 3, 5, 7]


async def test_two_poisons_of_one_key_park_once_and_the_second_waits_behind_the_first(
    pool: Pool,
) -> None:
    consumer = Consumer(pool)
    consumer.poison = {1, 2}

    await consumer.take(an_event(1), an_event(2), an_event(3))

    assert [(number, state) for _, number, state, *_ in await consumer.rows()] == [
        (1, "parked"),
        (2, "queued"),
        (3, "queued"),
    ]
    assert len(consumer.told) == 1


async def test_what_is_no_event_parks_with_its_bytes_and_the_handler_never_sees_it(
    pool: Pool,
) -> None:
    consumer = Consumer(pool)

    await consumer.take(an_event(1), garbage(2), an_event(3), an_event(4, "b"))

    assert await consumer.effects() == {"a": [1], "b": [4]}
    assert await consumer.rows() == [
        ("a", 2, "parked", "attribute_malformed", 1),
        ("a", 3, "queued", None, 0),
    ]
    [message] = await parked.find_messages(pool, [await consumer.parked_id(2)])  # type: ignore[arg-type]
    record = consumer.parking.open(message)
    assert (record.body, record.headers) == (b"\x00garbage", (("ce_id", b"\xff"),))


async def test_records_without_a_key_keep_no_other_record_waiting(pool: Pool) -> None:
    consumer = Consumer(pool)
    consumer.parking = consumer.outside

    await consumer.take(*(from_outside(garbage(n, "")) for n in (1, 2)))

    assert [row[2] for row in await consumer.rows()] == ["parked", "parked"]


async def test_a_check_that_asks_no_database_parks_without_halving(pool: Pool) -> None:
    consumer = Consumer(pool)

    def refuse_odd(event: object) -> None:
        number = msgspec.json.decode(event.data)["number"]  # type: ignore[attr-defined]
        if number % 2:
            faults = (Fault("/number", "number_odd", "Even."), Fault("/x", "number_odd", "Even."))
            raise InvalidContent(faults)

    consumer.parking = msgspec.structs.replace(consumer.ours, check=refuse_odd)
    await consumer.take(*(an_event(n, f"k{n}") for n in range(1, 7)))

    assert consumer.batches == [3]
    assert [row[1] for row in await consumer.rows()] == [1, 3, 5]
    assert consumer.told == [("number_odd",)] * 3


async def test_a_broken_handler_parks_the_message_and_its_text_is_nowhere(pool: Pool) -> None:
    consumer = Consumer(pool)

    async def stumble(_: object, __: object) -> None:
        raise KeyError("240587-921N")

    streams = OneStream(ListSource([an_event(1)]), STREAM)
    reader = Inbox(pool, streams, consumer=CONSUMER, parking=consumer.ours)
    await reader.step(stumble)

    assert [row[3] for row in await consumer.rows()] == ["internal_fault"]


async def test_what_passes_by_itself_repeats_the_batch_and_never_parks(pool: Pool) -> None:
    consumer = Consumer(pool)
    source = ListSource([an_event(1), an_event(2, "b")])
    consumer.away = 2
    for _ in range(2):
        with pytest.raises(Unavailable):
            await consumer.inbox(source).step(consumer.handle)
    before = await consumer.effects()

    await consumer.inbox(source).step(consumer.handle)

    assert before == {}
    assert await consumer.effects() == {"a": [1], "b": [2]}
    assert await consumer.rows() == []


@pytest.mark.parametrize("kind", list(Kind))
def test_only_what_is_away_passes(kind: Kind) -> None:
    failure = type("Failure", (ThingRefused,), {"kind": kind, "__doc__": "Failure."})()

    assert passes(failure) is (kind is Kind.UNAVAILABLE)


async def test_a_crash_before_the_commit_leaves_neither_effect_nor_parked_message(
    pool: Pool,
) -> None:
    consumer = Consumer(pool)
    consumer.poison, consumer.crash_at = {2}, 4
    messages = [an_event(n, f"k{n}") for n in range(1, 6)]
    with pytest.raises(CrashedProcess):
        await consumer.take(*messages)
    after_the_crash = (await consumer.effects(), await consumer.rows())
    consumer.crash_at = None

    await consumer.take(*messages)

    assert after_the_crash == ({}, [])
    assert await consumer.effects() == {f"k{n}": [n] for n in (1, 3, 4, 5)}
    assert [row[1] for row in await consumer.rows()] == [2]


async def test_a_redelivery_of_a_parked_message_is_known_by_its_sequence(pool: Pool) -> None:
    consumer = Consumer(pool)
    consumer.poison = {1}

    await consumer.take(an_event(1), an_event(2), an_event(1), an_event(2), page=2)

    assert [row[1] for row in await consumer.rows()] == [1, 2]


async def test_two_processes_of_a_consumer_park_each_message_once(
    pool: Pool, database: TestDatabase
) -> None:
    other = await open_pool(database.url)
    consumers = [Consumer(one) for one in (pool, other)]
    messages = [an_event(n, "abc"[n % 3]) for n in range(1, 61)]
    for consumer in consumers:
        consumer.poison = {7}

    async def read(consumer: Consumer) -> None:
        reader = consumer.inbox(ListSource(messages, page=4))
        while await pool.fetchval("SELECT cursor FROM inbox_positions") != "60":
            await reader.step(consumer.handle)

    await asyncio.gather(*map(read, consumers))
    await other.close()

    expected = [n for n in range(7, 61) if n % 3 == 1]
    assert [row[1] for row in await consumers[0].rows()] == expected
    effects = await consumers[0].effects()
    assert effects["b"] == [1, 4]
    assert effects["a"] == [n for n in range(1, 61) if n % 3 == 0]


async def test_a_consumer_without_parking_stops_before_what_is_no_event(pool: Pool) -> None:
    consumer = Consumer(pool)
    reader = Inbox(pool, OneStream(ListSource([garbage(1)]), STREAM), consumer=CONSUMER)

    with pytest.raises(MessageRefused):
        await reader.run(consumer.handle)

    assert await pool.fetchval("SELECT cursor FROM inbox_positions") == "earliest"


async def test_too_large_a_share_of_the_last_messages_stops_the_consumer_where_it_stands(
    pool: Pool,
) -> None:
    consumer = Consumer(pool, limits=SMALL)
    consumer.poison = {3, 5, 7, 9}
    messages = [an_event(n, f"k{n % 5}") for n in range(1, 11)]
    with pytest.raises(ConsumerStopped, match="parked_share"):
        await consumer.take(*messages)
    stopped = await consumer.rows()
    with pytest.raises(ConsumerStopped, match="parked_share"):
        await consumer.take(*messages)

    consumer.poison = set()
    consumer.now += timedelta(minutes=1)
    async with pool.acquire() as connection:
        assert await stopping.start(connection, CONSUMER, now=consumer.now)
        assert not await stopping.start(connection, CONSUMER, now=consumer.now)
    await consumer.take(*messages)

    assert [row[1] for row in stopped] == [3, 5, 7]
    assert [row[1] for row in await consumer.rows()] == [3, 5, 7, 8, 10]
    assert await consumer.effects() == {"k1": [1, 6], "k2": [2], "k4": [4, 9]}


async def test_too_many_keys_within_the_time_stop_the_consumer_and_few_over_a_longer_time_do_not(
    pool: Pool,
) -> None:
    many = msgspec.structs.replace(SMALL, parked_max=100)
    consumer = Consumer(pool, limits=many)
    consumer.poison = set(range(1, 10))
    messages = [an_event(n, f"k{n}") for n in range(1, 10)]
    source = ListSource(messages, page=3)
    reader = consumer.inbox(source)
    await reader.step(consumer.handle)
    consumer.now += timedelta(minutes=11)
    await reader.step(consumer.handle)
    consumer.now += timedelta(minutes=9)

    with pytest.raises(ConsumerStopped, match="parked_keys"):
        await reader.step(consumer.handle)

    assert [row[1] for row in await consumer.rows()] == [1, 2, 3, 4, 5, 6, 7]


async def test_garbage_without_a_sequence_is_parked_once_though_its_batch_is_read_again(
    pool: Pool,
) -> None:
    consumer = Consumer(pool, limits=SMALL)
    messages = [garbage(n, f"k{n}", sequence="") for n in range(1, 5)]
    with pytest.raises(ConsumerStopped):
        await consumer.take(*messages)
    consumer.now += timedelta(minutes=1)
    async with pool.acquire() as connection:
        await stopping.start(connection, CONSUMER, now=consumer.now)

    await consumer.take(*messages)

    assert [row[1] for row in await consumer.rows()] == [1, 2, 3, 4]


async def test_a_queue_that_grows_too_long_leaves_the_rest_where_it_came_from(pool: Pool) -> None:
    consumer = Consumer(pool, limits=msgspec.structs.replace(SMALL, queued_max=3))
    consumer.poison = {1}

    with pytest.raises(ConsumerStopped, match="queue_too_long"):
        await consumer.take(*(an_event(n) for n in range(1, 20)), page=5)

    assert [row[1] for row in await consumer.rows()] == [1, 2, 3, 4, 5]


async def test_other_consumers_run_on_while_one_is_stopped(pool: Pool) -> None:
    consumer = Consumer(pool)
    async with pool.acquire() as connection:
        await stopping.stop(connection, "another", reason="parked_share", now=consumer.now)

    await consumer.take(an_event(1))

    assert await consumer.effects() == {"a": [1]}


async def test_a_stopped_consumer_goes_on_when_it_is_started_again(pool: Pool) -> None:
    consumer = Consumer(pool)
    async with pool.acquire() as connection:
        await stopping.stop(connection, CONSUMER, reason="parked_share", now=consumer.now)
    done = asyncio.Event()

    async def handle(_: object, __: object) -> None:
        done.set()

    running = asyncio.create_task(consumer.inbox(ListSource([an_event(1)])).run(handle))
    async with pool.acquire() as connection:
        await stopping.start(connection, CONSUMER, now=consumer.now)
    await asyncio.wait_for(done.wait(), HELD_S_MAX)
    running.cancel()

    assert done.is_set()


async def test_bytes_and_keys_from_outside_are_stored_sealed(pool: Pool) -> None:
    consumer = Consumer(pool)
    consumer.parking = consumer.outside
    code = "240587-921N"
    message = an_event(1, code, id=code, type=f"fi.kuntavayla.{code}.v1")
    consumer.poison = {1}

    await consumer.take(from_outside(message), from_outside(garbage(2, code, body=code.encode())))

    rows = await pool.fetch("SELECT p::text AS text, content, key FROM inbox_parked p")
    assert len(rows) == 2
    assert all(code not in row["text"] and code.encode() not in row["content"] for row in rows)
    assert {row["key"][:7] for row in rows} == {"digest:"}
    stored = await parked.find_messages(pool, [await consumer.parked_id(2)])  # type: ignore[arg-type]
    assert consumer.parking.open(stored[0]).body == code.encode()


@pytest.mark.parametrize(
    "key", ["k" * 5_000, "a\x00b", "ä ö", ""], ids=["long", "nul", "äö", "none"]
)
async def test_a_key_of_any_form_parks(pool: Pool, key: str) -> None:
    consumer = Consumer(pool)
    for place, parking in enumerate((consumer.ours, consumer.outside), 1):
        consumer.parking = parking
        await consumer.take(*(garbage(n, key, sequence=f"{place}") for n in (place,)))

    assert [row[2] for row in await consumer.rows()] == ["parked"]
    assert all(len(row[0]) <= 100 for row in await consumer.rows())


@pytest.mark.parametrize("size", [0, 1, 1_048_576], ids=["empty", "one", "a MiB"])
async def test_a_body_of_any_size_is_kept_whole(pool: Pool, size: int) -> None:
    consumer = Consumer(pool)
    consumer.parking = consumer.outside
    body = bytes(n % 251 for n in range(size))

    await consumer.take(from_outside(garbage(1, body=body)))

    [stored] = await parked.find_messages(pool, [await consumer.parked_id(1)])  # type: ignore[arg-type]
    assert consumer.parking.open(stored).body == body
