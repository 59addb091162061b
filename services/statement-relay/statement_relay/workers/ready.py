"""Claims that lie ready: each takes the place of a call of its receiver that ends.

So a place is empty for no turn. Nothing begins here; what may not begin any more is handed back.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Sequence

from statement_relay.operations.delivering import Turn
from statement_relay.rules.deliveries import Delivery


class ReadyClaims:
    """The claims of a courier of which no call was made yet, by receiver, oldest first."""

    def __init__(self, *, calm_s: float) -> None:
        self._calm_s = calm_s
        self._claims: defaultdict[str, deque[tuple[Delivery, float]]] = defaultdict(deque)
        self._calm_at_s: dict[str, float] = {}

    @property
    def all(self) -> Sequence[Delivery]:
        """Return every claim."""
        return [delivery for claims in self._claims.values() for delivery, _ in claims]

    def take(self, turn: Turn, *, claimed_at: float) -> Sequence[Delivery]:
        """Take what a turn has claimed; return claims of receivers that are not calm any more."""
        for delivery in turn.ready:
            self._claims[delivery.receiver_id].append((delivery, claimed_at))
        left: list[Delivery] = []
        for receiver_id, is_calm in turn.calm.items():
            if is_calm:
                self._calm_at_s[receiver_id] = claimed_at
            else:
                left += [delivery for delivery, _ in self._claims.pop(receiver_id, ())]
        return left

    def next(self, receiver_id: str, *, now_s: float) -> tuple[Delivery, float, bool] | None:
        """Take out the claim that takes the next place; tell when it was made, and if it may."""
        claims = self._claims.get(receiver_id)
        if not claims:
            return None
        delivery, claimed_at = claims.popleft()
        return delivery, claimed_at, now_s - self._calm_at_s[receiver_id] <= self._calm_s

    def clear(self, *, unless: Collection[str] = ()) -> Sequence[Delivery]:
        """Take out the claims of all receivers but these."""
        gone = [receiver_id for receiver_id in self._claims if receiver_id not in unless]
        return [delivery for name in gone for delivery, _ in self._claims.pop(name)]
