"""The seal of the audit, verified without a running service."""

import asyncio
import re
from typing import Annotated

import typer

from kuntavayla.audit import Anchor, BlockSpan, SealKeys, Verification, verify
from kuntavayla.database import open_pool, transaction
from kuntavayla.service.cli.desk import command_desk_of
from kuntavayla.settings.secrets import parse_public_keys


def verify_audit(
    context: typer.Context,
    *,
    database_url: Annotated[
        str | None, typer.Option(help="Of a reader of the tables; else the service's own.")
    ] = None,
    keys: Annotated[
        str | None, typer.Option(help="Public keys, id:base64,…; else those of the service.")
    ] = None,
    expect: Annotated[
        str | None, typer.Option(help="A block and its hash that you kept: BLOCK:HASH.")
    ] = None,
) -> None:
    """Verify every block of the audit; needs no running service, and ends with 1 on a difference.

    With address and keys given nothing is read from the environment. This is not on record.
    """
    expected = _anchor(expect)
    desk = command_desk_of(context)
    trusted = desk.seal_keys() if keys is None else _trusted(keys)
    url = database_url or desk.database_url().get_secret_value()
    is_intact = asyncio.run(_verify(url, trusted, source=desk.source, expected=expected))
    raise typer.Exit(0 if is_intact else 1)


def _anchor(text: str | None) -> Anchor | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text)
    if found is None:
        message = "give BLOCK:HASH, the hash in hexadecimal."
        raise typer.BadParameter(message, param_hint="--expect")
    return Anchor(int(found[1]), bytes.fromhex(found[2]))


def _trusted(text: str) -> SealKeys:
    try:
        return SealKeys({name: key.secret for name, key in parse_public_keys(text).keys})
    except ValueError as fault:
        raise typer.BadParameter(f"{fault}.", param_hint="--keys") from None


async def _verify(url: str, keys: SealKeys, *, source: str, expected: Anchor | None) -> bool:
    """Verify page by page and tell each; return whether nothing differs."""
    pool = await open_pool(url, connections_max=1)
    is_intact, first = True, 1
    try:
        while first:
            async with transaction(pool) as connection:
                page = await verify(
                    connection, keys, BlockSpan(first), source=source, expected=expected
                )
            # The hash kept outside is compared once, with the first page.
            expected, first = None, page.next_block or 0
            is_intact &= not page.differences
            _tell(page)
    finally:
        await pool.close()
    return is_intact


def _tell(page: Verification) -> None:
    told = f"blocks {page.first_block}-{page.last_block}, {page.line_count} lines"
    typer.echo(f"{told}: {'differs' if page.differences else 'intact'}")
    for difference in page.differences:
        typer.echo(f"block {difference.block}: {difference.kind}")
    if page.next_block is None:
        typer.echo(f"newest: {page.newest_block}:{page.newest_hash.hex()}")
