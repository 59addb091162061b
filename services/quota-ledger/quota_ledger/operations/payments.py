"""Payments as they are read, and months of decisions reconciled."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla.database import Connection
from quota_ledger.rules.payments import MonthOfDecision, Payment, PaymentFilter, reconciled
from quota_ledger.store import payments


class ListedPayments(Struct, frozen=True):
    """A page of payments, and the months of the decision that was asked for."""

    payments: Sequence[Payment]
    months: Sequence[MonthOfDecision]


async def list_of(
    connection: Connection, query: PaymentFilter, *, after: str, limit: int
) -> ListedPayments:
    """Return payments in the order of their booking."""
    found = await payments.list_of(connection, query, after=after, limit=limit)
    if query.decision_id is None:
        return ListedPayments(found, ())
    calculated, paid = await payments.list_months(connection, query)
    return ListedPayments(found, reconciled(calculated, paid))
