"""Who is responsible for clients: versions as they were told last, under one lock for changes."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from kuntavayla.values.responsibilities import Responsibility

PROJECTION_LOCK = 0x72656C79
"""The advisory lock between what changes what is known of clients and what goes by it."""
_COLUMNS = Columns(
    {
        "client_id": "uuid",
        "clienthood_version": "int4",
        "authority": "text",
        "municipality_code": "text",
        "area_code": "text",
        "case_system_id": "text",
        "te_office_code": "text",
        "source_system": "text",
        "source_client_number": "text",
        "valid_from": "date",
        "valid_to": "date",
        "is_restricted": "bool",
        "sequence": "text",
    }
)
_CHANGED = [name for name in _COLUMNS.names if name not in {"client_id", "clienthood_version"}]
# A version that is told again by an older event stays as the newer one has told it: common and
# restricted events come by two streams, and after a restore both are read from their start.
KEEP = f"""
INSERT INTO responsibilities AS known ({_COLUMNS.listed})
SELECT {_COLUMNS.read} FROM {_COLUMNS.recordset()} ORDER BY client_id, clienthood_version
ON CONFLICT (client_id, clienthood_version) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in _CHANGED)}
WHERE known.sequence < excluded.sequence
"""  # noqa: S608 - constants of ours
# The columns stand in the order of the members.
LIST = """
SELECT client_id::text, clienthood_version, authority, municipality_code, area_code, case_system_id,
       te_office_code, source_system, source_client_number, valid_from, valid_to, is_restricted,
       sequence
FROM responsibilities WHERE client_id = ANY($1::uuid[])
ORDER BY client_id, clienthood_version
"""
LOCK = "SELECT pg_advisory_xact_lock($1)"
LOCK_SHARED = "SELECT pg_advisory_xact_lock_shared($1)"


async def lock_for_change(connection: Connection) -> None:
    """Wait for all who go by what is known of clients, and keep others from it, to the commit."""
    await connection.execute(LOCK, PROJECTION_LOCK)


async def lock_against_change(connection: Connection) -> None:
    """Keep what is known of clients as it is, to the commit; what changed before is seen now."""
    await connection.execute(LOCK_SHARED, PROJECTION_LOCK)


async def keep(connection: Connection, versions: Sequence[Responsibility]) -> None:
    """Store versions, each client's version once; one that an older event tells is passed over."""
    await connection.execute(KEEP, _COLUMNS.argument(versions))


async def list_by_client(
    connection: Connection, client_ids: Collection[str]
) -> dict[str, list[Responsibility]]:
    """Return all versions of the clients that are known, oldest first."""
    found: dict[str, list[Responsibility]] = defaultdict(list)
    for row in await connection.fetch(LIST, sorted(client_ids)):
        found[row["client_id"]].append(Responsibility(*row))
    return dict(found)
