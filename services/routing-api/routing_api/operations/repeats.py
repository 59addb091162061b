"""Which submissions of a batch are new, which repeat another, which are refused.

Repeats are known by the business key (organisation, source system, source registration id) and by
the idempotency key.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla import idempotency
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress, Replay
from routing_api.errors import RegistrationIdReused
from routing_api.operations.submissions import Submission
from routing_api.rules.decisions import Decision
from routing_api.store.registrations import SourceKey


class Registered(Struct, frozen=True):
    """A registration has its decision; a replay answers with the one that was made first."""

    decision: Decision
    is_replay: bool


Outcome = Registered | DomainError


class Repeats:
    """Which submissions are new, which repeat another, which are refused by their keys."""

    def __init__(
        self, submissions: Sequence[Submission], known: dict[SourceKey, tuple[str, bytes]]
    ) -> None:
        self._submissions = submissions
        self._refusals: dict[int, DomainError] = {}
        self._replays: dict[int, str] = {}
        self._taken = dict(known)
        self._new: dict[int, Submission] = {}
        self._claimed: set[int] = set()
        for place, item in enumerate(submissions):
            self._sort_in(place, item)

    def _sort_in(self, place: int, item: Submission) -> None:
        taken = self._taken.get(item.source)
        if taken is None:
            self._taken[item.source] = (item.registration_id, item.fingerprint)
            self._new[place] = item
        elif item.has_content_of(taken[1]):
            self._replays[place] = taken[0]
        else:
            self._refusals[place] = RegistrationIdReused()

    async def claim_keys(self, connection: Connection) -> None:
        """Claim the idempotency keys; a known one turns its submission into a repeat or refusal.

        One that another transaction holds refuses its own submission alone (InProgress).
        """
        keyed = [
            (place, item) for place, item in enumerate(self._submissions) if item.key is not None
        ]
        uses = [
            item.use_of_key(self._replays.get(place, item.registration_id)) for place, item in keyed
        ]
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
        places = {item.registration_id: place for place, item in enumerate(self._submissions)}
        for place, registration_id in sorted(self._replays.items()):
            first = places.get(registration_id)
            if first is None or first in self._new:
                continue
            if first in self._replays:
                self._replays[place] = self._replays[first]
                continue
            del self._replays[place]
            refusal = self._refusals[first]
            if isinstance(refusal, IdempotencyKeyReused):
                # Another body holds that one's key, which says nothing of this one: it comes in
                # instead, under the registration id that its own key was claimed for.
                item = self._submissions[place]
                self._new[place] = replace(self._submissions[first], call=item.call, key=item.key)
                places[registration_id] = place
            else:
                self._refusals[place] = refusal

    async def release_keys(self, connection: Connection, *, failed: set[int]) -> None:
        """Give back the keys that were claimed here for submissions that came to nothing."""
        gone = {self._new[place].registration_id for place in failed}
        repeats = {place for place, first in self._replays.items() if first in gone}
        places = self._claimed & {*self._refusals, *failed, *repeats}
        items = [self._submissions[place] for place in sorted(places)]
        await idempotency.release(
            connection, [item.use_of_key(item.registration_id) for item in items]
        )

    def pending(self) -> dict[int, Submission]:
        """Return the submissions that are to be decided, by place."""
        return self._new

    def replayed_ids(self) -> list[str]:
        """Return the registrations whose stored decision answers a repeat."""
        own = {item.registration_id for item in self._new.values()}
        return sorted(set(self._replays.values()) - own)

    def outcomes(self, decided: dict[int, Outcome], earlier: dict[str, Decision]) -> list[Outcome]:
        """Return one outcome per submission, in their order."""
        by_id = {self._new[place].registration_id: outcome for place, outcome in decided.items()}
        return [
            decided.get(place) or self._refusals.get(place) or self._replay(place, by_id, earlier)
            for place in range(len(self._submissions))
        ]

    def _replay(
        self, place: int, by_id: dict[str, Outcome], earlier: dict[str, Decision]
    ) -> Outcome:
        registration_id = self._replays[place]
        if registration_id in earlier:
            return Registered(earlier[registration_id], is_replay=True)
        first = by_id[registration_id]
        return (
            Registered(first.decision, is_replay=True) if isinstance(first, Registered) else first
        )
