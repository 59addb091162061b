"""The command line of routing-api: migrate, serve, and what an operator records by hand."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Annotated

import typer

from kuntavayla.database import open_pool, transaction
from kuntavayla.database.preparing import migrate as run_migrations
from kuntavayla.events import new_ids_at
from kuntavayla.http.serving import run
from kuntavayla.telemetry import configure_logging
from kuntavayla.values.calendar import helsinki_instant
from kuntavayla.values.identity_codes import holds_identity_code
from kuntavayla.values.officials import ActingOfficial
from routing_api.app import create_app, law_of, machine_clock
from routing_api.operations.moments import Moment
from routing_api.operations.registers import confirm_memberships
from routing_api.settings import Settings

OPERATOR = "operator"
"""The organisation that records what is done by this command line."""
RECORDING_HOUR = 8
"""The hour, in Helsinki, at which a change for a named day is recorded."""
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


@main.command("confirm-memberships")
def confirm(
    *,
    reason: Annotated[str, typer.Option(help="Why, as it stands in the register.")],
    official: Annotated[str, typer.Option(help="Id of the official, such as operator:u-1.")],
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Legal day; today where left out."),
    ] = None,
) -> None:
    """Confirm every unconfirmed membership of a day by a recorded register change."""
    for name, text in (("--official", official), ("--reason", reason)):
        if holds_identity_code(text):
            message = "holds a personal identity code, which is never stored here."
            raise typer.BadParameter(message, param_hint=name)
    now = machine_clock() if on is None else helsinki_instant(on.date(), RECORDING_HOUR, 0)
    codes = asyncio.run(_confirm(Settings(), reason=reason, official=official, now=now))
    typer.echo(f"confirmed: {len(codes)} municipalities {' '.join(codes)}".rstrip())


async def _confirm(
    settings: Settings, *, reason: str, official: str, now: datetime
) -> Sequence[str]:
    law, moment = law_of(settings), Moment.at(now, new_ids_at(now))
    pool = await open_pool(settings.database_url.get_secret_value(), connections_max=1)
    try:
        async with transaction(pool) as connection:
            return await confirm_memberships(
                connection,
                law.registers,
                official=ActingOfficial(official_id=official, role="operator"),
                organisation=OPERATOR,
                reason=reason,
                moment=moment,
            )
    finally:
        await pool.close()


if __name__ == "__main__":
    main()
