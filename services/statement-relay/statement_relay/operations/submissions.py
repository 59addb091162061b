"""An item made ready outside any transaction: examined, fingerprinted, with ids and nonce."""

from datetime import datetime

from msgspec import Struct

from kuntavayla.idempotency import KeyUse, fingerprints_of
from kuntavayla.register import CaseSystem
from kuntavayla.service.moments import Call, Moment
from statement_relay.operations.law import Law
from statement_relay.rules.contents import Withdrawn, in_utc
from statement_relay.rules.items import InformationItem
from statement_relay.rules.shape import Author
from statement_relay.rules.states import Action
from statement_relay.store.information import MunicipalKey

CREATED = 201


class Told(Struct, frozen=True, kw_only=True):
    """What a call tells: an item, or that an item is withdrawn; a successor names its original.

    `versions` are those that If-Match names, where the call has one.
    """

    municipal_id: str
    action: Action
    item: InformationItem | None = None
    withdrawn: Withdrawn | None = None
    replaces: str | None = None
    author: Author
    versions: frozenset[int] | None = None


class Submission(Struct, frozen=True, kw_only=True):
    """What is told without faults, with all that it gets if it is new."""

    told: Told
    sender: CaseSystem
    call: Call
    information_id: str
    fingerprint: bytes
    older_fingerprints: tuple[bytes, ...]
    nonce: bytes
    received_at: datetime
    key: str | None = None
    is_by_topic: bool = False

    @property
    def source(self) -> MunicipalKey:
        """Return the business key: organisation and municipal id."""
        return MunicipalKey(self.call.organisation, self.told.municipal_id)

    @property
    def result_id(self) -> str:
        """Return the id of the item."""
        return self.information_id

    def has_content_of(self, fingerprint: bytes) -> bool:
        """Say whether a stored fingerprint, made by any of our keys, is that of this content."""
        return fingerprint in (self.fingerprint, *self.older_fingerprints)

    def use_of_key(self, result_id: str) -> KeyUse:
        """Return how the submission uses its idempotency key."""
        assert self.key is not None, "only asked of submissions with a key"
        return KeyUse(
            organisation=self.call.organisation,
            route=f"information.{self.told.action}",
            key=self.key,
            fingerprint=self.fingerprint,
            older_fingerprints=self.older_fingerprints,
            status=CREATED,
            result_id=result_id,
        )


class _Fingerprinted(Struct, frozen=True):
    """What makes two calls the same: all that is told, in canonical form."""

    action: Action
    replaces: str | None
    item: InformationItem | None
    withdrawn: Withdrawn | None


def submission_of(
    told: Told,
    *,
    sender: CaseSystem,
    call: Call,
    moment: Moment,
    law: Law,
    key: str | None = None,
) -> Submission:
    """Return the submission of what is told, which `rules.intake` has found without faults."""
    item = None if told.item is None else in_utc(told.item)
    content = _Fingerprinted(told.action, told.replaces, item, told.withdrawn)
    fingerprint, *older = fingerprints_of(content, by=law.fingerprints)
    return Submission(
        told=Told(
            municipal_id=told.municipal_id,
            action=told.action,
            item=item,
            withdrawn=told.withdrawn,
            replaces=told.replaces,
            author=told.author,
            versions=told.versions,
        ),
        sender=sender,
        call=call,
        information_id=moment.new_id(),
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
        nonce=law.draw_nonce(),
        received_at=moment.now,
        key=key,
    )
