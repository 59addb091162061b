"""Items get their places in queues, and with them their exact bytes."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.values.responsibilities import ClientName
from statement_relay.rules.clocks import DeliveryTarget, Due, due
from statement_relay.rules.contents import Content, Envelope, body_of
from statement_relay.rules.digests import digest_of
from statement_relay.rules.states import Action
from statement_relay.store import queues
from statement_relay.store.queues import Queue


class Sending(Struct, frozen=True, kw_only=True):
    """An item that goes to a receiver."""

    information_id: str
    action: Action
    replaces_information_id: str | None
    content: Content
    client: ClientName
    author_role: str
    accepted_at: datetime
    nonce: bytes
    receiver_id: str

    @property
    def queue(self) -> Queue:
        """Return the queue that the item waits in."""
        return Queue(self.receiver_id, self.client.client_id)


class Place(Struct, frozen=True, kw_only=True):
    """An item's place: its number, its bytes, when it is due, and the item before it, if any."""

    receiver_id: str
    number: int
    body: bytes
    digest: str
    due: Due
    waiting_behind: str | None


async def give_places(
    connection: Connection, items: Sequence[Sending], *, target: DeliveryTarget
) -> list[Place]:
    """Put items at the end of their queues, in the order given; one place per item.

    Locks the queues in their order.
    """
    counts = Counter(item.queue for item in items)
    last_numbers = await queues.grow(connection, counts)
    before = await queues.find_last_open(connection, counts)
    numbers = {queue: last_numbers[queue] - count for queue, count in counts.items()}
    dues = {at: due(at, target=target) for at in {item.accepted_at for item in items}}
    places = []
    for item in items:
        numbers[item.queue] += 1
        body = body_of(item.content, _envelope(item, sequence=numbers[item.queue]))
        places.append(
            Place(
                receiver_id=item.receiver_id,
                number=numbers[item.queue],
                body=body,
                digest=digest_of(body),
                due=dues[item.accepted_at],
                waiting_behind=before.get(item.queue),
            )
        )
        before[item.queue] = item.information_id
    return places


def _envelope(item: Sending, *, sequence: int) -> Envelope:
    return Envelope(
        information_id=item.information_id,
        action=item.action,
        replaces_information_id=item.replaces_information_id,
        sequence=sequence,
        client=item.client,
        author_role=item.author_role,
        accepted_at=item.accepted_at,
        nonce=item.nonce,
    )
