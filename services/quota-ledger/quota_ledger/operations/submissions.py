"""A decision made ready outside any transaction: examined, calculated, fingerprinted.

So the database waits for nothing.
"""

from datetime import date

import msgspec
from msgspec import Struct

from kuntavayla.idempotency import KeyUse, digests_of
from kuntavayla.register import CaseSystem
from kuntavayla.service.moments import Call, Moment
from quota_ledger.operations.law import Law
from quota_ledger.rules.calculating import calculate
from quota_ledger.rules.calculations import Calculation, CalculationRefused
from quota_ledger.rules.items import DecisionItem
from quota_ledger.store.decisions import DecisionKey

CREATED = 201
_encode = msgspec.json.Encoder().encode


class Submission(Struct, frozen=True, kw_only=True):
    """A decision without faults, with the id that it gets if it is new, and what it would cost."""

    item: DecisionItem
    decided_on: date
    sender: CaseSystem
    call: Call
    decision_id: str
    fingerprint: bytes
    older_fingerprints: tuple[bytes, ...]
    content: str
    calculation: Calculation | CalculationRefused
    key: str | None = None

    @property
    def source(self) -> DecisionKey:
        """Return the business key: organisation and municipal id."""
        return DecisionKey(self.call.organisation, self.item.municipal_id)

    @property
    def result_id(self) -> str:
        """Return the id of the decision."""
        return self.decision_id

    @property
    def official_id(self) -> str:
        """Return the official who decides; the edge has seen to it that there is one."""
        assert self.call.official_id is not None, "a decision names its official"
        return self.call.official_id

    def has_content_of(self, fingerprint: bytes) -> bool:
        """Say whether a stored fingerprint, made by any of our keys, is that of this content."""
        return fingerprint in (self.fingerprint, *self.older_fingerprints)

    def use_of_key(self, result_id: str) -> KeyUse:
        """Return how the submission uses its idempotency key."""
        assert self.key is not None, "only asked of submissions with a key"
        return KeyUse(
            organisation=self.call.organisation,
            route="decisions",
            key=self.key,
            fingerprint=self.fingerprint,
            older_fingerprints=self.older_fingerprints,
            status=CREATED,
            result_id=result_id,
        )


def submission_of(
    item: DecisionItem,
    *,
    sender: CaseSystem,
    call: Call,
    moment: Moment,
    law: Law,
    key: str | None = None,
) -> Submission:
    """Return the submission of a decision that `rules.intake` has found no fault with.

    Without a day of its own it is decided today.
    """
    encoded = _encode(item)
    fingerprint, *older = digests_of(encoded, by=law.fingerprints)
    decided_on = item.decided_on or moment.today
    return Submission(
        item=item,
        decided_on=decided_on,
        sender=sender,
        call=call,
        decision_id=moment.new_id(),
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
        content=encoded.decode(),
        calculation=calculate(item, tables=law.tables, decided_on=decided_on),
        key=key,
    )
