"""What operators and auditors ask: figures of the state, and the audit."""

from msgspec import Struct

from kuntavayla import audit, outbox
from kuntavayla.audit import AuditFilter, SealState, StoredLine
from kuntavayla.database import Connection
from routing_api.operations.effects import line_of
from routing_api.operations.moments import Call, Moment
from routing_api.store import figures
from routing_api.store.figures import Waiting

DISCLOSED = "disclosed"
REFUSED = "refused"


class Figures(Struct, frozen=True):
    """Where the events stand, what waits and what is late."""

    epoch: int
    head_position: int
    waiting: Waiting
    seal: SealState
    oldest_unsealed_s: float


async def load_figures(connection: Connection, *, moment: Moment) -> Figures:
    """Return the figures of this moment."""
    epoch, position = await outbox.load_head(connection)
    waiting = await figures.load_waiting(connection, now=moment.now, today=moment.today)
    seal = await audit.load_state(connection)
    since = seal.oldest_unsealed_at
    age_s = 0.0 if since is None else max(0.0, (moment.now - since).total_seconds())
    return Figures(epoch, position, waiting, seal, age_s)


async def witness(
    connection: Connection,
    call: Call,
    *,
    action: str,
    outcome: str = DISCLOSED,
    moment: Moment,
    **more: str | None,
) -> None:
    """Put a call on record that changes nothing: a reading, or a refusal.

    `more` are further fields of AuditLine.
    """
    line = line_of(call, action=action, outcome=outcome, moment=moment, **more)
    await audit.append(connection, [line])


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
