"""What follows a restore of routing-api's database in the local stack: its new epoch."""

import asyncio
from pathlib import Path

from kuntavayla.database import open_pool
from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.feed import parse_cursor
from kuntavayla_sandbox import routing_service
from kuntavayla_sandbox.case_systems import store
from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from kuntavayla_sandbox.stack import end_what_a_killed_stack_left
from kuntavayla_sandbox.state import SecretFile, StateDirectory, StateFault

RESTORED = "restored in the sandbox"
NOWHERE = "http://127.0.0.1:9"
"""An issuer that the service's command line names and never asks."""


class NothingToRestore(StateFault):
    """The directory holds no data of a stack."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"{directory} holds no data of a stack, so nothing was restored in it.")


async def record_restore(directory: Path, *, reason: str) -> str:
    """Begin the new epoch on a stack that is down; return what the service's command said.

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
            seen = await _newest_epoch(server)
            settings = routing_service.environment(
                server, kept=SecretFile(state.path / "secrets.json"), issuer_url=NOWHERE
            )
            return await routing_service.run_command(
                settings,
                "restored",
                "--last-epoch",
                str(seen),
                "--reason",
                reason,
                "--official",
                routing_service.OFFICIAL,
            )
        finally:
            await asyncio.to_thread(server.stop)


async def _newest_epoch(server: EmbeddedServer) -> int:
    """Return the newest epoch that a case system's cursor or the service's own head names."""
    of_readers = await open_pool(server.url(CASE_SYSTEMS), connections_max=2)
    of_service = await open_pool(server.url(routing_service.DATABASE), connections_max=2)
    try:
        cursors = await of_readers.fetch(store.CURSORS)
        own: int = await of_service.fetchval("SELECT epoch FROM outbox_head")
    finally:
        await of_readers.close()
        await of_service.close()
    return max([own, *(parse_cursor(row["cursor"]).epoch for row in cursors)])
