"""The seal of a service's audit: the sealer, its announcements, the verification."""

from collections.abc import Callable
from uuid import NAMESPACE_URL, uuid5

from kuntavayla import audit, outbox
from kuntavayla.audit import Anchor, BlockSpan, SealedDay, Sealer, SealKey, SealKeys, Verification
from kuntavayla.database import Connection
from kuntavayla.events import Channel, EventDraft
from kuntavayla.service.events import INTERNAL, AuditSealedV1
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.telemetry import new_traceparent


def subject_of(source: str) -> str:
    """Return the subject of events about the audit, one for ever, so that they keep their order."""
    return str(uuid5(NAMESPACE_URL, f"{source}/audit"))


def sealer_of(key: SealKey, *, moment: Callable[[], Moment]) -> Sealer:
    """Return the sealer of a service's audit; `moment` tells the legal time and who speaks."""

    async def announce(connection: Connection, day: SealedDay) -> None:
        now = moment()
        await outbox.append(connection, [_draft(day, moment=now)], origin=now.origin)

    return Sealer(key, source=moment().source, clock=lambda: moment().now, announce=announce)


def _draft(day: SealedDay, *, moment: Moment) -> EventDraft:
    event_id = moment.new_id()
    return EventDraft(
        event_id=event_id,
        type_name=AuditSealedV1.type_name,
        version=1,
        subject=subject_of(moment.source),
        recipient=INTERNAL,
        channel=Channel.COMMON,
        causation_id=event_id,
        traceparent=new_traceparent(),
        data=AuditSealedV1(
            sealed_on=day.sealed_on,
            block_number=day.block_number,
            block_hash=day.block_hash.hex(),
            block_count=day.block_count,
            line_count=day.line_count,
            key_id=day.key_id,
        ),
    )


async def verify(
    connection: Connection,
    keys: SealKeys,
    span: BlockSpan,
    *,
    expected: Anchor | None,
    call: Call,
    moment: Moment,
) -> Verification:
    """Verify blocks of the audit; the verification and its outcome are on record.

    Its own line commits with the transaction, so it stands in a later block.
    """
    verification = await audit.verify(
        connection, keys, span, source=moment.source, expected=expected
    )
    outcome = "differs" if verification.differences else "intact"
    await witness(connection, call, action="audit.verified", outcome=outcome, moment=moment)
    return verification
