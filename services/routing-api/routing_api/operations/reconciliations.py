"""A case system's own list of clients, held against ours; the result is kept by day."""

from collections.abc import Sequence
from datetime import date

from kuntavayla import audit
from kuntavayla.database import Connection
from kuntavayla.feed import load_cursor
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import DISCLOSED, line_of, witness
from routing_api.operations.transfers import Party
from routing_api.rules.reconciliations import (
    Claim,
    Difference,
    Kind,
    Reconciliation,
    count,
    first_differences,
    with_events,
)
from routing_api.store import reconciliations
from routing_api.store.reconciliations import Scope

EQUAL, DIFFERING = "equal", "differing"


async def reconcile(
    connection: Connection,
    claims: Sequence[Claim],
    *,
    feed_cursors: Sequence[str],
    party: Party,
    call: Call,
    moment: Moment,
) -> Reconciliation:
    """Compare a case system's list with the clients that it holds today or will hold.

    Where it names the cursors up to which it has read its feeds, clients with events behind the
    earliest of them are on their way and no difference. The result takes the place of an earlier
    one of the day. Raises CursorMalformed or CursorExpired.
    """
    assert party.case_system_id is not None, "only a case system has a list"
    cursors = [await load_cursor(connection, text) for text in feed_cursors]
    scope = Scope(
        case_system_id=party.case_system_id,
        today=moment.today,
        may_see_restricted=party.may_see_restricted,
        read_to=min((cursor.position for cursor in cursors), default=None),
    )
    compared = await reconciliations.compare(connection, claims, scope=scope)
    result = Reconciliation(
        organisation=party.case_system_id,
        day=moment.today,
        reconciled_at=moment.now,
        counts=count(len(claims), compared),
        differences=await _with_repairs(connection, first_differences(compared), scope=scope),
    )
    await reconciliations.store(connection, result)
    outcome = EQUAL if result.counts.is_equal else DIFFERING
    line = line_of(call, action="reconciliation.made", outcome=outcome, moment=moment)
    await audit.append(connection, [line])
    return result


async def list_of_day(
    connection: Connection, day: date, *, organisation: str | None, call: Call, moment: Moment
) -> list[Reconciliation]:
    """List the results of a day; the reading is audited."""
    results = await reconciliations.list_results(connection, day, organisation=organisation)
    await witness(
        connection, call, action="reconciliation.listed", outcome=DISCLOSED, moment=moment
    )
    return results


async def _with_repairs(
    connection: Connection, differences: Sequence[Difference], *, scope: Scope
) -> list[Difference]:
    """Name the events whose redelivery repairs a difference; none repairs a client never held."""
    theirs = [each.client_id for each in differences if each.kind is not Kind.UNKNOWN]
    events = await reconciliations.list_events(connection, theirs, scope=scope)
    return [with_events(each, events.get(each.client_id, ())) for each in differences]
