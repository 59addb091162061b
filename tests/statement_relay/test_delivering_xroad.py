import asyncio

from msgspec.structs import replace

from statement_relay.rules.endpoints import XRoadNames
from tests.statement_relay.deliveries import RECEIVER, Post
from tests.statement_relay.misbehaving import Heard, Server, answer, receipt_of

NAMES = XRoadNames(
    client="FI/GOV/9901111-2/kuntavayla",
    service="FI/GOV/2296962-1/te-services/information/v1",
)


async def test_what_the_bus_gives_as_proof_is_kept_with_the_attempt(
    post: Post, receiver: Server
) -> None:
    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        hashed = ["X-Road-Request-Hash: aGFzaA=="]
        writer.write(answer(201, receipt_of(heard), headers=hashed))

    receiver.behaviour = behave
    endpoint = post.endpoints[RECEIVER]
    post.endpoints[RECEIVER] = replace(endpoint, adapter="xroad", xroad=NAMES)
    item = await post.enqueue()

    async with post.courier():
        await post.until_settled([item])

    [attempt] = await post.rows("SELECT request_id, request_hash FROM delivery_attempts")
    assert attempt["request_hash"] == "aGFzaA=="
    assert receiver.heard[0].headers["x-road-id"] == attempt["request_id"]
