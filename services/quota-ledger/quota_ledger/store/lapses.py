"""Years that were closed, as it was ordered."""

from collections.abc import Sequence

import msgspec

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from quota_ledger.rules.allocations import Document
from quota_ledger.rules.lapses import Lapse, LapsedAccount

_LAPSE = Columns(
    {
        "lapse_id": "uuid",
        "budget_year": "int4",
        "accounts": "jsonb",
        "reason": "text",
        "document": "jsonb",
        "organisation": "text",
        "official_id": "text",
        "created_at": "timestamptz",
    }
)
APPEND = f"""
INSERT INTO lapses ({_LAPSE.listed}) SELECT {_LAPSE.read} FROM {_LAPSE.recordset()}
"""  # noqa: S608 - constants of ours
_TEXTS = {"lapse_id", "accounts", "document"}
_SELECTED = ", ".join(f"{name}{'::text' if name in _TEXTS else ''}" for name in _LAPSE.names)
FIND = f"SELECT {_SELECTED} FROM lapses WHERE lapse_id = $1"  # noqa: S608 - constants of ours
_decode_accounts = msgspec.json.Decoder(Sequence[LapsedAccount]).decode


async def append(connection: Connection, lapse: Lapse) -> None:
    """Store that a year was closed."""
    await connection.execute(APPEND, _LAPSE.argument([lapse]))


async def load(connection: Connection, lapse_id: str) -> Lapse:
    """Return a lapse that there is."""
    row = dict(await connection.fetchrow(FIND, lapse_id) or {})
    row["accounts"] = _decode_accounts(row["accounts"])
    row["document"] = msgspec.json.decode(row["document"], type=Document)
    return Lapse(**row)
