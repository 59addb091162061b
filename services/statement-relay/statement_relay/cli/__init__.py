"""The command line of statement-relay: migrate and serve."""

import asyncio
from importlib.metadata import version

import typer

from kuntavayla.database.preparing import migrate as run_migrations
from kuntavayla.http.serving import run
from kuntavayla.telemetry import configure_logging
from statement_relay.app import create_app
from statement_relay.settings import Settings

main = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@main.command()
def migrate() -> None:
    """Bring the database to the newest migration."""
    settings = Settings()
    asyncio.run(
        run_migrations(
            settings.owner_database_url.get_secret_value(),
            package="statement_relay",
            role=settings.service_role,
        )
    )


@main.command()
def serve() -> None:
    """Serve the API until the process is told to end."""
    settings = Settings()
    configure_logging(service="statement-relay", version=version("kuntavayla-statement-relay"))
    run(create_app(settings), settings)
