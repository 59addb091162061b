"""What operators ask: figures of the state."""

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.standing import ServiceFigures, load_service_figures
from routing_api.store import figures
from routing_api.store.figures import Waiting


class Figures(Struct, frozen=True):
    """Where the service stands, what waits and what is late."""

    service: ServiceFigures
    waiting: Waiting


async def load_figures(connection: Connection, *, moment: Moment) -> Figures:
    """Return the figures of this moment."""
    service = await load_service_figures(connection, moment=moment)
    waiting = await figures.load_waiting(connection, now=moment.now, today=moment.today)
    return Figures(service, waiting)
