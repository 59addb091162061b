from datetime import timedelta

import pytest

from kuntavayla.database import Pool, transaction
from kuntavayla.outbox import Hold, find_hold, holding, pause, resume
from tests.shared.event_examples import KAJAANI, NOW, SOTKAMO, a_draft, announce
from tests.shared.publishers import Bench, first_seen, ids, is_in_order

HOUR = timedelta(hours=1)


def a_hold(**changes: object) -> Hold:
    fields = {
        "recipient": SOTKAMO,
        "state": "paused",
        "held_from": 0,
        "reason": "its system is being renewed",
        "organisation": "operator",
        "official_id": "operator:u-1",
        "paused_at": NOW,
        "until": None,
    }
    return Hold(**{**fields, **changes})  # type: ignore[arg-type]


def a_pause() -> holding.Pause:
    hold = a_hold()
    return holding.Pause(
        reason=hold.reason,
        organisation=hold.organisation,
        official_id=hold.official_id,
        at=NOW,
        until=None,
    )


@pytest.mark.parametrize(
    ("changes", "is_paused"),
    [
        ({}, True),
        ({"until": NOW + HOUR}, True),
        ({"until": NOW}, False),
        ({"state": "draining"}, False),
    ],
    ids=["without end", "before its end", "at its end", "draining"],
)
def test_a_pause_holds_until_its_end(changes: dict[str, object], *, is_paused: bool) -> None:
    assert a_hold(**changes).is_paused(now=NOW) is is_paused


async def test_where_nobody_ever_published_a_resumed_recipient_is_free_at_once(pool: Pool) -> None:
    async with transaction(pool) as connection:
        await pause(connection, SOTKAMO, a_pause())
        paused = await find_hold(connection, SOTKAMO)
    async with transaction(pool) as connection:
        was_paused = await resume(connection, SOTKAMO, now=NOW)
        again = await resume(connection, SOTKAMO, now=NOW)
        free = await find_hold(connection, SOTKAMO)

    assert paused == a_hold()
    assert was_paused
    assert not again
    assert free is None


async def test_a_paused_recipient_gets_nothing_while_others_do_and_all_in_order_afterwards(
    bench: Bench,
) -> None:
    async with bench.publishing():
        await bench.announce(10)
        await bench.published()
        await bench.pause_and_see(SOTKAMO)
        await bench.announce(10)
        await bench.announce(10, recipient=KAJAANI)
        await bench.published()
        meanwhile = await bench.topics.read(SOTKAMO)
        others = await bench.topics.read(KAJAANI)
        assert await bench.resume(SOTKAMO)
        await bench.announce(10)
        await bench.until_drained()
        await bench.published()

    records = await bench.topics.read(SOTKAMO)
    assert len(meanwhile) == 10
    assert len(others) == 11
    assert len(records) == 30
    assert is_in_order(records)


async def test_a_pause_ends_by_itself_when_its_time_has_come(bench: Bench) -> None:
    async with bench.publishing():
        await bench.until(lambda standing: standing.fence == 1)
        await bench.pause_and_see(SOTKAMO, until=NOW + HOUR)
        await bench.announce(5)
        await bench.published()
        before = await bench.topics.read(SOTKAMO)
        bench.now += HOUR
        await announce(bench.pool, a_draft(recipient=KAJAANI))
        await bench.until_drained()

    assert before == []
    assert len(await bench.topics.read(SOTKAMO)) == 5


async def test_what_was_held_back_is_drained_by_whoever_is_elected_next(bench: Bench) -> None:
    async with bench.publishing():
        await bench.until(lambda standing: standing.fence == 1)
        await bench.pause_and_see(SOTKAMO)
        await bench.announce(10)
        await bench.published()
    await bench.resume(SOTKAMO)
    await bench.announce(10)

    async with bench.publishing():
        await bench.until_drained()
        await bench.published()

    records = await bench.topics.read(SOTKAMO)
    assert len(records) == 20
    assert is_in_order(records)


async def test_a_recipient_paused_anew_before_it_was_drained_is_owed_from_where_it_was(
    bench: Bench,
) -> None:
    async with bench.publishing():
        await bench.until(lambda standing: standing.fence == 1)
        await bench.pause_and_see(SOTKAMO)
        await bench.announce(10)
        await bench.published()
    await bench.resume(SOTKAMO)
    await bench.pause(SOTKAMO)
    [again] = await bench.holds()
    async with bench.publishing():
        await bench.announce(10)
        await bench.published()
        meanwhile = await bench.topics.read(SOTKAMO)
        await bench.resume(SOTKAMO)
        await bench.until_drained()

    records = await bench.topics.read(SOTKAMO)
    assert (again.state, again.held_from) == ("paused", 0)
    assert meanwhile == []
    assert len(records) == 20
    assert is_in_order(records)


async def test_a_recipient_that_can_not_be_sent_to_can_be_held_back_so_that_others_go_on(
    bench: Bench,
) -> None:
    async with bench.publishing():
        await bench.announce(5, recipient="cs-new")
        await bench.announce(5)
        await bench.failures("UnknownTopicOrPartitionError")
        await bench.announce(200, recipient="cs-new", clients=50)
        await bench.pause("cs-new")
        await bench.published()
        others = await bench.topics.read(SOTKAMO)
        await bench.topics.make("cs-new")
        await bench.resume("cs-new")
        await bench.announce(5, recipient="cs-new")
        await bench.until_drained()
        await bench.published()

    records = await bench.topics.read("cs-new")
    assert len(others) == 5
    assert len(ids(records)) == len(first_seen(records)) == 210
