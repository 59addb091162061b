"""Batches of acceptance against a courier's turn: queues are locked in one order by all."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import msgspec
import pytest

from kuntavayla.database import Connection
from kuntavayla.service.moments import Call
from statement_relay.operations.accepting import accept
from statement_relay.operations.deciding import Outcome
from statement_relay.operations.submissions import Submission, Told
from statement_relay.routes.intake import correction, new_item
from statement_relay.rules.accepted import Accepted
from statement_relay.rules.items import InformationItem
from statement_relay.store import queues
from statement_relay.store.queues import Queue
from tests.statement_relay.items import CLIENT, OTHER_CLIENT, another_item, responsible
from tests.statement_relay.service import TRACE, Relay

DEADLINE_S = 30.0
RECEIVER = "te-kainuu"
FIRST, LAST = Queue(RECEIVER, CLIENT), Queue(RECEIVER, OTHER_CLIENT)
WAITS = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE NOT l.granted AND a.datname = current_database()
"""


@pytest.fixture
async def courier(relay: Relay) -> AsyncIterator[Connection]:
    """The connection of a courier's turn, that takes its locks one by one."""
    connection = await asyncpg.connect(relay.database.url)
    yield connection
    await connection.close()


def item_of(client_id: str) -> InformationItem:
    item: InformationItem = msgspec.convert(another_item(client_id=client_id), InformationItem)
    return item


def submissions(relay: Relay, *, corrects: str) -> Sequence[Submission]:
    """Return a correction for the last of two queues, and a new item for the first."""
    desk, moment = relay.desk, relay.desk.moment()
    call = Call(organisation="cs-sotkamo", request_id=moment.new_id(), traceparent=TRACE)
    sender = desk.newest_register().case_system("cs-sotkamo")
    assert sender is not None
    corrected = item_of(OTHER_CLIENT)
    told = Told(
        municipal_id=corrected.municipal_id,
        action="correct",
        replaces=corrects,
        author=corrected.author,
    )
    return [
        correction(corrected, of=told, desk=desk, call=call, sender=sender, moment=moment),
        new_item(item_of(CLIENT), desk=desk, call=call, sender=sender, moment=moment),
    ]


async def accepted(relay: Relay, batch: Sequence[Submission]) -> list[Outcome]:
    desk = relay.desk
    async with desk.transaction() as connection:
        return await accept(connection, batch, law=desk.law, moment=desk.moment())


async def until_somebody_waits(connection: Connection) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await connection.fetchval(WAITS) == 0:
            pass


@pytest.mark.parametrize("has_first_queue", [True, False], ids=["both_stand", "one_is_new"])
async def test_a_correction_and_a_new_item_in_one_batch_meet_a_turn_in_one_order(
    relay: Relay, courier: Connection, *, has_first_queue: bool
) -> None:
    assert (FIRST.client_id, LAST.client_id) == tuple(sorted([CLIENT, OTHER_CLIENT]))
    await relay.learn(responsible(), responsible(OTHER_CLIENT))
    sotkamo = relay.case_system()
    original = await sotkamo.sent(another_item(client_id=OTHER_CLIENT))
    if has_first_queue:
        await sotkamo.sent(another_item(client_id=CLIENT))
    batch = submissions(relay, corrects=original["information_id"])

    async with courier.transaction():
        await queues.lock_all(courier, [FIRST])
        task = asyncio.create_task(accepted(relay, batch))
        await until_somebody_waits(courier)
        await queues.lock(courier, [LAST])
    outcomes = await task

    assert [type(one) for one in outcomes] == [Accepted, Accepted]
    rows = await relay.fetch(
        "SELECT client_id::text, last_number FROM client_queues ORDER BY client_id"
    )
    assert [row["last_number"] for row in rows] == [2 if has_first_queue else 1, 2]


async def test_a_queue_of_which_nothing_was_taken_stands_empty_and_is_not_claimed(
    relay: Relay,
) -> None:
    async with relay.desk.transaction() as connection:
        await queues.lock_all(connection, [FIRST, LAST])

    rows = await relay.fetch("SELECT last_number, next_attempt_at, lease_token FROM client_queues")

    assert [tuple(row) for row in rows] == [(0, None, None)] * 2
