"""Every statement of the simulated case systems.

Each takes a connection and works on a whole batch.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.events import Channel
from kuntavayla_sandbox.case_systems.effects import Notified, Transferred, Withdrawn

APPEND_TRANSFERRED = """
INSERT INTO clients (case_system_id, transfer_id, client_id, clienthood_version, municipality_code,
                     effective_on, state, revision, fetched_revision, channel)
SELECT $1, transfer_id, client_id, clienthood_version, municipality_code, effective_on,
       'received', 1, 0, $2
FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::date[])
     AS new (transfer_id, client_id, clienthood_version, municipality_code, effective_on)
ON CONFLICT (case_system_id, transfer_id) DO NOTHING
"""
MARK_NOTIFIED = """
UPDATE clients SET notified_at = told.notified_at
FROM unnest($2::uuid[], $3::timestamptz[]) AS told (transfer_id, notified_at)
WHERE clients.case_system_id = $1 AND clients.transfer_id = told.transfer_id
"""
MARK_UPDATED = """
UPDATE clients SET revision = revision + changed.times
FROM unnest($2::uuid[], $3::int[]) AS changed (transfer_id, times)
WHERE clients.case_system_id = $1 AND clients.transfer_id = changed.transfer_id AND state <> 'ended'
"""
END_WITHDRAWN = """
INSERT INTO clients (case_system_id, transfer_id, client_id, clienthood_version, municipality_code,
                     state, revision, fetched_revision, channel)
SELECT $1, transfer_id, client_id, clienthood_version, municipality_code, 'ended', 1, 1, $2
FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[])
     AS gone (transfer_id, client_id, clienthood_version, municipality_code)
ON CONFLICT (case_system_id, transfer_id)
DO UPDATE SET state = 'ended', fetched_revision = clients.revision
"""
LIST_TO_FETCH = """
SELECT transfer_id::text, revision FROM clients
WHERE case_system_id = $1 AND fetched_revision < revision
ORDER BY transfer_id LIMIT $2
"""
STORE_PERSONS = """
INSERT INTO persons (case_system_id, transfer_id, identity_code, source_client_number, document)
SELECT $1, transfer_id, identity_code, source_client_number, document
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::json[])
     AS new (transfer_id, identity_code, source_client_number, document)
ON CONFLICT (case_system_id, transfer_id) DO UPDATE
SET identity_code = excluded.identity_code, source_client_number = excluded.source_client_number,
    document = excluded.document
"""
MARK_FETCHED = """
UPDATE clients
SET fetched_revision = got.revision,
    state = CASE WHEN state IN ('received', 'refused') THEN 'fetched' ELSE state END,
    channel = CASE WHEN got.is_restricted THEN 'restricted' ELSE channel END
FROM unnest($2::uuid[], $3::int[], $4::bool[]) AS got (transfer_id, revision, is_restricted)
WHERE clients.case_system_id = $1 AND clients.transfer_id = got.transfer_id AND state <> 'ended'
"""
MARK_REFUSED = """
UPDATE clients
SET fetched_revision = revision, refusal_code = refusal.code, state = 'refused'
FROM unnest($2::uuid[], $3::text[]) AS refusal (transfer_id, code)
WHERE clients.case_system_id = $1 AND clients.transfer_id = refusal.transfer_id AND state <> 'ended'
"""
LIST_TO_ACKNOWLEDGE = """
SELECT transfer_id::text FROM clients
WHERE case_system_id = $1 AND state = 'fetched'
ORDER BY transfer_id LIMIT $2
"""
MARK_ACKNOWLEDGED = """
UPDATE clients SET state = 'acknowledged'
WHERE case_system_id = $1 AND transfer_id = ANY($2::uuid[]) AND state = 'fetched'
"""
# Between the last event read and the snapshot anything may have changed, the person too.
TAKE_HELD = """
UPDATE clients
SET state = CASE WHEN state = 'acknowledged' AND NOT held.is_offered THEN state ELSE 'received' END,
    revision = revision + 1, refusal_code = NULL,
    notified_at = CASE WHEN held.is_notified THEN coalesce(notified_at, $2) END
FROM unnest($3::uuid[], $4::bool[], $5::bool[]) AS held (transfer_id, is_offered, is_notified)
WHERE clients.case_system_id = $1 AND clients.transfer_id = held.transfer_id
"""
END_NOT_HELD = """
UPDATE clients SET state = 'ended', fetched_revision = revision
WHERE case_system_id = $1 AND state <> 'ended' AND transfer_id <> ALL($2::uuid[])
"""
COUNT_STATES = "SELECT case_system_id, state, count(*) FROM clients GROUP BY case_system_id, state"
LIST_POSITIONS = (
    "SELECT consumer, stream, cursor, sequence FROM inbox_positions ORDER BY consumer, stream"
)
CURSORS = "SELECT DISTINCT cursor FROM inbox_positions WHERE cursor <> 'earliest'"
LIST_CLIENTS = """
SELECT clients.transfer_id::text, client_id::text, clienthood_version, municipality_code, state,
       channel, notified_at IS NOT NULL AS is_notified, identity_code, source_client_number
FROM clients LEFT JOIN persons USING (case_system_id, transfer_id)
WHERE case_system_id = $1 AND clients.transfer_id > $2::uuid
ORDER BY clients.transfer_id LIMIT $3
"""


class ToFetch(Struct, frozen=True):
    """A client whose person is to be fetched, and the revision that the answer will stand for."""

    transfer_id: str
    revision: int


class SnapshotClient(Struct, frozen=True, kw_only=True):
    """A client as the snapshot lists it, as far as it is read."""

    transfer_id: str
    client_id: str
    clienthood_version: int
    municipality_code: str
    valid_from: date
    transfer_state: str
    notice_state: str


class StoredPerson(Struct, frozen=True):
    """A disclosed person, to be stored for a revision of its client."""

    transfer_id: str
    revision: int
    identity_code: str
    source_client_number: str | None
    document: str
    is_restricted: bool


class HeldClient(Struct, frozen=True, kw_only=True):
    """A client as the case system holds it, for whoever compares."""

    transfer_id: str
    client_id: str
    clienthood_version: int
    municipality_code: str
    state: str
    channel: str
    is_notified: bool
    identity_code: str | None
    source_client_number: str | None


class Position(Struct, frozen=True):
    """How far one consumer has read one stream."""

    consumer: str
    stream: str
    cursor: str
    sequence: str


def _rows_of(status: str) -> int:
    """Return how many rows a statement touched, from its command tag."""
    return int(status.rsplit(" ", 1)[1])


async def append_transferred(
    connection: Connection,
    case_system_id: str,
    transfers: Iterable[Transferred],
    *,
    channel: Channel,
) -> int:
    """Add the clients of new transfers.

    One that is known, or was withdrawn before it was read, stays as it is.
    """
    rows = list(transfers)
    status = await connection.execute(
        APPEND_TRANSFERRED,
        case_system_id,
        channel,
        [row.transfer_id for row in rows],
        [row.client_id for row in rows],
        [row.clienthood_version for row in rows],
        [row.municipality_code for row in rows],
        [row.effective_on for row in rows],
    )
    return _rows_of(status)


async def mark_notified(
    connection: Connection, case_system_id: str, notices: Iterable[Notified]
) -> None:
    """Note that the persons were told."""
    rows = list(notices)
    await connection.execute(
        MARK_NOTIFIED,
        case_system_id,
        [row.transfer_id for row in rows],
        [row.notified_at for row in rows],
    )


async def mark_updated(
    connection: Connection, case_system_id: str, updates: dict[str, int]
) -> None:
    """Ask for another fetch of clients that changed."""
    await connection.execute(MARK_UPDATED, case_system_id, list(updates), list(updates.values()))


async def end_withdrawn(
    connection: Connection,
    case_system_id: str,
    withdrawals: Iterable[Withdrawn],
    *,
    channel: Channel,
) -> int:
    """End the clients of withdrawn transfers, known or not."""
    rows = list(withdrawals)
    status = await connection.execute(
        END_WITHDRAWN,
        case_system_id,
        channel,
        [row.transfer_id for row in rows],
        [row.client_id for row in rows],
        [row.clienthood_version for row in rows],
        [row.municipality_code for row in rows],
    )
    return _rows_of(status)


async def take_snapshot(
    connection: Connection,
    case_system_id: str,
    held: Sequence[SnapshotClient],
    *,
    at: datetime,
) -> None:
    """Hold what the snapshot lists, and nothing else; every person is to be fetched anew.

    A client that was taken over stays so unless it is offered again. A notice that is listed was
    learned of now: the snapshot tells no time.
    """
    await connection.execute(
        TAKE_HELD,
        case_system_id,
        at,
        [client.transfer_id for client in held],
        [client.transfer_state == "offered" for client in held],
        [client.notice_state == "given" for client in held],
    )
    await append_transferred(
        connection,
        case_system_id,
        [
            Transferred(
                client.transfer_id,
                client.client_id,
                client.clienthood_version,
                client.municipality_code,
                client.valid_from,
            )
            for client in held
        ],
        channel=Channel.COMMON,
    )
    await connection.execute(END_NOT_HELD, case_system_id, [client.transfer_id for client in held])


async def list_to_fetch(
    connection: Connection, case_system_id: str, *, limit: int
) -> list[ToFetch]:
    """Return clients whose person is not stored yet or has changed, by transfer id."""
    rows = await connection.fetch(LIST_TO_FETCH, case_system_id, limit)
    return [ToFetch(row[0], row[1]) for row in rows]


async def store_persons(
    connection: Connection, case_system_id: str, persons: Sequence[StoredPerson]
) -> int:
    """Store disclosed persons and move their clients on.

    A snapshot does not tell over which feed a client's events come; the person does.
    """
    transfer_ids = [person.transfer_id for person in persons]
    await connection.execute(
        STORE_PERSONS,
        case_system_id,
        transfer_ids,
        [person.identity_code for person in persons],
        [person.source_client_number for person in persons],
        [person.document for person in persons],
    )
    status = await connection.execute(
        MARK_FETCHED,
        case_system_id,
        transfer_ids,
        [person.revision for person in persons],
        [person.is_restricted for person in persons],
    )
    return _rows_of(status)


async def mark_refused(
    connection: Connection, case_system_id: str, refusals: dict[str, str]
) -> int:
    """Note clients that the service refuses to this case system: code by transfer id."""
    status = await connection.execute(
        MARK_REFUSED, case_system_id, list(refusals), list(refusals.values())
    )
    return _rows_of(status)


async def list_to_acknowledge(
    connection: Connection, case_system_id: str, *, limit: int
) -> list[str]:
    """Return transfers whose person is stored and that are not taken over yet."""
    rows = await connection.fetch(LIST_TO_ACKNOWLEDGE, case_system_id, limit)
    return [row[0] for row in rows]


async def mark_acknowledged(
    connection: Connection, case_system_id: str, transfer_ids: Sequence[str]
) -> int:
    """Note transfers as taken over."""
    return _rows_of(await connection.execute(MARK_ACKNOWLEDGED, case_system_id, transfer_ids))


async def count_states(connection: Connection) -> dict[str, dict[str, int]]:
    """Return how many clients stand in each state, by case system."""
    counts: dict[str, dict[str, int]] = {}
    for case_system_id, state, count in await connection.fetch(COUNT_STATES):
        counts.setdefault(case_system_id, {})[state] = count
    return counts


async def list_positions(connection: Connection) -> list[Position]:
    """Return how far each case system has read each of its streams."""
    rows = await connection.fetch(LIST_POSITIONS)
    return [Position(row[0], row[1], row[2], row[3]) for row in rows]


async def list_clients(
    connection: Connection, case_system_id: str, *, after: str, limit: int
) -> list[HeldClient]:
    """Return a case system's clients in the order of transfer ids, from behind `after`."""
    rows = await connection.fetch(LIST_CLIENTS, case_system_id, after, limit)
    return [HeldClient(**dict(row)) for row in rows]
