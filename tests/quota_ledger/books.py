"""The books of a ledger, read from the database and added up independently of the service."""

from collections.abc import Mapping
from typing import Any

from quota_ledger.rules.balances import Sums
from tests.quota_ledger.service import Ledger

SUMS = Sums.__struct_fields__
Row = Mapping[str, Any]


async def faults_of(ledger: Ledger) -> list[str]:
    """Return everything that does not add up; an empty list is what a test wants to see."""
    accounts = await ledger.fetch("SELECT * FROM accounts ORDER BY account_id")
    entries = await ledger.fetch("SELECT * FROM entries ORDER BY account_id, position")
    holds = await ledger.fetch("SELECT * FROM account_clients")
    by_account: dict[Any, list[Row]] = {row["account_id"]: [] for row in accounts}
    for entry in entries:
        by_account[entry["account_id"]].append(entry)
    faults = []
    for account in accounts:
        faults += _faults_of_account(account, by_account[account["account_id"]])
        counted = [row for row in holds if row["account_id"] == account["account_id"]]
        faults += _faults_of_persons(account, counted)
    return faults


def _faults_of_account(account: Row, entries: list[Row]) -> list[str]:
    name, faults = str(account["account_id"]), []
    if [entry["position"] for entry in entries] != list(range(1, account["last_position"] + 1)):
        faults.append(f"{name}: positions have holes")
    total = dict.fromkeys(SUMS, 0)
    for entry in entries:
        for one in SUMS:
            total[one] += entry[one]
        if any(entry[f"{one}_after"] != total[one] for one in SUMS):
            faults.append(f"{name}: balance behind entry {entry['position']} is wrong")
        bound = total["reserved_cents"] + total["committed_cents"]
        if bound > total["allocated_cents"] + total["overridden_cents"]:
            faults.append(f"{name}: overdrawn behind entry {entry['position']}")
    if any(account[one] != total[one] for one in SUMS):
        faults.append(f"{name}: entries do not add up to the balance")
    return faults


def _faults_of_persons(account: Row, holds: list[Row]) -> list[str]:
    committed = sum(1 for row in holds if row["committed_holds"])
    reserved = sum(1 for row in holds if row["reserved_holds"] and not row["committed_holds"])
    counted = account["reserved_persons"], account["committed_persons"]
    wrong = f"{account['account_id']}: persons are {counted}, holds say {(reserved, committed)}"
    return [] if counted == (reserved, committed) else [wrong]
