"""What the stack prepares for routing-api.

Its database, its settings, and the register change at the start.
"""

import asyncio
import os
import sys
from datetime import date
from enum import StrEnum

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.service_settings import (
    common_settings,
    database_settings,
    make_key,
    prepare_service,
)
from kuntavayla_sandbox.state import SecretFile, StateFault

NAME = "routing-api"
MODULE = "kuntavayla_sandbox.routing_process"
PATH = "/routing/v1"
COMMANDS = "routing_api.cli"
"""The module of the service's own command line."""
DATABASE = "routing_api"
ROLE = "routing_api"
REPORT_AHEAD_S_MAX = 10 * 366 * 86_400
"""Callers tell the machine's time or an example's; the stack's legal clock is neither."""
OFFICIAL = "operator:sandbox"
CONFIRMED_FOR_THE_SANDBOX = "confirmed for the sandbox"


class Memberships(StrEnum):
    """How the register's unconfirmed rows are taken."""

    CONFIRMED = "confirmed"
    """A recorded register change confirms them, so that everybody is routed."""
    AS_PUBLISHED = "as_published"
    """They stay unconfirmed, and their people wait in review."""


class PreparationFailed(StateFault):
    """The service's own command line could not do what the stack asked of it."""


def environment(
    server: EmbeddedServer,
    *,
    kept: SecretFile,
    issuer_url: str,
    kafka: KafkaConnection | None = None,
) -> dict[str, str]:
    """Return the service's settings.

    Its keys are made at the first start and kept with the state.
    """
    return {
        **database_settings("ROUTING", server, database=DATABASE, role=ROLE),
        "ROUTING_IDENTITY_KEYS": f"sandbox-1:{kept.keep('routing/identity_key', make=make_key)}",
        "ROUTING_LOOKUP_KEY_A": kept.keep("routing/lookup_key_a", make=make_key),
        "ROUTING_LOOKUP_KEY_B": kept.keep("routing/lookup_key_b", make=make_key),
        "ROUTING_IS_TEST_CODE_ALLOWED": "true",
        "ROUTING_REPORT_AHEAD_S_MAX": str(REPORT_AHEAD_S_MAX),
        **common_settings("ROUTING", kept=kept, issuer_url=issuer_url, kafka=kafka),
    }


async def prepare(server: EmbeddedServer) -> None:
    """Create the service's database and role, and bring its tables to the newest migration."""
    await prepare_service(server, database=DATABASE, role=ROLE, package="routing_api")


async def confirm_memberships(settings: dict[str, str], *, on: date) -> None:
    """Let the service record that the unconfirmed rows are confirmed; raises PreparationFailed.

    Again on a later start: what is confirmed stays so, and nothing new is recorded.
    """
    await run_command(
        settings,
        "confirm-memberships",
        "--on",
        on.isoformat(),
        "--reason",
        CONFIRMED_FOR_THE_SANDBOX,
        "--official",
        OFFICIAL,
    )


async def run_command(settings: dict[str, str], *arguments: str, module: str = COMMANDS) -> str:
    """Run a service's own command line and return what it said; raises PreparationFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **settings},
    )
    output, _ = await process.communicate()
    said = output.decode(errors="replace").strip()
    if process.returncode != 0:
        raise PreparationFailed(f"{module} {arguments[0]} did not succeed:\n{said}")
    return said
