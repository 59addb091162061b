"""What every route shares: the composed parts, who the caller is to us, lists and their cursors."""

import base64
import binascii
import uuid
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar, assert_never

from fastapi import Query
from msgspec import Struct
from starlette.requests import Request

from kuntavayla.audit import SealKeys
from kuntavayla.auth import Caller, Refusal, require_kind, require_official
from kuntavayla.database import AGAIN, Connection, Pool, transaction
from kuntavayla.errors import DomainError
from kuntavayla.events import new_ids_at
from kuntavayla.feed import Readings, StreamWaiters
from kuntavayla.http import CURSOR_MALFORMED, BodyLimits, MicroBatcher, caller_of, exchange_of
from kuntavayla.inbox import Consumptions
from kuntavayla.register import OrganisationKind
from kuntavayla.settings import Transport
from kuntavayla.telemetry import Jobs
from kuntavayla.values.officials import ActingOfficial
from routing_api.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from routing_api.operations.law import Law
from routing_api.operations.moments import Call, Moment
from routing_api.operations.repeats import Registered
from routing_api.operations.submissions import Submission
from routing_api.operations.transfers import Party
from routing_api.routes.answers import PREFIX
from routing_api.rules.competences import Competences
from routing_api.rules.intake import IntakeLimits
from routing_api.rules.transfers import ReportBounds
from routing_api.schemas import QueueStatus

T = TypeVar("T")
LIMIT_DEFAULT = 100
LIMIT_MAX = 1_000
RESTRICTED = "events.restricted"
"""The scope that clients with a security ban need, whatever the call."""
NUMBER_DIGITS_MAX = 18
"""Digits of the largest number that a cursor of ours holds; all of them fit into a bigint."""
REPEATS_MAX = 3
"""How often a transaction that lost against another one is run again."""
RESYNC = (
    f"Read the snapshot {PREFIX}/clienthoods and go on from its feed_cursor. Who has no snapshot"
    f" takes a place by {PREFIX}/events?after=now, then reads the lists {PREFIX}/transfers and"
    f" {PREFIX}/reviews."
)
"""What a reader does whose cursor leads nowhere any more."""
NIL_ID = str(uuid.UUID(int=0))

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Items of one page, at most.")]
After = Annotated[
    str | None, Query(max_length=200, description="The `next_cursor` of the page before.")
]


class Desk(Struct, frozen=True, kw_only=True):
    """The parts that the composition root has put together for the routes of one process."""

    pool: Pool
    law: Law
    clock: Callable[[], datetime]
    waiters: StreamWaiters
    registrations: MicroBatcher[Submission, Registered]
    intake_limits: IntakeLimits
    report_bounds: ReportBounds
    body_limits: BodyLimits
    bulk_limits: BodyLimits
    competences: Competences
    duplicate_wait_s_max: float
    consumptions: Consumptions
    transport: Transport
    readings: Readings
    jobs: Jobs
    seal_keys: SealKeys

    def moment(self) -> Moment:
        """Return the moment of a batch: now, to the millisecond, and ids of that time."""
        return moment_at(self.clock)

    def queues(self) -> list[QueueStatus]:
        """Return what waits in this process."""
        single, bulk = self.registrations.waiting
        return [
            QueueStatus("registrations", "single", single),
            QueueStatus("registrations", "bulk", bulk),
        ]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open the one transaction of a call; it has committed when the block ends."""
        async with transaction(self.pool) as connection:
            yield connection


def moment_at(clock: Callable[[], datetime]) -> Moment:
    """Return the moment that a clock shows, to the millisecond."""
    now = clock().astimezone(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return Moment.at(now, new_ids_at(now))


def desk_of(request: Request) -> Desk:
    """Return the desk of the app that serves a request."""
    desk: Desk = request.app.state.desk
    return desk


def call_of(
    request: Request, official: ActingOfficial | None = None, *, purpose: str | None = None
) -> Call:
    """Return who calls, on whose behalf, for the audit and the trace."""
    trace = exchange_of(request).trace
    return Call(
        organisation=caller_of(request).organisation,
        request_id=trace.request_id,
        traceparent=trace.traceparent,
        official_id=official.official_id if official else None,
        official_role=official.role if official else None,
        municipality_code=official.municipality_code if official else None,
        purpose=purpose,
    )


def official_of_call(request: Request, in_body: ActingOfficial | None = None) -> ActingOfficial:
    """Return the official who must be named.

    Refuses with 400 where none is, with 403 where their municipality is not served or they are of
    another office.
    """
    official = require_official(request.headers, in_body=in_body)
    exchange_of(request).official = official
    caller = caller_of(request)
    require_own_office(caller, official)
    if caller.kind is OrganisationKind.CASE_SYSTEM:
        desk = desk_of(request)
        register = desk.law.registers.newest
        system = register.case_system(caller.organisation)
        code, today = official.municipality_code, desk.moment().today
        # Transfers are offered ahead of their day, and prepared by those who serve on that day.
        days = (today, today + timedelta(days=desk.intake_limits.days_ahead_max))
        if code is None or system is None or not any(system.serves(code, on=day) for day in days):
            raise MunicipalityNotServed
    return official


def operator_of_call(request: Request, in_body: ActingOfficial | None = None) -> ActingOfficial:
    """Return the official of the operator, who alone may call and must be named."""
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    official = require_official(request.headers, in_body=in_body)
    exchange_of(request).official = official
    return official


def repairer_of_call(request: Request, in_body: ActingOfficial | None = None) -> ActingOfficial:
    """Return the official of the operator who changes something; an auditor does not."""
    official = operator_of_call(request, in_body)
    if official.role == "auditor":
        raise OfficialRoleRefused
    return official


def require_own_office(caller: Caller, official: ActingOfficial) -> None:
    """Refuse a TE office that names another office's official; the national sender names all."""
    is_own = official.office in (None, caller.organisation)
    if caller.kind is OrganisationKind.TE_OFFICE and not is_own:
        raise OfficeNotYours


def party_of(caller: Caller) -> Party:
    """Return whose cases the caller may see.

    A case system and a TE office see their own, others all.
    """
    may_see_restricted = RESTRICTED in caller.scopes
    match caller.kind:
        case OrganisationKind.CASE_SYSTEM:
            return Party(case_system_id=caller.organisation, may_see_restricted=may_see_restricted)
        case OrganisationKind.TE_OFFICE:
            return Party(te_office_code=caller.organisation, may_see_restricted=may_see_restricted)
        case (
            OrganisationKind.TE_NATIONAL
            | OrganisationKind.OPERATOR
            | OrganisationKind.ELY
            | OrganisationKind.KEHA
            | OrganisationKind.AUDITOR
        ):
            return Party(may_see_restricted=may_see_restricted)
        case _:
            assert_never(caller.kind)


def settled(outcome: T | DomainError | Refusal) -> T:
    """Return the value of an outcome, or raise its failure.

    Call it after the transaction, so that its audit line stands.
    """
    if isinstance(outcome, DomainError | Refusal):
        raise outcome
    return outcome


async def repeating(act: Callable[[], Awaitable[T]]) -> T:
    """Run an act that is one transaction, again where it lost against another one."""
    for _ in range(REPEATS_MAX):
        try:
            return await act()
        except AGAIN:
            continue
    return await act()


def cursor_text(place: str) -> str:
    """Return an opaque cursor of a list."""
    return base64.urlsafe_b64encode(place.encode()).decode()


def place_of_id(after: str | None) -> str:
    """Return the id behind which a page begins; a cursor of another kind is refused."""
    if after is None:
        return NIL_ID
    try:
        return str(uuid.UUID(_place(after)))
    except ValueError as error:
        raise Refusal(CURSOR_MALFORMED) from error


def cursor_of_snapshot(place: str, *, epoch: int) -> str:
    """Return the cursor of a page of the snapshot; it holds as long as its epoch."""
    return cursor_text(f"{epoch}.{place}")


def place_of_snapshot(after: str | None) -> tuple[int | None, str]:
    """Return epoch and client behind which a page of the snapshot begins."""
    if after is None:
        return None, NIL_ID
    epoch, _, place = _place(after).partition(".")
    if len(epoch) > NUMBER_DIGITS_MAX or not epoch.isdecimal():
        raise Refusal(CURSOR_MALFORMED)
    return int(epoch), place_of_id(cursor_text(place))


def place_of_number(after: str | None) -> int:
    """Return the number behind which a page begins; a cursor of another kind is refused."""
    if after is None:
        return 0
    place = _place(after)
    if len(place) > NUMBER_DIGITS_MAX or not place.isdecimal():
        raise Refusal(CURSOR_MALFORMED)
    return int(place)


def _place(after: str) -> str:
    try:
        return base64.urlsafe_b64decode(after.encode("ascii")).decode("ascii")
    except (binascii.Error, UnicodeError) as error:
        raise Refusal(CURSOR_MALFORMED) from error


def next_cursor(places: Sequence[str], *, limit: int) -> str | None:
    """Return the cursor behind a full page, None where the list has ended."""
    return cursor_text(places[-1]) if len(places) == limit else None


def page_of(
    items: Sequence[T], keys: Sequence[str], *, after: str | None, limit: int
) -> tuple[list[T], str | None]:
    """Return a page of a list in memory, sorted by its keys, and the cursor behind it."""
    first = 0 if after is None else bisect_right(keys, _place(after))
    page = list(items[first : first + limit])
    has_more = first + limit < len(items)
    return page, cursor_text(keys[first + limit - 1]) if has_more else None
