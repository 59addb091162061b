"""One sealer per service: whoever holds an advisory lock, on a connection of its own.

Lock and blocks live on one connection, so a sealer that lost its lock can store nothing more. The
others stand by and look every two seconds. That the request path never waits for a seal is why
this is a loop and no part of any transaction of a request.
"""

import asyncio
from collections.abc import Callable

from kuntavayla.audit.sealing import LINES_MAX, Sealer
from kuntavayla.database import Connection
from kuntavayla.database.connections import TRY_ELECTION, open_connection
from kuntavayla.telemetry import log

SEAL_LOCK = 0x6175646974
"""The advisory lock of the one sealer of a database."""
INTERVAL_S = 2.0
"""Seconds between two blocks while there is less than a full one to seal, and between elections."""


class SealReport:
    """What a sealer reports of itself: whether it is the one, and how many lines it sealed."""

    def __init__(self, *, leads: Callable[[float], None], sealed: Callable[[float], None]) -> None:
        self.leads = leads
        self.sealed = sealed


async def keep_sealing(
    url: str, sealer: Sealer, *, report: SealReport, interval_s: float = INTERVAL_S
) -> None:
    """Stand for election and seal until cancelled; whatever fails is tried again."""
    while True:
        try:
            await _seal_on_one_connection(url, sealer, report=report, interval_s=interval_s)
        except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
            log.warning("audit.not_sealed", error_type=type(error).__name__)
        report.leads(0)
        await asyncio.sleep(interval_s)


async def _seal_on_one_connection(
    url: str, sealer: Sealer, *, report: SealReport, interval_s: float
) -> None:
    connection = await open_connection(url)
    is_elected = False
    try:
        while True:
            if not is_elected and await connection.fetchval(TRY_ELECTION, SEAL_LOCK):
                is_elected = True
                log.info("audit.sealer_elected")
                report.leads(1)
                await sealer.take_over(connection)
            if is_elected:
                await _seal_all(connection, sealer, report=report)
                await sealer.announce_days(connection)
            await asyncio.sleep(interval_s)
    finally:
        connection.terminate()


async def _seal_all(connection: Connection, sealer: Sealer, *, report: SealReport) -> None:
    """Close blocks until one is not full."""
    lines = LINES_MAX
    while lines == LINES_MAX:
        lines = await sealer.seal(connection)
        report.sealed(lines)
