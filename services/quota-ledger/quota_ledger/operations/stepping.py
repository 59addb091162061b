"""One decision under its locks: accounts first, then itself, as it stands behind all others."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from kuntavayla.database import Connection, LostRace
from kuntavayla.service.errors import DecisionNotFound
from quota_ledger.operations.booking import Ledger
from quota_ledger.operations.reserving import find_drawn, place_of
from quota_ledger.rules.decided import Decision, DecisionFilter, Holding
from quota_ledger.rules.items import DecisionItem
from quota_ledger.store import steps, stories


class Held(Struct, frozen=True, kw_only=True):
    """A locked decision, what it holds, the accounts of that, and those it may draw besides."""

    decision: Decision
    holdings: Sequence[Holding]
    ledger: Ledger
    drawable: tuple[str, ...] = ()


async def find_seen(connection: Connection, decision_id: str, *, query: DecisionFilter) -> Decision:
    """Return a decision that the caller may act on, without a lock; raises DecisionNotFound."""
    decision = await stories.find(connection, decision_id)
    if decision is None or not query.admits_act(decision):
        raise DecisionNotFound
    return decision


async def lock(
    connection: Connection,
    decision: Decision,
    *,
    today: date,
    change: DecisionItem | None = None,
) -> Held:
    """Lock the accounts of a decision in order of their ids, then the decision.

    With a change also those that it may draw from by then. Raises LostRace where it has come to
    hold others in between: act again.
    """
    drawable: tuple[str, ...] = ()
    if change is not None:
        decided_on = change.decided_on or decision.decided_on
        place = place_of(change, decided_on, today=today)
        drawable = (await find_drawn(connection, [place]))[place]
    before = await stories.list_holdings(connection, [decision.decision_id])
    wanted = {one.account_id for one in before} | set(drawable)
    ledger = await Ledger.locked(connection, wanted, client_ids=[decision.client_id])
    locked = (await steps.lock(connection, [decision.decision_id]))[decision.decision_id]
    holdings = await stories.list_holdings(connection, [decision.decision_id])
    if not {one.account_id for one in holdings} <= wanted:
        raise LostRace
    return Held(decision=locked, holdings=holdings, ledger=ledger, drawable=drawable)
