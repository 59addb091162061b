"""Transfers that were not acknowledged in time: both sides are told, once."""

from kuntavayla.database import Connection
from kuntavayla.events import Channel
from kuntavayla.service.moments import Call, Moment
from routing_api.events import TransferOverdueV1
from routing_api.operations.effects import Effects
from routing_api.rules.transfers import Transfer
from routing_api.store import transfers

OVERDUE_BATCH = 500
"""Transfers of one transaction; each has two events."""


async def tell_overdue(connection: Connection, *, call: Call, moment: Moment) -> int:
    """Tell case systems and TE offices of transfers that became overdue; return how many.

    At most 500, the earliest due first, each once for ever: the mark and the events commit
    together. Safe to run in many processes at once.
    """
    overdue = await transfers.take_overdue(connection, now=moment.now, limit=OVERDUE_BATCH)
    effects = Effects()
    for transfer in overdue:
        data = _overdue(transfer)
        for recipient in (transfer.case_system_id, transfer.te_office_code):
            effects.announce(
                data,
                recipient=recipient,
                channel=Channel.RESTRICTED if transfer.is_restricted else Channel.COMMON,
                cause_id=transfer.transfer_id,
                call=call,
                moment=moment,
            )
    await effects.write(connection, moment=moment)
    return len(overdue)


def _overdue(transfer: Transfer) -> TransferOverdueV1:
    return TransferOverdueV1(
        transfer_id=transfer.transfer_id,
        client_id=transfer.client_id,
        clienthood_version=transfer.clienthood_version,
        case_system_id=transfer.case_system_id,
        municipality_code=transfer.municipality_code,
        te_office_code=transfer.te_office_code,
        effective_on=transfer.effective_on,
        acknowledge_due_at=transfer.acknowledge_due_at,
    )
