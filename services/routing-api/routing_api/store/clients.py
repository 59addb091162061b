"""Clients: look-ups, the locked current state, and the history of clienthoods."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from routing_api.rules.clienthoods import Authority, ClientState, Responsible

STATE_COLUMNS = """
client_id::text, version, authority, municipality_code, area_code, case_system_id, te_office_code,
transfer_id::text, decision_id::text, registration_id::text, review_id::text, newest_effective_on,
is_restricted, valid_from, client_since_on
"""
LOCK_BY_LOOKUP = f"""
SELECT {STATE_COLUMNS}, lookup_a FROM clients
WHERE lookup_a = ANY($1::bytea[])
ORDER BY client_id
FOR UPDATE
"""  # noqa: S608 - a constant of ours
LOCK_BY_ID = f"""
SELECT {STATE_COLUMNS} FROM clients WHERE client_id = ANY($1::uuid[]) ORDER BY client_id FOR UPDATE
"""  # noqa: S608 - a constant of ours
FIND_STATE = f"SELECT {STATE_COLUMNS} FROM clients WHERE client_id = $1"  # noqa: S608 - a constant of ours
FIND_BY_LOOKUPS = """
SELECT lookup_a, client_id::text FROM clients WHERE lookup_a = ANY($1::bytea[])
"""
_STATE = {
    "client_id": "uuid",
    "version": "int4",
    "authority": "text:responsible.authority",
    "municipality_code": "text:responsible.municipality_code",
    "area_code": "text:responsible.area_code",
    "case_system_id": "text:responsible.case_system_id",
    "te_office_code": "text:responsible.te_office_code",
    "transfer_id": "uuid",
    "decision_id": "uuid",
    "registration_id": "uuid",
    "review_id": "uuid",
    "newest_effective_on": "date",
    "is_restricted": "bool",
    "valid_from": "date",
    "client_since_on": "date",
}
_STATE_COLUMNS = Columns(_STATE)
UPDATE = f"""
UPDATE clients SET {", ".join(f"{name} = r.{name}" for name in _STATE if name != "client_id")}
FROM {_STATE_COLUMNS.recordset()}
WHERE clients.client_id = r.client_id
"""  # noqa: S608 - constants of ours
NEW = Columns(
    {
        **{
            name: f"{spec.partition(':')[0]}:state.{spec.partition(':')[2] or name}"
            for name, spec in _STATE.items()
        },
        "lookup_a": "bytea",
        "lookup_b": "bytea",
        "identity_ciphertext": "bytea",
        "identity_key_id": "text",
        "created_at": "timestamptz",
    }
)
CLIENTHOODS = Columns(
    {
        "client_id": "uuid",
        "version": "int4",
        "authority": "text:responsible.authority",
        "municipality_code": "text:responsible.municipality_code",
        "area_code": "text:responsible.area_code",
        "case_system_id": "text:responsible.case_system_id",
        "te_office_code": "text:responsible.te_office_code",
        "decision_id": "uuid",
        "valid_from": "date",
        "valid_to": "date",
    }
)
END_CLIENTHOODS = """
UPDATE clienthoods SET valid_to = e.valid_to
FROM unnest($1::uuid[], $2::int4[], $3::date[]) AS e (client_id, version, valid_to)
WHERE clienthoods.client_id = e.client_id AND clienthoods.version = e.version
"""
HISTORY = """
SELECT client_id::text, version, authority, municipality_code, area_code, case_system_id,
       te_office_code, decision_id::text, valid_from, valid_to
FROM clienthoods WHERE client_id = $1 ORDER BY version LIMIT $2
"""
SNAPSHOT = """
SELECT h.client_id::text, h.version, h.municipality_code, h.area_code, h.te_office_code,
       h.valid_from, h.valid_to, t.transfer_id::text, t.state, t.cause, t.acknowledge_due_at,
       t.notified_at IS NOT NULL AS is_notified, t.is_restricted
FROM clienthoods h
JOIN transfers t ON t.client_id = h.client_id AND t.clienthood_version = h.version
WHERE h.case_system_id = $1 AND h.client_id > $2 AND (NOT t.is_restricted OR $3)
  AND ($4::date IS NULL OR h.valid_from <= $4)
  AND (h.valid_to IS NULL OR h.valid_to >= greatest(h.valid_from, coalesce($4, $5::date)))
ORDER BY h.client_id
FETCH FIRST ($6) ROWS WITH TIES
"""
HISTORY_MAX = 1_000


class NewClient(Struct, frozen=True):
    """A client to be stored for the first time."""

    state: ClientState
    lookup_a: bytes
    lookup_b: bytes
    identity_ciphertext: bytes
    identity_key_id: str
    created_at: datetime


class Clienthood(Struct, frozen=True, kw_only=True):
    """One version of a client's responsibility."""

    client_id: str
    version: int
    responsible: Responsible
    decision_id: str
    valid_from: date
    valid_to: date | None

    def holds_on(self, day: date) -> bool:
        """Say whether the version counts on a day."""
        return self.valid_from <= day and self.holds_on_or_after(day)

    def holds_on_or_after(self, day: date) -> bool:
        """Say whether the version counts on a day or on a later one."""
        return self.valid_to is None or self.valid_to >= max(day, self.valid_from)


class EndedClienthood(Struct, frozen=True):
    """The end of one version: its last day."""

    client_id: str
    version: int
    valid_to: date


class HeldQuery(Struct, frozen=True, kw_only=True):
    """Whose clienthoods are asked for: held on a day, or all that have not ended by today."""

    case_system_id: str
    on: date | None
    today: date
    may_see_restricted: bool


class HeldClienthood(Struct, frozen=True, kw_only=True):
    """A clienthood as the responsible case system sees it in the snapshot."""

    client_id: str
    clienthood_version: int
    transfer_id: str
    transfer_state: str
    cause: str
    municipality_code: str
    area_code: str
    te_office_code: str
    valid_from: date
    valid_to: date | None
    acknowledge_due_at: datetime
    is_notified: bool
    is_restricted: bool


def _responsible(row: Any) -> Responsible:  # noqa: ANN401 - a record of asyncpg
    authority: Authority = row["authority"]
    return Responsible(
        authority,
        row["te_office_code"],
        row["municipality_code"],
        row["area_code"],
        row["case_system_id"],
    )


def _state(row: Any) -> ClientState:  # noqa: ANN401 - a record of asyncpg
    return ClientState(
        client_id=row["client_id"],
        version=row["version"],
        responsible=_responsible(row),
        transfer_id=row["transfer_id"],
        decision_id=row["decision_id"],
        registration_id=row["registration_id"],
        review_id=row["review_id"],
        newest_effective_on=row["newest_effective_on"],
        is_restricted=row["is_restricted"],
        valid_from=row["valid_from"],
        client_since_on=row["client_since_on"],
    )


async def lock_by_lookup(
    connection: Connection, lookups: Sequence[bytes]
) -> dict[bytes, ClientState]:
    """Lock the clients that the look-ups know, in client order; keyed by look-up."""
    rows = await connection.fetch(LOCK_BY_LOOKUP, lookups)
    return {row["lookup_a"]: _state(row) for row in rows}


async def lock_by_id(connection: Connection, client_ids: Sequence[str]) -> dict[str, ClientState]:
    """Lock clients in client order; keyed by client_id."""
    return {row["client_id"]: _state(row) for row in await connection.fetch(LOCK_BY_ID, client_ids)}


async def find_state(connection: Connection, client_id: str) -> ClientState | None:
    """Return a client's current state without a lock."""
    row = await connection.fetchrow(FIND_STATE, client_id)
    return _state(row) if row else None


async def find_by_lookups(connection: Connection, lookups: Sequence[bytes]) -> dict[bytes, str]:
    """Return the ids of the clients that are known, by their look-ups."""
    rows = await connection.fetch(FIND_BY_LOOKUPS, lookups)
    return {row["lookup_a"]: row["client_id"] for row in rows}


async def update_clients(connection: Connection, states: Sequence[ClientState]) -> None:
    """Write the new current state of clients that the caller has locked."""
    if states:
        await connection.execute(UPDATE, _STATE_COLUMNS.argument(states))


async def end_clienthoods(connection: Connection, ended: Sequence[EndedClienthood]) -> None:
    """Write the last day of versions whose client the caller has locked."""
    if ended:
        await connection.execute(
            END_CLIENTHOODS,
            [end.client_id for end in ended],
            [end.version for end in ended],
            [end.valid_to for end in ended],
        )


async def list_history(connection: Connection, client_id: str) -> list[Clienthood]:
    """List a client's clienthoods, oldest first."""
    return [
        Clienthood(
            client_id=row["client_id"],
            version=row["version"],
            responsible=_responsible(row),
            decision_id=row["decision_id"],
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
        )
        for row in await connection.fetch(HISTORY, client_id, HISTORY_MAX)
    ]


async def list_held(
    connection: Connection, query: HeldQuery, *, after: str, limit: int
) -> list[HeldClienthood]:
    """List the clienthoods that a case system holds on a day, in client order behind `after`.

    Without a day: all that have not ended by today, those that begin later among them, so that
    nothing is missed by one who goes on with the feed. A page ends with a client's last version, so
    it may be longer than `limit`.
    """
    rows = await connection.fetch(
        SNAPSHOT,
        query.case_system_id,
        after,
        query.may_see_restricted,
        query.on,
        query.today,
        limit,
    )
    return [
        HeldClienthood(
            client_id=row["client_id"],
            clienthood_version=row["version"],
            transfer_id=row["transfer_id"],
            transfer_state=row["state"],
            cause=row["cause"],
            municipality_code=row["municipality_code"],
            area_code=row["area_code"],
            te_office_code=row["te_office_code"],
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
            acknowledge_due_at=row["acknowledge_due_at"],
            is_notified=row["is_notified"],
            is_restricted=row["is_restricted"],
        )
        for row in sorted(rows, key=lambda row: (row["client_id"], row["version"]))
    ]
