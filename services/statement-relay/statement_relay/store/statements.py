"""Statements that TE offices have given."""

from collections.abc import Sequence

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from statement_relay.rules.shape import TimeSpan
from statement_relay.rules.statements import Statement

GIVEN = Columns(
    {
        "statement_id": "uuid",
        "organisation": "text",
        "reference": "text",
        "fingerprint": "bytea",
        "client_id": "uuid",
        "te_office_code": "text",
        "kind": "text",
        "starts_on": "date:period.starts_on",
        "ends_on": "date:period.ends_on",
        "outcome_code": "text",
        "given_on": "date",
        "recorded_at": "timestamptz",
        "information_ids": "uuid[]",
    }
)
_SELECTED = """
statement_id::text, organisation, reference, fingerprint, client_id::text, te_office_code, kind,
starts_on, ends_on, outcome_code, given_on, recorded_at, information_ids::text[]
"""
APPEND = f"""
INSERT INTO statements ({GIVEN.listed})
SELECT {GIVEN.read} FROM {GIVEN.recordset()} ORDER BY organisation, reference
ON CONFLICT (organisation, reference) DO NOTHING
RETURNING statement_id::text
"""  # noqa: S608 - constants of ours
FIND = f"SELECT {_SELECTED} FROM statements WHERE statement_id = $1"  # noqa: S608 - a constant of ours
FIND_BY_REFERENCE = f"""
SELECT {_SELECTED} FROM statements WHERE organisation = $1 AND reference = $2
"""  # noqa: S608 - a constant of ours
OF_CLIENT = """
SELECT information_id::text FROM information
WHERE information_id = ANY($1::uuid[]) AND client_id = $2
"""


def _statement(row: object) -> Statement:
    values = dict(row)  # type: ignore[call-overload]
    period = TimeSpan(values.pop("starts_on"), values.pop("ends_on"))
    values["information_ids"] = tuple(values["information_ids"])
    return Statement(**values, period=period)


async def append_statements(connection: Connection, given: Sequence[Statement]) -> frozenset[str]:
    """Add statements; return the ids of those added.

    One whose reference its organisation has used before is left out. A reference that another
    transaction is just using is waited for.
    """
    rows = await connection.fetch(APPEND, GIVEN.argument(given))
    return frozenset(row["statement_id"] for row in rows)


async def find_statement(connection: Connection, statement_id: str) -> Statement | None:
    """Return one statement."""
    row = await connection.fetchrow(FIND, statement_id)
    return _statement(row) if row else None


async def find_by_reference(
    connection: Connection, organisation: str, reference: str
) -> Statement | None:
    """Return the statement that an organisation has given under its reference."""
    row = await connection.fetchrow(FIND_BY_REFERENCE, organisation, reference)
    return _statement(row) if row else None


async def list_items_of_client(
    connection: Connection, information_ids: Sequence[str], *, client_id: str
) -> frozenset[str]:
    """Return those of the ids that are items of information about the client."""
    if not information_ids:
        return frozenset()
    rows = await connection.fetch(OF_CLIENT, list(information_ids), client_id)
    return frozenset(row["information_id"] for row in rows)
