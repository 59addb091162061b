"""Take information in: each item exactly once, in order, with its place and its bytes.

This holds whatever is repeated and whoever calls at the same time.
"""

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from kuntavayla import outbox
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.events import Channel
from kuntavayla.idempotency import InProgress
from kuntavayla.service.errors import MunicipalIdReused
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.gathering import Gathered
from kuntavayla.service.operations.repeats import Repeats
from statement_relay.events import InformationAcceptedV1
from statement_relay.operations.deciding import Batch, Decided, Outcome
from statement_relay.operations.law import Law
from statement_relay.operations.placing import Place, give_places
from statement_relay.operations.submissions import Submission
from statement_relay.operations.successors import Stale
from statement_relay.rules.accepted import Accepted
from statement_relay.rules.contents import content_text
from statement_relay.store import information
from statement_relay.store.information import NewInformation


async def accept(
    connection: Connection, submissions: Sequence[Submission], *, law: Law, moment: Moment
) -> list[Outcome]:
    """Store and queue items; one outcome per submission, in their order.

    Locks idempotency keys, then all its queues at once in order, then items that are replaced, then
    the outbox head; where a client is unknown, nobody becomes known before the commit. Commits
    together: items, places in queues, audit lines and events. Raises LostRace where another
    transaction stored the same business key or successor first: run the batch again.
    """
    known = await information.find_by_municipal_id(connection, [one.source for one in submissions])
    repeats = Repeats[Submission, Accepted | Stale](submissions, known, reused=MunicipalIdReused())
    await repeats.claim_keys(connection)
    pending = repeats.pending()
    batch = await Batch.of(connection, [*pending.values()], law=law)
    decided = {place: batch.take(one) for place, one in pending.items()}
    writing = await _Writing.of(connection, decided, law=law, moment=moment)
    failed = {place for place, one in decided.items() if not isinstance(one, Decided)}
    await repeats.release_keys(connection, failed=failed)
    earlier = await information.load_accepted(connection, repeats.replayed_ids())
    outcomes: list[Outcome] = repeats.outcomes(writing.outcomes(decided), earlier)
    outcomes = [
        _naming_what_stands(outcome, known.get(one.source))
        for one, outcome in zip(submissions, outcomes, strict=True)
    ]
    writing.witness_refused(submissions, outcomes, known=batch.known_clients)
    await writing.write(connection, batch.cancelled)
    return outcomes


def _naming_what_stands(outcome: Outcome, standing: tuple[str, bytes] | None) -> Outcome:
    """Return the outcome; where the municipal id is the sender's own other item's, with its id."""
    if isinstance(outcome, MunicipalIdReused) and standing is not None:
        return MunicipalIdReused(information_id=standing[0])
    return outcome


class _Writing(Struct):
    """What a batch writes: rows, audit lines and events, in the order of acceptance."""

    moment: Moment
    gathered: Gathered = field(default_factory=Gathered)
    rows: list[NewInformation] = field(default_factory=list)
    accepted: dict[str, Accepted] = field(default_factory=dict)

    @classmethod
    async def of(
        cls,
        connection: Connection,
        decided: dict[int, Decided | DomainError | Stale],
        *,
        law: Law,
        moment: Moment,
    ) -> "_Writing":
        """Give places to what is sent, and gather all that is written."""
        items = [one for one in decided.values() if isinstance(one, Decided)]
        sent = [one.sending for one in items if one.sending is not None]
        places = await give_places(connection, sent, target=law.target)
        by_id = {one.information_id: place for one, place in zip(sent, places, strict=True)}
        writing = cls(moment)
        for one in items:
            writing._add(one, by_id.get(one.submission.information_id))
        return writing

    def outcomes(
        self, decided: dict[int, Decided | DomainError | Stale]
    ) -> dict[int, Accepted | Stale | DomainError]:
        """Return what came of each submission that was decided."""
        return {
            place: self.accepted[one.submission.information_id] if isinstance(one, Decided) else one
            for place, one in decided.items()
        }

    def _add(self, one: Decided, place: Place | None) -> None:
        accepted = _accepted(one, place)
        self.accepted[accepted.information_id] = accepted
        self.rows.append(_row(one, place, accepted=accepted, moment=self.moment))
        self._announce(one, accepted)
        self.gathered.witness(
            one.submission.call,
            action=_action_of(one.submission),
            outcome=accepted.state,
            moment=self.moment,
            client_id=one.item.client_id,
            resource_id=accepted.information_id,
            rule_version=accepted.issuer.rule if accepted.issuer else None,
        )

    def _announce(self, one: Decided, accepted: Accepted) -> None:
        item, submission = one.item, one.submission
        data = InformationAcceptedV1(
            information_id=accepted.information_id,
            municipal_id=accepted.municipal_id,
            client_id=item.client_id,
            municipality_code=item.municipality_code,
            kind=item.kind,
            action=submission.told.action,
            state=accepted.state,
            receiver_id=accepted.receiver_id,
            waiting_behind=accepted.waiting_behind,
            deliver_by_at=accepted.deliver_by_at,
            digest=accepted.digest,
        )
        self.gathered.announce(
            data,
            recipient=submission.call.organisation,
            channel=Channel.RESTRICTED if one.is_restricted else Channel.COMMON,
            cause_id=accepted.information_id,
            call=submission.call,
            moment=self.moment,
        )

    def witness_refused(
        self, submissions: Sequence[Submission], outcomes: Sequence[Outcome], *, known: set[str]
    ) -> None:
        """Put refusals on record; they name the clients that are known already."""
        for one, outcome in zip(submissions, outcomes, strict=True):
            if not isinstance(outcome, DomainError) or isinstance(outcome, InProgress):
                continue
            client_id = one.told.item.client_id if one.told.item else None
            self.gathered.witness(
                one.call,
                action=_action_of(one),
                outcome=outcome.code,
                moment=self.moment,
                client_id=client_id if client_id in known else None,
                resource_id=one.told.replaces,
            )

    async def write(self, connection: Connection, cancelled: Sequence[str]) -> None:
        """Write everything; the outbox last, because no lock is taken after its head."""
        await information.withdraw(connection, cancelled, at=self.moment.now)
        if self.rows or self.gathered.audit:
            await information.append(connection, self.rows, self.gathered.audit)
        await outbox.append(connection, self.gathered.events, origin=self.moment.origin)


def _action_of(submission: Submission) -> str:
    match submission.told.action:
        case "new":
            return "information.accepted"
        case "correct":
            return "information.corrected"
        case "withdraw":
            return "information.withdrawn"


def _accepted(one: Decided, place: Place | None) -> Accepted:
    submission = one.submission
    plain = Accepted(
        information_id=submission.information_id,
        municipal_id=submission.told.municipal_id,
        state=one.state,
        issuer=one.issuer,
        receiver_id=None,
        deliver_by_at=None,
        waiting_behind=None,
        digest=None,
        is_replay=False,
    )
    if place is None:
        return plain
    return replace(
        plain,
        state="accepted" if place.waiting_behind is None else "waiting",
        receiver_id=place.receiver_id,
        deliver_by_at=place.due.deliver_by_at,
        waiting_behind=place.waiting_behind,
        digest=place.digest,
    )


def _row(
    one: Decided, place: Place | None, *, accepted: Accepted, moment: Moment
) -> NewInformation:
    submission, item = one.submission, one.item
    is_settled = accepted.state in {"not_relayed", "withdrawn"}
    return NewInformation(
        information_id=accepted.information_id,
        organisation=submission.call.organisation,
        municipal_id=accepted.municipal_id,
        fingerprint=submission.fingerprint,
        client_id=item.client_id,
        municipality_code=item.municipality_code,
        kind=item.kind,
        action=submission.told.action,
        replaces_information_id=submission.told.replaces,
        root_information_id=one.root_information_id,
        content=content_text(one.content),
        occurred_at=item.occurred_at,
        known_at=item.known_at,
        accepted_at=submission.received_at,
        accepted_state=accepted.state,
        waiting_behind=accepted.waiting_behind,
        official_id=submission.told.author.official_id,
        author_role=submission.told.author.role,
        issuer_authority=one.issuer.authority if one.issuer else None,
        issuer_rule=one.issuer.rule if one.issuer else None,
        issuer_from_on=one.issuer.from_on if one.issuer else None,
        state="waiting" if accepted.state == "accepted" else accepted.state,
        receiver_id=accepted.receiver_id,
        number=place.number if place else None,
        is_restricted=one.is_restricted,
        body=place.body if place else None,
        digest=accepted.digest,
        deliver_by_at=accepted.deliver_by_at,
        warn_at=place.due.warn_at if place else None,
        settled_at=moment.now if is_settled else None,
        is_by_topic=submission.is_by_topic,
    )
