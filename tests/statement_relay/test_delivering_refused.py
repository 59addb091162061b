import asyncio

import asyncpg

from tests.statement_relay.deliveries import Post, put_ids
from tests.statement_relay.misbehaving import Heard, Server, answer, receipt_of, receiving

REFUSED = "R-refused"


async def refuse(post: Post, table: str, condition: str) -> None:
    """Let the database refuse rows, as a later version of it might."""
    connection = await asyncpg.connect(post.database.owner_url)
    try:
        await connection.execute(f"ALTER TABLE {table} ADD CHECK ({condition}) NOT VALID")
    finally:
        await connection.close()


async def test_an_item_whose_outcome_the_database_refuses_parks_and_is_not_sent_again(
    post: Post, receiver: Server
) -> None:
    await refuse(post, "information", f"receipt_id <> '{REFUSED}'")
    poison = await post.enqueue()
    behind = await post.enqueue(client_id=poison.client_id)
    others = [await post.enqueue() for _ in range(5)]

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        is_poison = heard.path.endswith(poison.information_id)
        writer.write(answer(201, receipt_of(heard, receipt_id=REFUSED if is_poison else "R-1")))

    receiver.behaviour = behave
    async with post.courier():
        await post.until_settled([poison, *others])

    [attempt] = await post.rows(
        "SELECT outcome, status, code, request_hash FROM delivery_attempts"
        " WHERE information_id = $1",
        poison.information_id,
    )
    assert await post.state_of(poison) == ("parked", "settling_refused")
    assert tuple(attempt) == ("settling_refused", None, None, None)
    assert await post.state_of(behind) == ("waiting", None)
    assert [await post.state_of(item) for item in others] == [("delivered", None)] * 5
    assert sorted(put_ids(receiver)) == sorted(item.information_id for item in (poison, *others))
    events = await post.events()
    assert events.count(("information.parked", "common")) == 1
    assert events.count(("information.delivered", "common")) == 5


async def test_what_can_not_even_be_parked_is_left_to_its_lease_and_harms_no_other(
    post: Post, receiver: Server
) -> None:
    poison = await post.enqueue()
    others = [await post.enqueue() for _ in range(5)]
    await refuse(post, "delivery_attempts", f"information_id <> '{poison.information_id}'")
    receiver.behaviour = receiving

    async with post.courier():
        await post.until_settled(others)

    assert await post.state_of(poison) == ("delivering", None)
    assert put_ids(receiver).count(poison.information_id) == 1
    assert [await post.state_of(item) for item in others] == [("delivered", None)] * 5
