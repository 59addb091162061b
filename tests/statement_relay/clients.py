"""Clients that the relay knows, put into its database as its own role would."""

from datetime import date

import asyncpg

from kuntavayla import responsibilities
from kuntavayla.values.responsibilities import Responsibility
from tests.statement_relay.service import Relay

CLIENT_ID = "0177ec61-3ab9-7893-923f-0824128b2f33"
OTHER_CLIENT_ID = "0177ec61-3ab9-7893-923f-0824128b2f34"
CASE_SYSTEMS = {"765": "cs-sotkamo", "205": "cs-kajaani"}


def a_responsibility(
    *,
    client_id: str = CLIENT_ID,
    version: int = 1,
    municipality: str | None = "765",
    office: str = "te-kainuu",
    since: date = date(2021, 3, 1),
    is_restricted: bool = False,
) -> Responsibility:
    return Responsibility(
        client_id=client_id,
        clienthood_version=version,
        authority="te_office" if municipality is None else "municipality",
        municipality_code=municipality,
        area_code=None if municipality is None else "kainuu",
        case_system_id=None if municipality is None else CASE_SYSTEMS[municipality],
        te_office_code=office,
        source_system="ura",
        source_client_number="URA-C-0088123",
        valid_from=since,
        valid_to=None,
        is_restricted=is_restricted,
        sequence=f"000001.{version:018d}",
    )


async def know(relay: Relay, *versions: Responsibility) -> None:
    """Let the relay know who is responsible for clients."""
    connection = await asyncpg.connect(relay.database.url)
    try:
        await responsibilities.keep(connection, versions)
    finally:
        await connection.close()
