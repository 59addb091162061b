"""Values of the inbox shaped into wire types."""

from kuntavayla.inbox import ConsumerFigures, ParkedMessage, Repair
from kuntavayla.service.operations.parked import Shown
from kuntavayla.service.schemas.parked import (
    ConsumerResponse,
    ParkedContent,
    ParkedMessageResponse,
    RepairResponse,
    ShownBytes,
    ShownHeader,
)


def parked_answer(message: ParkedMessage) -> ParkedMessageResponse:
    """Return a parked message without its bytes."""
    return ParkedMessageResponse(
        parked_id=message.parked_id,
        consumer=message.consumer,
        stream=message.stream,
        place=message.place,
        key=message.key,
        speaker=message.speaker,
        event_id=message.event_id,
        event_type=message.event_type,
        state=message.state,
        reason=message.reason,
        attempts=message.attempts,
        parked_at=message.parked_at,
        settled_at=message.settled_at,
        repair_id=message.repair_id,
    )


def parked_content_answer(shown: Shown) -> ParkedContent:
    """Return a parked message with its bytes, and what waits behind it."""
    return ParkedContent(
        message=parked_answer(shown.message),
        is_edited=shown.message.edited_content is not None,
        headers=[ShownHeader(name, ShownBytes.of(value)) for name, value in shown.record.headers],
        body=ShownBytes.of(shown.record.body or b""),
        waiting=shown.waiting,
        behind=[parked_answer(message) for message in shown.behind],
    )


def repair_answer(repair: Repair) -> RepairResponse:
    """Return what a repair has done."""
    return RepairResponse(
        repair_id=repair.repair_id,
        action=repair.action,
        parked_id=repair.parked_id,
        matched=repair.matched,
        handled=repair.handled,
        skipped=repair.skipped,
        parked=repair.parked,
        waiting=repair.waiting,
        repaired_at=repair.repaired_at,
    )


def consumer_answer(figures: ConsumerFigures) -> ConsumerResponse:
    """Return where a consumer stands."""
    return ConsumerResponse(
        consumer=figures.consumer,
        state=figures.state,
        reason=figures.reason or None,
        changed_at=figures.changed_at,
        parked_keys=figures.parked,
        queued_messages=figures.queued,
    )
