"""Events of a made-up type, on which the tests of outbox and feed stand."""

from datetime import UTC, datetime
from typing import ClassVar

from msgspec import Struct

from kuntavayla import outbox
from kuntavayla.database import Pool, transaction
from kuntavayla.events import Channel, EventDraft, Origin, instant_text, new_ids_at

NOW = datetime(2021, 3, 1, 6, 2, 11, 4_000, tzinfo=UTC)
ORIGIN = Origin(source="/example", at_text=instant_text(NOW))
new_id = new_ids_at(NOW)
SOTKAMO, KAJAANI = "cs-sotkamo", "cs-kajaani"


class ThingDoneV1(Struct, frozen=True, kw_only=True):
    """A thing was done."""

    type_name: ClassVar[str] = "thing.done"
    number: int


def a_draft(
    number: int = 1, *, recipient: str = SOTKAMO, channel: Channel = Channel.COMMON
) -> EventDraft:
    return EventDraft(
        event_id=new_id(),
        type_name=ThingDoneV1.type_name,
        version=1,
        subject=new_id(),
        recipient=recipient,
        channel=channel,
        causation_id=new_id(),
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        data=ThingDoneV1(number=number),
    )


async def announce(pool: Pool, *drafts: EventDraft) -> None:
    """Write events in one transaction."""
    async with transaction(pool) as connection:
        await outbox.append(connection, drafts, origin=ORIGIN)
