"""Entries: appended once, never changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.booked import Entry, ListedEntry
from quota_ledger.rules.statements import AboutDecision, StatedEntry, StatementPeriod

_SUMS = Sums.__struct_fields__
COLUMNS = Columns(
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
_AFTER = ", ".join(f"e.{name}_after" for name in _SUMS)
FIND_BEHIND = f"""
SELECT e.entry_id::text, e.account_id::text, e.position, {_AFTER}
FROM entries e WHERE e.entry_id = ANY($1::uuid[])
"""  # noqa: S608 - constants of ours
_LISTED = (
    "position",
    "entry_id",
    "kind",
    "booked_at",
    "value_on",
    "decision_id",
    "allocation_id",
    "transfer_id",
    "payment_id",
    "override_id",
    "reverses",
    "organisation",
    "official_id",
    "reason",
    "document",
)
_LISTED_TEXT = ", ".join(
    (
        *(f"e.{name}{'::text' if COLUMNS.types[name] == 'uuid' else ''}" for name in _LISTED),
        "v.entry_id::text AS reversed_by",
    )
)
_ABOUT = AboutDecision.__struct_fields__
LIST = f"""
SELECT {_LISTED_TEXT}, {", ".join(f"e.{name}" for name in _SUMS)}, {_AFTER},
       {", ".join(f"d.{name} AS decision_{name}" for name in _ABOUT)}
FROM entries e LEFT JOIN entries v ON v.reverses = e.entry_id
LEFT JOIN overrides o ON o.override_id = e.override_id
LEFT JOIN decisions d ON d.decision_id = coalesce(e.decision_id, o.decision_id)
WHERE e.account_id = $1 AND e.position > $2
  AND ($4::date IS NULL OR e.value_on >= $4) AND ($5::date IS NULL OR e.value_on <= $5)
ORDER BY e.position LIMIT $3
"""  # noqa: S608 - constants of ours
LIST_OF_DECISION = f"""
SELECT e.account_id::text, {_LISTED_TEXT}, {", ".join(f"e.{name}" for name in _SUMS)}, {_AFTER}
FROM entries e LEFT JOIN entries v ON v.reverses = e.entry_id
WHERE e.decision_id = $1
ORDER BY e.booked_at, e.account_id, e.position
"""  # noqa: S608 - constants of ours


async def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append entries of locked accounts, in their order, by one COPY."""
    await COLUMNS.append(connection, "entries", entries)


async def list_balances_behind(
    connection: Connection, entry_ids: Sequence[str], *, accounts: Mapping[str, Balance]
) -> list[Balance]:
    """Return the accounts of entries as they stood behind them, in the order of the ids."""
    rows = await connection.fetch(FIND_BEHIND, entry_ids)
    found = {row["entry_id"]: row for row in rows}
    return [
        replace(
            accounts[found[entry_id]["account_id"]],
            sums=_sums(found[entry_id]),
            last_position=found[entry_id]["position"],
        )
        for entry_id in entry_ids
    ]


async def list_of_account(
    connection: Connection, account_id: str, *, period: StatementPeriod, after: int, limit: int
) -> list[StatedEntry]:
    """Return the entries of an account that count for some days in order of their positions."""
    rows = await connection.fetch(LIST, account_id, after, limit, period.first_on, period.last_on)
    return [StatedEntry(_listed(row), _about(row)) for row in rows]


async def list_of_decision(
    connection: Connection, decision_id: str
) -> list[tuple[str, ListedEntry]]:
    """Return the entries of a decision in the order of their booking, each with its account."""
    rows = await connection.fetch(LIST_OF_DECISION, decision_id)
    return [(row["account_id"], _listed(row)) for row in rows]


def _about(row: Any) -> AboutDecision | None:  # noqa: ANN401 - a record
    if row["decision_organisation"] is None:
        return None
    return AboutDecision(**{name: row[f"decision_{name}"] for name in _ABOUT})


def _listed(row: Any) -> ListedEntry:  # noqa: ANN401 - a record
    return ListedEntry(
        change=Sums(*(row[name] for name in _SUMS)),
        after=_sums(row),
        **{name: row[name] for name in _LISTED},
        reversed_by=row["reversed_by"],
    )


def _sums(row: Any) -> Sums:  # noqa: ANN401 - a record
    return Sums(*(row[f"{name}_after"] for name in _SUMS))
