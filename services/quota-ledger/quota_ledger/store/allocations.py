"""Allocations and transfers between accounts, as they were ordered."""

from collections.abc import Collection
from typing import Any

import msgspec

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.allocations import (
    Allocation,
    AllocationFilter,
    Basis,
    Document,
    Indicative,
    ListedAllocation,
    Transfer,
)

_ALLOCATION = Columns(
    {
        "allocation_id": "uuid",
        "account_id": "uuid",
        "kind": "text",
        "status": "text",
        "amount_cents": "int8",
        "persons": "int4",
        "valid_from_on": "date",
        "basis": "jsonb",
        "document": "jsonb",
        "reason": "text",
        "covers_override_id": "uuid",
        "entry_id": "uuid",
        "organisation": "text",
        "official_id": "text",
        "created_at": "timestamptz",
    }
)
_TRANSFER = Columns(
    {
        "transfer_id": "uuid",
        "from_account_id": "uuid",
        "to_account_id": "uuid",
        "amount_cents": "int8",
        "persons": "int4",
        "value_on": "date",
        "reason": "text",
        "document": "jsonb",
        "covers_override_id": "uuid",
        "out_entry_id": "uuid",
        "in_entry_id": "uuid",
        "organisation": "text",
        "official_id": "text",
        "created_at": "timestamptz",
    }
)
APPEND = f"""
INSERT INTO allocations ({_ALLOCATION.listed})
SELECT {_ALLOCATION.read} FROM {_ALLOCATION.recordset()}
"""  # noqa: S608 - constants of ours
APPEND_TRANSFERS = f"""
INSERT INTO allocation_transfers ({_TRANSFER.listed})
SELECT {_TRANSFER.read} FROM {_TRANSFER.recordset()}
"""  # noqa: S608 - constants of ours
_IDS = ("allocation_id", "account_id", "entry_id", "transfer_id", "from_account_id")
_IDS_OF_TRANSFER = ("to_account_id", "out_entry_id", "in_entry_id", "covers_override_id")
_TEXTS = ("basis", "document")


def _selected(columns: Columns) -> str:
    """Return the columns as they are read: ids and documents as text."""
    as_text = {*_IDS, *_IDS_OF_TRANSFER, *_TEXTS}
    return ", ".join(f"o.{name}{'::text' if name in as_text else ''}" for name in columns.names)


FIND = f"SELECT {_selected(_ALLOCATION)} FROM allocations o WHERE o.allocation_id = $1"  # noqa: S608
FIND_TRANSFER = f"""
SELECT {_selected(_TRANSFER)} FROM allocation_transfers o WHERE o.transfer_id = $1
"""  # noqa: S608 - constants of ours
HAS_INITIAL = """
SELECT EXISTS (
    SELECT FROM allocations
    WHERE account_id = $1 AND kind = 'initial' AND status = 'confirmed'
)
"""
LIST = f"""
SELECT {_selected(_ALLOCATION)}, a.area_code, a.municipality_code, a.instrument, a.budget_year,
       v.reversal_id::text AS reversed_by
FROM allocations o JOIN accounts a USING (account_id)
LEFT JOIN reversals v USING (allocation_id)
WHERE ($1::text[] IS NULL OR a.area_code = ANY($1))
  AND ($2::text IS NULL OR a.instrument = $2)
  AND ($3::int4 IS NULL OR a.budget_year = $3)
  AND ($4::text IS NULL OR o.status = $4)
  AND o.allocation_id > $5
ORDER BY o.allocation_id LIMIT $6
"""  # noqa: S608 - constants of ours
# A confirmed allocation takes the place of what was indicative before it.
INDICATIVE = """
SELECT o.account_id::text, sum(o.amount_cents)::int8 AS cents, sum(o.persons)::int8 AS persons
FROM allocations o
WHERE o.account_id = ANY($1::uuid[]) AND o.status = 'indicative' AND o.kind <> 'cut'
  AND NOT EXISTS (
    SELECT FROM allocations c
    WHERE c.account_id = o.account_id AND c.status = 'confirmed'
      AND c.created_at >= o.created_at
      AND NOT EXISTS (SELECT FROM reversals v WHERE v.allocation_id = c.allocation_id)
  )
GROUP BY o.account_id
"""


async def append(connection: Connection, allocation: Allocation) -> None:
    """Store an allocation."""
    await connection.execute(APPEND, _ALLOCATION.argument([allocation]))


async def append_transfer(connection: Connection, transfer: Transfer) -> None:
    """Store a transfer."""
    await connection.execute(APPEND_TRANSFERS, _TRANSFER.argument([transfer]))


async def load(connection: Connection, allocation_id: str) -> Allocation:
    """Return an allocation that there is."""
    return _allocation(await connection.fetchrow(FIND, allocation_id))


async def find(connection: Connection, allocation_id: str) -> Allocation | None:
    """Return an allocation, if there is one of the id."""
    row = await connection.fetchrow(FIND, allocation_id)
    return None if row is None else _allocation(row)


async def load_transfer(connection: Connection, transfer_id: str) -> Transfer:
    """Return a transfer that there is."""
    return _transfer(await connection.fetchrow(FIND_TRANSFER, transfer_id))


async def find_transfer(connection: Connection, transfer_id: str) -> Transfer | None:
    """Return a transfer, if there is one of the id."""
    row = await connection.fetchrow(FIND_TRANSFER, transfer_id)
    return None if row is None else _transfer(row)


async def has_initial(connection: Connection, account_id: str) -> bool:
    """Say whether a locked account has its initial allocation."""
    return bool(await connection.fetchval(HAS_INITIAL, account_id))


async def list_of(
    connection: Connection, query: AllocationFilter, *, after: str, limit: int
) -> list[ListedAllocation]:
    """Return allocations in the order in which they were made."""
    rows = await connection.fetch(
        LIST,
        query.area_codes,
        query.instrument,
        query.budget_year,
        query.status,
        after,
        limit,
    )
    return [ListedAllocation(_allocation(row), _key(row), row["reversed_by"]) for row in rows]


async def load_indicative(
    connection: Connection, account_ids: Collection[str]
) -> dict[str, Indicative]:
    """Return what is indicative of accounts, by id; accounts without any are left out."""
    rows = await connection.fetch(INDICATIVE, sorted(account_ids))
    return {row["account_id"]: Indicative(row["cents"], row["persons"]) for row in rows}


def _allocation(row: Any) -> Allocation:  # noqa: ANN401 - a record
    members = {name: row[name] for name in _ALLOCATION.names}
    basis = row["basis"]
    members["basis"] = None if basis is None else msgspec.json.decode(basis, type=Basis)
    members["document"] = msgspec.json.decode(row["document"], type=Document)
    return Allocation(**members)


def _transfer(row: Any) -> Transfer:  # noqa: ANN401 - a record
    document = msgspec.json.decode(row["document"], type=Document)
    return Transfer(**{**dict(row), "document": document})


def _key(row: Any) -> AccountKey:  # noqa: ANN401 - a record
    return AccountKey(
        row["area_code"], row["municipality_code"], row["instrument"], row["budget_year"]
    )
