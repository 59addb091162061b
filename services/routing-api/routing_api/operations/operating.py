"""What operators and auditors ask: figures of the state, and the audit."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import audit, outbox
from kuntavayla.audit import AuditFilter, SealState, StoredLine
from kuntavayla.database import Connection
from kuntavayla.inbox import ConsumerFigures, parked
from kuntavayla.outbox import Hold, Standing
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import witness
from routing_api.store import figures
from routing_api.store.figures import Waiting


class Figures(Struct, frozen=True):
    """Where the events stand, what waits and what is late.

    `oldest_unpublished_s` is None where no publisher has ever run, or has nothing left to send.
    """

    standing: Standing
    oldest_unpublished_s: int | None
    holds: Sequence[Hold]
    waiting: Waiting
    consumers: Sequence[ConsumerFigures]
    seal: SealState
    oldest_unsealed_s: float


async def load_figures(connection: Connection, *, moment: Moment) -> Figures:
    """Return the figures of this moment."""
    standing = await outbox.load_standing(connection)
    holds = await outbox.list_holds(connection)
    waiting = await figures.load_waiting(connection, now=moment.now, today=moment.today)
    oldest_at = standing.oldest_unpublished_at if standing.fence else None
    age_s = None if oldest_at is None else max(0, int((moment.now - oldest_at).total_seconds()))
    consumers = await parked.load_figures(connection)
    seal = await audit.load_state(connection)
    since = seal.oldest_unsealed_at
    unsealed_s = 0.0 if since is None else max(0.0, (moment.now - since).total_seconds())
    return Figures(standing, age_s, holds, waiting, consumers, seal, unsealed_s)


async def read_audit(
    connection: Connection,
    query: AuditFilter,
    *,
    after: int,
    limit: int,
    call: Call,
    moment: Moment,
) -> list[StoredLine]:
    """List audit lines, oldest first; the reading adds its own line in the same transaction."""
    lines = await audit.list_lines(connection, query, after=after, limit=limit)
    await witness(connection, call, action="audit.read", moment=moment, client_id=query.client_id)
    return lines
