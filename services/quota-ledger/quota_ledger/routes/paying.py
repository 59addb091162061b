"""How reported payments are taken in: examined, fingerprinted, booked in one transaction."""

from collections.abc import Sequence

from starlette.requests import Request

from kuntavayla.auth import Refusal
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError, InvalidContent
from kuntavayla.http import JsonDecoder, item_problem
from kuntavayla.idempotency import fingerprints_of
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.bulk import LINE_BYTES_MAX, run_chunks
from kuntavayla.service.routes.desk import call_of
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.values.faults import reference_faults
from quota_ledger.operations import paying
from quota_ledger.operations.paying import REFUSALS, Outcome, Paid, Reported
from quota_ledger.routes.desk import Desk, desk_of
from quota_ledger.rules.payments import PaymentItem
from quota_ledger.schemas.payments import PaymentBulkLine, PaymentResult

_items: JsonDecoder[PaymentItem] = JsonDecoder(PaymentItem, bytes_max=LINE_BYTES_MAX)
Ready = Reported | DomainError
"""An item made ready: to be booked, or refused for what is wrong in itself."""


def made_ready(item: PaymentItem, *, report_id: str, desk: Desk, moment: Moment) -> Ready:
    """Return an item ready to be booked, or every fault of it."""
    faults = tuple(item.faults(today=moment.today))
    if faults:
        return InvalidContent(faults)
    fingerprint, *older = fingerprints_of(item, by=desk.fingerprints)
    return Reported(
        item=item,
        report_id=report_id,
        payment_id=moment.new_id(),
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
    )


async def booked(request: Request, ready: Sequence[Reported], *, moment: Moment) -> list[Outcome]:
    """Book what is ready in one transaction; again where it lost against another one."""

    async def act() -> list[Outcome]:
        async with desk_of(request).transaction() as connection:
            return await paid_in(connection, request, ready, moment=moment)

    return await repeating(act)


async def paid_in(
    connection: Connection,
    request: Request,
    ready: Sequence[Reported],
    *,
    moment: Moment,
    is_replay: bool = False,
) -> list[Outcome]:
    """Book what is ready in the transaction of the caller."""
    return await paying.pay(
        connection,
        ready,
        call=call_of(request),
        law=desk_of(request).law,
        moment=moment,
        is_replay=is_replay,
    )


def result_of(reference: str, outcome: Outcome | DomainError) -> PaymentResult:
    """Return what came of an item."""
    if not isinstance(outcome, Paid):
        problem = item_problem(outcome)
        return PaymentResult(payer_reference=reference, result="refused", problem=problem)
    payment = outcome.payment
    if payment.refused_code is not None:
        return PaymentResult(
            payer_reference=reference,
            result="refused",
            payment_id=payment.payment_id,
            problem=item_problem(REFUSALS[payment.refused_code]()),
        )
    return PaymentResult(
        payer_reference=reference,
        result="booked",
        payment_id=payment.payment_id,
        commitment_left_cents=payment.commitment_left_cents,
        excess_cents=payment.excess_cents or None,
    )


class Bulk:
    """One bulk call: chunks are made ready and booked one after the other."""

    def __init__(self, request: Request, *, report_id: str) -> None:
        self._request = request
        self._desk = desk_of(request)
        self._report_id = report_id

    async def run(self, lines: Sequence[bytes]) -> list[PaymentBulkLine]:
        """Book all lines, chunk by chunk; return one answer per line, in order."""
        return await run_chunks(lines, begin=lambda: self._ready, submit=self._submit)

    def _ready(self, line: bytes, number: int) -> Reported | PaymentBulkLine:
        try:
            item = _items.decode(line)
        except (DomainError, Refusal) as failure:
            return _failed(number, None, failure)
        ready = made_ready(
            item, report_id=self._report_id, desk=self._desk, moment=self._desk.moment()
        )
        return ready if isinstance(ready, Reported) else _failed(number, item, ready)

    async def _submit(
        self, ready: Sequence[Reported | PaymentBulkLine], first_line: int
    ) -> list[PaymentBulkLine]:
        """Book what is ready in one transaction; return one answer per line, in order."""
        items = [one for one in ready if isinstance(one, Reported)]
        outcomes = iter(await booked(self._request, items, moment=self._desk.moment()))
        return [
            _answer(number, one, next(outcomes)) if isinstance(one, Reported) else one
            for number, one in enumerate(ready, first_line)
        ]


def _answer(number: int, reported: Reported, outcome: Outcome) -> PaymentBulkLine:
    key = reported.item.payer_reference
    result = result_of(key, outcome)
    if result.problem is not None:
        return PaymentBulkLine(
            line=number, key=key, status=result.problem.status, problem=result.problem
        )
    is_replay = isinstance(outcome, Paid) and outcome.is_replay
    return PaymentBulkLine(line=number, key=key, status=201, result=result, replayed=is_replay)


def _failed(number: int, item: PaymentItem | None, failure: Exception) -> PaymentBulkLine:
    """Return the answer of a line that is wrong in itself; it repeats no key that may not be."""
    key = None if item is None else item.payer_reference
    if key is not None and reference_faults([("/payer_reference", key)]):
        key = None
    problem = item_problem(failure)
    return PaymentBulkLine(line=number, key=key, status=problem.status, problem=problem)
