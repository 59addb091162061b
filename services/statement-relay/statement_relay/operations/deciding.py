"""What becomes of each submission of a batch: sent, waiting, not relayed, or refused."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kuntavayla import responsibilities
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.values.calendar import legal_day
from kuntavayla.values.responsibilities import Responsibility, is_restricted, name_of
from statement_relay.errors import OnlyByRest
from statement_relay.operations.law import Law
from statement_relay.operations.placing import Sending
from statement_relay.operations.submissions import Submission
from statement_relay.operations.successors import Originals, Stale, content_of_successor
from statement_relay.rules.accepted import Accepted
from statement_relay.rules.competence import ClientNotKnown, NotRelayed, Relayed, judge
from statement_relay.rules.contents import Content
from statement_relay.rules.issuers import Issuer
from statement_relay.rules.items import InformationItem
from statement_relay.rules.states import AcceptedState
from statement_relay.store import information, queues
from statement_relay.store.information import HeldInformation
from statement_relay.store.queues import Queue

Outcome = Accepted | Stale | DomainError


class Decided(Struct, frozen=True, kw_only=True):
    """A submission that is taken in: its state, or where it is sent."""

    submission: Submission
    content: Content
    root_information_id: str
    issuer: Issuer | None
    state: AcceptedState
    is_restricted: bool
    sending: Sending | None = None

    @property
    def item(self) -> InformationItem:
        """Return the item, of a withdrawal that which it withdraws."""
        return self.content.item


class Batch:
    """Takes submissions one after the other; a later one sees what an earlier one came to."""

    def __init__(
        self, law: Law, *, versions: Mapping[str, Sequence[Responsibility]], originals: Originals
    ) -> None:
        self._law = law
        self._versions = versions
        self._originals = originals
        self.cancelled: list[str] = []

    @classmethod
    async def of(
        cls, connection: Connection, submissions: Sequence[Submission], *, law: Law
    ) -> "Batch":
        """Load what is known of the clients, and lock what is corrected and withdrawn.

        What is known of the clients stays so to the commit. Where anything is corrected or
        withdrawn, all queues of the batch are locked before it, at once and in their order.
        """
        replaced = {one.told.replaces for one in submissions if one.told.replaces is not None}
        if submissions:
            await responsibilities.lock_against_change(connection)
        found = await information.find_held(connection, replaced) if replaced else {}
        clients = {one.told.item.client_id for one in submissions if one.told.item is not None}
        clients |= {held.client_id for held in found.values()}
        versions = await _load_versions(connection, clients)
        leased: dict[Queue, bool] = {}
        if found:
            places = _queues_of(submissions, versions, law=law)
            places |= {
                Queue(held.receiver_id, held.client_id)
                for held in found.values()
                if held.receiver_id is not None
            }
            leased = await queues.lock_all(connection, places)
            found = await information.lock_held(connection, found)
        return cls(law, versions=versions, originals=Originals(found, leased))

    @property
    def known_clients(self) -> set[str]:
        """Return the clients of whom something is known."""
        return set(self._versions)

    def take(self, submission: Submission) -> Decided | DomainError | Stale:
        """Say what becomes of one submission."""
        told = submission.told
        if told.replaces is not None:
            return self._take_successor(submission)
        assert told.item is not None, "what is new has an item"
        versions = self._versions.get(told.item.client_id, ())
        if submission.is_by_topic and versions and is_restricted(versions):
            return OnlyByRest()
        judgement = self._judge(submission, told.item)
        if isinstance(judgement, DomainError):
            return judgement
        return self._decided(submission, Content(told.item), way=_way_of(judgement))

    def _take_successor(self, submission: Submission) -> Decided | DomainError | Stale:
        """Send a successor behind its original, or withdraw both where nobody was sent either."""
        held = self._originals.take(submission)
        if not isinstance(held, HeldInformation):
            return held
        content = content_of_successor(submission, held)
        issuer = self._law.tables.issuers.on(
            legal_day(content.item.occurred_at), kind=content.item.kind
        )
        if submission.told.item is not None:
            judgement = self._judge(submission, submission.told.item)
            if isinstance(judgement, DomainError):
                return judgement
        self._originals.replace(held, by=submission)
        way = _Way("accepted", issuer, held.receiver_id)
        if submission.told.action == "withdraw" and self._originals.was_never_sent(held):
            self.cancelled.append(held.information_id)
            way = _Way("withdrawn", issuer)
        elif held.receiver_id is None:
            way = _Way("waiting_for_client", issuer)
        return self._decided(submission, content, way=way, original=held)

    def _judge(
        self, submission: Submission, item: InformationItem
    ) -> Relayed | NotRelayed | ClientNotKnown | DomainError:
        return judge(
            item,
            sender=submission.sender,
            versions=self._versions.get(item.client_id, ()),
            tables=self._law.tables,
        )

    def _decided(
        self,
        submission: Submission,
        content: Content,
        *,
        way: "_Way",
        original: HeldInformation | None = None,
    ) -> Decided:
        versions = self._versions.get(content.item.client_id, ())
        root = original.root_information_id if original else submission.information_id
        sending = None
        if way.receiver_id is not None:
            sending = Sending(
                information_id=submission.information_id,
                action=submission.told.action,
                replaces_information_id=submission.told.replaces,
                content=content,
                client=name_of(versions),
                author_role=submission.told.author.role,
                accepted_at=submission.received_at,
                nonce=submission.nonce,
                receiver_id=way.receiver_id,
            )
        return Decided(
            submission=submission,
            content=content,
            root_information_id=root,
            issuer=way.issuer,
            state=way.state,
            # Of whom nothing is known it is not known either that no ban holds.
            is_restricted=is_restricted(versions) if versions else True,
            sending=sending,
        )


class _Way(Struct, frozen=True):
    """Where an item goes: to a receiver, or into a state in which nobody is sent it."""

    state: AcceptedState
    issuer: Issuer
    receiver_id: str | None = None


def _way_of(judgement: Relayed | NotRelayed | ClientNotKnown) -> _Way:
    match judgement:
        case Relayed():
            return _Way("accepted", judgement.issuer, judgement.receiver_id)
        case NotRelayed():
            return _Way("not_relayed", judgement.issuer)
        case ClientNotKnown():
            return _Way("waiting_for_client", judgement.issuer)


def _queues_of(
    submissions: Sequence[Submission],
    versions: Mapping[str, Sequence[Responsibility]],
    *,
    law: Law,
) -> set[Queue]:
    """Return the queues that the new items of a batch go to."""
    found = set()
    for one in submissions:
        item = one.told.item
        if item is None or one.told.replaces is not None:
            continue
        known = versions.get(item.client_id, ())
        judgement = judge(item, sender=one.sender, versions=known, tables=law.tables)
        if isinstance(judgement, Relayed):
            found.add(Queue(judgement.receiver_id, item.client_id))
    return found


async def _load_versions(
    connection: Connection, clients: set[str]
) -> dict[str, list[Responsibility]]:
    """Return what is known of clients; the caller keeps it so to the commit.

    Nobody becomes known meanwhile, and no ban is set that an item of this batch would miss.
    """
    if not clients:
        return {}
    return await responsibilities.list_by_client(connection, clients)
