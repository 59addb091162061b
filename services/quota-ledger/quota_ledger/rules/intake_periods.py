"""Examine how long a decision's period is, against the length that its instrument allows."""

from collections.abc import Iterator
from datetime import date

from kuntavayla.errors import Fault
from quota_ledger.rules.items import DecisionItem, PaySubsidyItem, StartUpGrantItem
from quota_ledger.rules.law_tables import QuotaTables
from quota_ledger.rules.months import last_day_of


def length_faults(item: DecisionItem, *, tables: QuotaTables, decided_on: date) -> Iterator[Fault]:
    """Yield that the period is longer than the law or the limits allow."""
    months = months_max(item, tables=tables, decided_on=decided_on)
    if months == 0:
        advice = "All months that may be granted were granted before."
        yield Fault("/facts/months_granted_before", "months_used_up", advice)
    elif item.period.ends_on > last_day_of(item.period.starts_on, months=months):
        advice = f"Give a period of at most {months} months."
        yield Fault("/period/ends_on", "period_too_long", advice)


def months_max(item: DecisionItem, *, tables: QuotaTables, decided_on: date) -> int:
    """Return how many months the decision's period may have."""
    starts_on = item.period.starts_on
    match item:
        case PaySubsidyItem():
            terms = tables.pay_subsidy.terms(
                item.facts, kind=item.employer.kind, starts_on=starts_on, decided_on=decided_on
            )
            return terms.months_max
        case StartUpGrantItem():
            return tables.start_up_grant.months_left(
                item.facts.months_granted_before, starts_on=starts_on, decided_on=decided_on
            )
        case _:
            return tables.limits.period_months(item.instrument, on=decided_on)
