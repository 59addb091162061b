"""Where a service stands: its events, whom it holds back, its consumers, its seal."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import audit, outbox
from kuntavayla.audit import SealState
from kuntavayla.database import Connection
from kuntavayla.inbox import ConsumerFigures, parked
from kuntavayla.outbox import Hold, Standing
from kuntavayla.service.moments import Moment


class ServiceFigures(Struct, frozen=True):
    """Where the events stand, who is held back, what is parked, what is not yet sealed.

    `oldest_unpublished_s` is None where no publisher has ever run, or has nothing left to send.
    """

    standing: Standing
    oldest_unpublished_s: int | None
    holds: Sequence[Hold]
    consumers: Sequence[ConsumerFigures]
    seal: SealState
    oldest_unsealed_s: float


async def load_service_figures(connection: Connection, *, moment: Moment) -> ServiceFigures:
    """Return the figures of this moment."""
    standing = await outbox.load_standing(connection)
    holds = await outbox.list_holds(connection)
    oldest_at = standing.oldest_unpublished_at if standing.fence else None
    age_s = None if oldest_at is None else max(0, int((moment.now - oldest_at).total_seconds()))
    consumers = await parked.load_figures(connection)
    seal = await audit.load_state(connection)
    since = seal.oldest_unsealed_at
    unsealed_s = 0.0 if since is None else max(0.0, (moment.now - since).total_seconds())
    return ServiceFigures(standing, age_s, holds, consumers, seal, unsealed_s)
