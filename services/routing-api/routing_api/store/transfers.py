"""Transfers: offered, acknowledged, notified, withdrawn; what a case system may fetch by them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from routing_api.rules.transfers import Acknowledgement, Notice, Transfer, TransferFilter

OFFERED = Columns(
    {
        "transfer_id": "uuid",
        "client_id": "uuid",
        "clienthood_version": "int4",
        "registration_id": "uuid",
        "case_system_id": "text",
        "municipality_code": "text",
        "area_code": "text",
        "te_office_code": "text",
        "cause": "text",
        "effective_on": "date",
        "is_restricted": "bool",
        "state": "text",
        "offered_at": "timestamptz",
        "acknowledge_due_at": "timestamptz",
        "notice_due_on": "date",
        "ends_on": "date",
    }
)
_SELECTED = """
t.transfer_id::text, t.client_id::text, t.clienthood_version, t.registration_id::text,
t.case_system_id, t.municipality_code, t.area_code, t.te_office_code, t.cause, t.effective_on,
t.is_restricted, t.state, t.offered_at, t.acknowledge_due_at, t.acknowledged_at, t.taken_over_at,
t.caseworker_id, t.contact_point, t.notice_due_on, t.notice_id::text, t.notified_at,
t.notice_channel, t.notice_language_code, t.notice_template, t.ends_on
"""
LOCK = f"""
SELECT {_SELECTED} FROM transfers t WHERE t.transfer_id = ANY($1::uuid[])
ORDER BY t.transfer_id FOR UPDATE
"""  # noqa: S608 - a constant of ours
LOCK_FOR_CHANGE = """
SELECT t.transfer_id FROM transfers t
WHERE t.transfer_id = ANY($1::uuid[]) OR t.client_id = ANY($2::uuid[])
ORDER BY t.transfer_id FOR UPDATE
"""
WITHDRAW = """
UPDATE transfers SET state = 'withdrawn', ends_on = n.ends_on
FROM unnest($1::uuid[], $2::date[]) AS n (transfer_id, ends_on)
WHERE transfers.transfer_id = n.transfer_id
"""
CHANGE_CHANNELS = """
UPDATE transfers SET is_restricted = n.is_restricted
FROM unnest($1::uuid[], $2::bool[]) AS n (client_id, is_restricted)
WHERE transfers.client_id = n.client_id AND transfers.is_restricted <> n.is_restricted
"""
RESTRICT = """
UPDATE transfers SET is_restricted = n.is_restricted, registration_id = n.registration_id
FROM unnest($1::uuid[], $2::bool[], $3::uuid[]) AS n (transfer_id, is_restricted, registration_id)
WHERE transfers.transfer_id = n.transfer_id
"""
ACKNOWLEDGE = """
UPDATE transfers SET state = CASE state WHEN 'offered' THEN 'acknowledged' ELSE state END,
       acknowledged_at = $1, taken_over_at = n.taken_over_at, caseworker_id = n.caseworker_id,
       contact_point = n.contact_point
FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[])
     AS n (transfer_id, taken_over_at, caseworker_id, contact_point)
WHERE transfers.transfer_id = n.transfer_id
"""
NOTIFY = """
UPDATE transfers SET notice_id = n.notice_id, notified_at = n.notified_at,
       notice_channel = n.channel, notice_language_code = n.language_code,
       notice_template = n.template
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
     AS n (transfer_id, notice_id, notified_at, channel, language_code, template)
WHERE transfers.transfer_id = n.transfer_id
"""
TAKE_OVERDUE = f"""
WITH due AS (
    SELECT transfer_id FROM transfers
    WHERE state = 'offered' AND overdue_told_at IS NULL AND acknowledge_due_at < $1
    ORDER BY acknowledge_due_at, transfer_id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE transfers t SET overdue_told_at = $1 FROM due WHERE t.transfer_id = due.transfer_id
RETURNING {_SELECTED}
"""  # noqa: S608 - a constant of ours
_LISTED = f"""
SELECT {_SELECTED} FROM transfers t
WHERE t.transfer_id > $1
  AND ($2::text IS NULL OR t.case_system_id = $2)
  AND ($3::text IS NULL OR t.te_office_code = $3)
  AND ($4::text IS NULL OR t.state = $4)
  AND (NOT t.is_restricted OR $5)
"""  # noqa: S608 - a constant of ours
_IN_ORDER = "ORDER BY t.transfer_id LIMIT $6"
LIST = _LISTED + _IN_ORDER
# What waits is little among all that ever was: each of these lists has a partial index, which only
# a condition without parameters can use.
LIST_OVERDUE = f"{_LISTED} AND t.state = 'offered' AND t.acknowledge_due_at < $7 {_IN_ORDER}"
LIST_WITHOUT_NOTICE = f"{_LISTED} AND t.notice_id IS NULL AND t.state <> 'withdrawn' {_IN_ORDER}"
CLIENTS = """
SELECT transfer_id::text, client_id::text FROM transfers WHERE transfer_id = ANY($1::uuid[])
"""
DISCLOSABLE = """
SELECT t.transfer_id::text, t.client_id::text, t.clienthood_version, t.municipality_code,
       t.is_restricted, r.registration_id::text, r.client_number, r.profile_ciphertext,
       r.profile_key_id, c.identity_ciphertext, c.identity_key_id
FROM transfers t
JOIN registrations r ON r.registration_id = t.registration_id
JOIN clients c ON c.client_id = t.client_id
WHERE t.transfer_id = ANY($1::uuid[]) AND t.case_system_id = $2
  AND (t.state <> 'withdrawn' OR t.ends_on >= greatest(t.effective_on, $4::date))
  AND (NOT t.is_restricted OR $3)
"""


class Disclosable(Struct, frozen=True, kw_only=True):
    """What a case system may be told by one transfer, as ciphertexts."""

    transfer_id: str
    client_id: str
    clienthood_version: int
    municipality_code: str
    is_restricted: bool
    registration_id: str
    client_number: str | None
    profile_ciphertext: bytes | None
    profile_key_id: str | None
    identity_ciphertext: bytes
    identity_key_id: str


async def lock_transfers(
    connection: Connection, transfer_ids: Sequence[str]
) -> dict[str, Transfer]:
    """Lock transfers in order of their ids; ids that are not known are left out."""
    if not transfer_ids:
        return {}
    rows = await connection.fetch(LOCK, transfer_ids)
    return {row["transfer_id"]: Transfer(**dict(row)) for row in rows}


async def lock_for_change(
    connection: Connection, transfer_ids: Collection[str], *, of_clients: Collection[str]
) -> None:
    """Lock transfers, and all those of some clients, in order of their ids."""
    if transfer_ids or of_clients:
        await connection.execute(LOCK_FOR_CHANGE, [*transfer_ids], [*of_clients])


async def withdraw(connection: Connection, last_days: Mapping[str, date]) -> None:
    """Withdraw transfers whose client the caller has locked; `last_days` by transfer."""
    if last_days:
        await connection.execute(WITHDRAW, [*last_days], [*last_days.values()])


async def change_channels(connection: Connection, channels: Mapping[str, bool]) -> None:
    """Restrict all transfers of clients, or open them; `is_restricted` by client."""
    if channels:
        await connection.execute(CHANGE_CHANNELS, [*channels], [*channels.values()])


async def refresh(connection: Connection, refreshed: Sequence[tuple[str, bool, str]]) -> None:
    """Point transfers to the newest registration and channel.

    Each is (transfer, is_restricted, registration).
    """
    if refreshed:
        await connection.execute(RESTRICT, *([*column] for column in zip(*refreshed, strict=True)))


async def acknowledge(
    connection: Connection, acknowledgements: Sequence[Acknowledgement], *, at: datetime
) -> None:
    """Record acknowledgements of transfers that the caller has locked."""
    if acknowledgements:
        await connection.execute(
            ACKNOWLEDGE,
            at,
            [item.transfer_id for item in acknowledgements],
            [item.taken_over_at for item in acknowledgements],
            [item.caseworker_id for item in acknowledgements],
            [item.contact_point for item in acknowledgements],
        )


async def record_notices(connection: Connection, notices: Sequence[Notice]) -> None:
    """Record notices of transfers that the caller has locked."""
    if notices:
        await connection.execute(
            NOTIFY,
            [notice.transfer_id for notice in notices],
            [notice.notice_id for notice in notices],
            [notice.notified_at for notice in notices],
            [notice.channel for notice in notices],
            [notice.language_code for notice in notices],
            [notice.template for notice in notices],
        )


async def take_overdue(connection: Connection, *, now: datetime, limit: int) -> list[Transfer]:
    """Mark transfers of which nobody was told yet that they are overdue; return them in due order.

    Locks them; those that another transaction holds are left for the next time, so that several
    processes share the work and none waits.
    """
    rows = await connection.fetch(TAKE_OVERDUE, now, limit)
    taken = [Transfer(**dict(row)) for row in rows]
    return sorted(taken, key=lambda transfer: (transfer.acknowledge_due_at, transfer.transfer_id))


async def list_transfers(
    connection: Connection, query: TransferFilter, *, after: str, limit: int
) -> list[Transfer]:
    """List at most `limit` transfers behind the id `after`."""
    assert query.overdue_at is None or not query.is_without_notice, "a list has one flag"
    arguments = (
        after,
        query.case_system_id,
        query.te_office_code,
        query.state,
        query.may_see_restricted,
        limit,
    )
    if query.overdue_at is not None:
        rows = await connection.fetch(LIST_OVERDUE, *arguments, query.overdue_at)
    else:
        statement = LIST_WITHOUT_NOTICE if query.is_without_notice else LIST
        rows = await connection.fetch(statement, *arguments)
    return [Transfer(**dict(row)) for row in rows]


async def find_clients(connection: Connection, transfer_ids: Sequence[str]) -> dict[str, str]:
    """Return the client of each transfer that exists, whoever holds it, for the audit."""
    if not transfer_ids:
        return {}
    rows = await connection.fetch(CLIENTS, transfer_ids)
    return {row["transfer_id"]: row["client_id"] for row in rows}


async def load_disclosable(
    connection: Connection,
    transfer_ids: Sequence[str],
    *,
    case_system_id: str,
    may_see_restricted: object,
    today: date,
) -> dict[str, Disclosable]:
    """Return what the case system may be told, by transfer.

    What is unknown and what is not its own are left out alike.
    """
    rows = await connection.fetch(
        DISCLOSABLE, transfer_ids, case_system_id, may_see_restricted, today
    )
    return {row["transfer_id"]: Disclosable(**dict(row)) for row in rows}
