"""Items on their way: looked at by operators, tried again, given up."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.database import Connection
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import (
    CURSOR_MALFORMED,
    JsonDecoder,
    caller_of,
    described,
    json_answer,
    secured_router,
)
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.desk import RESTRICTED, call_of, repairer_of_call
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.service.routes.pages import (
    LIMIT_DEFAULT,
    After,
    Limit,
    next_cursor,
    place_of_id,
)
from kuntavayla.values.faults import instant_fault, reference_faults
from kuntavayla.values.officials import ActingOfficial
from statement_relay.errors import (
    DeliveriesTooMany,
    DeliveryBehindOthers,
    DeliveryCountDiffers,
    DeliveryNotFound,
    DeliverySettled,
    DeliveryUnderWay,
)
from statement_relay.operations import repairs as operations
from statement_relay.operations.repairs import Why
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import desk_of
from statement_relay.rules.deliveries import DeliveryFilter, DeliverySummary, Undelivered
from statement_relay.rules.states import DeliveryState
from statement_relay.schemas.deliveries import (
    DeliveryCountRequest,
    DeliveryCountResponse,
    DeliveryList,
    DeliveryRepairManyRequest,
    DeliveryRepairRequest,
    DeliveryRepairResponse,
    DeliveryResponse,
    DeliverySummaryItem,
    DeliverySummaryResponse,
    StuckFilter,
)

router = secured_router(PREFIX)
_repairs = JsonDecoder(DeliveryRepairRequest)
_many = JsonDecoder(DeliveryRepairManyRequest)
_counts = JsonDecoder(DeliveryCountRequest)
_OF_OFFICIAL = (OfficialRoleRefused, MunicipalityNotServed, OfficeNotYours)
_OF_REPAIR = (
    DeliveryNotFound,
    DeliverySettled,
    DeliveryUnderWay,
    DeliveryBehindOthers,
    *_OF_OFFICIAL,
)
_ONE = described(
    body=DeliveryRepairRequest, answers={200: DeliveryRepairResponse}, problems=_OF_REPAIR
)
_MANY = described(
    body=DeliveryRepairManyRequest,
    answers={200: DeliveryRepairResponse},
    problems=(DeliveryCountDiffers, DeliveriesTooMany, *_OF_REPAIR),
)


@router.get(
    "/deliveries",
    openapi_extra=described(answers={200: DeliveryList}, problems=(CURSOR_MALFORMED,)),
)
async def list_deliveries(  # noqa: PLR0913 - one parameter per filter
    request: Request,
    *,
    state: Annotated[DeliveryState | None, Query()] = None,
    receiver: Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9-]{1,31}$")] = None,
    code: Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9_]{0,63}$")] = None,
    older_than: Annotated[
        datetime | None, Query(description="Accepted before this instant, with its offset.")
    ] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List items that are on their way to their receivers, the oldest first.

    Those about clients with a security ban only to who has `events.restricted`.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    _check_instant("/query/older_than", older_than)
    query = DeliveryFilter(state=state, receiver_id=receiver, code=code, accepted_before=older_than)
    async with desk.transaction() as connection:
        found = await operations.list_of(
            connection,
            query,
            page=operations.Page(
                after=place_of_id(after),
                limit=limit,
                may_see_restricted=RESTRICTED in caller_of(request).scopes,
            ),
            call=call_of(request),
            moment=desk.moment(),
        )
    places = [one.tracked.information_id for one in found]
    cursor = next_cursor(places, limit=limit)
    return json_answer(DeliveryList([_delivery(one) for one in found], cursor))


@router.get("/deliveries/summary", openapi_extra=described(answers={200: DeliverySummaryResponse}))
async def summarise(request: Request) -> Response:
    """Count everything that is on its way, by receiver, state and code."""
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    async with desk.transaction() as connection:
        found = await operations.summarise(connection, call=call_of(request), moment=desk.moment())
    return json_answer(DeliverySummaryResponse([_summary(one) for one in found]))


@router.post(
    "/deliveries:preview",
    openapi_extra=described(
        body=DeliveryCountRequest, answers={200: DeliveryCountResponse}, problems=_OF_OFFICIAL
    ),
)
async def preview(request: Request) -> Response:
    """Count the items that a filter means, as `:retry` and `:skip` expect it; a read."""
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    body = await _counts.read(request, limits=desk.body_limits)
    official = repairer_of_call(request, body.acting_official)
    query = _filter_of(body.filter)
    async with desk.transaction() as connection:
        count = await operations.count_of(
            connection, query, call=call_of(request, official), moment=desk.moment()
        )
    return json_answer(DeliveryCountResponse(count=count, items_max=operations.REPAIRS_MAX))


@router.post("/deliveries/{delivery_id}:retry", openapi_extra=_ONE)
async def retry(request: Request, delivery_id: UUID) -> Response:
    """Let an item be tried again now that is parked, promised a receipt for, or waits for its time.

    The id is the item's. Only the first of a client's items can be: what is behind it follows by
    itself. A repeat changes nothing more. The reason stands in the item's story, which its
    municipality reads. Needs an acting official.
    """
    return await _repair_one(request, delivery_id, operations.retry)


@router.post("/deliveries/{delivery_id}:skip", openapi_extra=_ONE)
async def skip(request: Request, delivery_id: UUID) -> Response:
    """Give an item up: it is rejected, its municipality is told, what waits behind it goes on.

    What corrects or withdraws it is given up with it. A repeat changes nothing more. The reason
    stands in the item's story, which its municipality reads. Needs an acting official.
    """
    return await _repair_one(request, delivery_id, operations.skip)


@router.post("/deliveries:retry", openapi_extra=_MANY)
async def retry_many(request: Request) -> Response:
    """Let all items be tried again that a filter means, if they are as many as expected.

    Count them first by `:preview`; at most 1,000 a call. All or none.
    """
    return await _repair_many(request, operations.retry)


@router.post("/deliveries:skip", openapi_extra=_MANY)
async def skip_many(request: Request) -> Response:
    """Give all items up that a filter means, if they are as many as expected.

    Count them first by `:preview`; at most 1,000 a call. All or none.
    """
    return await _repair_many(request, operations.skip)


class _Repair(Protocol):
    """A repair of items in one transaction."""

    def __call__(
        self,
        connection: Connection,
        information_ids: Sequence[str],
        /,
        *,
        why: Why,
        moment: Moment,
    ) -> Awaitable[None]:
        """Repair the items, all or none."""


class _Body(Protocol):
    """A body that says why, and may name the official."""

    @property
    def reason(self) -> str:
        """Why, for the record."""

    @property
    def acting_official(self) -> ActingOfficial | None:
        """On whose behalf, where the header does not say."""


async def _repair_one(request: Request, information_id: UUID, repair: _Repair) -> Response:
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    body = await _repairs.read(request, limits=desk_of(request).body_limits)

    async def choose(_: Connection) -> Sequence[str]:
        return [str(information_id)]

    return await _run(request, body, choose, repair=repair)


async def _repair_many(request: Request, repair: _Repair) -> Response:
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    body = await _many.read(request, limits=desk_of(request).body_limits)
    query = _filter_of(body.filter)

    async def choose(connection: Connection) -> Sequence[str]:
        return await operations.choose(connection, query, expected_count=body.expected_count)

    return await _run(request, body, choose, repair=repair)


async def _run(
    request: Request,
    body: _Body,
    choose: Callable[[Connection], Awaitable[Sequence[str]]],
    *,
    repair: _Repair,
) -> Response:
    """Run a repair in one transaction, again where it lost against another one."""
    desk = desk_of(request)
    official = repairer_of_call(request, body.acting_official)
    if faults := reference_faults([("/reason", body.reason)]):
        raise InvalidContent(tuple(faults))
    why = Why(call_of(request, official), body.reason)

    async def act() -> int:
        async with desk.transaction() as connection:
            chosen = await choose(connection)
            await repair(connection, chosen, why=why, moment=desk.moment())
            return len(chosen)

    return json_answer(DeliveryRepairResponse(handled=await repeating(act)))


def _filter_of(asked: StuckFilter) -> DeliveryFilter:
    _check_instant("/filter/accepted_before", asked.accepted_before)
    return DeliveryFilter(
        state=asked.state,
        receiver_id=asked.receiver_id,
        code=asked.code,
        accepted_before=asked.accepted_before,
    )


def _check_instant(pointer: str, instant: datetime | None) -> None:
    if instant is None:
        return
    if instant.tzinfo is None:
        fault: Fault | None = Fault(pointer, "instant_without_offset", "Give its offset from UTC.")
    else:
        fault = instant_fault(pointer, instant)
    if fault is not None:
        raise InvalidContent((fault,))


def _delivery(item: Undelivered) -> DeliveryResponse:
    tracked = item.tracked
    assert item.state in {"waiting", "delivering", "awaiting_receipt", "parked"}, "on its way"
    return DeliveryResponse(
        information_id=tracked.information_id,
        municipal_id=tracked.municipal_id,
        organisation=tracked.organisation,
        client_id=tracked.client_id,
        receiver_id=tracked.receiver_id,
        sequence=item.number,
        state=item.state,
        code=item.state_reason,
        attempts=item.attempts,
        accepted_at=item.accepted_at,
        deliver_by_at=item.deliver_by_at,
        is_first=item.is_head,
    )


def _summary(summary: DeliverySummary) -> DeliverySummaryItem:
    return DeliverySummaryItem(
        receiver_id=summary.receiver_id,
        state=summary.state,
        code=summary.state_reason,
        items=summary.count,
        overdue_items=summary.overdue,
        oldest_accepted_at=summary.oldest_at,
    )
