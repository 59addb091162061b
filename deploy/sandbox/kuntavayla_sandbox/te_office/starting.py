"""What the stack prepares for the TE offices' receivers: their database, and who each is."""

from collections.abc import Iterable

import msgspec

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.database.preparing import prepare_database
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.certificates import Trust
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.issuer import AUDIENCE
from kuntavayla_sandbox.state import Identity
from kuntavayla_sandbox.te_office.configuration import (
    Configuration,
    Door,
    Issuer,
    Office,
    Secured,
)
from kuntavayla_sandbox.te_office.tables import DATABASE, ROLE, create_tables

NAME = "te-office"
SECURED_NAME = "te-office-tls"
"""The same process behind TLS, for those who have a certificate of the stack's authority."""
MODULE = "kuntavayla_sandbox.te_office"
SENDERS = ("statement-relay",)


async def prepare(server: EmbeddedServer) -> None:
    """Create the database, the role and the tables where they do not stand yet."""
    await prepare_database(server.url("postgres"), database=DATABASE, role=ROLE)
    await create_tables(server.url(DATABASE))


X_ROAD_CLIENT = "FI-TEST/GOV/9901111-2/kuntavayla"
X_ROAD_SERVICES = {"FI-TEST/GOV/9902222-0/te-satakunta/information/v1": "te-satakunta"}
"""The receivers that are reached through X-Road, by their services; made-up members."""
DOORS = {
    **dict.fromkeys(X_ROAD_SERVICES.values(), Door.X_ROAD),
    "te-hame": Door.CERTIFICATE,
}
"""Receivers that are not reached by a token."""


def offices(identities: Iterable[Identity], *, token_url: str) -> tuple[Office, ...]:
    """Return one receiver for each of these TE offices, named as the office is."""
    return tuple(
        Office(
            receiver_id=each.name,
            credentials=credentials_of(each, token_url=token_url),
            door=DOORS.get(each.name, Door.PLAIN),
        )
        for each in identities
    )


def secured_by(trust: Trust) -> Secured:
    """Return the listener with TLS."""
    return Secured(trust=trust, client=X_ROAD_CLIENT, services=X_ROAD_SERVICES)


def configuration_line(
    server: EmbeddedServer,
    *,
    relay_url: str,
    issuer_url: str,
    clock: LegalClock,
    entries: tuple[Office, ...],
    trust: Trust | None = None,
) -> bytes:
    """Return what the process is told at its start; with `trust` it listens by TLS as well."""
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
            secured=None if trust is None else secured_by(trust),
        )
    )
