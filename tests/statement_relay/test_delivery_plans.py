from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from kuntavayla.database import transaction
from statement_relay.rules.pacing import Room
from statement_relay.store import deliveries, receivers
from statement_relay.store.deliveries import Lease, Settlement
from tests.statement_relay.deliveries import RECEIVER, Post

WAITING = 2_000
CALLS = 100
HOT = "SELECT pg_stat_get_xact_tuples_hot_updated('information'::regclass)"
MANY = """
WITH queues AS (
    INSERT INTO client_queues (receiver_id, client_id, last_number, next_attempt_at, is_blocked)
    SELECT $1, gen_random_uuid(), 1, clock_timestamp(), false FROM generate_series(1, $2)
    RETURNING client_id
)
INSERT INTO information (
    information_id, organisation, municipal_id, fingerprint, client_id, municipality_code, kind,
    action, root_information_id, content, occurred_at, known_at, accepted_at, official_id,
    author_role, state, accepted_state, receiver_id, number, is_restricted, body, digest, attempts)
SELECT client_id, 'cs-sotkamo', client_id::text, '\\x00', client_id, '765', 'JOB_OFFER_MADE', 'new',
       client_id, '{}', $3, $3, $3, 'o', 'caseworker', 'waiting', 'waiting', $1, 1, false, '\\x00',
       'd', 0
FROM queues
"""


async def test_settling_one_call_does_not_read_what_waits_in_other_queues(post: Post) -> None:
    item = await post.enqueue()
    await post.rows(MANY, RECEIVER, WAITING, post.now)
    settlement = Settlement(
        receiver_id=RECEIVER,
        client_id=item.client_id,
        information_id=item.information_id,
        state="waiting",
        state_reason=None,
        settled_at=None,
        is_blocked=False,
        wait_s=1.0,
    )

    read = await rows_read(
        post, deliveries.SETTLE, deliveries._SETTLEMENTS.argument([settlement]), "[]"
    )

    assert read < WAITING / 10


async def test_locking_receivers_does_not_read_every_queue_that_is_due(post: Post) -> None:
    await post.make_known(RECEIVER)
    await post.rows(MANY, RECEIVER, WAITING, post.now - timedelta(days=1))

    read = await rows_read(post, receivers.LOCK, [RECEIVER, "te-lappi"])

    assert read < WAITING / 10


async def test_settling_many_calls_compares_none_of_them_with_all_others(post: Post) -> None:
    await post.rows(MANY, RECEIVER, CALLS, post.now)
    rows = await post.rows("SELECT information_id::text AS id FROM information")
    settlements = [
        Settlement(
            receiver_id=RECEIVER,
            client_id=row["id"],
            information_id=row["id"],
            state="waiting",
            state_reason=None,
            settled_at=None,
            is_blocked=False,
            wait_s=1.0,
        )
        for row in rows
    ]

    read = await rows_read(
        post, deliveries.SETTLE, deliveries._SETTLEMENTS.argument(settlements), "[]"
    )

    assert read <= CALLS


async def test_claiming_many_queues_compares_none_of_them_with_all_others(post: Post) -> None:
    await post.rows(MANY, RECEIVER, CALLS, post.now)
    rows = await post.rows("SELECT client_id::text AS id FROM client_queues")
    leases = [Lease(RECEIVER, row["id"], post.new_id()) for row in rows]

    read = await rows_read(post, deliveries.TAKE_HEADS, deliveries._LEASES.argument(leases), 60.0)

    assert read <= CALLS


async def test_a_claim_writes_no_index_of_items(post: Post) -> None:
    await post.make_known(RECEIVER)
    await post.rows(MANY, RECEIVER, CALLS, post.now)

    async with transaction(post.pool) as connection:
        claimed = await deliveries.claim(
            connection,
            {RECEIVER: Room(CALLS, CALLS)},
            over=[],
            new_token=post.new_id,
            lease_s=60.0,
            now=post.now,
        )
        beside_indexes = await connection.fetchval(HOT)

    assert len(claimed.deliveries) == CALLS
    assert beside_indexes >= CALLS * 9 / 10


async def rows_read(post: Post, statement: str, *arguments: object) -> float:
    """Return how many rows the busiest step of a plan has read or thrown away."""
    [row] = await post.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *arguments)
    [plan] = msgspec.json.decode(row[0])
    return max(_rows_of(plan["Plan"]))


def _rows_of(step: dict[str, Any]) -> Iterator[float]:
    loops = step["Actual Loops"]
    yield (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * loops
    for part in step.get("Plans", ()):
        yield from _rows_of(part)
