"""The command line of quota-ledger: migrate, serve, and what an operator does by hand."""

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
from quota_ledger.app import create_app
from quota_ledger.events import SERVICE, SOURCE
from quota_ledger.settings import Settings

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
            package="quota_ledger",
            role=settings.service_role,
        )
    )


@main.command()
def serve() -> None:
    """Serve the API until the process is told to end."""
    settings = Settings()
    configure_logging(service=SERVICE, version=version("kuntavayla-quota-ledger"))
    run(create_app(settings), settings)


main.command()(restored)
main.command("verify-audit")(verify_audit)
