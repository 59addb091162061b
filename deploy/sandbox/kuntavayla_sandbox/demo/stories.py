"""Two short stories of routing-api, each by real calls, and how to look around.

A decision with its reasons, and a refused read.
"""

import uuid
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kuntavayla_sandbox.demo.calling import Calls

OFFICE, STRANGER, AUDITOR = "te-kainuu", "cs-helsinki", "auditor"
STRANGERS_MUNICIPALITY, STRANGERS_OFFICIAL = "091", "helsinki:u-0007"
OFFICIAL = "te-kainuu:u-0001; role=caseworker; office=te-kainuu"
IDENTITY_CODE = "240587-921N"
"""A test code (individual number 900-999): design example 1."""


def aino(*, registered_at: datetime, effective_on: date) -> dict[str, Any]:
    """Return the registration of design example 1 for the stack's legal day."""
    return {
        "source": {
            "system": "ura",
            "registration_id": "URA-R-0300417",
            "client_number": "URA-C-0088123",
        },
        "registered_at": registered_at.isoformat(timespec="seconds"),
        "effective_on": effective_on.isoformat(),
        "te_office_code": OFFICE,
        "person": {
            "identity_code": IDENTITY_CODE,
            "family_name": "Esimerkki",
            "given_names": "Aino Testi",
            "home_municipality_code": "765",
            "home_municipality_basis": "population_register",
            "citizenship_codes": ["246"],
            "mother_tongue_code": "fi",
            "service_language_code": "fi",
        },
        "situation": {
            "employment_code": "02",
            "unemployed_since_on": "2020-02-17",
            "earnings_related_entitlement": "not_entitled",
            "wants_service_in_swedish": "no",
        },
    }


class Narrator:
    """Makes the stories' calls on a running stack and prints what came back."""

    def __init__(self, calls: Calls, *, console: Console) -> None:
        self._calls = calls
        self._console = console
        self._url = calls.stack.services["routing-api"]

    async def tell_the_decision(self, registration: dict[str, Any]) -> dict[str, Any]:
        """Register one person and print every ground of the decision; return the decision."""
        decision = await self._calls.call(
            OFFICE, "POST", self._url + "/registrations", body=registration, key=str(uuid.uuid4())
        )
        self._console.print(
            f"1. {OFFICE} registers a person of Sotkamo: {decision['outcome']}, "
            f"decided by {decision['decided_by']}."
        )
        self._console.print(_grounds_table(decision["grounds"]))
        self._console.print(
            f"   {decision['client_text']['fi']}\n   {decision['client_text']['sv']}"
        )
        return decision

    async def tell_the_refusal(self, decision: dict[str, Any]) -> None:
        """Let a stranger ask for the person, and show that it is refused and on record."""
        transfer_id = decision["transfer"]["transfer_id"]
        body = {
            "purpose": "client_service",
            "acting_official": {
                "official_id": STRANGERS_OFFICIAL,
                "role": "caseworker",
                "municipality_code": STRANGERS_MUNICIPALITY,
            },
            "transfer_ids": [transfer_id],
        }
        answer = await self._calls.call(STRANGER, "POST", self._url + "/persons:fetch", body=body)
        [item] = answer["items"]
        problem = item["problem"]
        self._console.print(
            f"2. {STRANGER} asks for the same person: {problem['status']} {problem['code']}, "
            f"{problem['title'].lower()}. On record:"
        )
        url = f"{self._url}/audit?official={STRANGERS_OFFICIAL}"
        audit = await self._calls.call(AUDITOR, "GET", url, official="auditor:u-0001; role=auditor")
        lines = [line for line in audit["items"] if line["resource_id"] == transfer_id]
        assert lines, "a refused read leaves a line"
        for line in lines:
            told = ", ".join(f"{name}: {value}" for name, value in line.items() if value)
            self._console.print(f"   {told}", highlight=False)
        proof = await self._calls.call(AUDITOR, "POST", self._url + "/audit:verify", body={})
        assert proof["is_intact"], proof["differences"]
        self._console.print(
            f"   The audit is sealed, and {AUDITOR} verifies it: {proof['line_count']:,} lines in"
            f" blocks {proof['first_block']}-{proof['last_block']} of {proof['newest_block']},"
            " nothing was changed since.",
            highlight=False,
        )

    async def tell_the_way(self, decision: dict[str, Any], *, directory: Path) -> None:
        """Print where the documents are, a token, and three calls to try while the stack is up."""
        self._console.print(f"The documents: {self._url}/docs", highlight=False)
        token = await self._calls.token(OFFICE)
        for line in [f"TOKEN={token}", *curl_lines(self._url, decision=decision)]:
            self._console.print(line, soft_wrap=True, highlight=False, markup=False)
        for command in (f"token {STRANGER}", "status"):
            self._console.print(f"kuntavayla {command} --state {directory}", highlight=False)


def curl_lines(url: str, *, decision: dict[str, Any]) -> list[str]:
    """Return three calls for a shell in which TOKEN is set."""
    bearer = '-H "Authorization: Bearer $TOKEN"'
    lookup = (
        f"-H 'Acting-Official: {OFFICIAL}' -H 'Content-Type: application/json' "
        f"""-d '{{"identity_code":"{IDENTITY_CODE}"}}'"""
    )
    return [
        f'curl -sf {bearer} "{url}/decisions/{decision["decision_id"]}?recompute=true"',
        f'curl -sf {bearer} "{url}/municipalities?on={decision["effective_on"]}&limit=3"',
        f'curl -sf {bearer} {lookup} "{url}/clients:lookup"',
    ]


def _grounds_table(grounds: list[dict[str, Any]]) -> Table:
    table = Table()
    for heading in ("rule", "code", "held", "source", "facts"):
        table.add_column(heading)
    for ground in grounds:
        facts = ", ".join(f"{name}: {value}" for name, value in ground["facts"].items())
        table.add_row(
            ground["rule"],
            ground["code"],
            ground["held"],
            ground["source"],
            facts,
            style="bold green" if ground["held"] == "yes" else None,
        )
    return table
