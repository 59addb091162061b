"""What a batch books, written together: accounts and holds behind it, entries, and their seals."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import audit
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection
from kuntavayla.database.statements import TOGETHER_MAX
from quota_ledger.rules.balances import Balance
from quota_ledger.rules.booked import Entry
from quota_ledger.store import accounts, entries
from quota_ledger.store.accounts import Held

BOOKED_TOGETHER_MAX = TOGETHER_MAX // 2
"""Entries and holds of one statement: those of as many decisions as are added by one statement."""
WRITE = f"""
WITH changed AS ({accounts.change_statement(1)}),
     held AS ({accounts.holds_statement(2)}),
     booked AS (
         INSERT INTO entries ({entries.COLUMNS.listed})
         SELECT {entries.COLUMNS.read} FROM {entries.COLUMNS.recordset(3)}
     )
INSERT INTO audit ({audit.COLUMNS.listed})
SELECT {audit.COLUMNS.read} FROM {audit.COLUMNS.recordset(4)}
"""  # noqa: S608 - constants of ours


class Bookings(Struct, frozen=True, kw_only=True):
    """Accounts that are locked as they stand behind a batch, clients' holds in them, and entries.

    `seals` are the lines of the audit that prove the entries.
    """

    balances: Sequence[Balance]
    held: Held
    entries: Sequence[Entry]
    seals: Sequence[AuditLine]


async def write(connection: Connection, booked: Bookings) -> None:
    """Write a batch: one statement where it is few rows, a COPY of the entries where many."""
    if not booked.balances:
        return
    if len(booked.held) + len(booked.entries) <= BOOKED_TOGETHER_MAX:
        await connection.execute(
            WRITE,
            accounts.change_argument(booked.balances),
            accounts.holds_argument(booked.held),
            entries.COLUMNS.argument(booked.entries),
            audit.COLUMNS.argument(booked.seals),
        )
        return
    await accounts.change(connection, booked.balances)
    await accounts.keep_holds(connection, booked.held)
    await entries.append(connection, booked.entries)
    await audit.append(connection, booked.seals)
