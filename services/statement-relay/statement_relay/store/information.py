"""Items of information: what was accepted, what replaces what, and who waits for a client."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
from msgspec import Struct

from kuntavayla import audit
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection, LostRace
from kuntavayla.database.statements import Appending, Columns
from statement_relay.rules.accepted import Accepted
from statement_relay.rules.contents import Content, content_of
from statement_relay.rules.issuers import Issuer
from statement_relay.rules.states import AcceptedState, Action, InformationState
from statement_relay.store import queues
from statement_relay.store.queues import Queue

_KEYS = Columns({"organisation": "text", "municipal_id": "text"})
FIND_BY_MUNICIPAL_ID = f"""
SELECT organisation, municipal_id, i.information_id::text, i.fingerprint
FROM information i JOIN {_KEYS.recordset()} USING (organisation, municipal_id)
"""  # noqa: S608 - a constant of ours
COLUMNS = Columns(
    {
        "information_id": "uuid",
        "organisation": "text",
        "municipal_id": "text",
        "fingerprint": "bytea",
        "client_id": "uuid",
        "municipality_code": "text",
        "kind": "text",
        "action": "text",
        "replaces_information_id": "uuid",
        "root_information_id": "uuid",
        "content": "json",
        "occurred_at": "timestamptz",
        "known_at": "timestamptz",
        "accepted_at": "timestamptz",
        "accepted_state": "text",
        "waiting_behind": "uuid",
        "official_id": "text",
        "author_role": "text",
        "issuer_authority": "text",
        "issuer_rule": "text",
        "issuer_from_on": "date",
        "state": "text",
        "receiver_id": "text",
        "number": "int8",
        "is_restricted": "bool",
        "body": "bytea",
        "digest": "text",
        "deliver_by_at": "timestamptz",
        "warn_at": "timestamptz",
        "settled_at": "timestamptz",
        "attempts": "int4",
        "is_by_topic": "bool",
    }
)
_APPENDING = Appending({"information": COLUMNS, "audit": audit.COLUMNS})
APPEND = _APPENDING.statement
LOAD_ACCEPTED = """
SELECT information_id::text, municipal_id, accepted_state, waiting_behind::text, issuer_authority,
       issuer_rule, issuer_from_on, receiver_id, deliver_by_at, digest
FROM information WHERE information_id = ANY($1::uuid[])
"""
# A successor that was rejected or refused replaces nothing, unless what replaces that one stands:
# it was taken once, and rejected when it was sent again. Each that comes, and each that falls,
# makes another version; so does one that was skipped, and has come back by its receipt.
STANDING_OF_SUCCESSORS = """
(SELECT s.information_id::text FROM information s
 WHERE s.replaces_information_id = i.information_id
   AND (s.indexed_state NOT IN ('rejected', 'refused') OR EXISTS (
       SELECT FROM information n WHERE n.replaces_information_id = s.information_id
         AND n.indexed_state NOT IN ('rejected', 'refused')))
 ORDER BY s.state IN ('rejected', 'refused'), s.information_id LIMIT 1) AS replaced_by,
(SELECT 1 + count(*) + count(*) FILTER (WHERE s.state IN ('rejected', 'refused'))
   + 2 * coalesce(sum((SELECT count(*) FROM delivery_notes n
                       WHERE n.information_id = s.information_id AND n.action = 'skipped')
                      - (s.state_reason IS NOT DISTINCT FROM 'skipped')::int), 0)
 FROM information s WHERE s.replaces_information_id = i.information_id)::int AS version"""
# A withdrawal has no successor, so that one that was rejected or refused never stands.
_IS_WITHDRAWN = """
EXISTS (SELECT FROM information s
        WHERE s.replaces_information_id = i.information_id AND s.action = 'withdraw'
          AND s.indexed_state NOT IN ('rejected', 'refused')) AS is_withdrawn"""
_HELD = f"""
i.information_id::text, i.organisation, i.client_id::text, i.municipality_code, i.kind, i.action,
i.root_information_id::text, i.replaces_information_id::text, i.content, i.accepted_at,
i.author_role, i.state, i.attempts, i.receiver_id, i.is_restricted, i.municipal_id, i.is_by_topic,
{_IS_WITHDRAWN}, {STANDING_OF_SUCCESSORS}
"""
FIND_HELD = f"SELECT {_HELD} FROM information i WHERE i.information_id = ANY($1::uuid[])"  # noqa: S608 - a constant of ours
LOCK_HELD = f"""
SELECT {_HELD} FROM information i WHERE i.information_id = ANY($1::uuid[])
ORDER BY i.information_id FOR UPDATE OF i
"""  # noqa: S608 - a constant of ours
LOCK_WAITING_FOR_CLIENT = f"""
SELECT {_HELD} FROM information i
WHERE i.client_id = ANY($1::uuid[]) AND i.indexed_state = 'waiting_for_client'
ORDER BY i.ordinal FOR UPDATE OF i
"""  # noqa: S608 - a constant of ours
WITHDRAW = """
UPDATE information SET state = 'withdrawn', settled_at = $2
WHERE information_id = ANY($1::uuid[])
"""
_PLACED = Columns(
    {
        "information_id": "uuid",
        "state": "text",
        "state_reason": "text",
        "issuer_authority": "text",
        "issuer_rule": "text",
        "issuer_from_on": "date",
        "receiver_id": "text",
        "number": "int8",
        "is_restricted": "bool",
        "body": "bytea",
        "digest": "text",
        "deliver_by_at": "timestamptz",
        "warn_at": "timestamptz",
        "settled_at": "timestamptz",
    }
)
PLACE = f"""
UPDATE information SET state = r.state, state_reason = r.state_reason,
       issuer_authority = r.issuer_authority, issuer_rule = r.issuer_rule,
       issuer_from_on = r.issuer_from_on, receiver_id = r.receiver_id, number = r.number,
       is_restricted = r.is_restricted, body = decode(r.body, 'base64'), digest = r.digest,
       deliver_by_at = r.deliver_by_at, warn_at = r.warn_at, settled_at = r.settled_at
FROM {_PLACED.recordset()} WHERE information.information_id = r.information_id
"""  # noqa: S608 - a constant of ours
TO_RESTRICT = """
SELECT DISTINCT i.receiver_id, i.client_id::text
FROM unnest($1::uuid[], $2::bool[]) AS r (client_id, is_restricted)
JOIN information i ON i.client_id = r.client_id AND i.is_restricted <> r.is_restricted
"""
RESTRICT = """
UPDATE information i SET is_restricted = r.is_restricted
FROM unnest($1::uuid[], $2::bool[]) AS r (client_id, is_restricted)
WHERE i.client_id = r.client_id AND i.is_restricted <> r.is_restricted
"""


class MunicipalKey(Struct, frozen=True):
    """The business key of an item, unique for ever."""

    organisation: str
    municipal_id: str


class NewInformation(Struct, frozen=True, kw_only=True):
    """An item to be stored, in the order of acceptance."""

    information_id: str
    organisation: str
    municipal_id: str
    fingerprint: bytes
    client_id: str
    municipality_code: str
    kind: str
    action: Action
    replaces_information_id: str | None
    root_information_id: str
    content: str
    occurred_at: datetime
    known_at: datetime
    accepted_at: datetime
    accepted_state: AcceptedState
    waiting_behind: str | None
    official_id: str
    author_role: str
    issuer_authority: str | None
    issuer_rule: str | None
    issuer_from_on: date | None
    state: InformationState
    receiver_id: str | None
    number: int | None
    is_restricted: bool
    body: bytes | None
    digest: str | None
    deliver_by_at: datetime | None
    warn_at: datetime | None
    settled_at: datetime | None
    is_by_topic: bool
    attempts: int = 0


class HeldInformation(Struct, frozen=True, kw_only=True):
    """A stored item as what follows it needs it."""

    information_id: str
    organisation: str
    municipal_id: str
    client_id: str
    municipality_code: str
    kind: str
    action: Action
    root_information_id: str
    replaces_information_id: str | None
    content: Content
    accepted_at: datetime
    author_role: str
    state: InformationState
    attempts: int
    receiver_id: str | None
    is_restricted: bool
    is_by_topic: bool
    is_withdrawn: bool
    replaced_by: str | None
    version: int


class PlacedInformation(Struct, frozen=True, kw_only=True):
    """What becomes of an item whose client has become known."""

    information_id: str
    state: InformationState
    state_reason: str | None
    issuer_authority: str | None
    issuer_rule: str | None
    issuer_from_on: date | None
    receiver_id: str | None
    number: int | None
    is_restricted: bool
    body: bytes | None
    digest: str | None
    deliver_by_at: datetime | None
    warn_at: datetime | None
    settled_at: datetime | None


async def find_by_municipal_id(
    connection: Connection, keys: Sequence[MunicipalKey]
) -> dict[MunicipalKey, tuple[str, bytes]]:
    """Return information id and fingerprint of the business keys that are taken."""
    rows = await connection.fetch(FIND_BY_MUNICIPAL_ID, _KEYS.argument(keys))
    return {
        MunicipalKey(row["organisation"], row["municipal_id"]): (
            row["information_id"],
            row["fingerprint"],
        )
        for row in rows
    }


async def append(
    connection: Connection, items: Sequence[NewInformation], lines: Sequence[AuditLine]
) -> None:
    """Add items, and the audit's lines with them.

    Raises LostRace where another transaction stored one of the business keys, or a successor of the
    same item that stands, first.
    """
    try:
        await _APPENDING.run(connection, {"information": items, "audit": lines})
    except asyncpg.UniqueViolationError as error:
        if error.table_name == "information":
            raise LostRace from error
        raise


async def load_accepted(
    connection: Connection, information_ids: Collection[str]
) -> dict[str, Accepted]:
    """Return what was answered when these were accepted, as it answers a repeat."""
    if not information_ids:
        return {}
    rows = await connection.fetch(LOAD_ACCEPTED, sorted(information_ids))
    return {row["information_id"]: _accepted(row) for row in rows}


def _accepted(row: Any) -> Accepted:  # noqa: ANN401 - a record of the driver
    """Return the first answer: of what waited for its client nothing more was known then."""
    was_placed = row["accepted_state"] != "waiting_for_client"
    return Accepted(
        information_id=row["information_id"],
        municipal_id=row["municipal_id"],
        state=row["accepted_state"],
        issuer=issuer_of(row),
        receiver_id=row["receiver_id"] if was_placed else None,
        deliver_by_at=row["deliver_by_at"] if was_placed else None,
        waiting_behind=row["waiting_behind"],
        digest=row["digest"] if was_placed else None,
        is_replay=True,
    )


def issuer_of(row: Any) -> Issuer | None:  # noqa: ANN401 - a record of the driver
    """Return the issuer of a row, where it has one."""
    if row["issuer_authority"] is None:
        return None
    return Issuer(row["issuer_authority"], row["issuer_rule"], row["issuer_from_on"])


async def find_held(
    connection: Connection, information_ids: Collection[str]
) -> dict[str, HeldInformation]:
    """Return items by id."""
    rows = await connection.fetch(FIND_HELD, sorted(information_ids))
    return {row["information_id"]: _held(row) for row in rows}


async def lock_held(
    connection: Connection, information_ids: Collection[str]
) -> dict[str, HeldInformation]:
    """Lock items in order of their ids, and return them by id."""
    rows = await connection.fetch(LOCK_HELD, sorted(information_ids))
    return {row["information_id"]: _held(row) for row in rows}


async def lock_waiting_for_client(
    connection: Connection, client_ids: Collection[str]
) -> list[HeldInformation]:
    """Lock and return what waits for these clients to become known, in order of acceptance."""
    rows = await connection.fetch(LOCK_WAITING_FOR_CLIENT, sorted(client_ids))
    return [_held(row) for row in rows]


def _held(row: Any) -> HeldInformation:  # noqa: ANN401 - a record of the driver
    return HeldInformation(**{**dict(row), "content": content_of(row["content"])})


async def withdraw(connection: Connection, information_ids: Sequence[str], *, at: datetime) -> None:
    """Withdraw items of which nobody was sent anything; the caller has locked them."""
    if information_ids:
        await connection.execute(WITHDRAW, information_ids, at)


async def place(connection: Connection, items: Sequence[PlacedInformation]) -> None:
    """Write what has become of items that waited for their clients; the caller has locked them."""
    if items:
        await connection.execute(PLACE, _PLACED.argument(items))


async def restrict(connection: Connection, clients: Mapping[str, bool]) -> None:
    """Let all that is told of these clients' items go over the feed that applies now.

    The caller keeps others from what is known of clients. Locks the queues of the items that change
    in their order, and then these items, as everybody does who changes what waits in queues.
    """
    client_ids = sorted(clients)
    arguments = (client_ids, [clients[one] for one in client_ids])
    found = await connection.fetch(TO_RESTRICT, *arguments)
    await queues.lock(connection, [Queue(*row) for row in found if row["receiver_id"] is not None])
    if found:
        await connection.execute(RESTRICT, *arguments)
