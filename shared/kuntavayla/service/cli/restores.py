"""The new epoch after a restore from a backup."""

import asyncio
from typing import Annotated

import typer

from kuntavayla.events import new_ids_at
from kuntavayla.outbox import Epoch, EpochRefused, Restore
from kuntavayla.service.cli.desk import CommandDesk, command_desk_of
from kuntavayla.service.cli.options import (
    OPERATOR,
    Official,
    On,
    Reason,
    check_texts,
    connected,
    recorded_at,
)
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.restores import begin_epoch


def restored(
    context: typer.Context,
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
    check_texts(reason=reason, official=official)
    restore = Restore(
        last_epoch=last_epoch,
        reason=reason,
        organisation=OPERATOR,
        official_id=official,
        recorded_at=recorded_at(on),
    )
    try:
        epoch = asyncio.run(_restored(command_desk_of(context), restore))
    except EpochRefused as refusal:
        typer.echo(f"Refused: {refusal}", err=True)
        raise typer.Exit(1) from refusal
    typer.echo(f"epoch {epoch.number} begins behind position {epoch.begins_behind}")


async def _restored(desk: CommandDesk, restore: Restore) -> Epoch:
    async with connected(desk.database_url().get_secret_value()) as connection:
        now = restore.recorded_at
        return await begin_epoch(
            connection, restore, moment=Moment.at(now, new_ids_at(now), source=desk.source)
        )
