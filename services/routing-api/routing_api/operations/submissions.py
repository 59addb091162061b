"""A registration made ready outside any transaction: parsed, sealed, fingerprinted.

So the database waits for nothing.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.idempotency import KeyUse, fingerprints_of
from kuntavayla.service.moments import Call, Moment
from kuntavayla.values.digests import KeyedDigest
from kuntavayla.values.identity_codes import IdentityCode
from kuntavayla.values.sealing import Sealed
from routing_api.operations.judged import Judged, judge_registration
from routing_api.operations.law import Law
from routing_api.operations.profiles import Profile, encode, is_restricted, profile_of
from routing_api.operations.vault import Lookups
from routing_api.rules.registrations import Registration
from routing_api.store.registrations import SourceKey

CREATED = 201


class Submission(Struct, frozen=True, kw_only=True):
    """A registration without faults, with the ids that it gets if its person or itself is new.

    The identity code is sealed for `new_client_id`, the profile for `registration_id`. Most
    persons are new, so it is judged as a first entry ahead of the transaction.
    """

    registration: Registration
    born_on: date
    effective_on: date
    call: Call
    registration_id: str
    new_client_id: str
    fingerprint: bytes
    older_fingerprints: tuple[bytes, ...]
    lookups: Lookups
    identity: Sealed
    profile: Profile
    sealed_profile: Sealed
    as_first_entry: Judged
    is_restricted: bool
    received_at: datetime
    key: str | None = None

    @property
    def source(self) -> SourceKey:
        """Return the business key: organisation, source system, source registration id."""
        source = self.registration.source
        return SourceKey(self.call.organisation, source.system, source.registration_id)

    @property
    def result_id(self) -> str:
        """Return the id of the registration."""
        return self.registration_id

    @property
    def lookup(self) -> bytes:
        """Return the look-up under which the person is kept in mind within a batch."""
        return self.lookups.a[0]

    def has_content_of(self, fingerprint: bytes) -> bool:
        """Say whether a stored fingerprint, made by any of our keys, is that of this content."""
        return fingerprint in (self.fingerprint, *self.older_fingerprints)

    def use_of_key(self, result_id: str) -> KeyUse:
        """Return how the submission uses its idempotency key."""
        assert self.key is not None, "only asked of submissions with a key"
        return KeyUse(
            organisation=self.call.organisation,
            route="registrations",
            key=self.key,
            fingerprint=self.fingerprint,
            older_fingerprints=self.older_fingerprints,
            status=CREATED,
            result_id=result_id,
        )


def submission_of(  # noqa: PLR0913 - what the edge knows of one registration
    registration: Registration,
    *,
    identity_code: IdentityCode,
    effective_on: date,
    call: Call,
    moment: Moment,
    law: Law,
    key: str | None = None,
) -> Submission:
    """Return the submission of a registration that `rules.intake` has accepted."""
    registration_id, client_id = moment.new_id(), moment.new_id()
    vault, register = law.vault, law.registers.newest
    fingerprint, *older = _fingerprints_of(registration, by=vault.fingerprints)
    profile = profile_of(registration)
    return Submission(
        registration=registration,
        born_on=identity_code.born_on,
        effective_on=effective_on,
        call=call,
        registration_id=registration_id,
        new_client_id=client_id,
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
        lookups=vault.lookups(identity_code.text),
        identity=vault.seal(identity_code.text.encode(), belongs_to=client_id),
        profile=profile,
        sealed_profile=vault.seal(encode(profile), belongs_to=registration_id),
        as_first_entry=judge_registration(
            registration,
            born_on=identity_code.born_on,
            effective_on=effective_on,
            register=register,
            rule_set=law.rule_sets.applicable(effective_on=effective_on, known_on=moment.today),
        ),
        is_restricted=is_restricted(registration),
        received_at=moment.now,
        key=key,
    )


def _fingerprints_of(registration: Registration, *, by: Sequence[KeyedDigest]) -> tuple[bytes, ...]:
    """Return the fingerprints of the content; an instant is the same in every zone."""
    registered_at = registration.registered_at.astimezone(UTC)
    return fingerprints_of(replace(registration, registered_at=registered_at), by=by)
