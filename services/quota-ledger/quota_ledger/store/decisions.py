"""Decisions: what they hold of which account, their story, and who reads them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from kuntavayla import audit
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection, LostRace
from kuntavayla.database.statements import Appending, Columns
from quota_ledger.rules.calculations import Calculation
from quota_ledger.rules.decided import Decision, Holding, Step
from quota_ledger.rules.verdicts import OpenInAccounts, Verdict

_DECISION = Columns(
    {
        "decision_id": "uuid",
        "organisation": "text",
        "municipal_id": "text",
        "fingerprint": "bytea",
        "client_id": "uuid",
        "area_code": "text",
        "municipality_code": "text",
        "instrument": "text",
        "budget_year": "int4",
        "service_code": "text",
        "decided_on": "date",
        "starts_on": "date",
        "ends_on": "date",
        "content": "json",
        "calculation": "json",
        "outcome": "text",
        "state": "text",
        "reasons": "json",
        "is_restricted": "bool",
        "official_id": "text",
        "expires_at": "timestamptz",
        "warned_at": "timestamptz",
        "version": "int4",
        "paid_cents": "int8",
        "recovered_cents": "int8",
        "created_at": "timestamptz",
        "settled_at": "timestamptz",
    }
)
HOLDING = Columns(
    {
        "decision_id": "uuid",
        "account_id": "uuid",
        "budget_year": "int4",
        "reserved_cents": "int8",
        "committed_cents": "int8",
        "paid_cents": "int8",
    }
)
STEP = Columns(
    {
        "decision_id": "uuid",
        "number": "int4",
        "action": "text",
        "at": "timestamptz",
        "organisation": "text",
        "official_id": "text",
        "reason": "text",
        "content": "json",
        "calculation": "json",
        "entry_ids": "uuid[]",
    }
)
_SOURCES = Columns({"organisation": "text", "municipal_id": "text"})
_APPENDING = Appending(
    {
        "decisions": _DECISION,
        "decision_draws": HOLDING,
        "decision_steps": STEP,
        "audit": audit.COLUMNS,
    }
)
APPEND = _APPENDING.statement
FIND_BY_SOURCE = f"""
SELECT organisation, municipal_id, d.decision_id::text, d.fingerprint
FROM decisions d JOIN {_SOURCES.recordset()} USING (organisation, municipal_id)
"""  # noqa: S608 - constants of ours
LIST_FIRST = """
SELECT s.decision_id::text, s.content::text, s.calculation::text
FROM decision_steps s WHERE s.decision_id = ANY($1::uuid[]) AND s.number = 1
"""
# What is reserved of an account by decisions, with the first end of it; what has ended already and
# is about to be let go is no news to wait for.
LIST_OPEN = """
SELECT h.account_id::text, count(*) AS count, sum(h.reserved_cents)::int8 AS cents,
       min(d.expires_at) AS next_expiry_at
FROM decision_draws h JOIN decisions d USING (decision_id)
WHERE h.account_id = ANY($1::uuid[]) AND h.reserved_cents > 0 AND d.state = 'reserved'
  AND d.expires_at >= $2
GROUP BY h.account_id
"""


class DecisionKey(Struct, frozen=True):
    """The business key of a decision, unique for ever."""

    organisation: str
    municipal_id: str


class Additions(Struct, frozen=True, kw_only=True):
    """What a batch of decisions adds, by table."""

    decisions: Sequence[Decision]
    decision_draws: Sequence[Holding]
    decision_steps: Sequence[Step]
    audit: Sequence[AuditLine]


async def append(connection: Connection, additions: Additions) -> None:
    """Add decisions with what belongs to them, by COPY where it is many rows.

    Raises LostRace where another transaction stored one of the business keys first.
    """
    try:
        await _APPENDING.run(connection, asdict(additions))
    except asyncpg.UniqueViolationError as error:
        if error.table_name == "decisions":
            raise LostRace from error
        raise


async def find_by_source(
    connection: Connection, keys: Sequence[DecisionKey]
) -> dict[DecisionKey, tuple[str, bytes]]:
    """Return decision id and fingerprint of the business keys that are taken."""
    rows = await connection.fetch(FIND_BY_SOURCE, _SOURCES.argument(keys))
    return {
        DecisionKey(row["organisation"], row["municipal_id"]): (
            row["decision_id"],
            row["fingerprint"],
        )
        for row in rows
    }


async def list_verdicts(connection: Connection, decision_ids: Sequence[str]) -> dict[str, Verdict]:
    """Return what decisions were answered with first, whatever became of them, by id."""
    if not decision_ids:
        return {}
    rows = await connection.fetch(LIST_FIRST, decision_ids)
    return {row["decision_id"]: _verdict(row) for row in rows}


async def list_open(
    connection: Connection, account_ids: Collection[str], *, now: datetime
) -> dict[str, OpenInAccounts]:
    """Return what is reserved of accounts from now on, by id; accounts without any are left out."""
    rows = await connection.fetch(LIST_OPEN, sorted(account_ids), now)
    return {
        row["account_id"]: OpenInAccounts(row["count"], row["cents"], row["next_expiry_at"])
        for row in rows
    }


_decode_verdict = msgspec.json.Decoder(Verdict).decode
_decode_calculation = msgspec.json.Decoder(Calculation).decode


def _verdict(row: Any) -> Verdict:  # noqa: ANN401 - a record
    verdict, calculation = _decode_verdict(row["content"]), row["calculation"]
    if calculation is None:
        return verdict
    return replace(verdict, calculation=_decode_calculation(calculation))
