"""What every repair by an operator shares: who, why, under which key, and one transaction."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from msgspec import Struct
from starlette.requests import Request

from kuntavayla.auth import require_kind
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError, InvalidContent
from kuntavayla.http import JsonDecoder, caller_of, idempotency_key
from kuntavayla.idempotency import KeyUse, fingerprints_of
from kuntavayla.register import OrganisationKind
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.service.routes.desk import call_of, repairer_of_call, service_desk_of
from kuntavayla.service.routes.outcomes import repeating, settled
from kuntavayla.values.faults import reference_faults
from kuntavayla.values.officials import ActingOfficial

T = TypeVar("T")


class RepairBody(Protocol):
    """A body that says why, and may name the official."""

    @property
    def reason(self) -> str:
        """Why, for the record."""

    @property
    def acting_official(self) -> ActingOfficial | None:
        """On whose behalf, where the header does not say."""


class RepairCall(Struct, frozen=True, kw_only=True):
    """A repair that is asked for: its key, caller and moment, and what it is about."""

    use: KeyUse
    call: Call
    moment: Moment
    action: str
    resource_id: str | None


async def read_repair(request: Request, decoder: JsonDecoder[T]) -> T:
    """Return the body of a repair, for those who may repair and have given a key."""
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    idempotency_key(request)
    return await decoder.read(request, limits=service_desk_of(request).body_limits)


def repair_call(
    request: Request, body: RepairBody, *, action: str, route: str, resource_id: str | None
) -> RepairCall:
    """Return a repair as it is asked for; refuses without an official, or a fit reason."""
    official = repairer_of_call(request, body.acting_official)
    if faults := reference_faults([("/reason", body.reason)]):
        raise InvalidContent(tuple(faults))
    desk = service_desk_of(request)
    moment, call = desk.moment(), call_of(request, official)
    fingerprint, *older = fingerprints_of((resource_id, body), by=desk.fingerprints)
    use = KeyUse(
        organisation=call.organisation,
        route=route,
        key=idempotency_key(request),
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
        status=200,
        result_id=moment.new_id(),
    )
    return RepairCall(use=use, call=call, moment=moment, action=action, resource_id=resource_id)


async def run_repair(
    request: Request, asked: RepairCall, act: Callable[[Connection], Awaitable[T]]
) -> T:
    """Run an act in one transaction, or raise its refusal.

    The refusal's line in the audit commits, and nothing else of it.
    """

    async def attempt() -> T | DomainError:
        async with service_desk_of(request).transaction() as connection:
            try:
                async with connection.transaction():
                    return await act(connection)
            except DomainError as refusal:
                await witness(
                    connection,
                    asked.call,
                    action=asked.action,
                    outcome=refusal.code,
                    moment=asked.moment,
                    resource_id=asked.resource_id,
                )
                return refusal

    return settled(await repeating(attempt))
