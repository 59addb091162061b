"""What an operator records after the database was restored from a backup."""

from kuntavayla import audit, outbox
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection
from kuntavayla.outbox import Epoch, Restore
from kuntavayla.service.moments import Moment


async def begin_epoch(connection: Connection, restore: Restore, *, moment: Moment) -> Epoch:
    """Begin a new epoch and put it on record; raises EpochRefused.

    The audit line stands before the outbox head is locked, because no lock is taken after it.
    """
    line = AuditLine(
        recorded_at=moment.now,
        organisation=restore.organisation,
        official_id=restore.official_id,
        official_role="operator",
        action="service.restored",
        outcome="epoch_raised",
        request_id=moment.new_id(),
    )
    await audit.append(connection, [line])
    return await outbox.raise_epoch(connection, restore)
