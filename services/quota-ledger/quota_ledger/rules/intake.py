"""Examine a decoded decision against the calendar, the register and the tables of law.

The decoder has checked form and bounds; here is what it cannot know. All faults are found in one
pass, each with pointer, code and advice, never with the value.
"""

from collections.abc import Iterator
from datetime import date

from kuntavayla.errors import Fault
from kuntavayla.register import Register
from kuntavayla.values.faults import reference_faults
from kuntavayla.values.identity_codes import holds_identity_code
from quota_ledger.rules.competence import own_post_by
from quota_ledger.rules.dated import FIRST_ON
from quota_ledger.rules.intake_facts import facts_faults
from quota_ledger.rules.intake_periods import length_faults
from quota_ledger.rules.items import DecisionItem, PaySubsidyItem, StartUpGrantItem
from quota_ledger.rules.law_tables import QuotaTables
from quota_ledger.rules.pauses import pause_faults
from quota_ledger.rules.service_codes import ServiceCodeRow
from quota_ledger.rules.years import is_open


def examine(
    item: DecisionItem, *, tables: QuotaTables, register: Register, today: date
) -> tuple[Fault, ...]:
    """Return every fault of a decision; none where it may be judged and calculated.

    `today` is the Helsinki day on which the ledger got it, and the day decided on where the item
    names none.
    """
    decided_on = item.decided_on or today
    faults = _faults_of_days(item, tables=tables, today=today)
    if faults:
        # The further checks reckon from these days, which have to stand first.
        return faults
    return (
        *_year_faults(item, decided_on=decided_on, today=today),
        *_area_faults(item, register=register, decided_on=decided_on),
        *_law_faults(item, tables=tables, register=register, decided_on=decided_on),
    )


def examine_changed(
    item: DecisionItem, *, tables: QuotaTables, register: Register, today: date
) -> tuple[Fault, ...]:
    """Return every fault of a decision as a change leaves it; `decided_on` is that of the change.

    Its year may be closed and its area may have ended by then: what comes back, comes back all the
    same, and what more it needs is drawn from years that are open.
    """
    faults = _faults_of_days(item, tables=tables, today=today)
    if faults:
        return faults
    decided_on = item.decided_on or today
    return tuple(_law_faults(item, tables=tables, register=register, decided_on=decided_on))


def _faults_of_days(item: DecisionItem, *, tables: QuotaTables, today: date) -> tuple[Fault, ...]:
    decided_on = item.decided_on or today
    return (
        *_text_faults(item),
        *_decided_faults(decided_on, today=today),
        *_period_faults(item, tables=tables, decided_on=min(decided_on, today)),
    )


def _law_faults(
    item: DecisionItem, *, tables: QuotaTables, register: Register, decided_on: date
) -> Iterator[Fault]:
    yield from length_faults(item, tables=tables, decided_on=decided_on)
    yield from _code_faults(item, tables=tables, decided_on=decided_on)
    yield from facts_faults(item, tables=tables, decided_on=decided_on)
    yield from _procurement_faults(item, register=register, decided_on=decided_on)


def _decided_faults(decided_on: date, *, today: date) -> Iterator[Fault]:
    if decided_on > today:
        yield Fault("/decided_on", "in_future", "Give a day that has come.")
    elif decided_on < FIRST_ON:
        advice = f"Nothing is decided by a municipality before {FIRST_ON}."
        yield Fault("/decided_on", "before_pilot", advice)


def _period_faults(item: DecisionItem, *, tables: QuotaTables, decided_on: date) -> Iterator[Fault]:
    starts_on, ends_on = item.period.starts_on, item.period.ends_on
    if ends_on < starts_on:
        advice = "Give a day that is not before starts_on."
        yield Fault("/period/ends_on", "day_before_another", advice)
    yield from pause_faults(item.period.pauses or (), starts_on=starts_on, ends_on=ends_on)
    planned = item.period.planned_ends_on
    if planned is not None and planned < ends_on:
        advice = "Give a day that is not before ends_on."
        yield Fault("/period/planned_ends_on", "day_before_another", advice)
    ahead = tables.limits.start_ahead_days(on=max(decided_on, FIRST_ON))
    if starts_on < FIRST_ON:
        advice = f"Nothing is paid for the time before {FIRST_ON}."
        yield Fault("/period/starts_on", "before_pilot", advice)
    elif (starts_on - decided_on).days > ahead:
        advice = f"Give a day at most {ahead} days after the decision."
        yield Fault("/period/starts_on", "too_far_ahead", advice)


def _year_faults(item: DecisionItem, *, decided_on: date, today: date) -> Iterator[Fault]:
    """Yield that the appropriation may not be used that day, or that the period is behind its end.

    Nor may it be used by a decision of an earlier day that comes when the year is over.

    Source: sources.md#quota-years.
    """
    if not is_open(item.budget_year, on=decided_on):
        advice = "Give the year of the decision, or the one before it."
        yield Fault("/budget_year", "year_not_open", advice)
    elif not is_open(item.budget_year, on=today):
        advice = "Decide anew, on a day of a year whose money may still be used."
        yield Fault("/decided_on", "year_over", advice)
    elif item.period.starts_on.year > item.budget_year + 1:
        advice = "Start within the budget year or the one behind it: then the money has lapsed."
        yield Fault("/period/starts_on", "after_appropriation", advice)


def _area_faults(item: DecisionItem, *, register: Register, decided_on: date) -> Iterator[Fault]:
    membership = register.membership(item.municipality_code, on=decided_on)
    if membership is not None and membership.area_code == item.area_code:
        return
    if register.municipality(item.municipality_code) is None:
        advice = "Give the code of a municipality of the register."
        yield Fault("/municipality_code", "municipality_code_unknown", advice)
    elif item.area_code not in {area.code for area in register.areas(on=decided_on)}:
        advice = "Give the code of an area of the day decided on."
        yield Fault("/area_code", "area_unknown", advice)
    else:
        advice = "Give the area of the municipality on the day decided on."
        yield Fault("/municipality_code", "municipality_outside_area", advice)


def _code_faults(item: DecisionItem, *, tables: QuotaTables, decided_on: date) -> Iterator[Fault]:
    row = tables.service_codes.find(item.service_code, on=decided_on)
    if row is None:
        advice = "Give a service code that belongs to an instrument."
        yield Fault("/service_code", "service_code_unknown", advice)
    elif row.instrument != item.instrument:
        advice = "Give a service code of the instrument, or the instrument of the code."
        yield Fault("/service_code", "instrument_differs", advice)
    elif isinstance(item, PaySubsidyItem) and _is_misfit(
        item, row=row, tables=tables, decided_on=decided_on
    ):
        advice = "Give the kind of employer that the service code is for."
        yield Fault("/employer/kind", "employer_kind_differs", advice)


def _is_misfit(
    item: PaySubsidyItem, *, row: ServiceCodeRow, tables: QuotaTables, decided_on: date
) -> bool:
    """Say whether the employer is of another kind than the code's; an own post is never one."""
    if row.is_for(item.employer.kind):
        return False
    return own_post_by(item, tables=tables, decided_on=decided_on) is None


def _procurement_faults(
    item: DecisionItem, *, register: Register, decided_on: date
) -> Iterator[Fault]:
    if isinstance(item, PaySubsidyItem | StartUpGrantItem):
        return
    ely_code = item.procurement.ely_code
    municipality = register.municipality(item.municipality_code)
    if municipality is not None and municipality.ely_code == ely_code:
        return
    if ely_code not in {one.ely_code for one in register.municipalities(on=decided_on)}:
        advice = "Give the code of an ELY centre of the register."
        yield Fault("/procurement/ely_code", "ely_code_unknown", advice)


def _text_faults(item: DecisionItem) -> list[Fault]:
    texts = {"/municipal_id": item.municipal_id}
    if item.acting_official is not None:
        texts["/acting_official/official_id"] = item.acting_official.official_id
    if isinstance(item, PaySubsidyItem):
        texts["/employer/name"] = item.employer.name
    elif not isinstance(item, StartUpGrantItem):
        texts["/procurement/course_reference"] = item.procurement.course_reference
    # Nearly no item holds a code, so all its texts are looked at together first.
    if not holds_identity_code("\n".join(texts.values())):
        return []
    return reference_faults(texts.items())
