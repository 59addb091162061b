"""Accounts: opened, looked up, locked in order, and written once a batch; holds of clients."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.posting import Holds

_KEYS = Columns(
    {
        "area_code": "text",
        "municipality_code": "text",
        "instrument": "text",
        "budget_year": "int4",
    }
)
_OPENED = Columns(
    {
        "account_id": "uuid",
        "area_code": "text:key.area_code",
        "municipality_code": "text:key.municipality_code",
        "instrument": "text:key.instrument",
        "budget_year": "int4:key.budget_year",
        "binds_persons": "bool",
        "is_lapsed": "bool",
    }
)
_SUMS = Sums.__struct_fields__
_CHANGED = Columns(
    {
        "account_id": "uuid",
        **{name: f"{'int8' if name.endswith('cents') else 'int4'}:sums.{name}" for name in _SUMS},
        "last_position": "int8",
        "threshold_told": "int2",
        "is_lapsed": "bool",
    }
)
_HELD = Columns(
    {
        "account_id": "uuid",
        "client_id": "uuid",
        "reserved_holds": "int4:holds.reserved",
        "committed_holds": "int4:holds.committed",
    }
)
OPEN = f"""
INSERT INTO accounts ({_OPENED.listed}, {", ".join(_SUMS)}, last_position, threshold_told)
SELECT {_OPENED.read}, {", ".join("0" for _ in _SUMS)}, 0, 0
FROM {_OPENED.recordset()}
ORDER BY r.area_code, r.municipality_code, r.instrument, r.budget_year
ON CONFLICT (area_code, municipality_code, instrument, budget_year) DO NOTHING
"""  # noqa: S608 - constants of ours
FIND = f"""
SELECT a.account_id::text, {", ".join(f"a.{name}" for name in _KEYS.names)}
FROM {_KEYS.recordset()}
JOIN accounts a USING ({_KEYS.listed})
"""  # noqa: S608 - constants of ours
_SELECTED = f"""
SELECT account_id::text, {_KEYS.listed}, binds_persons, is_lapsed, last_position, threshold_told,
       {", ".join(_SUMS)}
FROM accounts
"""  # noqa: S608 - constants of ours
LOCK = f"{_SELECTED} WHERE account_id = ANY($1::uuid[]) ORDER BY account_id FOR UPDATE"
LIST = f"""
{_SELECTED}
WHERE ($1::text[] IS NULL OR area_code = ANY($1))
ORDER BY area_code, municipality_code, instrument, budget_year
"""
LIST_OF_YEAR = f"""
{_SELECTED}
WHERE budget_year = $1 AND area_code = ANY($2::text[]) AND NOT is_lapsed
ORDER BY area_code, municipality_code, instrument
"""
LIST_BY_ID = f"{_SELECTED} WHERE account_id = ANY($1::uuid[])"
LIST_HOLDS = """
SELECT account_id::text, client_id::text, reserved_holds, committed_holds FROM account_clients
WHERE account_id = ANY($1::uuid[]) AND client_id = ANY($2::uuid[])
"""
Held = Mapping[tuple[str, str], Holds]
"""Holds by account and client."""


class NewAccount(Struct, frozen=True, kw_only=True):
    """An account that is opened where there is none of its key, closed where its year is over."""

    account_id: str
    key: AccountKey
    binds_persons: bool
    is_lapsed: bool


class _HeldRow(Struct, frozen=True):
    account_id: str
    client_id: str
    holds: Holds


def change_statement(number: int = 1) -> str:
    """Return what writes locked accounts that are the argument of that number."""
    changed = ", ".join(f"{name} = r.{name}" for name in _CHANGED.names if name != "account_id")
    return (
        f"UPDATE accounts AS a SET {changed} FROM {_CHANGED.recordset(number)}"  # noqa: S608 - constants of ours
        " WHERE a.account_id = r.account_id"
    )


def holds_statement(number: int = 1) -> str:
    """Return what writes the holds of clients that are the argument of that number."""
    return (
        f"INSERT INTO account_clients ({_HELD.listed})"  # noqa: S608 - constants of ours
        f" SELECT {_HELD.read} FROM {_HELD.recordset(number)} ORDER BY account_id, client_id"
        " ON CONFLICT (account_id, client_id) DO UPDATE SET"
        " reserved_holds = excluded.reserved_holds, committed_holds = excluded.committed_holds"
    )


CHANGE = change_statement()
KEEP_HOLDS = holds_statement()


async def open_accounts(connection: Connection, opened: Sequence[NewAccount]) -> None:
    """Open accounts in order of their keys; what stands already stays as it is.

    Waits for another transaction that opens the same one.
    """
    await connection.execute(OPEN, _OPENED.argument(opened))


async def find_by_key(
    connection: Connection, keys: Collection[AccountKey]
) -> dict[AccountKey, str]:
    """Return the ids of the accounts that there are, by key."""
    if not keys:
        return {}
    rows = await connection.fetch(FIND, _KEYS.argument(sorted(keys)))
    return {_key(row): row["account_id"] for row in rows}


async def lock(connection: Connection, account_ids: Collection[str]) -> dict[str, Balance]:
    """Lock accounts in order of their ids; return them as they stand behind all others."""
    if not account_ids:
        return {}
    rows = await connection.fetch(LOCK, sorted(account_ids))
    return {row["account_id"]: _balance(row) for row in rows}


async def list_balances(
    connection: Connection, *, area_codes: Sequence[str] | None
) -> list[Balance]:
    """Return accounts of areas, or all, in order of their keys."""
    return [_balance(row) for row in await connection.fetch(LIST, area_codes)]


async def list_open_of_year(
    connection: Connection, budget_year: int, *, area_codes: Collection[str]
) -> list[Balance]:
    """Return the accounts of a year in areas that have not lapsed, without a lock."""
    rows = await connection.fetch(LIST_OF_YEAR, budget_year, sorted(area_codes))
    return [_balance(row) for row in rows]


async def list_by_id(connection: Connection, account_ids: Collection[str]) -> dict[str, Balance]:
    """Return accounts as they stand, without a lock."""
    rows = await connection.fetch(LIST_BY_ID, sorted(account_ids))
    return {row["account_id"]: _balance(row) for row in rows}


async def change(connection: Connection, balances: Sequence[Balance]) -> None:
    """Write accounts that are locked, each once."""
    if balances:
        await connection.execute(CHANGE, change_argument(balances))


def change_argument(balances: Sequence[Balance]) -> str:
    """Return accounts as the argument of what writes them."""
    return _CHANGED.argument(balances)


async def list_holds(
    connection: Connection, account_ids: Collection[str], client_ids: Collection[str]
) -> dict[tuple[str, str], Holds]:
    """Return what decisions hold of locked accounts for clients; only the lock lets them change."""
    if not account_ids or not client_ids:
        return {}
    rows = await connection.fetch(LIST_HOLDS, sorted(account_ids), sorted(client_ids))
    return {
        (row["account_id"], row["client_id"]): Holds(row["reserved_holds"], row["committed_holds"])
        for row in rows
    }


async def keep_holds(connection: Connection, held: Held) -> None:
    """Write the holds of clients in locked accounts."""
    if held:
        await connection.execute(KEEP_HOLDS, holds_argument(held))


def holds_argument(held: Held) -> str:
    """Return holds as the argument of what writes them."""
    rows = [_HeldRow(account, client, holds) for (account, client), holds in held.items()]
    return _HELD.argument(rows)


def _key(row: Any) -> AccountKey:  # noqa: ANN401 - a record
    return AccountKey(
        row["area_code"], row["municipality_code"], row["instrument"], row["budget_year"]
    )


def _balance(row: Any) -> Balance:  # noqa: ANN401 - a record
    return Balance(
        account_id=row["account_id"],
        key=_key(row),
        sums=Sums(*(row[name] for name in _SUMS)),
        binds_persons=row["binds_persons"],
        is_lapsed=row["is_lapsed"],
        last_position=row["last_position"],
        threshold_told=row["threshold_told"],
    )
