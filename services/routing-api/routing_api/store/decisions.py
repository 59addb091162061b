"""Decisions: appended once, read to answer, to replay and to recompute."""

from collections.abc import Sequence

import msgspec

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from routing_api.rules.decisions import Decision, Names
from routing_api.rules.facts import Facts

_SPECS = {
    "decision_id": "uuid",
    "registration_id": "uuid",
    "client_id": "uuid",
    "outcome": "text",
    "cause": "text",
    "decided_by": "text",
    "effective_on": "date",
    "decided_at": "timestamptz",
    "authority": "text",
    "municipality_code": "text",
    "area_code": "text",
    "case_system_id": "text",
    "te_office_code": "text",
    "rule_set_id": "text",
    "rule_set_version": "text",
    "register_version": "text",
    "grounds": "text",
    "transfer_id": "uuid",
    "acknowledge_due_at": "timestamptz",
    "notice_due_on": "date",
    "review_id": "uuid",
    "review_reason": "text",
    "review_due_on": "date",
}
COLUMNS = Columns(
    {
        **_SPECS,
        "facts": "json:facts_text",
        "missing_facts": "text:missing_facts_text",
        "names": "json:names_text",
    }
)
_TEXTS = ("uuid",)
_SELECTED = ", ".join(
    f"d.{name}::text" if spec in _TEXTS else f"d.{name}" for name, spec in _SPECS.items()
)
_READ = f"{_SELECTED}, d.facts, d.missing_facts, d.names"
# A registration of the release before names no decision; it has one, or a review's second one.
FIND_FIRST = f"""
SELECT {_READ} FROM registrations r
JOIN decisions d ON d.decision_id = coalesce(r.decision_id, (
  SELECT o.decision_id FROM decisions o WHERE o.registration_id = r.registration_id
  ORDER BY o.decided_at, o.decision_id LIMIT 1
))
WHERE r.registration_id = ANY($1::uuid[])
"""  # noqa: S608 - constants of ours
FIND = f"""
SELECT {_READ} FROM decisions d WHERE d.decision_id = ANY($1::uuid[])
"""  # noqa: S608 - constants of ours

_decode_facts = msgspec.json.Decoder(Facts).decode
_decode_names = msgspec.json.Decoder(Names).decode


def _decision(row: object) -> Decision:
    values = dict(row)  # type: ignore[call-overload]
    values["facts"] = _decode_facts(values["facts"]) if values["facts"] else None
    values["names"] = _decode_names(values["names"]) if values["names"] else None
    missing = values["missing_facts"]
    values["missing_facts"] = tuple(missing.split(",")) if missing else ()
    return Decision(**values)


async def load_first_decisions(
    connection: Connection, registration_ids: Sequence[str]
) -> dict[str, Decision]:
    """Return, by registration, the decision that answered it, whatever was decided later."""
    if not registration_ids:
        return {}
    rows = await connection.fetch(FIND_FIRST, registration_ids)
    return {row["registration_id"]: _decision(row) for row in rows}


async def load_decisions(
    connection: Connection, decision_ids: Sequence[str]
) -> dict[str, Decision]:
    """Return decisions by id; ids that are not known are left out."""
    rows = await connection.fetch(FIND, decision_ids)
    return {row["decision_id"]: _decision(row) for row in rows}
