"""What is claimed in a turn: what begins at once, and what lies ready for a place."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from statement_relay.rules.deliveries import Delivery


class Claimed(Struct, frozen=True):
    """Heads of queues under leases: those whose calls begin now, and those that lie ready."""

    begun: Sequence[Delivery] = ()
    ready: Sequence[Delivery] = ()


def placed(deliveries: Sequence[Delivery], *, places: Mapping[str, int]) -> Claimed:
    """Give the free places of each receiver to what is due longest; the others lie ready."""
    left = dict(places)
    begun: list[Delivery] = []
    ready: list[Delivery] = []
    for delivery in deliveries:
        (begun if left[delivery.receiver_id] > 0 else ready).append(delivery)
        left[delivery.receiver_id] -= 1
    return Claimed(begun, ready)
