"""A payer's own list, held against what was booked; what differs is kept until it asks again."""

from collections.abc import Sequence

from kuntavayla import audit
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of, witness
from quota_ledger.errors import PayerReconciliationNotFound
from quota_ledger.rules.reconciliations import Months, PaidLine, Reconciliation
from quota_ledger.store import reconciliations


async def reconcile(
    connection: Connection,
    lines: Sequence[PaidLine],
    *,
    months: Months,
    call: Call,
    moment: Moment,
) -> Reconciliation:
    """Compare what a payer says that it paid with what is booked, by decision and month.

    The result takes the place of an earlier one of the same months; a line of the audit says so.
    """
    compared = await reconciliations.compare(connection, lines, months=months)
    result = Reconciliation(
        reconciliation_id=moment.new_id(),
        organisation=call.organisation,
        months=months,
        their_count=sum(bool(line.amount_cents) for line in lines),
        our_count=compared.our_count,
        counts=compared.counts,
        differences=compared.differences,
        reconciled_at=moment.now,
    )
    await reconciliations.store(connection, result)
    outcome = "equal" if result.is_equal else "differing"
    line = line_of(
        call,
        action="reconciliation.made",
        outcome=outcome,
        moment=moment,
        resource_id=result.reconciliation_id,
    )
    await audit.append(connection, [line])
    return result


async def load(
    connection: Connection,
    reconciliation_id: str,
    *,
    organisation: str | None,
    call: Call,
    moment: Moment,
) -> Reconciliation:
    """Return a result; the reading is audited. Raises PayerReconciliationNotFound."""
    found = await reconciliations.find(connection, reconciliation_id, organisation=organisation)
    if found is None:
        raise PayerReconciliationNotFound
    await witness(connection, call, action="reconciliation.read", moment=moment)
    return found


async def list_of(
    connection: Connection, *, organisation: str | None, after: str, limit: int
) -> list[Reconciliation]:
    """Return results in the order in which they were made; None stands for all organisations."""
    return await reconciliations.list_of(
        connection, organisation=organisation, after=after, limit=limit
    )
