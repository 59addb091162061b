"""Reversals, and the entries that they take back."""

from collections.abc import Sequence
from typing import Any, Literal

import asyncpg
import msgspec

from kuntavayla.database import Connection, LostRace
from kuntavayla.database.statements import Columns
from quota_ledger.rules.allocations import Document
from quota_ledger.rules.balances import Sums
from quota_ledger.rules.reversals import BookedEntry, Reversal

_REVERSAL = Columns(
    {
        "reversal_id": "uuid",
        "allocation_id": "uuid",
        "transfer_id": "uuid",
        "payment_id": "uuid",
        "entry_ids": "uuid[]",
        "commitment_left_cents": "int8",
        "reason": "text",
        "document": "jsonb",
        "organisation": "text",
        "official_id": "text",
        "created_at": "timestamptz",
    }
)
Noun = Literal["allocation", "transfer", "payment"]
"""What may be reversed."""
_SUMS = Sums.__struct_fields__
_AS_TEXT = {"uuid": "::text", "uuid[]": "::text[]", "jsonb": "::text"}
_SELECTED = ", ".join(
    f"v.{name}{_AS_TEXT.get(_REVERSAL.types[name], '')}" for name in _REVERSAL.names
)
APPEND = f"""
INSERT INTO reversals ({_REVERSAL.listed}) SELECT {_REVERSAL.read} FROM {_REVERSAL.recordset()}
"""  # noqa: S608 - constants of ours
FIND = f"SELECT {_SELECTED} FROM reversals v WHERE v.reversal_id = $1"  # noqa: S608
FIND_OF: dict[Noun, str] = {
    "allocation": "SELECT reversal_id::text FROM reversals WHERE allocation_id = $1",
    "transfer": "SELECT reversal_id::text FROM reversals WHERE transfer_id = $1",
    "payment": "SELECT reversal_id::text FROM reversals WHERE payment_id = $1",
}
_BOOKED = f"""
SELECT e.entry_id::text, e.account_id::text, e.value_on, {", ".join(f"e.{name}" for name in _SUMS)}
FROM entries e
"""  # noqa: S608 - constants of ours
LIST_BOOKED = f"{_BOOKED} WHERE e.entry_id = ANY($1::uuid[]) ORDER BY e.account_id"
LIST_BOOKED_OF_PAYMENT = f"""
{_BOOKED}
WHERE e.decision_id = $1 AND e.payment_id = $2 AND e.kind IN ('payment', 'recovery')
ORDER BY e.account_id
"""


async def append(connection: Connection, reversal: Reversal) -> None:
    """Store a reversal.

    Raises LostRace where another transaction reversed the same first: the caller holds the locks of
    its accounts, so that happens to nobody who has looked for one behind them.
    """
    try:
        await connection.execute(APPEND, _REVERSAL.argument([reversal]))
    except asyncpg.UniqueViolationError as error:
        raise LostRace from error


async def load(connection: Connection, reversal_id: str) -> Reversal:
    """Return a reversal that there is."""
    row = dict(await connection.fetchrow(FIND, reversal_id) or {})
    row["document"] = msgspec.json.decode(row["document"], type=Document)
    return Reversal(**row)


async def find_of(connection: Connection, noun: Noun, its_id: str) -> str | None:
    """Return the id of the reversal of something, if there is one by now."""
    found: str | None = await connection.fetchval(FIND_OF[noun], its_id)
    return found


async def list_booked(connection: Connection, entry_ids: Sequence[str]) -> list[BookedEntry]:
    """Return entries by their ids, in order of their accounts."""
    return [_booked(row) for row in await connection.fetch(LIST_BOOKED, entry_ids)]


async def list_booked_of_payment(
    connection: Connection, *, decision_id: str, payment_id: str
) -> list[BookedEntry]:
    """Return the entries that a payment of a decision made, in order of their accounts."""
    rows = await connection.fetch(LIST_BOOKED_OF_PAYMENT, decision_id, payment_id)
    return [_booked(row) for row in rows]


def _booked(row: Any) -> BookedEntry:  # noqa: ANN401 - a record
    return BookedEntry(
        entry_id=row["entry_id"],
        account_id=row["account_id"],
        value_on=row["value_on"],
        change=Sums(*(row[name] for name in _SUMS)),
    )
