"""Items given up or proved while a security ban is set about their client."""

import pytest

from kuntavayla.values.responsibilities import Responsibility
from statement_relay.rules.digests import digest_of
from tests.served import Json
from tests.statement_relay.banning import beside_a_ban
from tests.statement_relay.clients import a_responsibility
from tests.statement_relay.deliveries import RECEIVER, Post, Queued
from tests.statement_relay.misbehaving import Server, always, answer
from tests.statement_relay.saying import WHY, receipt_told
from tests.statement_relay.service import Relay


@pytest.fixture
async def tried(post: Post, receiver: Server) -> Queued:
    """An item that its receiver was sent and asked to be sent again later."""
    receiver.behaviour = always(answer(503, headers=["Retry-After: 600"]))
    item = await post.enqueue()
    async with post.courier():
        await post.until_attempted(item)
    return item


def a_ban(item: Queued) -> Responsibility:
    return a_responsibility(client_id=item.client_id, is_restricted=True)


async def test_what_is_given_up_beside_a_ban_is_told_by_the_restricted_feed(
    relay: Relay, post: Post, tried: Queued
) -> None:
    operator = relay.caller("operator", "deliveries.write", "events.restricted")
    skipping = operator.post(f"/deliveries/{tried.information_id}:skip", WHY)

    done = await beside_a_ban(relay, a_ban(tried), skipping)

    assert done.json() == {"handled": 1}
    assert await post.events() == [("information.rejected", "restricted")]


@pytest.mark.parametrize(
    ("changes", "event"),
    [
        ({}, "information.delivered"),
        ({"digest": digest_of(b"other")}, "information.parked"),
        ({"result": "rejected", "code": "facts_contradict"}, "information.rejected"),
    ],
    ids=["received", "of_other_bytes", "rejected"],
)
async def test_a_receipt_beside_a_ban_is_told_by_the_restricted_feed(
    relay: Relay, post: Post, tried: Queued, *, changes: Json, event: str
) -> None:
    office = relay.caller(RECEIVER, "receipts.write")
    telling = office.post("/receipts", {**receipt_told(tried), **changes})

    taken = await beside_a_ban(relay, a_ban(tried), telling)

    assert taken.status_code == 200
    assert await post.events() == [(event, "restricted")]
