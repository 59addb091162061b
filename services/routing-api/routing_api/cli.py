"""The command line of routing-api: migrate, serve, and what an operator records by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from typing import Annotated

import typer

from kuntavayla.database import Connection, open_pool, transaction
from kuntavayla.database.preparing import migrate as run_migrations
from kuntavayla.events import new_ids_at
from kuntavayla.http.serving import run
from kuntavayla.outbox import Epoch, EpochRefused, Restore
from kuntavayla.telemetry import configure_logging
from kuntavayla.values.calendar import helsinki_instant
from kuntavayla.values.identity_codes import holds_identity_code
from kuntavayla.values.officials import ActingOfficial
from routing_api.app import create_app, law_of, machine_clock
from routing_api.operations.moments import Moment
from routing_api.operations.registers import confirm_memberships
from routing_api.operations.restores import begin_epoch
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


Reason = Annotated[str, typer.Option(help="Why, as it goes on record.")]
Official = Annotated[str, typer.Option(help="Id of the official, such as operator:u-1.")]
On = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Legal day; today where left out."),
]


@main.command("confirm-memberships")
def confirm(*, reason: Reason, official: Official, on: On = None) -> None:
    """Confirm every unconfirmed membership of a day by a recorded register change."""
    _check_texts(reason=reason, official=official)
    codes = asyncio.run(
        _confirm(Settings(), reason=reason, official=official, now=_recorded_at(on))
    )
    typer.echo(f"confirmed: {len(codes)} municipalities {' '.join(codes)}".rstrip())


@main.command()
def restored(
    *,
    last_epoch: Annotated[
        int,
        typer.Option(
            min=1, help="The newest epoch that anybody has seen: the first part of a sequence."
        ),
    ],
    reason: Reason,
    official: Official,
    on: On = None,
) -> None:
    """Begin a new epoch after a restore from a backup, before any process serves.

    Readers with an older cursor are then answered 410 and start from the snapshot.
    """
    _check_texts(reason=reason, official=official)
    restore = Restore(
        last_epoch=last_epoch,
        reason=reason,
        organisation=OPERATOR,
        official_id=official,
        recorded_at=_recorded_at(on),
    )
    try:
        epoch = asyncio.run(_restored(Settings(), restore))
    except EpochRefused as refusal:
        typer.echo(f"Refused: {refusal}", err=True)
        raise typer.Exit(1) from refusal
    typer.echo(f"epoch {epoch.number} begins behind position {epoch.begins_behind}")


def _check_texts(*, reason: str, official: str) -> None:
    for name, text in (("--official", official), ("--reason", reason)):
        if holds_identity_code(text):
            message = "holds a personal identity code, which is never stored here."
            raise typer.BadParameter(message, param_hint=name)
        if not text.strip() or not text.isprintable():
            raise typer.BadParameter("give a text of visible characters.", param_hint=name)


def _recorded_at(on: datetime | None) -> datetime:
    return machine_clock() if on is None else helsinki_instant(on.date(), RECORDING_HOUR, 0)


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Connection]:
    """Give one connection inside one transaction, by a pool of its own."""
    pool = await open_pool(settings.database_url.get_secret_value(), connections_max=1)
    try:
        async with transaction(pool) as connection:
            yield connection
    finally:
        await pool.close()


async def _restored(settings: Settings, restore: Restore) -> Epoch:
    async with _connected(settings) as connection:
        now = restore.recorded_at
        return await begin_epoch(connection, restore, moment=Moment.at(now, new_ids_at(now)))


async def _confirm(
    settings: Settings, *, reason: str, official: str, now: datetime
) -> Sequence[str]:
    law, moment = law_of(settings), Moment.at(now, new_ids_at(now))
    async with _connected(settings) as connection:
        return await confirm_memberships(
            connection,
            law.registers,
            official=ActingOfficial(official_id=official, role="operator"),
            organisation=OPERATOR,
            reason=reason,
            moment=moment,
        )


if __name__ == "__main__":
    main()
