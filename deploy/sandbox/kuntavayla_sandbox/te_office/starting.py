"""What the stack prepares for the TE offices' receivers: their database, and who each is."""

from collections.abc import Iterable

import msgspec

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.database.preparing import prepare_database
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.issuer import AUDIENCE
from kuntavayla_sandbox.state import Identity
from kuntavayla_sandbox.te_office.configuration import Configuration, Issuer, Office
from kuntavayla_sandbox.te_office.tables import DATABASE, ROLE, create_tables

NAME = "te-office"
MODULE = "kuntavayla_sandbox.te_office"
SENDERS = ("statement-relay",)


async def prepare(server: EmbeddedServer) -> None:
    """Create the database, the role and the tables where they do not stand yet."""
    await prepare_database(server.url("postgres"), database=DATABASE, role=ROLE)
    await create_tables(server.url(DATABASE))


def offices(identities: Iterable[Identity], *, token_url: str) -> tuple[Office, ...]:
    """Return one receiver for each of these TE offices, named as the office is."""
    return tuple(
        Office(receiver_id=each.name, credentials=credentials_of(each, token_url=token_url))
        for each in identities
    )


def configuration_line(
    server: EmbeddedServer,
    *,
    relay_url: str,
    issuer_url: str,
    clock: LegalClock,
    entries: tuple[Office, ...],
) -> bytes:
    """Return what the process is told at its start."""
    return msgspec.json.encode(
        Configuration(
            relay_url=relay_url,
            database_url=server.url(DATABASE, role=ROLE),
            clock=clock,
            issuer=Issuer(
                issuer=issuer_url,
                audience=AUDIENCE,
                keys_url=f"{issuer_url}/jwks.json",
                senders=SENDERS,
            ),
            offices=entries,
        )
    )
