from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from kuntavayla.database import Pool, transaction
from kuntavayla.inbox import (
    ConsumerStopped,
    Edited,
    ParkedFilter,
    Speaker,
    hold_back,
    incoming_of,
    offset_text,
    parked,
    record_of,
    repairing,
)
from kuntavayla.inbox.repairing import (
    ConsumerNotStopped,
    ConsumerUnknown,
    CountDiffers,
    MessageNotEditable,
    MessageNotParked,
    ParkedMessageNotFound,
)
from kuntavayla.testing import DatabaseServer, TestDatabase
from tests.shared.parking_example import (
    CONSUMER,
    Consumer,
    ListSource,
    a_consumer_database,
    an_empty_pool,
    an_event,
    from_outside,
    garbage,
)

NOBODY = "0177f6f0-9d20-76b5-8a23-d5962217bead"


@pytest.fixture(scope="module")
async def database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with a_consumer_database(databases) as database:
        yield database


@pytest.fixture
async def pool(database: TestDatabase) -> AsyncIterator[Pool]:
    async with an_empty_pool(database) as pool:
        yield pool


@pytest.fixture
async def consumer(pool: Pool) -> Consumer:
    return Consumer(pool)


def states(rows: list[tuple[str, int, str, str | None, int]]) -> list[tuple[int, str]]:
    return [(number, state) for _, number, state, *_ in rows]


async def test_a_retry_handles_the_message_and_drains_what_queued_behind_it_in_order(
    consumer: Consumer,
) -> None:
    consumer.poison = {2}
    await consumer.take(*(an_event(n, "ab"[n % 2]) for n in range(1, 9)))
    consumer.poison = set()

    done = await consumer.repair("retry", 2)

    assert (done.matched, done.handled, done.parked, done.waiting) == (1, 4, 0, 0)
    assert await consumer.effects() == {"b": [1, 3, 5, 7], "a": [2, 4, 6, 8]}
    assert states(await consumer.rows()) == [(n, "done") for n in (2, 4, 6, 8)]
    assert await consumer.key_states() == {"a": "free"}
    await consumer.take(*(an_event(n, "a") for n in range(1, 10)))
    assert (await consumer.effects())["a"] == [2, 4, 6, 8, 9]


async def test_a_retry_that_fails_again_leaves_everything_where_it_was(consumer: Consumer) -> None:
    consumer.poison = {1}
    await consumer.take(an_event(1), an_event(2))

    done = await consumer.repair("retry", 1)

    assert (done.handled, done.parked, done.waiting) == (0, 1, 2)
    assert await consumer.effects() == {}
    assert await consumer.rows() == [
        ("a", 1, "parked", "thing_refused", 2),
        ("a", 2, "queued", None, 0),
    ]
    assert consumer.told == [("thing_refused",)]


async def test_a_drain_stops_at_the_next_poison_which_is_told_then(consumer: Consumer) -> None:
    consumer.poison = {1, 3}
    await consumer.take(*(an_event(n) for n in range(1, 6)))
    consumer.poison = {3}

    done = await consumer.repair("retry", 1)

    assert (done.handled, done.parked, done.waiting) == (2, 1, 3)
    assert await consumer.effects() == {"a": [1, 2]}
    assert states(await consumer.rows()) == [
        (1, "done"),
        (2, "done"),
        (3, "parked"),
        (4, "queued"),
        (5, "queued"),
    ]
    assert len(consumer.told) == 2


async def test_after_a_skip_the_later_messages_have_their_effect(consumer: Consumer) -> None:
    consumer.poison = {1}
    await consumer.take(*(an_event(n) for n in range(1, 4)))

    done = await consumer.repair("skip", 1)

    assert (done.skipped, done.handled, done.waiting) == (1, 2, 0)
    assert done.reason == "mended in the tests"
    assert await consumer.effects() == {"a": [2, 3]}
    assert states(await consumer.rows()) == [(1, "skipped"), (2, "done"), (3, "done")]
    stored = await repairing.load_repair(consumer.pool, done.repair_id)  # type: ignore[arg-type]
    assert stored == done


async def test_a_skipped_event_that_is_delivered_again_has_its_effect_once(
    consumer: Consumer,
) -> None:
    consumer.poison = {1}
    await consumer.take(an_event(1), an_event(2))
    await consumer.repair("skip", 1)
    consumer.poison = set()
    again = [an_event(n, redeliveryid="r-1") for n in (1, 2, 1, 9)]

    await consumer.take(an_event(1), an_event(2), *again)
    await consumer.take(an_event(1), an_event(2), *again, *again)

    assert await consumer.effects() == {"a": [2, 1]}
    assert states(await consumer.rows()) == [(1, "done"), (2, "done")]
    await consumer.take(*[an_event(n) for n in range(1, 10)] * 2)
    assert await consumer.effects() == {"a": [2, 1, *range(3, 10)]}


async def test_a_skipped_event_that_is_delivered_again_and_fails_again_parks_again(
    consumer: Consumer,
) -> None:
    consumer.poison = {1}
    await consumer.take(an_event(1))
    await consumer.repair("skip", 1)
    again = an_event(1, redeliveryid="r-1")

    await consumer.take(an_event(1), again, again, page=2)

    assert states(await consumer.rows()) == [(1, "skipped"), (1, "parked")]
    consumer.poison = set()
    await consumer.repair("retry", 1)
    await consumer.take(an_event(1), again, again, again, page=2)
    assert await consumer.effects() == {"a": [1]}


async def test_an_edited_message_takes_the_place_of_the_one_from_outside(
    consumer: Consumer,
) -> None:
    consumer.parking = consumer.outside
    broken = from_outside(garbage(1, "k"))
    await consumer.take(broken, from_outside(an_event(2, "k")))
    headers = (("ce_id", b"x"), ("ce_type", b"thing"))

    done = await consumer.edit(1, Edited(b'{"number":1,"key":"k"}', headers))

    assert (done.handled, done.waiting) == (2, 0)
    assert await consumer.effects() == {"k": [1, 2]}
    [stored] = await parked.find_messages(consumer.pool, [await consumer.parked_id(1)])  # type: ignore[arg-type]
    assert stored.edited_content is not None
    assert consumer.parking.open(stored).body == b'{"number":1,"key":"k"}'
    assert stored.content != stored.edited_content


async def test_an_edit_that_is_no_better_stays_parked_with_its_new_reason(
    consumer: Consumer,
) -> None:
    consumer.parking = consumer.outside
    consumer.poison = {1}
    await consumer.take(from_outside(garbage(1, "k")))
    headers = (("ce_id", b"x"), ("ce_type", b"thing"))

    await consumer.edit(1, Edited(b'{"number":1,"key":"k"}', headers))

    assert [(row[2], row[3], row[4]) for row in await consumer.rows()] == [
        ("parked", "thing_refused", 2)
    ]


@pytest.mark.parametrize("speaker", Speaker)
async def test_a_retry_judges_the_record_that_came_with_its_key_and_without_a_body(
    consumer: Consumer, speaker: Speaker
) -> None:
    consumer.parking = consumer.ours if speaker is Speaker.OURS else consumer.outside
    record = replace(record_of(an_event(1)), key=b"\xff\x00", body=None, offset_text=offset_text(1))
    await consumer.take(incoming_of(record, speaker=speaker))

    done = await consumer.repair("retry", 1)

    assert (done.handled, done.parked) == (0, 1)
    assert [row[2:] for row in await consumer.rows()] == [("parked", "body_missing", 2)]
    [stored] = await parked.find_messages(consumer.pool, [await consumer.parked_id(1)])  # type: ignore[arg-type]
    opened = consumer.parking.open(stored)
    assert (opened.key, opened.body) == (b"\xff\x00", None)


@pytest.mark.parametrize("speaker", Speaker)
async def test_records_of_one_key_that_is_no_text_wait_for_each_other(
    consumer: Consumer, speaker: Speaker
) -> None:
    consumer.parking = consumer.ours if speaker is Speaker.OURS else consumer.outside
    keys = {1: b"\xff\x01", 2: b"\xff\x02", 3: b"\xff\x01"}
    messages = [
        replace(garbage(number), key=key, sequence=offset_text(number))
        for number, key in keys.items()
    ]

    await consumer.take(*messages)

    assert states(await consumer.rows()) == [(1, "parked"), (2, "parked"), (3, "queued")]
    assert all(row[0].startswith("digest:") for row in await consumer.rows())
    done = await consumer.repair("skip", 1)
    assert (done.skipped, done.parked, done.waiting) == (1, 1, 1)


async def test_a_message_of_ours_is_never_edited(consumer: Consumer) -> None:
    consumer.poison = {1}
    await consumer.take(an_event(1))

    with pytest.raises(MessageNotEditable):
        await consumer.edit(1, Edited(b"{}"))

    assert await consumer.pool.fetchval("SELECT count(edited_content) FROM inbox_parked") == 0


async def test_only_the_message_that_its_key_waits_for_is_repaired(consumer: Consumer) -> None:
    consumer.poison = {1}
    await consumer.take(an_event(1), an_event(2))
    with pytest.raises(MessageNotParked):
        await consumer.repair("retry", 2)
    await consumer.repair("skip", 1)

    with pytest.raises(MessageNotParked):
        await consumer.repair("skip", 1)
    async with transaction(consumer.pool) as connection:
        with pytest.raises(ParkedMessageNotFound):
            await repairing.lock_parked(connection, [NOBODY])


async def test_a_consumer_that_this_release_does_not_know_is_not_repaired(
    consumer: Consumer,
) -> None:
    consumer.poison = {1}
    await consumer.take(an_event(1))
    parked_id = await consumer.parked_id(1)

    async with transaction(consumer.pool) as connection:
        messages = await repairing.lock_parked(connection, [parked_id])
        with pytest.raises(ConsumerUnknown):
            await repairing.repair(
                connection, messages, "retry", who=consumer.who(), consumptions=lambda _: None
            )


async def test_many_are_repaired_after_a_count_and_a_wrong_count_does_nothing(
    consumer: Consumer,
) -> None:
    consumer.poison = {1, 2, 3}
    await consumer.take(*(an_event(n, "abc"[n % 3]) for n in range(1, 10)))
    consumer.poison = {2}
    with pytest.raises(CountDiffers) as refused:
        await consumer.repair_all("retry", expected_count=2)

    done = await consumer.repair_all("retry", expected_count=3)

    assert refused.value.facts == {"expected": 2, "parked": 3}
    assert (done.matched, done.handled, done.parked, done.waiting) == (3, 6, 1, 3)
    assert await consumer.effects() == {"b": [1, 4, 7], "a": [3, 6, 9]}
    assert (await consumer.repair_all("skip", expected_count=1)).handled == 2


async def test_a_repair_is_bounded_and_the_next_one_goes_on(consumer: Consumer) -> None:
    consumer.poison = {1}
    count = repairing.MESSAGES_MAX + 2
    await consumer.take(*(an_event(n) for n in range(1, count + 1)))
    consumer.poison = set()

    first = await consumer.repair("retry", 1)
    rest = [row for row in await consumer.rows() if row[2] != "done"]
    second = await consumer.repair("retry", count - 1)

    assert (first.handled, first.parked, first.waiting) == (1_000, 1, 2)
    assert rest == [("a", 1_001, "parked", "not_reached", 0), ("a", 1_002, "queued", None, 0)]
    assert (second.handled, second.waiting) == (2, 0)
    assert await consumer.effects() == {"a": [*range(1, count + 1)]}


async def test_a_consumer_that_runs_cannot_be_started(pool: Pool, consumer: Consumer) -> None:
    async with transaction(pool) as connection:
        with pytest.raises(ConsumerNotStopped):
            await repairing.start_consumer(connection, CONSUMER, at=consumer.now)


async def test_a_consumer_whose_records_passed_away_waits_for_its_start_and_goes_on_from_the_oldest(
    consumer: Consumer, pool: Pool
) -> None:
    await consumer.take(an_event(1), an_event(2))
    async with transaction(pool) as connection:
        await hold_back(connection, consumer=CONSUMER, now=consumer.now)
    reader = consumer.inbox(ListSource([an_event(n) for n in (2, 7, 8)]))
    with pytest.raises(ConsumerStopped, match="records_lost"):
        await reader.step(consumer.handle)

    async with transaction(pool) as connection:
        await repairing.start_consumer(connection, CONSUMER, at=consumer.now)
    await reader.step(consumer.handle)

    assert await consumer.effects() == {"a": [1, 2, 7, 8]}


async def test_the_figures_count_parked_keys_and_what_waits_behind_them(
    consumer: Consumer, pool: Pool
) -> None:
    consumer.poison = {1, 2}
    await consumer.take(*(an_event(n, "ab"[n % 2]) for n in range(1, 6)))

    async with pool.acquire() as connection:
        [figures] = await parked.load_figures(connection)
        listed = await parked.list_messages(
            connection, ParkedFilter(consumer=CONSUMER, state="queued", key="b"), after=0, limit=1
        )

    assert (figures.consumer, figures.state) == (CONSUMER, "running")
    assert (figures.parked, figures.queued) == (2, 3)
    assert [message.place for message in listed] == ["topic/0/3"]
