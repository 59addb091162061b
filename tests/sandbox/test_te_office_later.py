import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kuntavayla_sandbox.conformance.samples import bytes_of, digest_of
from kuntavayla_sandbox.serving import address_of, bind_loopback, served_here
from tests.sandbox.te_office_bench import Bench, running_bench, te_office_database

PATIENCE_S = 30
POLL_S = 0.05


class Receipts:
    """Where the relay takes receipts that follow; the first ones are refused as told."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = [*statuses]
        self.taken: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.callers: list[str] = []

    async def take(self, request: Request) -> Response:
        status = self.statuses.pop(0) if self.statuses else 200
        self.asked.append(await request.json())
        self.callers.append(request.headers["authorization"])
        if status == 200:
            self.taken.append(self.asked[-1])
        return Response(status_code=status)


@asynccontextmanager
async def serving(server_url: str, receipts: Receipts) -> AsyncIterator[Bench]:
    """Serve the receivers with somewhere to post their receipts."""
    app = Starlette(routes=[Route("/relay/v1/receipts", receipts.take, methods=["POST"])])
    with bind_loopback() as listening:
        relay_url = f"{address_of(listening)}/relay/v1"
        async with (
            served_here(app, listening=listening),
            te_office_database(server_url) as url,
            running_bench(url, relay_url=relay_url) as bench,
        ):
            yield bench


async def until_settled(bench: Bench) -> dict[str, Any]:
    """Return the one item held when its receipt has been posted."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            [held] = await bench.held()
            if held["state"] != "waiting":
                return held
            await asyncio.sleep(POLL_S)


async def test_a_receipt_follows_with_the_digest_and_in_the_offices_name(server_url: str) -> None:
    receipts = Receipts()
    async with serving(server_url, receipts) as bench:
        await bench.set_knobs(answer="receipt_follows")
        item = bench.samples.new()
        first, again = await bench.put(item), await bench.put(item)

        held = await until_settled(bench)

        assert (first.status_code, again.status_code) in {(202, 202), (202, 200)}
        [taken] = receipts.taken
        assert (held["state"], taken["result"]) == ("held", "received")
        assert taken["digest"] == digest_of(bytes_of(item))
        assert taken["receipt_id"] == held["receipt_id"]
        assert (await bench.put(item)).json()["receipt_id"] == held["receipt_id"]
        assert receipts.callers[0].startswith("Bearer ")


async def test_a_receipt_is_posted_again_until_it_is_noted(server_url: str) -> None:
    receipts = Receipts(401, 404, 500, 503)
    async with serving(server_url, receipts) as bench:
        await bench.set_knobs(answer="receipt_follows")
        await bench.put(bench.samples.new())

        held = await until_settled(bench)

        assert (held["state"], len(receipts.taken)) == ("held", 1)
        assert receipts.asked == [receipts.taken[0]] * 5


async def test_a_receipt_that_the_relay_will_never_take_is_not_posted_again(
    server_url: str,
) -> None:
    receipts = Receipts(409)
    async with serving(server_url, receipts) as bench:
        await bench.set_knobs(answer="receipt_follows")
        await bench.put(bench.samples.new())

        await until_settled(bench)

        assert len(receipts.asked) == 1


async def test_a_rejection_may_follow(server_url: str) -> None:
    receipts = Receipts()
    async with serving(server_url, receipts) as bench:
        await bench.set_knobs(answer="receipt_follows", receipt_rejects="client_unknown")
        item = bench.samples.new()
        await bench.put(item)

        held = await until_settled(bench)

        assert (held["state"], held["rejection_code"]) == ("rejected", "client_unknown")
        assert receipts.taken[0]["code"] == "client_unknown"
        answer = await bench.put(item)
        assert (answer.status_code, answer.json()["code"]) == (422, "client_unknown")


async def test_a_receipt_that_follows_may_have_another_digest(server_url: str) -> None:
    receipts = Receipts()
    async with serving(server_url, receipts) as bench:
        await bench.set_knobs(answer="receipt_follows", receipt_has_other_digest=True)
        item = bench.samples.new()
        await bench.put(item)

        await until_settled(bench)

        assert receipts.taken[0]["digest"] != digest_of(bytes_of(item))


async def test_a_receipt_follows_after_a_restart(server_url: str) -> None:
    receipts = Receipts()
    async with (
        serving(server_url, receipts) as neighbour,
        te_office_database(server_url) as url,
    ):
        async with running_bench(url) as bench:
            await bench.set_knobs(answer="receipt_follows")
            await bench.put(bench.samples.new())
        assert receipts.taken == []

        async with running_bench(url, relay_url=neighbour.relay_url) as successor:
            held = await until_settled(successor)

    assert (held["state"], len(receipts.taken)) == ("held", 1)
