import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx
import pytest
from httpx import Response

from kuntavayla.testing import TestDatabase
from tests.statement_relay.deliveries import DEADLINE_S
from tests.statement_relay.items import CLIENT, OTHER_CLIENT, another_item, responsible
from tests.statement_relay.service import Relay, running_relay

Two = tuple[Relay, Relay]


async def answered(call: Callable[[], Awaitable[Response]]) -> Response:
    """Make a call, and the same again where it is answered 503: its key says what came of it.

    A service that gets no processor for five seconds promises no more.
    """
    async with asyncio.timeout(DEADLINE_S):
        answer = await call()
        while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            assert answer.json()["is_retryable"]
            answer = await call()
        return answer


@pytest.fixture
async def two(relay_database: TestDatabase) -> AsyncIterator[Two]:
    """Two services on one database, as processes side by side."""
    async with running_relay(relay_database) as one, running_relay(relay_database) as other:
        await one.learn(responsible())
        yield one, other


async def test_the_same_item_sent_to_two_processes_at_once_is_one_item(two: Two) -> None:
    items = [another_item() for _ in range(25)]

    answers = await asyncio.gather(
        *(relay.case_system().send(item) for item in items for relay in two)
    )

    pairs = zip(answers[::2], answers[1::2], strict=True)
    assert {answer.status_code for answer in answers} == {201}
    assert all(first.json() == second.json() for first, second in pairs)
    rows = await two[0].fetch("SELECT number FROM information ORDER BY number")
    assert [row["number"] for row in rows] == list(range(1, 26))
    assert len(await two[0].outbox()) == 25


async def test_the_same_key_at_two_processes_at_once_has_one_effect(two: Two) -> None:
    item = another_item()

    answers = await asyncio.gather(
        *(relay.case_system().send(item, key="k-1") for relay in two for _ in range(5))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["information_id"] for answer in answers}) == 1
    assert await two[0].count("information") == 1
    assert await two[0].count("idempotency_keys") == 1


async def test_of_a_correction_and_a_withdrawal_at_once_one_is_taken(two: Two) -> None:
    one, other = two
    sent = [await one.case_system().sent(another_item()) for _ in range(10)]
    corrections = [another_item() for _ in sent]

    answers = await asyncio.gather(
        *(
            answered(
                partial(
                    one.case_system().correct, item["information_id"], corrected, key=f"c-{number}"
                )
            )
            for number, (item, corrected) in enumerate(zip(sent, corrections, strict=True))
        ),
        *(
            answered(
                partial(
                    other.case_system().withdraw,
                    item["information_id"],
                    f"SOT-W-{number}",
                    key=f"w-{number}",
                )
            )
            for number, item in enumerate(sent)
        ),
    )

    for correction, withdrawal in zip(answers[:10], answers[10:], strict=True):
        assert sorted((correction.status_code, withdrawal.status_code)) == [201, 412]
    assert await one.count("information") == 20
    rows = await one.fetch(
        "SELECT count(*) AS n FROM information GROUP BY replaces_information_id"
        " HAVING replaces_information_id IS NOT NULL"
    )
    assert {row["n"] for row in rows} == {1}


async def test_numbers_have_no_gap_however_queues_grow_at_once(two: Two) -> None:
    await two[0].learn(responsible(OTHER_CLIENT))
    items = [another_item(client_id=CLIENT if number % 3 else OTHER_CLIENT) for number in range(60)]

    await asyncio.gather(
        *(
            relay.case_system().sent(item)
            for item, relay in zip(items, itertools.cycle(two), strict=False)
        )
    )

    for client_id in (CLIENT, OTHER_CLIENT):
        rows = await two[0].fetch(
            "SELECT number FROM information WHERE client_id = $1 ORDER BY number", client_id
        )
        assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
        [queue] = await two[0].fetch(
            "SELECT last_number FROM client_queues WHERE client_id = $1", client_id
        )
        assert queue["last_number"] == len(rows)


async def test_no_item_is_taken_beside_a_security_ban_that_it_has_not_seen(two: Two) -> None:
    one, other = two
    ban = responsible(is_restricted=True, sequence="000001.000000000000000002")

    answers = await asyncio.gather(
        *(one.case_system().send(another_item()) for _ in range(20)),
        other.learn(ban),
        *(other.case_system().send(another_item()) for _ in range(20)),
    )

    taken = [answer for answer in answers if answer is not None]
    assert {answer.status_code for answer in taken} == {201}
    assert len(taken) == 40
    assert await one.count("information") == 40
    assert await one.fetch("SELECT 1 FROM information WHERE NOT is_restricted") == []
