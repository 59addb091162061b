"""The command line of routing-api: migrate, serve, and what an operator does by hand.

One file per noun; `options.py` is what they share.
"""

import asyncio
from importlib.metadata import version

import typer

from kuntavayla.database.preparing import migrate as run_migrations
from kuntavayla.http.serving import run
from kuntavayla.telemetry import configure_logging
from routing_api.app import create_app
from routing_api.cli.lookup_keys import rotate
from routing_api.cli.memberships import confirm
from routing_api.cli.restores import restored
from routing_api.cli.seals import verify_audit
from routing_api.settings import Settings

main = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


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
    configure_logging(service="routing-api", version=version("kuntavayla-routing-api"))
    run(create_app(settings), settings)


main.command("confirm-memberships")(confirm)
main.command()(restored)
main.command("rotate-lookup-keys")(rotate)
main.command("verify-audit")(verify_audit)
