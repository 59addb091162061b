import asyncio
import os
import signal
from collections.abc import Callable, Sequence

import asyncpg
import pytest

from kuntavayla.events import Channel
from kuntavayla.outbox import standing, topic_of
from kuntavayla.settings import KafkaConnection, KafkaSecurity
from kuntavayla_sandbox.broker import Broker, Listener
from tests.conftest import BROKER_USERS
from tests.shared.event_examples import KAJAANI, SOTKAMO, a_draft, announce
from tests.shared.published import Record
from tests.shared.publishers import Bench, first_seen, ids, is_in_order, position_locked

DEADLINE_S = 30
CUT_LOCK = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'kuntavayla-publisher'
"""
CUT_WAITING = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def test_events_arrive_whole_in_order_and_each_client_in_one_partition(bench: Bench) -> None:
    async with bench.publishing():
        drafts = await bench.announce(60, clients=7)
        await bench.published()

    records = await bench.topics.read(SOTKAMO)
    stored = await bench.stored(SOTKAMO)
    assert len(records) == len(drafts)
    assert is_in_order(records)
    assert len({(record.partition, record.key) for record in records}) == 7
    for record, event in zip(sorted(records, key=lambda r: r.sequence), stored, strict=True):
        data = event.pop("data")
        content_type = event.pop("datacontenttype")
        assert record.value == b'{"number":%d}' % data["number"]
        assert record.key.decode() == event["partitionkey"]
        assert record.headers == {
            "content-type": content_type,
            **{f"ce_{name}": value for name, value in event.items()},
        }


async def test_a_backlog_of_several_batches_is_published_in_order(bench: Bench) -> None:
    await announce(bench.pool, *(a_draft(number) for number in range(4_500)))

    async with bench.publishing():
        await bench.published()

    records = await bench.topics.read(SOTKAMO)
    assert len(records) == 4_500
    assert is_in_order(records)


async def test_restricted_events_leave_by_no_topic_and_hold_nobody_up(bench: Bench) -> None:
    restricted = [a_draft(number, channel=Channel.RESTRICTED) for number in range(3)]
    common = a_draft(9)

    async with bench.publishing():
        await announce(bench.pool, *restricted, common)
        await announce(bench.pool, a_draft(10, channel=Channel.RESTRICTED))
        published = await bench.published()

    assert ids(await bench.topics.read(SOTKAMO, KAJAANI)) == {common.event_id}
    assert published.published == 5
    assert published.oldest_unpublished_at is None


@pytest.mark.journey
async def test_a_publisher_killed_between_sending_and_moving_loses_nothing_and_makes_no_new_ids(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    async with bench.process() as first:
        await bench.until(lambda standing: standing.fence == 1)
        async with position_locked(owner):
            drafts = await bench.announce(40)
            await bench.topics.until(SOTKAMO, satisfied=lambda records: len(records) > 0)
            first.kill()
            await first.wait()
            # The server would else still do what the killed process has asked for.
            await owner.execute(CUT_WAITING)
        await bench.announce(20)
        async with bench.process():
            await bench.published()

    records = await bench.topics.read(SOTKAMO)
    stored = [event["id"] for event in await bench.stored(SOTKAMO)]
    assert len(records) > len(stored) == 60
    assert {draft.event_id for draft in drafts} < ids(records) == set(stored)
    assert {record.event_id for record in first_seen(records)} == set(stored)
    assert len({(record.event_id, record.value) for record in records}) == 60


@pytest.mark.journey
async def test_of_two_processes_one_publishes_and_the_other_goes_on_when_it_is_killed(
    bench: Bench,
) -> None:
    async with bench.process() as first:
        await bench.until(lambda standing: standing.fence == 1)
        async with bench.process():
            await bench.announce(50)
            await bench.published()
            before = await bench.topics.read(SOTKAMO)
            first.kill()
            await bench.announce(50)
            after = await bench.published()

    records = await bench.topics.read(SOTKAMO)
    assert len(before) == 50
    assert after.fence == 2
    assert len(records) == 100
    assert is_in_order(records)


@pytest.mark.journey
async def test_a_publisher_that_was_stopped_while_another_was_elected_moves_nothing(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    async with bench.process() as first:
        await bench.until(lambda standing: standing.fence == 1)
        await bench.announce(10)
        await bench.published()
        os.kill(first.pid, signal.SIGSTOP)
        await owner.execute(CUT_LOCK)
        async with bench.process():
            await bench.until(lambda standing: standing.fence == 2)
            await bench.announce(10)
            await bench.published()
            os.kill(first.pid, signal.SIGCONT)
            await bench.announce(10)
            after = await bench.published()

    records = await bench.topics.read(SOTKAMO)
    assert after.fence == 2
    assert len(ids(records)) == len(first_seen(records)) == 30


async def test_a_fenced_publisher_leaves_the_position_to_the_newer_one(bench: Bench) -> None:
    async with bench.publishing():
        await bench.until(lambda standing: standing.fence == 1)
        async with bench.pool.acquire() as connection:
            await standing.elect(connection)
        await bench.announce(10)
        after = await bench.published()

    records = await bench.topics.read(SOTKAMO)
    assert after.fence == 3
    assert len(records) > 10
    assert len(ids(records)) == len(first_seen(records)) == 10


async def test_an_old_term_can_move_nothing(bench: Bench) -> None:
    await bench.announce(5)
    async with bench.pool.acquire() as connection:
        old = await standing.elect(connection)
        new = await standing.elect(connection)

    with pytest.raises(standing.Fenced):
        await standing.move(bench.pool, old, 5)
    await standing.move(bench.pool, new, 3)

    assert (await bench.standing()).published == 3


async def test_a_cut_connection_of_the_lock_costs_an_election_and_nothing_else(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    async with bench.publishing():
        await bench.until(lambda standing: standing.fence == 1)
        await owner.execute(CUT_LOCK)
        await bench.announce(10)
        after = await bench.published()

    assert after.fence == 2
    assert len(await bench.topics.read(SOTKAMO)) == 10


async def test_a_broker_that_is_away_for_a_while_costs_a_new_producer_and_no_event(
    bench: Bench, broker: Broker
) -> None:
    assert broker.pid is not None
    async with bench.publishing(acknowledged_s_max=1):
        await bench.announce(10)
        await bench.published()
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            await bench.announce(20)
            await bench.failures("NotAcknowledged")
            waiting = await bench.standing()
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        await bench.published()

    records = await bench.topics.read(SOTKAMO)
    assert waiting.published == 10
    assert waiting.oldest_unpublished_at is not None
    assert len(ids(records)) == len(first_seen(records)) == 30


async def test_a_topic_that_does_not_exist_stops_the_publisher_visibly_until_it_is_made(
    bench: Bench,
) -> None:
    missing = a_draft(1, recipient="cs-new")
    async with bench.publishing():
        await announce(bench.pool, a_draft(0), missing, a_draft(2))
        await bench.failures("UnknownTopicOrPartitionError", at_least=2)
        waiting = await bench.standing()
        await bench.topics.make("cs-new")
        await bench.published()

    assert waiting.published == 0
    assert ids(await bench.topics.read("cs-new")) == {missing.event_id}
    # What could be sent is not sent again with every attempt.
    assert len(await bench.topics.read(SOTKAMO)) == 2


async def test_a_topic_with_other_partitions_than_agreed_gets_nothing(bench: Bench) -> None:
    await bench.topics.make("cs-odd", partitions=3)
    async with bench.publishing():
        await announce(bench.pool, a_draft(recipient="cs-odd"))
        await bench.failures("PartitionsDiffer")

    assert (await bench.standing()).published == 0


async def test_topics_that_the_publisher_may_not_write_to_stop_it_visibly(
    bench: Bench, broker: Broker
) -> None:
    grant(broker, "Write", topic_of(bench.topics.service, KAJAANI))
    grant(broker, "Describe", topic_of(bench.topics.service, SOTKAMO))
    connection = KafkaConnection(
        bootstrap=broker.address(Listener.SASL_PLAINTEXT),
        security=KafkaSecurity.SASL_PLAINTEXT,
        username="routing-api",
        password=BROKER_USERS["routing-api"],
    )
    async with bench.publishing(broker=connection):
        await announce(bench.pool, a_draft(1), a_draft(2, recipient=KAJAANI))
        await bench.failures("TopicAuthorizationFailedError", at_least=2)
        refused = await bench.standing()
        written = await bench.topics.read(SOTKAMO, KAJAANI)
    async with bench.publishing():
        await bench.published()

    assert refused.published == 0
    assert [record.headers["ce_recipient"] for record in written] == [KAJAANI]
    assert len(await bench.topics.read(SOTKAMO)) == 1


def grant(broker: Broker, operation: str, topic: str) -> None:
    broker.tool(
        "org.apache.kafka.tools.AclCommand",
        *("--bootstrap-server", broker.bootstrap, "--add", "--allow-principal", "User:routing-api"),
        *("--operation", operation, "--topic", topic),
    )


async def test_a_hole_is_an_alarm_and_nothing_behind_it_is_sent(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    drafts = await bench.announce(6)
    await owner.execute("DELETE FROM outbox WHERE position = 4")

    async with bench.publishing():
        await bench.until(lambda standing: standing.published == 3)
        await bench.topics.until(SOTKAMO, satisfied=lambda records: is_alarmed(bench, records))

    assert (await bench.standing()).published == 3
    assert ids(await bench.topics.read(SOTKAMO)) == {draft.event_id for draft in drafts[:3]}


def is_alarmed(bench: Bench, _: Sequence[Record]) -> bool:
    return bench.metric("kuntavayla_outbox_hole") == 1


async def test_a_hole_is_told_until_it_is_mended_and_then_by_no_process(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    other, told = Bench(bench.database, bench.pool, bench.topics), list[int]()

    async def until(satisfied: Callable[[list[int]], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not satisfied(gauges := [int(is_alarmed(each, ())) for each in (bench, other)]):
                told.append(max(gauges))
                await asyncio.sleep(0.01)

    await bench.announce(6)
    await owner.execute("CREATE TEMP TABLE lost AS SELECT * FROM outbox WHERE position = 4")
    await owner.execute("DELETE FROM outbox WHERE position = 4")
    async with bench.publishing():
        await until(lambda gauges: gauges[0] == 1)
        told.clear()
        async with other.publishing():
            await until(lambda gauges: gauges == [1, 1])
            holds_all_the_time = all(told)
            await owner.execute("INSERT INTO outbox SELECT * FROM lost")
            await bench.published()
            await until(lambda gauges: gauges == [0, 0])

    assert holds_all_the_time
    assert len(await bench.topics.read(SOTKAMO)) == 6
