"""What the commands share: options, their checks, and one connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import typer

from kuntavayla.database import Connection, open_pool, transaction
from kuntavayla.service.running import machine_clock
from kuntavayla.values.calendar import helsinki_instant
from kuntavayla.values.identity_codes import holds_identity_code

OPERATOR = "operator"
"""The organisation that records what is done by this command line."""
RECORDING_HOUR = 8
"""The hour, in Helsinki, at which a change for a named day is recorded."""
Reason = Annotated[str, typer.Option(help="Why, as it goes on record.")]
Official = Annotated[str, typer.Option(help="Id of the official, such as operator:u-1.")]
On = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Legal day; today where left out."),
]


def check_texts(**texts: str) -> None:
    """Refuse the texts of options, by name, that are empty or hold an identity code."""
    for name, text in texts.items():
        hint = f"--{name}"
        if holds_identity_code(text):
            message = "holds a personal identity code, which is never stored here."
            raise typer.BadParameter(message, param_hint=hint)
        if not text.strip() or not text.isprintable():
            raise typer.BadParameter("give a text of visible characters.", param_hint=hint)


def recorded_at(on: datetime | None) -> datetime:
    """Return the moment at which something of a named day, or of now, is recorded."""
    return machine_clock() if on is None else helsinki_instant(on.date(), RECORDING_HOUR, 0)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Give one connection inside one transaction, by a pool of its own."""
    pool = await open_pool(url, connections_max=1)
    try:
        async with transaction(pool) as connection:
            yield connection
    finally:
        await pool.close()
