"""What every service tells of itself by its status."""

from collections.abc import Sequence
from datetime import datetime

from kuntavayla.outbox import Hold, Standing
from kuntavayla.service.operations.recipients import state_of
from kuntavayla.service.operations.standing import ServiceFigures
from kuntavayla.service.routes.answers import consumer_answer
from kuntavayla.service.routes.desk import ServiceDesk
from kuntavayla.service.schemas.operating import HeldRecipient, PublishedStatus, ServiceStatus
from kuntavayla.settings import Transport


def service_status(figures: ServiceFigures, *, desk: ServiceDesk, now: datetime) -> ServiceStatus:
    """Return what the status of every service says; a service adds its own figures."""
    standing = figures.standing
    return ServiceStatus(
        epoch=standing.epoch,
        head_position=standing.head,
        transport=desk.transport.value,
        published=_published(standing) if desk.transport is Transport.KAFKA else None,
        paused_recipients=sum(hold.is_paused(now=now) for hold in figures.holds),
        held_recipients=_held(figures.holds, transport=desk.transport, now=now),
        audit_newest_block=figures.seal.newest_block,
        audit_oldest_unsealed_s=figures.oldest_unsealed_s,
        parked_keys=sum(one.parked for one in figures.consumers),
        queued_messages=sum(one.queued for one in figures.consumers),
        consumers=[consumer_answer(one) for one in figures.consumers],
        jobs=desk.jobs.states,
    )


def _held(holds: Sequence[Hold], *, transport: Transport, now: datetime) -> list[HeldRecipient]:
    found = []
    for hold in holds:
        state = state_of(hold, transport=transport, now=now)
        if state != "open":
            found.append(
                HeldRecipient(
                    recipient=hold.recipient,
                    state=state,
                    paused_at=hold.paused_at,
                    until=hold.until,
                )
            )
    return found


def _published(standing: Standing) -> PublishedStatus:
    return PublishedStatus(
        position=standing.published,
        lag=standing.lag,
        oldest_unpublished_at=standing.oldest_unpublished_at,
    )
