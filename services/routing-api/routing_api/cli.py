"""The command line of routing-api: migrate, serve, and what an operator records by hand."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from importlib.metadata import version
from typing import Annotated

import typer
from msgspec import Struct, field

from kuntavayla.database import Pool, open_pool, transaction
from kuntavayla.database.preparing import migrate as run_migrations
from kuntavayla.events import new_ids_at
from kuntavayla.http.serving import run
from kuntavayla.telemetry import configure_logging
from kuntavayla.values.calendar import helsinki_instant
from kuntavayla.values.identity_codes import holds_identity_code
from kuntavayla.values.officials import ActingOfficial
from routing_api.app import create_app, law_of, machine_clock
from routing_api.operations import rekeying
from routing_api.operations.moments import Moment
from routing_api.operations.registers import confirm_memberships
from routing_api.operations.vault import IdentityVault
from routing_api.routes.desk import NIL_ID, repeating
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
    _refuse_identity_codes(("--official", official), ("--reason", reason))
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


@main.command("rotate-lookup-keys")
def rotate(
    *,
    official: Annotated[str, typer.Option(help="Id of the official, such as operator:u-1.")],
    batch: Annotated[
        int, typer.Option(min=1, max=5_000, help="Clients that are locked at a time.")
    ] = 500,
) -> None:
    """Bring the look-ups of all persons under the key that stands first, while the service runs.

    A run that was cut off is begun again; docs/operations.md says what comes before and after.
    """
    _refuse_identity_codes(("--official", official))
    raise typer.Exit(asyncio.run(_rotate(Settings(), official=official, batch=batch)))


async def _rotate(settings: Settings, *, official: str, batch: int) -> int:
    vault, now = law_of(settings).vault, machine_clock()
    pool = await open_pool(settings.database_url.get_secret_value(), connections_max=1)
    try:
        async with transaction(pool) as connection:
            await rekeying.witness_rotation(
                connection,
                official=ActingOfficial(official_id=official, role="operator"),
                organisation=OPERATOR,
                moment=Moment.at(now, new_ids_at(now)),
            )
        # All are looked at before one is changed: a key that is missing is told first.
        before = await _look_at_all(pool, vault, batch=batch)
        if not before.is_known():
            return _tell(before)
        async for found in _batches(pool, vault, batch=batch):
            await repeating(partial(_bring_over, pool, found))
        return _tell(await _look_at_all(pool, vault, batch=batch))
    finally:
        await pool.close()


async def _batches(
    pool: Pool, vault: IdentityVault, *, batch: int
) -> AsyncIterator[rekeying.Found]:
    after = NIL_ID
    while True:
        async with transaction(pool) as connection:
            found = await rekeying.find_outdated(connection, vault, after=after, limit=batch)
        if found is None:
            return
        yield found
        after = found.last_client_id


async def _bring_over(pool: Pool, found: rekeying.Found) -> None:
    async with transaction(pool) as connection:
        await rekeying.bring_over(connection, found)


async def _look_at_all(pool: Pool, vault: IdentityVault, *, batch: int) -> "_Counts":
    counts = _Counts()
    async for found in _batches(pool, vault, batch=batch):
        counts.add(found)
    return counts


class _Counts(Struct):
    """How many clients there are, and of each column how many look-ups are not of the key in use.

    `outdated` ones are made by an older key of the ring, `unknown` ones by none.
    """

    clients: int = 0
    outdated: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, found: rekeying.Found) -> None:
        self.clients += found.count
        for column, outdated in found.outdated.items():
            self.outdated[column] += len(outdated)
        self.unknown.update(found.unknown)

    def is_known(self) -> bool:
        return self.unknown.total() == 0


def _tell(counts: _Counts) -> int:
    """Say what was found; return 0 where every look-up is of the key in use, else 1."""
    for column, count in sorted(counts.unknown.items()):
        if count:
            typer.echo(f"{column}: {count} made by no key of the ring; add it behind the first")
    for column, count in sorted(counts.outdated.items()):
        if count:
            typer.echo(f"{column}: {count} made by an older key; run again")
    is_complete = counts.is_known() and counts.outdated.total() == 0
    if is_complete:
        typer.echo(f"complete: {counts.clients} clients under the keys in use")
    return 0 if is_complete else 1


def _refuse_identity_codes(*options: tuple[str, str]) -> None:
    for name, text in options:
        if holds_identity_code(text):
            message = "holds a personal identity code, which is never stored here."
            raise typer.BadParameter(message, param_hint=name)


if __name__ == "__main__":
    main()
