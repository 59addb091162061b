"""Who is responsible for clients, as routing-api tells it; bans follow to their decisions."""

from collections.abc import Sequence

from kuntavayla import responsibilities
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from kuntavayla.values.responsibilities import Responsibility, is_restricted, told_in_order
from quota_ledger.store import steps


async def project(
    connection: Connection, told: Sequence[Responsibility], *, call: Call, moment: Moment
) -> None:
    """Keep what was told, in order of the events; nothing waits here for a client to be known.

    A security ban that is set or lifted holds for all decisions of its client from now on: who
    finds them, and the feed that tells of them. Waits for those who go by what is known of
    clients, then locks the decisions that change their feed, in order of their ids.
    """
    del call, moment
    await responsibilities.lock_for_change(connection)
    await responsibilities.keep(connection, told_in_order(told))
    client_ids = {one.client_id for one in told}
    versions = await responsibilities.list_by_client(connection, client_ids)
    bans = {client_id: is_restricted(known) for client_id, known in versions.items()}
    await steps.restrict(connection, bans)
