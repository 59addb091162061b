"""The command line of routing-api: migrate, serve, and what an operator does by hand.

One file per noun; what every service has stands in `kuntavayla.service.cli`.
"""

import asyncio
from importlib.metadata import version

import typer

from kuntavayla.database.preparing import migrate as run_migrations
from kuntavayla.http.serving import run
from kuntavayla.service.cli.desk import CommandDesk
from kuntavayla.service.cli.restores import restored
from kuntavayla.service.cli.seals import verify_audit
from kuntavayla.service.running import seal_keys_of
from kuntavayla.telemetry import configure_logging
from routing_api.app import create_app
from routing_api.cli.lookup_keys import rotate
from routing_api.cli.memberships import confirm
from routing_api.events import SERVICE, SOURCE
from routing_api.settings import Settings

DESK = CommandDesk(
    source=SOURCE,
    database_url=lambda: Settings().database_url,
    seal_keys=lambda: seal_keys_of(Settings()),
)
main = typer.Typer(
    no_args_is_help=True, add_completion=False, help=__doc__, context_settings={"obj": DESK}
)


@main.command()
def migrate() -> None:
    """Bring the database to the newest migration."""
    settings = Settings()
    asyncio.run(
        run_migrations(
            settings.owner_database_url.get_secret_value(),
            package="routing_api",
            role=settings.service_role,
        )
    )


@main.command()
def serve() -> None:
    """Serve the API until the process is told to end."""
    settings = Settings()
    configure_logging(service=SERVICE, version=version("kuntavayla-routing-api"))
    run(create_app(settings), settings)


main.command("confirm-memberships")(confirm)
main.command()(restored)
main.command("rotate-lookup-keys")(rotate)
main.command("verify-audit")(verify_audit)
