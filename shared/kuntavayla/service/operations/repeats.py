"""Which submissions of a batch are new, which repeat another, which are refused.

Repeats are known by the business key, which is unique for ever, and by the idempotency key.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla import idempotency
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress, KeyUse, Replay
from kuntavayla.service.moments import Call


class Submitted(Protocol):
    """What a batch holds: a Struct with a business key, ids of its own, and at most one key."""

    @property
    def source(self) -> Hashable:
        """Return the business key, with the organisation in it."""

    @property
    def result_id(self) -> str:
        """Return the id of what comes of it, if it is new."""

    @property
    def fingerprint(self) -> bytes:
        """Return the fingerprint of its content by the key in use."""

    @property
    def call(self) -> Call:
        """Return whose call it came by."""

    @property
    def key(self) -> str | None:
        """Return the idempotency key, where it has one."""

    def has_content_of(self, fingerprint: bytes) -> bool:
        """Say whether a stored fingerprint, made by any of our keys, is that of this content."""

    def use_of_key(self, result_id: str) -> KeyUse:
        """Return how it uses its idempotency key."""


class Done(Protocol):
    """What came of a submission; a Struct."""

    @property
    def is_replay(self) -> bool:
        """Say whether it answers a repeat."""


Item = TypeVar("Item", bound=Submitted)
Result = TypeVar("Result", bound=Done)


class Repeats(Generic[Item, Result]):
    """Which submissions are new, which repeat another, which are refused by their keys.

    `known` are the business keys that are taken, each with the id of its result and the fingerprint
    of its content; `reused` is the refusal of one that is taken by other content.
    """

    def __init__(
        self,
        submissions: Sequence[Item],
        known: Mapping[Any, tuple[str, bytes]],  # any business key
        *,
        reused: DomainError,
    ) -> None:
        self._submissions = submissions
        self._reused = reused
        self._refusals: dict[int, DomainError] = {}
        self._replays: dict[int, str] = {}
        self._taken: dict[Hashable, tuple[str, bytes]] = dict(known)
        self._new: dict[int, Item] = {}
        self._claimed: set[int] = set()
        for place, item in enumerate(submissions):
            self._sort_in(place, item)

    def _sort_in(self, place: int, item: Item) -> None:
        taken = self._taken.get(item.source)
        if taken is None:
            self._taken[item.source] = (item.result_id, item.fingerprint)
            self._new[place] = item
        elif item.has_content_of(taken[1]):
            self._replays[place] = taken[0]
        else:
            self._refusals[place] = self._reused

    async def claim_keys(self, connection: Connection) -> None:
        """Claim the idempotency keys; a known one turns its submission into a repeat or refusal.

        One that another transaction holds refuses its own submission alone (InProgress).
        """
        keyed = [
            (place, item) for place, item in enumerate(self._submissions) if item.key is not None
        ]
        uses = [item.use_of_key(self._replays.get(place, item.result_id)) for place, item in keyed]
        for (place, _), outcome in zip(
            keyed, await idempotency.claim_free(connection, uses), strict=True
        ):
            if outcome is None:
                self._claimed.add(place)
            else:
                self._settle(place, outcome)
        self._follow_firsts()

    def _settle(self, place: int, outcome: Replay | IdempotencyKeyReused | InProgress) -> None:
        self._new.pop(place, None)
        self._refusals.pop(place, None)
        self._replays.pop(place, None)
        if isinstance(outcome, Replay):
            self._replays[place] = outcome.result_id
        else:
            self._refusals[place] = outcome

    def _follow_firsts(self) -> None:
        """Let a repeat of a submission of this batch share the fate that its key gave that one."""
        places = {item.result_id: place for place, item in enumerate(self._submissions)}
        for place, result_id in sorted(self._replays.items()):
            first = places.get(result_id)
            if first is None or first in self._new:
                continue
            if first in self._replays:
                self._replays[place] = self._replays[first]
                continue
            del self._replays[place]
            refusal = self._refusals[first]
            if isinstance(refusal, IdempotencyKeyReused):
                # Another body holds that one's key, which says nothing of this one: it comes in
                # instead, under the id that its own key was claimed for.
                item = self._submissions[place]
                self._new[place] = _instead(self._submissions[first], of=item)
                places[result_id] = place
            else:
                self._refusals[place] = refusal

    async def release_keys(self, connection: Connection, *, failed: set[int]) -> None:
        """Give back the keys that were claimed here for submissions that came to nothing."""
        gone = {self._new[place].result_id for place in failed}
        repeats = {place for place, first in self._replays.items() if first in gone}
        places = self._claimed & {*self._refusals, *failed, *repeats}
        items = [self._submissions[place] for place in sorted(places)]
        await idempotency.release(connection, [item.use_of_key(item.result_id) for item in items])

    def pending(self) -> dict[int, Item]:
        """Return the submissions that are to be decided, by place."""
        return self._new

    def replayed_ids(self) -> list[str]:
        """Return the ids of stored results that answer a repeat."""
        own = {item.result_id for item in self._new.values()}
        return sorted(set(self._replays.values()) - own)

    def outcomes(
        self, decided: Mapping[int, Result | DomainError], earlier: Mapping[str, Result]
    ) -> list[Result | DomainError]:
        """Return one outcome per submission, in their order."""
        by_id = {self._new[place].result_id: outcome for place, outcome in decided.items()}
        return [
            decided.get(place) or self._refusals.get(place) or self._replay(place, by_id, earlier)
            for place in range(len(self._submissions))
        ]

    def _replay(
        self,
        place: int,
        by_id: Mapping[str, Result | DomainError],
        earlier: Mapping[str, Result],
    ) -> Result | DomainError:
        result_id = self._replays[place]
        if result_id in earlier:
            return earlier[result_id]
        first = by_id[result_id]
        return first if isinstance(first, DomainError) else _again(first)


def _instead(first: Item, *, of: Item) -> Item:
    """Return the first of two alike as it comes in by the call of the other."""
    return cast("Item", replace(cast("Struct", first), call=of.call, key=of.key))


def _again(first: Result) -> Result:
    """Return a result of this batch as it answers a repeat."""
    return cast("Result", replace(cast("Struct", first), is_replay=True))
