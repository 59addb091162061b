"""Items rejected for good, and what corrects or withdraws them with them."""

from collections.abc import Sequence

from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from statement_relay.operations.telling import Telling
from statement_relay.rules.deliveries import Tracked
from statement_relay.store import deliveries, repairs

ORIGINAL_REJECTED = "original_rejected"
"""Why a correction or withdrawal is rejected whose original was."""


async def reject(
    connection: Connection,
    items: Sequence[Tracked],
    *,
    code: str,
    telling: Telling,
    moment: Moment,
) -> None:
    """Reject items whose queues the caller has locked, and their successors; tell of all."""
    rejected = await repairs.reject(connection, items, code=code, at=moment.now)
    telling.rejected(rejected, code=code)
    await reject_successors(connection, items, telling=telling, moment=moment)


async def reject_successors(
    connection: Connection, items: Sequence[Tracked], *, telling: Telling, moment: Moment
) -> None:
    """Reject what waits to correct or withdraw rejected items, and tell of it."""
    originals = [item.information_id for item in items]
    successors = await deliveries.reject_successors(
        connection, originals, code=ORIGINAL_REJECTED, at=moment.now
    )
    telling.rejected(successors, code=ORIGINAL_REJECTED)
