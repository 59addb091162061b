"""What operators ask: figures of the state."""

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.standing import ServiceFigures, load_service_figures
from quota_ledger.store import overrides
from quota_ledger.store.overrides import Uncovered


class Figures(Struct, frozen=True):
    """Where the service stands."""

    service: ServiceFigures
    uncovered: Uncovered


async def load_figures(connection: Connection, *, moment: Moment) -> Figures:
    """Return the figures of this moment."""
    return Figures(
        await load_service_figures(connection, moment=moment),
        await overrides.count_uncovered(connection),
    )
