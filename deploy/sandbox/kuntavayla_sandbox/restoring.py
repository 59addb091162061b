"""What follows a restore of a service's database in the local stack: its new epoch."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from kuntavayla.database import open_pool
from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.feed import parse_cursor
from kuntavayla_sandbox import quota_service, relay_service, routing_service
from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.case_systems import store
from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from kuntavayla_sandbox.service_settings import Surroundings
from kuntavayla_sandbox.stack import end_what_a_killed_stack_left
from kuntavayla_sandbox.state import SecretFile, StateDirectory, StateFault

RESTORED = "restored in the sandbox"
NOWHERE = "http://127.0.0.1:9"
"""An issuer that the service's command line names and never asks."""


class _Commands(Struct, frozen=True):
    """A service's own command line, the database that it works on, and the settings it needs."""

    module: str
    database: str
    settings: Callable[[EmbeddedServer, SecretFile], dict[str, str]]


def _settings_of_routing(server: EmbeddedServer, kept: SecretFile) -> dict[str, str]:
    return routing_service.environment(server, kept=kept, issuer_url=NOWHERE)


def _settings_of_relay(server: EmbeddedServer, kept: SecretFile) -> dict[str, str]:
    return relay_service.environment(
        server,
        kept=kept,
        around=_nobody_around(relay_service.NAME),
        receivers_file=Path(relay_service.NAME),
    )


def _settings_of_quota(server: EmbeddedServer, kept: SecretFile) -> dict[str, str]:
    return quota_service.environment(server, kept=kept, around=_nobody_around(quota_service.NAME))


def _nobody_around(name: str) -> Surroundings:
    return Surroundings(
        issuer_url=NOWHERE,
        routing_url=f"{NOWHERE}{routing_service.PATH}",
        own=Credentials(NOWHERE, name, name),
    )


COMMANDS = {
    routing_service.NAME: _Commands(
        routing_service.COMMANDS, routing_service.DATABASE, _settings_of_routing
    ),
    relay_service.NAME: _Commands(
        relay_service.COMMANDS, relay_service.DATABASE, _settings_of_relay
    ),
    quota_service.NAME: _Commands(
        quota_service.COMMANDS, quota_service.DATABASE, _settings_of_quota
    ),
}
"""The services that have an epoch, by name."""


class NothingToRestore(StateFault):
    """The directory holds no data of a stack."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"{directory} holds no data of a stack, so nothing was restored in it.")


async def record_restore(directory: Path, *, service: str, reason: str) -> str:
    """Begin a service's new epoch on a stack that is down; return what its command said.

    The newest epoch that anybody has seen is asked of the case systems, whose database was not
    restored. Raises StackAlreadyRunning, NothingToRestore or PreparationFailed.
    """
    state, server = StateDirectory(directory), EmbeddedServer(directory)
    if not (server.data / "PG_VERSION").exists():
        raise NothingToRestore(directory)
    with state.owned():
        await asyncio.to_thread(end_what_a_killed_stack_left, state, server)
        await asyncio.to_thread(server.start)
        state.close_to_others()
        try:
            own = COMMANDS[service]
            seen = await _newest_epoch(server, database=own.database)
            settings = own.settings(server, SecretFile(state.path / "secrets.json"))
            return await routing_service.run_command(
                settings,
                "restored",
                "--last-epoch",
                str(seen),
                "--reason",
                reason,
                "--official",
                routing_service.OFFICIAL,
                module=own.module,
            )
        finally:
            await asyncio.to_thread(server.stop)


async def _newest_epoch(server: EmbeddedServer, *, database: str) -> int:
    """Return the newest epoch that a case system's cursor or the service's own head names."""
    of_readers = await open_pool(server.url(CASE_SYSTEMS), connections_max=2)
    of_service = await open_pool(server.url(database), connections_max=2)
    try:
        cursors = await of_readers.fetch(store.CURSORS)
        own: int = await of_service.fetchval("SELECT epoch FROM outbox_head")
    finally:
        await of_readers.close()
        await of_service.close()
    return max([own, *(parse_cursor(row["cursor"]).epoch for row in cursors)])
