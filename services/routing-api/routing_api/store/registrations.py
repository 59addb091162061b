"""Registrations: business keys, and the profile that a case system may fetch, as ciphertext."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns

_SOURCES = Columns(
    {"organisation": "text", "source_system": "text", "source_registration_id": "text"}
)
FIND_BY_SOURCE = f"""
SELECT organisation, source_system, source_registration_id, t.registration_id::text, t.fingerprint
FROM registrations t JOIN {_SOURCES.recordset()}
  USING (organisation, source_system, source_registration_id)
"""  # noqa: S608 - a constant of ours
COLUMNS = Columns(
    {
        "registration_id": "uuid",
        "organisation": "text",
        "source_system": "text",
        "source_registration_id": "text",
        "client_number": "text",
        "fingerprint": "bytea",
        "client_id": "uuid",
        "decision_id": "uuid",
        "te_office_code": "text",
        "registered_at": "timestamptz",
        "received_at": "timestamptz",
        "profile_ciphertext": "bytea",
        "profile_key_id": "text",
    }
)
LOAD_PROFILES = """
SELECT registration_id::text, profile_ciphertext, profile_key_id
FROM registrations WHERE registration_id = ANY($1::uuid[]) AND profile_ciphertext IS NOT NULL
"""
ERASE_PROFILES = """
UPDATE registrations SET profile_ciphertext = NULL, profile_key_id = NULL
WHERE registration_id = ANY($1::uuid[]) AND profile_ciphertext IS NOT NULL
"""
FIND = """
SELECT registration_id::text, organisation, source_system, source_registration_id, client_number,
       fingerprint, client_id::text, decision_id::text, te_office_code, registered_at, received_at,
       profile_ciphertext, profile_key_id
FROM registrations WHERE registration_id = $1
"""


class SourceKey(Struct, frozen=True):
    """The business key of a registration, unique for ever."""

    organisation: str
    source_system: str
    source_registration_id: str


class StoredRegistration(Struct, frozen=True, kw_only=True):
    """A registration as stored; the profile is None where the TE office alone is responsible.

    `decision_id` is the decision that answered it and every repeat.
    """

    registration_id: str
    organisation: str
    source_system: str
    source_registration_id: str
    client_number: str | None
    fingerprint: bytes
    client_id: str
    decision_id: str | None
    te_office_code: str
    registered_at: datetime
    received_at: datetime
    profile_ciphertext: bytes | None
    profile_key_id: str | None


async def find_by_source(
    connection: Connection, keys: Sequence[SourceKey]
) -> dict[SourceKey, tuple[str, bytes]]:
    """Return registration id and fingerprint of the business keys that are taken."""
    rows = await connection.fetch(FIND_BY_SOURCE, _SOURCES.argument(keys))
    return {
        SourceKey(row["organisation"], row["source_system"], row["source_registration_id"]): (
            row["registration_id"],
            row["fingerprint"],
        )
        for row in rows
    }


async def load_profiles(
    connection: Connection, registration_ids: Sequence[str]
) -> dict[str, tuple[bytes, str]]:
    """Return ciphertext and key id of the profiles that are stored, by registration id."""
    return {
        row["registration_id"]: (row["profile_ciphertext"], row["profile_key_id"])
        for row in await connection.fetch(LOAD_PROFILES, registration_ids)
    }


async def find_registration(
    connection: Connection, registration_id: str
) -> StoredRegistration | None:
    """Return one registration."""
    row = await connection.fetchrow(FIND, registration_id)
    return StoredRegistration(**dict(row)) if row else None


async def erase_profiles(connection: Connection, registration_ids: Sequence[str]) -> None:
    """Erase what only a responsible case system may know, where none may fetch it any more."""
    if registration_ids:
        await connection.execute(ERASE_PROFILES, registration_ids)
