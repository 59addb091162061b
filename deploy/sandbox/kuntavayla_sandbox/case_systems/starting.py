"""What the stack prepares for the case systems: their database, and whom each of them is."""

from datetime import date

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.database.preparing import prepare_database
from kuntavayla.register import Register
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.case_systems.configuration import Endpoint
from kuntavayla_sandbox.case_systems.tables import DATABASE, ROLE, create_tables
from kuntavayla_sandbox.identities import days_ahead
from kuntavayla_sandbox.state import Identity

NAME = "case-systems"
MODULE = "kuntavayla_sandbox.case_systems"


async def prepare(server: EmbeddedServer) -> None:
    """Create the database, the role and the tables where they do not stand yet."""
    await prepare_database(server.url("postgres"), database=DATABASE, role=ROLE)
    await create_tables(server.url(DATABASE))


def endpoints(
    register: Register, *, on: date, identities: tuple[Identity, ...], token_url: str
) -> tuple[Endpoint, ...]:
    """Return each case system in force on the day or soon after, with its identity.

    It acts for a municipality of the first of these days on which it serves one.
    """
    by_organisation = {identity.organisation: identity for identity in identities}
    served = {
        system.case_system_id: (system, day)
        for day in reversed(days_ahead(on))
        for system in register.case_systems(on=day)
    }
    return tuple(
        Endpoint(
            case_system_id=system.case_system_id,
            municipality_code=system.municipality_codes(on=day)[0],
            contact_point=system.contact_point,
            credentials=credentials_of(by_organisation[system.case_system_id], token_url=token_url),
        )
        for _, (system, day) in sorted(served.items())
    )


def database_url(server: EmbeddedServer) -> str:
    """Return where the process finds its database."""
    return server.url(DATABASE, role=ROLE)
