"""The audit read; its seal verified on request; its public keys, for those who verify outside."""

import base64
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.audit import Anchor, AuditFilter, BlockSpan, Verification
from kuntavayla.auth import require_kind
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
from kuntavayla.service.operations import auditing, seals
from kuntavayla.service.routes.desk import call_of, service_desk_of
from kuntavayla.service.routes.pages import (
    LIMIT_DEFAULT,
    After,
    Limit,
    cursor_text,
    place_of_number,
)
from kuntavayla.service.schemas.audit import (
    AuditList,
    SealKeyList,
    SealKeyResponse,
    VerifyRequest,
    VerifyResponse,
)
from kuntavayla.values.faults import instant_fault

READERS = (OrganisationKind.OPERATOR, OrganisationKind.AUDITOR)
_decoder = JsonDecoder(VerifyRequest)


def audit_router(prefix: str) -> APIRouter:
    """Return the calls about the audit and its seal, under a service's prefix."""
    router = secured_router(prefix)
    router.get(
        "/audit", openapi_extra=described(answers={200: AuditList}, problems=(CURSOR_MALFORMED,))
    )(list_audit)
    router.post(
        "/audit:verify",
        openapi_extra=described(
            body=VerifyRequest, answers={200: VerifyResponse}, problems=(CURSOR_MALFORMED,)
        ),
    )(verify_audit)
    router.get("/audit/keys", openapi_extra=described(answers={200: SealKeyList}))(list_keys)
    return router


async def list_audit(  # noqa: PLR0913 - one parameter per filter
    request: Request,
    *,
    client_id: Annotated[UUID | None, Query()] = None,
    official: Annotated[str | None, Query(max_length=64, description="Id of an official.")] = None,
    organisation: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Exclusive.")] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List who did and read what, in the order of the lines' numbers; itself audited.

    A line's number is given before it is committed, so a call that still runs may add a line in
    front of others that you have listed, and `after` passes it over. For all lines of a period,
    list it from its start once it is well over: docs/audit.md, "Read".
    """
    caller, desk = caller_of(request), service_desk_of(request)
    require_kind(caller, *READERS)
    _check_instants(("/query/from", since), ("/query/to", until))
    _check_texts(("/query/official", official), ("/query/organisation", organisation))
    query = AuditFilter(
        client_id=str(client_id) if client_id else None,
        official_id=official,
        organisation=organisation,
        since=since,
        until=until,
    )
    async with desk.transaction() as connection:
        lines = await auditing.read_audit(
            connection,
            query,
            after=place_of_number(after),
            limit=limit,
            call=call_of(request),
            moment=desk.moment(),
        )
    cursor = cursor_text(str(lines[-1].audit_id)) if len(lines) == limit else None
    return json_answer(AuditList(lines, cursor))


def _check_instants(*given: tuple[str, datetime | None]) -> None:
    """Refuse instants that UTC has no day for."""
    faults = [instant_fault(pointer, at) for pointer, at in given if at is not None]
    if any(faults):
        raise InvalidContent(tuple(fault for fault in faults if fault is not None))


def _check_texts(*given: tuple[str, str | None]) -> None:
    """Refuse texts that no id holds, U+0000 among them, which the database takes for a fault."""
    advice = "Give the id in visible characters."
    faults = [
        Fault(pointer, "parameter_malformed", advice)
        for pointer, text in given
        if text is not None and not text.isprintable()
    ]
    if faults:
        raise InvalidContent(tuple(faults))


async def verify_audit(request: Request) -> Response:
    """Compute the audit's blocks anew: lines, roots, chain and signatures; say what differs.

    At most 100 blocks a call, oldest first; go on with `next_cursor`. With `expected` the chain is
    held against a hash that you kept: only that shows a tail that was cut off, or a chain that was
    written anew with the service's own key. The call is itself audited.
    """
    caller, desk = caller_of(request), service_desk_of(request)
    require_kind(caller, *READERS)
    body = await _decoder.read(request, limits=desk.body_limits)
    span, expected = _span_of(body), body.expected
    async with desk.transaction() as connection:
        verification = await seals.verify(
            connection,
            desk.seal_keys,
            span,
            expected=Anchor(expected.block, bytes.fromhex(expected.hash)) if expected else None,
            call=call_of(request),
            moment=desk.moment(),
        )
    return json_answer(_answer(verification))


def _span_of(body: VerifyRequest) -> BlockSpan:
    first = body.from_block if body.after is None else place_of_number(body.after) + 1
    if body.to_block is not None and body.to_block < first:
        advice = "Give a block that is not before the first one."
        raise InvalidContent((Fault("/to_block", "block_before_first", advice),))
    return BlockSpan(first, body.to_block, body.limit)


def _answer(verification: Verification) -> VerifyResponse:
    following = verification.next_block
    return VerifyResponse(
        is_intact=not verification.differences,
        first_block=verification.first_block,
        last_block=verification.last_block,
        block_count=verification.block_count,
        line_count=verification.line_count,
        differences=verification.differences,
        newest_block=verification.newest_block,
        newest_hash=verification.newest_hash.hex(),
        newest_sealed_at=verification.newest_sealed_at,
        oldest_unsealed_at=verification.oldest_unsealed_at,
        next_cursor=None if following is None else cursor_text(str(following - 1)),
    )


async def list_keys(request: Request) -> Response:
    """List the public keys of the audit's blocks, the one in use first; a handful, so one page."""
    caller, desk = caller_of(request), service_desk_of(request)
    require_kind(caller, *READERS)
    keys = [
        SealKeyResponse(
            key_id=key_id,
            algorithm="Ed25519",
            public_key=base64.b64encode(key).decode(),
            is_in_use=number == 0,
        )
        for number, (key_id, key) in enumerate(desk.seal_keys.public.items())
    ]
    return json_answer(SealKeyList(keys, desk.source, None))
