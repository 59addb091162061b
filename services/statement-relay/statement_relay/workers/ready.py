"""Claims that lie ready: each takes the place of a call of its receiver that ends.

So a place is empty for no turn. Nothing begins here; what may not begin any more is handed back.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence

from statement_relay.operations.delivering import Turn
from statement_relay.rules.deliveries import Delivery


class ReadyClaims:
    """The claims of a courier of which no call was made yet, by receiver, oldest first.

    A receiver is calm for `calm_s` after a turn that found nothing against it, unless one of its
    calls fails. No more lie ready than calls of their receiver have ended within `lately_s`: so
    none lies ready much longer, and none for a receiver whose calls hang. Times are seconds of the
    monotonic clock.
    """

    def __init__(self, *, calm_s: float, lately_s: float) -> None:
        self._calm_s = calm_s
        self._lately_s = lately_s
        self._claims: defaultdict[str, deque[tuple[Delivery, float]]] = defaultdict(deque)
        self._calm_at_s: dict[str, float] = {}
        self._ended_at_s: defaultdict[str, deque[float]] = defaultdict(deque)
        self._upset: set[str] = set()
        self._silenced: set[str] = set()

    @property
    def all(self) -> Sequence[Delivery]:
        """Return every claim."""
        return [delivery for claims in self._claims.values() for delivery, _ in claims]

    def begin_turn(self, *, now_s: float) -> Mapping[str, int]:
        """Return how many claims may lie ready, by receiver; what fails from now on is noted."""
        self._upset.clear()
        self._silenced.clear()
        for ended in self._ended_at_s.values():
            while ended and ended[0] < now_s - self._lately_s:
                ended.popleft()
        return Counter({name: len(ended) for name, ended in self._ended_at_s.items()})

    def note_ended(self, receiver_id: str, *, now_s: float) -> None:
        """Note that a call has ended, and not by a fault."""
        self._ended_at_s[receiver_id].append(now_s)

    def upset(self, receiver_id: str, *, wants_none: bool = False) -> Sequence[Delivery]:
        """Note that a call has failed, or its receiver wants none at all; return what lay ready."""
        self._upset.add(receiver_id)
        if wants_none:
            self._silenced.add(receiver_id)
        self._ended_at_s.pop(receiver_id, None)
        return self._drop(receiver_id)

    def end_turn(
        self, turn: Turn, *, claimed_at: float
    ) -> tuple[Sequence[Delivery], Sequence[Delivery]]:
        """Take what a turn has claimed; return what begins now, and what is handed back.

        What was claimed too long ago is handed back: it has lost of the time of its call.
        """
        left = self._drop_unfit(turn, claimed_at=claimed_at)
        begun: list[Delivery] = []
        places = Counter(turn.places)
        for delivery in turn.deliveries:
            receiver_id = delivery.receiver_id
            if receiver_id in self._silenced:
                left.append(delivery)
            elif turn.calm.get(receiver_id, False) and receiver_id not in self._upset:
                self._claims[receiver_id].append((delivery, claimed_at))
            elif places[receiver_id] > 0:
                places[receiver_id] -= 1
                begun.append(delivery)
            else:
                left.append(delivery)
        return begun, left

    def next(self, receiver_id: str) -> tuple[Delivery, float] | None:
        """Take out the claim that takes the next place; tell when it was made."""
        claims = self._claims.get(receiver_id)
        return claims.popleft() if claims else None

    def is_calm(self, receiver_id: str, *, now_s: float) -> bool:
        """Tell whether a claim may take a place without a turn."""
        calm_at_s = self._calm_at_s.get(receiver_id)
        return calm_at_s is not None and now_s - calm_at_s <= self._calm_s

    def clear(self) -> Sequence[Delivery]:
        """Take out every claim."""
        return [delivery for receiver_id in [*self._claims] for delivery in self._drop(receiver_id)]

    def _drop_unfit(self, turn: Turn, *, claimed_at: float) -> list[Delivery]:
        """Take out what lay ready for receivers that are not calm, or was claimed too long ago."""
        unfit: list[Delivery] = []
        for receiver_id, is_calm in turn.calm.items():
            if is_calm and receiver_id not in self._upset:
                self._calm_at_s[receiver_id] = claimed_at
            else:
                unfit += self._drop(receiver_id)
        for claims in self._claims.values():
            while claims and claims[0][1] < claimed_at - self._lately_s:
                unfit.append(claims.popleft()[0])
        return unfit

    def _drop(self, receiver_id: str) -> Sequence[Delivery]:
        self._calm_at_s.pop(receiver_id, None)
        return [delivery for delivery, _ in self._claims.pop(receiver_id, ())]
