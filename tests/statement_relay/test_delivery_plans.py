from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from statement_relay.store import deliveries, receivers
from statement_relay.store.deliveries import Settlement
from tests.statement_relay.deliveries import RECEIVER, Post

WAITING = 2_000
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
