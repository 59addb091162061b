"""Decisions as those concerned read them: the case systems of their area, and the operator."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.service.errors import DecisionNotFound
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import DISCLOSED, REFUSED, witness
from quota_ledger.operations.law import Law
from quota_ledger.rules.calculating import calculate
from quota_ledger.rules.calculations import Calculation, CalculationRefused, YearDraw, charged
from quota_ledger.rules.decided import Decision, DecisionFilter, Story
from quota_ledger.rules.items import DecisionItem
from quota_ledger.store import stories

_decode_item: msgspec.json.Decoder[DecisionItem] = msgspec.json.Decoder(DecisionItem)
_decode_calculation = msgspec.json.Decoder(Calculation).decode


class Recomputation(Struct, frozen=True):
    """A calculation made again, and whether it is the one that stands."""

    is_equal: bool
    calculation: Calculation | None


async def load_story(
    connection: Connection,
    decision_id: str,
    *,
    query: DecisionFilter,
    call: Call,
    moment: Moment,
) -> Story | DecisionNotFound:
    """Return a decision to those concerned, or the refusal; either is audited."""
    story = await stories.find_story(connection, decision_id)
    is_seen = story is not None and query.admits(story.decision)
    await witness(
        connection,
        call,
        action="decision.read",
        outcome=DISCLOSED if is_seen else REFUSED,
        moment=moment,
        client_id=story.decision.client_id if story is not None else None,
        resource_id=decision_id,
    )
    return story if story is not None and is_seen else DecisionNotFound()


async def list_of(
    connection: Connection,
    query: DecisionFilter,
    *,
    after: str,
    limit: int,
    call: Call,
    moment: Moment,
) -> Sequence[Decision]:
    """List decisions without what was sent; the reading is audited."""
    await witness(
        connection, call, action="decision.listed", moment=moment, client_id=query.client_id
    )
    return await stories.list_of(connection, query, after=after, limit=limit)


def calculation_of(decision: Decision) -> Calculation | None:
    """Return the calculation that stands."""
    text = decision.calculation
    return None if text is None else _decode_calculation(text)


def item_of(decision: Decision) -> DecisionItem:
    """Return what stands of what was sent."""
    return _decode_item.decode(decision.content)


def recompute(decision: Decision, *, law: Law) -> Recomputation:
    """Calculate what stands again, by the rows known on the day on which that was decided.

    Of a changed decision that is the day of the change. Which years were charged is no calculation:
    it is taken from what stands, where the sums are equal.
    """
    stored, item = calculation_of(decision), item_of(decision)
    decided_on = item.decided_on or decision.decided_on
    made = calculate(item, tables=law.tables, decided_on=decided_on)
    if isinstance(made, CalculationRefused):
        return Recomputation(stored is None, None)
    if stored is None or stored.total_cents != made.total_cents:
        return Recomputation(is_equal=False, calculation=made)
    again = charged(made, _years_of(stored))
    return Recomputation(again == stored, again)


def _years_of(calculation: Calculation) -> list[YearDraw]:
    """Return what a calculation charges to which year, the oldest first."""
    years: dict[int, int] = {}
    for month in calculation.months:
        year = month.budget_year_charged
        years[year] = years.get(year, 0) + month.cents
    return [YearDraw(year, cents) for year, cents in sorted(years.items())]
