"""What every route of every service shares: the composed parts, and who the caller is to us."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from starlette.requests import Request

from kuntavayla.audit import SealKeys
from kuntavayla.auth import Caller, require_kind, require_official
from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.events import new_ids_at
from kuntavayla.feed import Readings, StreamWaiters
from kuntavayla.http import BodyLimits, caller_of, exchange_of
from kuntavayla.inbox import Consumptions
from kuntavayla.register import OrganisationKind, Register
from kuntavayla.service.errors import (
    MunicipalityNotServed,
    OfficeNotYours,
    OfficialRoleRefused,
)
from kuntavayla.service.moments import Call, Moment
from kuntavayla.settings import Transport
from kuntavayla.telemetry import Jobs
from kuntavayla.values.digests import KeyedDigest
from kuntavayla.values.officials import ActingOfficial

RESTRICTED = "events.restricted"
"""The scope that clients with a security ban need, whatever the call."""


class ServiceDesk(Struct, frozen=True, kw_only=True):
    """The parts that a composition root has put together for the routes of one process.

    `source` is that of the service's events. `official_days_ahead_max` says how many days ahead an
    official's municipality may begin to be served. `fingerprints` digest bodies, the newest first.
    `resync` says what a reader does whose cursor leads nowhere any more. `code_lists` are what
    the service explains to all, by name.
    """

    source: str
    pool: Pool
    clock: Callable[[], datetime]
    newest_register: Callable[[], Register]
    official_days_ahead_max: int
    fingerprints: tuple[KeyedDigest, ...]
    body_limits: BodyLimits
    waiters: StreamWaiters
    readings: Readings
    resync: str
    transport: Transport
    consumptions: Consumptions
    jobs: Jobs
    seal_keys: SealKeys
    code_lists: Mapping[str, Sequence[Struct]]

    def moment(self) -> Moment:
        """Return the moment of a batch: now, to the millisecond, and ids of that time."""
        return moment_at(self.clock, source=self.source)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open the one transaction of a call; it has committed when the block ends."""
        async with transaction(self.pool) as connection:
            yield connection


def moment_at(clock: Callable[[], datetime], *, source: str) -> Moment:
    """Return the moment that a clock shows, to the millisecond."""
    now = clock().astimezone(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return Moment.at(now, new_ids_at(now), source=source)


def service_desk_of(request: Request) -> ServiceDesk:
    """Return the desk of the app that serves a request, as every service has it."""
    desk: ServiceDesk = request.app.state.desk
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
        desk = service_desk_of(request)
        system = desk.newest_register().case_system(caller.organisation)
        code, today = official.municipality_code, desk.moment().today
        # What is offered ahead of its day is prepared by those who serve on that day.
        days = (today, today + timedelta(days=desk.official_days_ahead_max))
        if code is None or system is None or not any(system.serves(code, on=day) for day in days):
            raise MunicipalityNotServed
    return official


def changing_official_of(request: Request, in_body: ActingOfficial | None = None) -> ActingOfficial:
    """Return the official who must be named; an auditor changes nothing."""
    official = official_of_call(request, in_body)
    if official.role == "auditor":
        raise OfficialRoleRefused
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
