"""Who is responsible for clients, as routing-api tells it."""

from collections.abc import Sequence

from kuntavayla import responsibilities
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from kuntavayla.values.responsibilities import Responsibility, told_in_order


async def project(
    connection: Connection, told: Sequence[Responsibility], *, call: Call, moment: Moment
) -> None:
    """Keep what was told, in order of the events; nothing waits here for a client to be known.

    Waits for those who go by what is known of clients.
    """
    del call, moment
    await responsibilities.lock_for_change(connection)
    await responsibilities.keep(connection, told_in_order(told))
