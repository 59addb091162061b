"""What was raised falls back: as its cover comes, and as its decision lets money go."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.database import Connection
from kuntavayla.events import EventDraft
from kuntavayla.service.moments import Call, Moment
from quota_ledger.errors import OverrideNotToCover
from quota_ledger.events import OverrideCoveredV1, OverrideReturnedV1
from quota_ledger.operations.booking import Ledger
from quota_ledger.operations.law import Law
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.operations.override_telling import override_drafts
from quota_ledger.operations.stepped import Taken
from quota_ledger.rules.balances import NOTHING
from quota_ledger.rules.booked import Booked
from quota_ledger.rules.overrides import STANDING, FoundOverride, covered, returned
from quota_ledger.rules.posting import Leg, Posting, Refs
from quota_ledger.store import overrides


class Covering(Struct, frozen=True):
    """An override, locked, and how much of it what comes will cover."""

    found: FoundOverride
    cents: int


class Freed(Struct, frozen=True):
    """What decisions have let go, by decision and account, and by whose call, by decision."""

    cents: Mapping[tuple[str, str], int]
    calls: Mapping[str, Call]


async def lock_covered(
    connection: Connection, override_id: str | None, *, account_id: str, cents: int
) -> Covering | None:
    """Lock the override that money coming to a locked account names, if it names one.

    Raises OverrideNotToCover where none of this account is waiting for its cover.
    """
    if override_id is None:
        return None
    for found in await overrides.lock(connection, [override_id]):
        override = found.override
        if override.account_id == account_id and override.state in STANDING:
            return Covering(found, min(cents, override.left_cents))
    raise OverrideNotToCover


def covered_cents(covering: Covering | None) -> int:
    """Return how much falls back by what comes."""
    return 0 if covering is None else covering.cents


async def keep_covered(
    connection: Connection, covering: Covering | None, *, desk: OrderDesk
) -> list[EventDraft]:
    """Write what was covered by an entry that is booked; return what is told of it."""
    if covering is None:
        return []
    override = covered(covering.found.override, covering.cents)
    await overrides.change(connection, [override])
    return override_drafts(
        OverrideCoveredV1,
        replace(covering.found, override=override),
        register=desk.law.register,
        call=desk.call,
        moment=desk.moment,
    )


async def give_back(
    connection: Connection, freed: Freed, *, ledger: Ledger, law: Law, moment: Moment
) -> list[EventDraft]:
    """Let fall back at once what was raised for decisions that have let money go.

    So nobody else spends it. Call it behind the locks of accounts and decisions, before the ledger
    is written; returns what is told.
    """
    if not freed.cents:
        return []
    changed, drafts = [], []
    for found in await overrides.lock_standing(connection, {one for one, _ in freed.cents}):
        override = found.override
        cents = freed.cents.get((override.decision_id, override.account_id), 0)
        call = freed.calls[override.decision_id]
        refs = _refs(found, call, moment)
        fallen = fall_back(ledger, found, cents=cents, refs=refs, moment=moment)
        if fallen is None:
            continue
        changed.append(fallen.override)
        drafts += override_drafts(
            OverrideReturnedV1, fallen, register=law.register, call=call, moment=moment
        )
    await overrides.change(connection, changed)
    return drafts


def fall_back(
    ledger: Ledger, found: FoundOverride, *, cents: int, refs: Refs, moment: Moment
) -> FoundOverride | None:
    """Book that so much of an override falls back, at most what is free; None for nothing."""
    override = found.override
    free = ledger.balance(override.account_id).sums.free_cents
    falling = min(cents, override.left_cents, free)
    if falling <= 0:
        return None
    change = replace(NOTHING, overridden_cents=-falling)
    leg = Leg(account_id=override.account_id, kind="override_end", change=change)
    booked = ledger.book(Posting(legs=(leg,), refs=refs), moment=moment)
    assert isinstance(booked, Booked), "what is free can fall back"
    return replace(found, override=returned(override, falling))


def freed_by(taken: Sequence[Taken]) -> Freed:
    """Return what decisions have let go by steps."""
    cents = {
        (one.after.decision_id, entry.balance.account_id): -entry.change.bound_cents
        for one in taken
        for entry in one.entries
        if entry.change.bound_cents < 0
    }
    return Freed(cents, {one.after.decision_id: one.call for one in taken})


def _refs(found: FoundOverride, call: Call, moment: Moment) -> Refs:
    return Refs(
        value_on=moment.today,
        organisation=call.organisation,
        official_id=call.official_id,
        decision_id=found.override.decision_id,
        override_id=found.override.override_id,
    )
