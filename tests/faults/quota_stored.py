"""Everything that the ledger holds after a campaign, as rows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

import msgspec

from tests.faults.postgres import Postgres
from tests.faults.quota_site import LEDGER

Rows = list[dict[str, Any]]
ASKED = {
    "accounts": "SELECT account_id::text AS id, * FROM accounts ORDER BY account_id",
    "entries": """
        SELECT account_id::text AS account, decision_id::text AS decision,
               payment_id::text AS payment, override_id::text AS override,
               allocation_id::text AS allocation, transfer_id::text AS transfer, *
        FROM entries ORDER BY account_id, position
    """,
    "decisions": """
        SELECT decision_id::text AS id, (content ->> 'unit_cost_cents')::int8 AS cents, *
        FROM decisions ORDER BY decision_id
    """,
    "draws": """
        SELECT decision_id::text AS decision, account_id::text AS account, * FROM decision_draws
    """,
    "steps": """
        SELECT decision_id::text AS decision, number, action FROM decision_steps
        ORDER BY decision_id, number
    """,
    "holds": """
        SELECT account_id::text AS account, client_id::text AS client, reserved_holds,
               committed_holds
        FROM account_clients
    """,
    "payments": "SELECT payment_id::text AS id, decision_id::text AS decision, * FROM payments",
    "allocations": "SELECT allocation_id::text AS id, amount_cents, kind FROM allocations",
    "transfers": "SELECT transfer_id::text AS id, amount_cents FROM allocation_transfers",
    "reversals": """
        SELECT coalesce(allocation_id, transfer_id, payment_id)::text AS of FROM reversals
    """,
    "overrides": "SELECT override_id::text AS id, decision_id::text AS decision, * FROM overrides",
    "lapses": "SELECT lapse_id::text AS id, budget_year FROM lapses",
    "audit": "SELECT action, outcome, resource_id::text AS resource FROM audit",
    "outbox": """
        SELECT position, event_id::text, recipient, channel, convert_from(body, 'UTF8') AS body
        FROM outbox ORDER BY position
    """,
    "head": "SELECT position FROM outbox_head",
}


class Stored:
    """The rows, by what they are."""

    def __init__(self, rows: Mapping[str, Rows]) -> None:
        self.accounts = rows["accounts"]
        self.entries = rows["entries"]
        self.decisions = rows["decisions"]
        self.draws = rows["draws"]
        self.steps = rows["steps"]
        self.holds = rows["holds"]
        self.payments = rows["payments"]
        self.allocations = rows["allocations"]
        self.transfers = rows["transfers"]
        self.reversals = rows["reversals"]
        self.overrides = rows["overrides"]
        self.lapses = rows["lapses"]
        self.audit = rows["audit"]
        self.outbox = rows["outbox"]
        self.head = rows["head"]

    def copied(self) -> "Stored":
        """Return the same, whose rows may be changed without harm."""
        other = copy(self)
        for name, rows in vars(self).items():
            setattr(other, name, [dict(row) for row in rows])
        return other

    def events(self) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Yield kind, data and row of each event, in order."""
        for row in self.outbox:
            event = msgspec.json.decode(row["body"])
            kind = event["type"].removeprefix("fi.kuntavayla.").removesuffix(".v1")
            yield kind, event["data"], row

    def entries_by(self, name: str) -> dict[str, Rows]:
        """Return the entries by what they are of, such as an account or a payment."""
        found: dict[str, Rows] = defaultdict(list)
        for row in self.entries:
            if row[name] is not None:
                found[row[name]].append(row)
        return found


async def load_stored(postgres: Postgres) -> Stored:
    """Read the database."""
    return Stored(
        {
            name: [dict(row) for row in await postgres.fetch(LEDGER, sql)]
            for name, sql in ASKED.items()
        }
    )
