"""What the relay asks receivers for again, and what it tells of lists that never came."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry

from kuntavayla.database import transaction
from kuntavayla.service.routes.desk import moment_at
from statement_relay.events import SOURCE
from statement_relay.operations.operating import load_figures
from statement_relay.rules.digests import digest_of
from statement_relay.workers.figures import FigureGauges
from tests.statement_relay.asking import asker_of
from tests.statement_relay.deliveries import (
    OTHER_RECEIVER,
    RECEIVER,
    Post,
)
from tests.statement_relay.misbehaving import (
    Heard,
    Server,
    always,
    answer,
)
from tests.statement_relay.service import Relay
from tests.statement_relay.test_delivering_refused import raise_at
from tests.statement_relay.test_relay_asking import DAY, NEXT_MORNING, ask, deliver, holding, line


async def test_what_an_offices_list_shows_as_unproven_is_asked_for_and_a_parked_item_proved(
    post: Post, receiver: Server, relay: Relay
) -> None:
    item = await post.enqueue()
    receiver.behaviour = holding(put=answer(409))
    await deliver(post, item)
    parked, asker = await post.state_of(item), asker_of(post)
    post.now = datetime(2021, 3, 31, 7, 0, tzinfo=UTC)
    await asker.ask_all()
    receiver.behaviour = holding(line(item, receipt_id="R-9"))
    office = relay.caller(RECEIVER, "reconciliations.write", "events.restricted")
    sent = {"information_id": item.information_id, "digest": digest_of(item.body)}

    relay.end_day()
    told = await office.post(
        "/reconciliations",
        msgspec.json.encode(sent),
        params={"day": DAY.isoformat(), "count": 1},
        headers={"Content-Type": "application/x-ndjson"},
    )
    await post.rows("UPDATE reconciliations SET reconciled_at = $1", post.now)
    at_once = await asker.ask_all()
    post.now += timedelta(hours=1)
    asked = [await asker.ask_all(), await asker.ask_all()]

    assert (parked[0], told.json()["unproven"]) == ("parked", 1)
    assert (at_once, asked) == (0, [1, 0])
    assert await post.state_of(item) == ("delivered", None)
    assert (
        await post.value("SELECT counts->>'unproven' FROM reconciliations WHERE day = $1", DAY)
        == "0"
    )


async def test_a_list_that_came_slowly_takes_the_place_of_no_newer_one(
    post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    await deliver(post, item)
    post.now = NEXT_MORNING

    async def slow(heard: Heard, writer: asyncio.StreamWriter) -> None:
        receiver.behaviour = holding()  # Meanwhile it loses the item, and is asked once more.
        post.now += timedelta(seconds=1)
        await ask(post)
        await holding(line(item))(heard, writer)

    receiver.behaviour = slow
    await ask(post)

    missing = "SELECT counts->>'missing' FROM reconciliations WHERE day = $1"
    assert await post.value(missing, DAY) == "1"


async def test_a_receiver_at_which_asking_fails_holds_up_none_behind_it_and_the_look_has_failed(
    post: Post, receiver: Server
) -> None:
    await deliver(post, await post.enqueue())
    receiver.behaviour = holding()
    post.endpoints[OTHER_RECEIVER] = post.endpoints[RECEIVER]
    await post.make_known(RECEIVER, OTHER_RECEIVER)
    asker = asker_of(post)
    asker = structs.replace(asker, receiver_ids=frozenset({RECEIVER, OTHER_RECEIVER}))
    await raise_at(post, "reconciliations", f"NEW.receiver_id = '{RECEIVER}'")
    post.now = NEXT_MORNING

    with pytest.raises(ExceptionGroup) as failed:
        await asker.ask_all()

    assert failed.group_contains(asyncpg.RaiseError)
    rows = await post.rows("SELECT receiver_id FROM reconciliations")
    assert [row["receiver_id"] for row in rows] == [OTHER_RECEIVER]


async def test_a_day_whose_list_never_came_is_a_metric_until_it_is_compared(
    post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    await deliver(post, item)
    receiver.behaviour = always(answer(503))
    post.now, asker = NEXT_MORNING, asker_of(post)

    await asker.ask_all()
    on_its_working_day = await days_not_compared(post)
    post.now += timedelta(days=1)
    after = await days_not_compared(post)
    receiver.behaviour = holding(line(item))
    await ask(post)
    compared = await days_not_compared(post)

    assert (on_its_working_day, after, compared) == (None, 1, None)


async def days_not_compared(post: Post) -> float | None:
    registry = CollectorRegistry()
    async with transaction(post.pool) as connection:
        moment = moment_at(post.clock, source=SOURCE)
        figures = await load_figures(connection, moment=moment)
    FigureGauges(registry).show(figures, [], now=moment.now)
    labels = {"receiver": RECEIVER}
    return registry.get_sample_value("kuntavayla_relay_days_not_compared", labels)
