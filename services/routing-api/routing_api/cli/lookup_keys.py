"""Look-up keys, changed while the service runs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

import typer
from msgspec import Struct, field

from kuntavayla.database import Pool, open_pool, transaction
from kuntavayla.events import new_ids_at
from kuntavayla.service.cli.options import OPERATOR, Official, check_texts
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.service.routes.pages import NIL_ID
from kuntavayla.service.running import machine_clock
from kuntavayla.values.officials import ActingOfficial
from routing_api.app import law_of
from routing_api.events import SOURCE
from routing_api.operations import rekeying
from routing_api.operations.vault import IdentityVault
from routing_api.settings import Settings


def rotate(
    *,
    official: Official,
    batch: Annotated[
        int, typer.Option(min=1, max=5_000, help="Clients that are locked at a time.")
    ] = 500,
) -> None:
    """Bring the look-ups of all persons under the key that stands first, while the service runs.

    A run that was cut off is begun again; docs/operations.md says what comes before and after.
    """
    check_texts(official=official)
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
                moment=Moment.at(now, new_ids_at(now), source=SOURCE),
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
