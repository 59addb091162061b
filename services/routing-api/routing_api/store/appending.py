"""What a batch of decisions adds: rows of all tables, and lines of the audit."""

from collections.abc import Sequence

import asyncpg
from msgspec import Struct
from msgspec.structs import asdict

from kuntavayla import audit
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection, LostRace
from kuntavayla.database.statements import Appending
from routing_api.rules.decisions import Decision
from routing_api.rules.reviews import Review
from routing_api.rules.transfers import Transfer
from routing_api.store import clients, decisions, registrations, reviews, transfers
from routing_api.store.clients import Clienthood, NewClient
from routing_api.store.registrations import StoredRegistration

_APPENDING = Appending(
    {
        "clients": clients.NEW,
        "registrations": registrations.COLUMNS,
        "decisions": decisions.COLUMNS,
        "clienthoods": clients.CLIENTHOODS,
        "transfers": transfers.OFFERED,
        "reviews": reviews.OPENED,
        "audit": audit.COLUMNS,
    }
)
APPEND = _APPENDING.statement
RACED = ("clients", "registrations")
"""Tables where two transactions may be about to store the same: a person, a business key."""


class Additions(Struct, frozen=True, kw_only=True):
    """Rows by table; new clients in the order of their look-ups."""

    clients: Sequence[NewClient]
    registrations: Sequence[StoredRegistration]
    decisions: Sequence[Decision]
    clienthoods: Sequence[Clienthood]
    transfers: Sequence[Transfer]
    reviews: Sequence[Review]
    audit: Sequence[AuditLine]


async def append(connection: Connection, additions: Additions) -> None:
    """Add everything, by one statement where it is few rows.

    Raises LostRace where another transaction stored one of the clients or business keys first.
    """
    try:
        await _APPENDING.run(connection, asdict(additions))
    except asyncpg.UniqueViolationError as error:
        if error.table_name in RACED:
            raise LostRace from error
        raise
