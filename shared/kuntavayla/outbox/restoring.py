"""A new epoch after the database was restored to an earlier point.

Positions behind the restored point are given a second time. The epoch tells the two apart: it is
the first part of every sequence and cursor, and never used twice.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.events import EPOCH_DIGITS
from kuntavayla.outbox.appending import EVERYBODY, NOTIFY_CHANNEL

EPOCH_MAX = 10**EPOCH_DIGITS - 1
EPOCH_GAP_MAX = 100
"""Restores between a backup and its use, at most; more is a slip of the pen."""

LOCK_HEAD = "SELECT epoch, position, kept_from FROM outbox_head FOR UPDATE"
NEWEST_POSITION = "SELECT max(position) FROM outbox"
COUNT_SERVING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'kuntavayla' AND pid <> pg_backend_pid()
"""
SET_EPOCH = f"""
UPDATE outbox_head SET epoch = $1 RETURNING pg_notify('{NOTIFY_CHANNEL}', '{EVERYBODY}')
"""  # noqa: S608 - constants of ours
APPEND_EPOCH = """
INSERT INTO outbox_epochs (epoch, begins_behind, reason, organisation, official_id, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""


class EpochRefused(Exception):
    """The epoch was not raised; the text says why and what to do."""


class Restore(Struct, frozen=True, kw_only=True):
    """What an operator says of a restore; `last_epoch` is the newest one that anybody has seen."""

    last_epoch: int
    reason: str
    organisation: str
    official_id: str
    recorded_at: datetime


class Epoch(Struct, frozen=True):
    """An epoch and the position behind which it begins: the restored point."""

    number: int
    begins_behind: int


async def raise_epoch(connection: Connection, restore: Restore) -> Epoch:
    """Begin the epoch that follows every one that was ever seen; record why.

    Locks outbox_head. Raises EpochRefused where processes still serve, where the events do not end
    at the head, or where the epoch named cannot be right.
    """
    head: Any = await connection.fetchrow(LOCK_HEAD)
    newest = await connection.fetchval(NEWEST_POSITION)
    serving = await connection.fetchval(COUNT_SERVING)
    if serving:
        raise EpochRefused(
            f"{serving} connections of the service are open. Stop every process first: readers"
            " must meet nothing between the restore and the new epoch."
        )
    if head["position"] != (head["kept_from"] if newest is None else newest):
        raise EpochRefused(
            f"The head stands at {head['position']}, the newest event at {newest}. This is no whole"
            " restore of one moment; restore again from a backup of the whole database."
        )
    _check_epoch(head["epoch"], last_epoch=restore.last_epoch)
    epoch = Epoch(restore.last_epoch + 1, head["position"])
    await connection.execute(SET_EPOCH, epoch.number)
    await connection.execute(
        APPEND_EPOCH,
        epoch.number,
        epoch.begins_behind,
        restore.reason,
        restore.organisation,
        restore.official_id,
        restore.recorded_at,
    )
    return epoch


def _check_epoch(standing: int, *, last_epoch: int) -> None:
    """Refuse an epoch that is older than the database's own, or far beyond it, or the last one."""
    if last_epoch < standing:
        raise EpochRefused(
            f"The database itself is of epoch {standing}, so {last_epoch} was not the last one."
        )
    if last_epoch > standing + EPOCH_GAP_MAX:
        raise EpochRefused(
            f"The database is of epoch {standing}; {last_epoch} would mean more than"
            f" {EPOCH_GAP_MAX} restores since the backup."
        )
    if last_epoch >= EPOCH_MAX:
        raise EpochRefused(f"{EPOCH_MAX} is the last epoch that a sequence has room for.")
