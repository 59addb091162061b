"""What operators do to items on their way: looked at, tried again now, given up with a reason."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import audit, outbox
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import witness
from statement_relay.errors import (
    DeliveriesTooMany,
    DeliveryBehindOthers,
    DeliveryCountDiffers,
    DeliveryNotFound,
    DeliverySettled,
    DeliveryUnderWay,
)
from statement_relay.operations.rejecting import reject
from statement_relay.operations.telling import Telling
from statement_relay.rules.deliveries import (
    DeliveryFilter,
    DeliveryNote,
    DeliverySummary,
    Undelivered,
)
from statement_relay.rules.states import SETTLED, SKIPPED, NoteAction
from statement_relay.store import repairs

LISTED, COUNTED = "delivery.listed", "delivery.counted"
DONE = "done"
REPAIRS_MAX = 1_000
"""Items of one repair by filter."""


class Why(Struct, frozen=True):
    """Who repairs, and why."""

    call: Call
    reason: str


class Page(Struct, frozen=True, kw_only=True):
    """Which part of a list, and whether clients with a security ban may be in it."""

    after: str
    limit: int
    may_see_restricted: bool


async def list_of(
    connection: Connection,
    query: DeliveryFilter,
    *,
    page: Page,
    call: Call,
    moment: Moment,
) -> Sequence[Undelivered]:
    """Return items on their way, in order of their ids; audited."""
    await witness(connection, call, action=LISTED, moment=moment)
    return await repairs.list_undelivered(
        connection,
        query,
        after=page.after,
        limit=page.limit,
        may_see_restricted=page.may_see_restricted,
    )


async def summarise(
    connection: Connection, *, call: Call, moment: Moment
) -> Sequence[DeliverySummary]:
    """Return what is on its way by receiver, state and reason; audited."""
    await witness(connection, call, action=COUNTED, moment=moment)
    return await repairs.summarise(connection)


async def count_of(
    connection: Connection, query: DeliveryFilter, *, call: Call, moment: Moment
) -> int:
    """Return how many items on their way a filter means; audited."""
    await witness(connection, call, action=COUNTED, moment=moment)
    return await repairs.count_undelivered(connection, query)


async def retry(
    connection: Connection, information_ids: Sequence[str], *, why: Why, moment: Moment
) -> None:
    """Let heads of queues be tried again now: parked, promised a receipt for, or waiting.

    The same again changes nothing more. Locks the queues in their order; raises what one of the
    items is refused with, and then nothing was done.
    """
    items = await _load_heads(connection, information_ids)
    await repairs.put_back(connection, [item.tracked for item in items])
    await repairs.refresh(connection, [item.tracked for item in items])
    telling = Telling(why.call, moment)
    await _write(connection, items, telling, action="retried", why=why, moment=moment)


async def skip(
    connection: Connection, information_ids: Sequence[str], *, why: Why, moment: Moment
) -> None:
    """Give heads of queues up: the municipality is told, and what waits behind them goes on.

    What corrects or withdraws them is given up with them. What was given up before is left as it
    is. Locks and raises as `retry` does.
    """
    items = await _load_heads(connection, information_ids, ended_alike=SKIPPED)
    open_items = [item for item in items if item.state not in SETTLED]
    telling = Telling(why.call, moment)
    tracked = [item.tracked for item in open_items]
    await reject(connection, tracked, code=SKIPPED, telling=telling, moment=moment)
    await repairs.refresh(connection, tracked)
    await _write(connection, open_items, telling, action="skipped", why=why, moment=moment)


async def choose(
    connection: Connection, query: DeliveryFilter, *, expected_count: int
) -> Sequence[str]:
    """Return the items that a filter means, of those that are the first of their queue.

    Raises where they are too many or not as expected.
    """
    count = await repairs.count_undelivered(connection, query)
    if count != expected_count:
        raise DeliveryCountDiffers(item_count=count)
    if count > REPAIRS_MAX:
        raise DeliveriesTooMany(item_count=count, items_max=REPAIRS_MAX)
    return await repairs.choose_undelivered(connection, query, limit=REPAIRS_MAX)


async def _load_heads(
    connection: Connection, information_ids: Sequence[str], *, ended_alike: str | None = None
) -> list[Undelivered]:
    """Lock and return items that may be repaired, and those that ended by this repair before."""
    found = await repairs.lock_items(connection, information_ids)
    items = []
    for information_id in information_ids:
        item = found.get(information_id)
        refusal = _refusal_of(item, ended_alike=ended_alike)
        if refusal is not None:
            raise refusal
        assert item is not None, "what is not found is refused"
        items.append(item)
    return items


def _refusal_of(item: Undelivered | None, *, ended_alike: str | None) -> DomainError | None:
    if item is None:
        return DeliveryNotFound()
    if item.state in SETTLED:
        is_alike = ended_alike is not None and item.state_reason == ended_alike
        return None if is_alike else DeliverySettled(state=item.state)
    if item.is_leased:
        return DeliveryUnderWay()
    return None if item.is_head else DeliveryBehindOthers()


async def _write(
    connection: Connection,
    items: Sequence[Undelivered],
    telling: Telling,
    *,
    action: NoteAction,
    why: Why,
    moment: Moment,
) -> None:
    """Write notes and audit lines of a repair and its events, the outbox last."""
    call = why.call
    notes = [note_of(item, action=action, why=why, moment=moment) for item in items]
    await repairs.append_notes(connection, notes)
    for item in items:
        telling.gathered.witness(
            call,
            action=f"delivery.{action}",
            outcome=DONE,
            moment=moment,
            client_id=item.tracked.client_id,
            resource_id=item.tracked.information_id,
        )
    await audit.append(connection, telling.gathered.audit)
    await outbox.append(connection, telling.gathered.events, origin=moment.origin)


def note_of(item: Undelivered, *, action: NoteAction, why: Why, moment: Moment) -> DeliveryNote:
    """Return the note of what an operator did to an item that stood so."""
    return DeliveryNote(
        note_id=moment.new_id(),
        information_id=item.tracked.information_id,
        action=action,
        code=item.state_reason,
        reason=why.reason,
        organisation=why.call.organisation,
        official_id=why.call.official_id,
        noted_at=moment.now,
    )
