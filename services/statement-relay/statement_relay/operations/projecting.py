"""Who is responsible for clients, as routing-api tells it; what waited for a client goes on."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kuntavayla import outbox, responsibilities
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.gathering import Gathered
from kuntavayla.values.responsibilities import Responsibility, is_restricted, name_of, told_in_order
from statement_relay.errors import OnlyByRest
from statement_relay.operations.law import Law
from statement_relay.operations.placing import Place, Sending, give_places
from statement_relay.operations.refusals import Refusal, refused_draft
from statement_relay.rules.competence import Relayed, judge
from statement_relay.rules.issuers import Issuer
from statement_relay.rules.states import InformationState
from statement_relay.store import information
from statement_relay.store.information import HeldInformation, PlacedInformation

ORIGINAL_REFUSED = "original_refused"
"""Why a successor is refused whose original was."""


async def project(
    connection: Connection,
    told: Sequence[Responsibility],
    *,
    call: Call,
    law: Law,
    moment: Moment,
) -> None:
    """Keep what was told, in order of the events; judge and queue what waited for these clients.

    Waits for those who go by what is known of clients. Locks the queues of items that change their
    feed, in order, and these items; then waiting items in order of acceptance and their queues,
    which nobody else has a use for yet; then the outbox head. Commits together: versions, the feed
    by which items are told of, places in queues, and events about what is refused.
    """
    client_ids = {one.client_id for one in told}
    await responsibilities.lock_for_change(connection)
    await responsibilities.keep(connection, told_in_order(told))
    versions = await responsibilities.list_by_client(connection, client_ids)
    bans = {client_id: is_restricted(known) for client_id, known in versions.items()}
    await information.restrict(connection, bans)
    waiting = await information.lock_waiting_for_client(connection, client_ids)
    if waiting:
        promotion = _Promotion(versions, call=call, law=law, moment=moment)
        await promotion.run(connection, waiting)


class _Way(Struct, frozen=True):
    """Where a waiting item goes: to a receiver, to nobody, or it is refused."""

    issuer: Issuer | None = None
    receiver_id: str | None = None
    refusal: str | None = None


class _Promotion:
    """Judges what waited for clients, in order of acceptance, and gives it places."""

    def __init__(
        self,
        versions: Mapping[str, Sequence[Responsibility]],
        *,
        call: Call,
        law: Law,
        moment: Moment,
    ) -> None:
        self._versions = versions
        self._call = call
        self._law = law
        self._moment = moment
        self._ways: dict[str, _Way] = {}
        self._gathered = Gathered()

    async def run(self, connection: Connection, waiting: Sequence[HeldInformation]) -> None:
        """Write what becomes of the items, and tell of those that are refused."""
        for item in waiting:
            self._ways[item.information_id] = self._way_of(item)
        sent = [item for item in waiting if self._ways[item.information_id].receiver_id]
        places = await give_places(
            connection, [self._sending(item) for item in sent], target=self._law.target
        )
        by_id = {item.information_id: place for item, place in zip(sent, places, strict=True)}
        await information.place(
            connection, [self._placed(item, by_id.get(item.information_id)) for item in waiting]
        )
        for item in waiting:
            self._tell(item)
        await outbox.append(connection, self._gathered.events, origin=self._moment.origin)

    def _way_of(self, item: HeldInformation) -> _Way:
        if item.replaces_information_id is None:
            return self._judged(item, None)
        # An original that waits no longer, while its client was unknown, has been refused.
        original = self._ways.get(item.replaces_information_id)
        if original is None or original.refusal is not None:
            return _Way(refusal=ORIGINAL_REFUSED)
        return original if item.action == "withdraw" else self._judged(item, original)

    def _judged(self, item: HeldInformation, original: _Way | None) -> _Way:
        """Judge an item as if it came now; a correction goes where its original went."""
        if item.is_by_topic and self._is_restricted(item):
            return _Way(refusal=OnlyByRest.code)
        sender = self._law.register.case_system(item.organisation)
        assert sender is not None, "who sent an item is a case system for ever"
        judgement = judge(
            item.content.item,
            sender=sender,
            versions=self._versions[item.client_id],
            tables=self._law.tables,
        )
        if isinstance(judgement, DomainError):
            return _Way(refusal=judgement.code)
        if original is not None:
            return _Way(judgement.issuer, original.receiver_id)
        receiver_id = judgement.receiver_id if isinstance(judgement, Relayed) else None
        return _Way(judgement.issuer, receiver_id)

    def _sending(self, item: HeldInformation) -> Sending:
        """Return an item as it goes to its receiver."""
        receiver_id = self._ways[item.information_id].receiver_id
        assert receiver_id is not None, "only what has a receiver is sent"
        return Sending(
            information_id=item.information_id,
            action=item.action,
            replaces_information_id=item.replaces_information_id,
            content=item.content,
            client=name_of(self._versions[item.client_id]),
            author_role=item.author_role,
            accepted_at=item.accepted_at,
            nonce=self._law.draw_nonce(),
            receiver_id=receiver_id,
        )

    def _placed(self, item: HeldInformation, place: Place | None) -> PlacedInformation:
        way = self._ways[item.information_id]
        return PlacedInformation(
            information_id=item.information_id,
            state=_state_of(way),
            state_reason=way.refusal,
            issuer_authority=way.issuer.authority if way.issuer else None,
            issuer_rule=way.issuer.rule if way.issuer else None,
            issuer_from_on=way.issuer.from_on if way.issuer else None,
            receiver_id=way.receiver_id,
            number=place.number if place else None,
            is_restricted=self._is_restricted(item),
            body=place.body if place else None,
            digest=place.digest if place else None,
            deliver_by_at=place.due.deliver_by_at if place else None,
            warn_at=place.due.warn_at if place else None,
            settled_at=None if place else self._moment.now,
        )

    def _is_restricted(self, item: HeldInformation) -> bool:
        return is_restricted(self._versions[item.client_id])

    def _tell(self, item: HeldInformation) -> None:
        refusal = self._ways[item.information_id].refusal
        if refusal is None:
            return
        self._gathered.events.append(
            refused_draft(
                Refusal(
                    codes=(refusal,),
                    information_id=item.information_id,
                    municipal_id=item.municipal_id,
                    client_id=item.client_id,
                ),
                recipient=item.organisation,
                is_restricted=self._is_restricted(item),
                traceparent=self._call.traceparent,
                moment=self._moment,
            )
        )


def _state_of(way: _Way) -> InformationState:
    if way.refusal is not None:
        return "refused"
    return "not_relayed" if way.receiver_id is None else "waiting"
