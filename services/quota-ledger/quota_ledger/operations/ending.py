"""Overrides behind their last day: unanswered ones expire, uncovered ones are told and stay."""

from msgspec.structs import replace

from kuntavayla import audit, outbox
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of
from quota_ledger.events import (
    SERVICE,
    AboutOverride,
    OverrideExpiredV1,
    OverrideReturnedV1,
    OverrideUncoveredV1,
)
from quota_ledger.operations.booking import Ledger
from quota_ledger.operations.covering import fall_back
from quota_ledger.operations.law import Law
from quota_ledger.operations.override_telling import override_drafts
from quota_ledger.rules.overrides import FoundOverride, Override, ended
from quota_ledger.rules.posting import Refs
from quota_ledger.store import overrides, stories

ENDING_BATCH = 500
"""Overrides of one transaction."""
ENDING = ("asked", "approved", "partly_covered")
_TOLD: dict[str, type[AboutOverride]] = {
    "expired": OverrideExpiredV1,
    "covered": OverrideReturnedV1,
    "returned": OverrideReturnedV1,
    "uncovered": OverrideUncoveredV1,
}


async def end_overrides(connection: Connection, *, call: Call, moment: Moment, law: Law) -> int:
    """End overrides whose last legal day is over, at most 500; return how many were due.

    What the decision does not bind falls back; what it binds stays, and is told as uncovered: no
    decision loses money. Locks their accounts, then them; one that was answered or covered in
    between stays as it is. Safe to run in many processes at once.
    """
    due = await overrides.list_past(connection, today=moment.today, limit=ENDING_BATCH)
    if not due:
        return 0
    ledger = await Ledger.locked(connection, {*due.values()})
    locked = await overrides.lock(connection, due)
    held = await _held(connection, [one.override for one in locked])
    ending = [
        _ended(one, ledger, held=held[one.override.override_id], moment=moment)
        for one in locked
        if one.override.state in ENDING and one.override.account_id == due[one.override.override_id]
    ]
    await ledger.write(connection)
    await overrides.change(connection, [one.override for one in ending])
    await audit.append(
        connection, [_line(one.override, call=call, moment=moment) for one in ending]
    )
    drafts = [
        draft
        for one in ending
        for draft in override_drafts(
            _TOLD[one.override.state], one, register=law.register, call=call, moment=moment
        )
    ]
    await outbox.append(connection, drafts, origin=moment.origin)
    return len(due)


def _line(override: Override, *, call: Call, moment: Moment) -> AuditLine:
    return line_of(
        call,
        action="override.ended",
        outcome=override.state,
        moment=moment,
        resource_id=override.override_id,
    )


async def _held(connection: Connection, ending: list[Override]) -> dict[str, int]:
    """Return what the decisions of overrides hold of the accounts raised for them, by override."""
    holdings = await stories.list_holdings(connection, {one.decision_id for one in ending})
    by_place = {(one.decision_id, one.account_id): one.held_cents for one in holdings}
    return {one.override_id: by_place.get((one.decision_id, one.account_id), 0) for one in ending}


def _ended(found: FoundOverride, ledger: Ledger, *, held: int, moment: Moment) -> FoundOverride:
    override = found.override
    refs = Refs(
        value_on=moment.today,
        organisation=SERVICE,
        decision_id=override.decision_id,
        override_id=override.override_id,
    )
    unbound = override.left_cents - held
    fallen = fall_back(ledger, found, cents=unbound, refs=refs, moment=moment) or found
    return replace(fallen, override=ended(fallen.override))
