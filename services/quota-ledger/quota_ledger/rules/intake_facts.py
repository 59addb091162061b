"""Examine the facts of a decision, against each other and against the tables of law."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from kuntavayla.errors import Fault
from kuntavayla.values.business_ids import is_valid
from quota_ledger.rules.items import DecisionItem, PaySubsidyItem, StartUpGrantItem
from quota_ledger.rules.law_tables import QuotaTables

_EMPLOYERS_KEPT_MAX = 4_096


def facts_faults(item: DecisionItem, *, tables: QuotaTables, decided_on: date) -> Iterator[Fault]:
    """Yield what is wrong with the facts of an item, and with its employer."""
    match item:
        case PaySubsidyItem():
            yield from _employer_faults(item)
            yield from _unemployment_faults(item)
            yield from _hours_faults(item, tables=tables, decided_on=decided_on)
        case StartUpGrantItem():
            yield from _week_faults(item, tables=tables, decided_on=decided_on)
        case _:
            pass


def _employer_faults(item: PaySubsidyItem) -> Iterator[Fault]:
    if not _is_business_id(item.employer.business_id):
        advice = "The check digit does not match."
        yield Fault("/employer/business_id", "business_id_check_digit", advice)


def _unemployment_faults(item: PaySubsidyItem) -> Iterator[Fault]:
    """Yield that the two counts contradict: 14 of the 28 months are the last 14.

    Source: sources.md#pay-subsidy.
    """
    of_14 = item.facts.unemployed_months_in_last_14
    of_28 = item.facts.unemployed_months_in_last_28
    if not of_14 <= of_28 <= of_14 + (28 - 14):
        advice = "The last 28 months are the last 14, and 14 before them."
        yield Fault("/facts/unemployed_months_in_last_28", "months_contradict", advice)


def _hours_faults(
    item: PaySubsidyItem, *, tables: QuotaTables, decided_on: date
) -> Iterator[Fault]:
    terms = tables.pay_subsidy.terms(
        item.facts,
        kind=item.employer.kind,
        starts_on=item.period.starts_on,
        decided_on=decided_on,
    )
    row = terms.working_time_max
    if row is not None and item.facts.working_time_per_mille > row.value:
        advice = f"Give at most {row.value} per mille for an employer of this kind."
        yield Fault("/facts/working_time_per_mille", "working_time_beyond_limit", advice)


def _week_faults(
    item: StartUpGrantItem, *, tables: QuotaTables, decided_on: date
) -> Iterator[Fault]:
    row = tables.start_up_grant.row(
        "days_per_week", on=item.period.starts_on, decided_on=decided_on
    )
    if item.facts.days_per_week_max > row.value:
        advice = f"At most {row.value} days of a week are paid."
        yield Fault("/facts/days_per_week_max", "days_beyond_limit", advice)


@lru_cache(maxsize=_EMPLOYERS_KEPT_MAX)
def _is_business_id(text: str) -> bool:
    return is_valid(text)
