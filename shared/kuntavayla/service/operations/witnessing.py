"""Lines of the audit: who called, on whose behalf, and what came of it."""

from kuntavayla import audit
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment

DISCLOSED = "disclosed"
REFUSED = "refused"


def line_of(
    call: Call, *, action: str, outcome: str, moment: Moment, **more: str | None
) -> AuditLine:
    """Return the audit line of an act; `more` are further fields of AuditLine."""
    fields = {
        "official_id": call.official_id,
        "official_role": call.official_role,
        "municipality_code": call.municipality_code,
        "purpose": call.purpose,
        **more,
    }
    return AuditLine(
        recorded_at=moment.now,
        organisation=call.organisation,
        action=action,
        outcome=outcome,
        request_id=call.request_id,
        **fields,
    )


async def witness(
    connection: Connection,
    call: Call,
    *,
    action: str,
    outcome: str = DISCLOSED,
    moment: Moment,
    **more: str | None,
) -> None:
    """Put a call on record that changes nothing: a reading, or a refusal.

    `more` are further fields of AuditLine.
    """
    line = line_of(call, action=action, outcome=outcome, moment=moment, **more)
    await audit.append(connection, [line])
