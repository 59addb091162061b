"""What the stack prepares for quota-ledger: its database and its settings."""

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla_sandbox.service_settings import (
    Surroundings,
    database_settings,
    follower_settings,
    prepare_service,
)
from kuntavayla_sandbox.state import SecretFile

NAME = "quota-ledger"
MODULE = "kuntavayla_sandbox.quota_process"
PATH = "/quota/v1"
COMMANDS = "quota_ledger.cli"
"""The module of the service's own command line."""
DATABASE = "quota_ledger"
ROLE = "quota_ledger"


def environment(
    server: EmbeddedServer, *, kept: SecretFile, around: Surroundings
) -> dict[str, str]:
    """Return the service's settings.

    Its keys are made at the first start and kept with the state.
    """
    return {
        **database_settings("QUOTA", server, database=DATABASE, role=ROLE),
        **follower_settings("QUOTA", kept=kept, around=around),
    }


async def prepare(server: EmbeddedServer) -> None:
    """Create the service's database and role, and bring its tables to the newest migration."""
    await prepare_service(server, database=DATABASE, role=ROLE, package="quota_ledger")
