"""Unconfirmed memberships of the register, confirmed by hand."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import typer

from kuntavayla.events import new_ids_at
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
from kuntavayla.values.officials import ActingOfficial
from routing_api.app import law_of
from routing_api.events import SOURCE
from routing_api.operations.registers import confirm_memberships
from routing_api.settings import Settings


def confirm(*, reason: Reason, official: Official, on: On = None) -> None:
    """Confirm every unconfirmed membership of a day by a recorded register change."""
    check_texts(reason=reason, official=official)
    codes = asyncio.run(_confirm(Settings(), reason=reason, official=official, now=recorded_at(on)))
    typer.echo(f"confirmed: {len(codes)} municipalities {' '.join(codes)}".rstrip())


async def _confirm(
    settings: Settings, *, reason: str, official: str, now: datetime
) -> Sequence[str]:
    law, moment = law_of(settings), Moment.at(now, new_ids_at(now), source=SOURCE)
    async with connected(settings.database_url.get_secret_value()) as connection:
        return await confirm_memberships(
            connection,
            law.registers,
            official=ActingOfficial(official_id=official, role="operator"),
            organisation=OPERATOR,
            reason=reason,
            moment=moment,
        )
