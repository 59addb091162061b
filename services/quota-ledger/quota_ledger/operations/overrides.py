"""Overrides asked by areas, and read by those concerned."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from kuntavayla import audit, idempotency, outbox
from kuntavayla.database import Connection
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.service.operations.witnessing import line_of
from quota_ledger.errors import OverrideAlreadyAsked, OverrideNotFound, OverrideNotPossible
from quota_ledger.events import OverrideAskedV1
from quota_ledger.operations import stepping
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.operations.override_telling import override_drafts
from quota_ledger.operations.reading import item_of
from quota_ledger.operations.stepping import Held
from quota_ledger.rules.balances import Balance
from quota_ledger.rules.decided import Decision, DecisionFilter
from quota_ledger.rules.overrides import (
    FoundOverride,
    Override,
    OverrideFilter,
    OverrideRequest,
)
from quota_ledger.rules.verdicts import EXHAUSTED, Reason
from quota_ledger.store import overrides

_decode_reasons = msgspec.json.Decoder(tuple[Reason, ...]).decode


class Asked(Struct, frozen=True):
    """An override that is asked for."""

    override: Override
    is_replay: bool


async def ask(
    connection: Connection, asked: OverrideRequest, *, query: DecisionFilter, desk: OrderDesk
) -> Asked:
    """Ask for an exception for a decision that was refused for want of money.

    Locks the idempotency key, then the accounts, then the decision, then the outbox head. Commits
    together: the override, a line of the audit, events. Raises IdempotencyKeyReused,
    DecisionNotFound, OverrideNotPossible, OverrideAlreadyAsked, InvalidContent.
    """
    known = await idempotency.claim_one(connection, desk.use)
    if known is not None:
        found = await overrides.find(connection, known.result_id)
        assert found is not None, "an override never goes"
        return Asked(found.override, is_replay=True)
    decision = await stepping.find_seen(connection, asked.decision_id, query=query)
    held = await stepping.lock(
        connection, decision, today=desk.moment.today, change=item_of(decision)
    )
    [*_, account] = raised_accounts(held)
    _refuse_late(asked, account)
    if await overrides.has_asked(connection, decision.decision_id):
        raise OverrideAlreadyAsked
    override = _override(asked, account, desk=desk)
    await overrides.append(connection, override)
    found = FoundOverride(
        override=override, key=account.key, is_restricted=held.decision.is_restricted
    )
    await _tell(connection, found, decision, desk=desk)
    return Asked(override, is_replay=False)


def raised_accounts(held: Held) -> list[Balance]:
    """Return the open accounts that a refused decision draws; the last is the one to be raised.

    Raises OverrideNotPossible where the decision was not refused for want of money, or has no
    account that is open.
    """
    decision = held.decision
    if decision.outcome == "reserved":
        raise OverrideNotPossible(reason="not_refused", state=decision.state)
    first, *_ = _decode_reasons(decision.reasons)
    if (first.code, first.limit) != (EXHAUSTED, "cents"):
        raise OverrideNotPossible(reason="refused_otherwise", code=first.code)
    balances = [held.ledger.balance(one) for one in held.drawable]
    still_open = [one for one in balances if not one.is_lapsed]
    if not still_open:
        raise OverrideNotPossible(reason="no_account")
    return still_open


def _refuse_late(asked: OverrideRequest, account: Balance) -> None:
    """Refuse a cover behind the year's lapse: none could come any more.

    Source: sources.md#quota-years.
    """
    if asked.expires_on.year > account.key.budget_year + 1:
        advice = "Give a day of the budget year or of the year behind it."
        raise InvalidContent((Fault("/expires_on", "day_outside_years", advice),))


def _override(asked: OverrideRequest, account: Balance, *, desk: OrderDesk) -> Override:
    return Override(
        override_id=desk.use.result_id,
        decision_id=asked.decision_id,
        account_id=account.account_id,
        cents=asked.amount_cents,
        cover=asked.cover,
        expires_on=asked.expires_on,
        asked_by=desk.call.organisation,
        asked_official_id=desk.official_id,
        asked_at=desk.moment.now,
        state="asked",
    )


async def _tell(
    connection: Connection, found: FoundOverride, decision: Decision, *, desk: OrderDesk
) -> None:
    """Put an override that was asked for on record and tell of it; the outbox last."""
    line = line_of(
        desk.call,
        action="override.asked",
        outcome="asked",
        moment=desk.moment,
        client_id=decision.client_id,
        resource_id=found.override.override_id,
    )
    await audit.append(connection, [line])
    drafts = override_drafts(
        OverrideAskedV1, found, register=desk.law.register, call=desk.call, moment=desk.moment
    )
    await outbox.append(connection, drafts, origin=desk.moment.origin)


async def find_seen(
    connection: Connection, override_id: str, *, query: OverrideFilter
) -> FoundOverride:
    """Return an override that the caller may see, without a lock; raises OverrideNotFound."""
    found = await overrides.find(connection, override_id)
    if found is None or not query.admits(found):
        raise OverrideNotFound
    return found


async def list_of(
    connection: Connection, query: OverrideFilter, *, after: str, limit: int
) -> Sequence[FoundOverride]:
    """List overrides in the order in which they were asked."""
    return await overrides.list_of(connection, query, after=after, limit=limit)
