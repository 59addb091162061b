import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from statement_relay.rules.endpoints import Endpoint
from tests.statement_relay.courier_process import Plan
from tests.statement_relay.deliveries import DEADLINE_S, RECEIVER, Post, put_ids
from tests.statement_relay.misbehaving import Heard, Server, answer, receipt_of, receiving, running
from tests.statement_relay.saying import WHY, receipt_told
from tests.statement_relay.service import Relay

LEASE_S = 1.0

Kill = Callable[[], Awaitable[None]]
Behaviour = Callable[[Kill, Heard, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def courier_process(post: Post, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    plan = Plan(post.database.url, RECEIVER, url, LEASE_S)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.statement_relay.courier_process",
        stdin=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(plan) + b"\n")
    await process.stdin.drain()
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def before_it_is_stored(kill: Kill, _: Heard, writer: asyncio.StreamWriter) -> None:
    """Kill whoever calls before the receiver takes the item."""
    await kill()
    writer.close()


async def before_the_answer(kill: Kill, heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Take the item, and kill whoever calls before it hears of it."""
    await kill()
    writer.write(answer(201, receipt_of(heard)))


async def after_the_answer(kill: Kill, heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Take the item, answer, and kill whoever called while it reads that or settles it."""
    writer.write(answer(201, receipt_of(heard)))
    await writer.drain()
    await kill()


@pytest.mark.parametrize(
    "behaviour",
    [before_it_is_stored, before_the_answer, after_the_answer],
    ids=lambda behaviour: behaviour.__name__,
)
async def test_a_courier_killed_in_a_call_loses_nothing_and_breaks_no_order(
    post: Post, behaviour: Behaviour
) -> None:
    client_id = post.new_id()
    items = [await post.enqueue(client_id=client_id) for _ in range(3)]

    first = await killed_in_its_first_call(post, behaviour)
    async with running(receiving) as receiver:
        post.endpoints[RECEIVER] = Endpoint(url=receiver.url)
        async with post.courier():
            await post.until_settled(items)

    bodies = [heard.body for heard in receiver.heard]
    assert first.body == items[0].body
    assert bodies == [item.body for item in items][-len(bodies) :]
    assert [await post.state_of(item) for item in items] == [("delivered", None)] * 3
    assert await post.events() == [("information.delivered", "common")] * 3
    sent = [heard.headers["x-request-id"] for heard in (first, *receiver.heard)]
    stored = await post.rows("SELECT request_id FROM delivery_attempts ORDER BY request_id")
    assert [row["request_id"] for row in stored] == sorted(sent)
    ends = [*(["cut_off"] if bodies[0] == items[0].body else []), "delivered"]
    assert await post.outcomes_of(items[0]) == ends


async def killed_in_its_first_call(post: Post, behaviour: Behaviour) -> Heard:
    """Run a courier until its first call, in which it is killed; return what was put."""
    called: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if not called.done():
            called.set_result(heard)
        await behaviour(kill, heard, writer)

    async with running(behave) as receiver, courier_process(post, receiver.url) as process:

        async def kill() -> None:
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()

        async with asyncio.timeout(DEADLINE_S):
            heard = await called
            await process.wait()
    return heard


async def test_a_courier_killed_between_claim_and_call_leaves_a_lease_that_runs_out(
    post: Post,
) -> None:
    item = await post.enqueue()
    async with running(receiving) as receiver:
        post.endpoints[RECEIVER] = Endpoint(url=receiver.url)
        await post.claim(lease_s=LEASE_S)
        claimed = await post.state_of(item)

        async with post.courier():
            await post.until_settled([item])

    attempts = await post.value("SELECT attempts FROM information")
    [cut_off, _] = await post.rows(
        "SELECT outcome, status, started_at <= ended_at AS is_in_order FROM delivery_attempts"
        " ORDER BY attempt"
    )
    assert claimed == ("delivering", None)
    assert await post.state_of(item) == ("delivered", None)
    assert (attempts, len(receiver.heard)) == (2, 1)
    assert dict(cut_off) == {"outcome": "cut_off", "status": None, "is_in_order": True}


@pytest.mark.parametrize("verb", ["retry", "skip"])
async def test_an_attempt_cut_off_before_a_repair_stands_in_the_story(
    relay: Relay, post: Post, *, receiver: Server, verb: str
) -> None:
    item = await post.enqueue()
    behind = await post.enqueue(client_id=item.client_id)
    await post.claim(lease_s=0.001)
    [row] = await post.rows("SELECT lease_token::text FROM client_queues")

    operator = relay.caller("operator", "deliveries.write")
    done = await operator.post(f"/deliveries/{item.information_id}:{verb}", WHY)
    async with post.courier():
        await post.until_settled([item, behind])

    assert done.json() == {"handled": 1}
    [first, *_] = await post.rows("SELECT * FROM delivery_attempts ORDER BY information_id")
    assert (first["outcome"], first["request_id"]) == ("cut_off", row["lease_token"])
    ends = ["delivered"] if verb == "retry" else []
    assert await post.outcomes_of(item) == ["cut_off", *ends]
    assert await post.outcomes_of(behind) == ["delivered"]
    assert put_ids(receiver)[-1] == behind.information_id


async def test_an_attempt_cut_off_before_a_receipt_came_stands_in_the_story(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    await post.claim(lease_s=0.001)

    taken = await relay.caller(RECEIVER, "receipts.write").post("/receipts", receipt_told(item))

    assert taken.json()["state"] == "delivered"
    assert await post.outcomes_of(item) == ["cut_off"]
    assert put_ids(receiver) == []
