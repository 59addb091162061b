"""Entries: appended once, never changed."""

from collections.abc import Sequence

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from quota_ledger.rules.balances import Sums
from quota_ledger.rules.booked import Entry

_SUMS = Sums.__struct_fields__
_COLUMNS = Columns(
    {
        "account_id": "uuid:balance.account_id",
        "position": "int8:balance.last_position",
        "entry_id": "uuid",
        "kind": "text",
        "booked_at": "timestamptz",
        "value_on": "date:refs.value_on",
        **{name: f"int8:change.{name}" for name in _SUMS},
        **{f"{name}_after": f"int8:balance.sums.{name}" for name in _SUMS},
        "client_id": "uuid",
        **{
            name: f"{kind}:refs.{name}"
            for name, kind in {
                "decision_id": "uuid",
                "allocation_id": "uuid",
                "transfer_id": "uuid",
                "payment_id": "uuid",
                "override_id": "uuid",
                "reverses": "uuid",
                "organisation": "text",
                "official_id": "text",
                "reason": "text",
                "document": "text",
            }.items()
        },
    }
)


async def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append entries of locked accounts, in their order, by one COPY."""
    await _COLUMNS.append(connection, "entries", entries)
