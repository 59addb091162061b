"""The seal over the audit: verified on request; its public keys, for those who verify outside."""

import base64

from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.audit import Anchor, BlockSpan, Verification
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
from kuntavayla.service.routes.desk import call_of
from kuntavayla.service.routes.pages import cursor_text, place_of_number
from routing_api.events import SOURCE
from routing_api.operations import seals as operations
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import desk_of
from routing_api.schemas import (
    SealKeyList,
    SealKeyResponse,
    VerifyRequest,
    VerifyResponse,
)

READERS = (OrganisationKind.OPERATOR, OrganisationKind.AUDITOR)
router = secured_router(PREFIX)
_decoder = JsonDecoder(VerifyRequest)


@router.post(
    "/audit:verify",
    openapi_extra=described(
        body=VerifyRequest, answers={200: VerifyResponse}, problems=(CURSOR_MALFORMED,)
    ),
)
async def verify_audit(request: Request) -> Response:
    """Compute the audit's blocks anew: lines, roots, chain and signatures; say what differs.

    At most 100 blocks a call, oldest first; go on with `next_cursor`. With `expected` the chain is
    held against a hash that you kept: only that shows a tail that was cut off, or a chain that was
    written anew with the service's own key. The call is itself audited.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    body = await _decoder.read(request, limits=desk.body_limits)
    span, expected = _span_of(body), body.expected
    async with desk.transaction() as connection:
        verification = await operations.verify(
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


@router.get("/audit/keys", openapi_extra=described(answers={200: SealKeyList}))
async def list_keys(request: Request) -> Response:
    """List the public keys of the audit's blocks, the one in use first; a handful, so one page."""
    caller, desk = caller_of(request), desk_of(request)
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
    return json_answer(SealKeyList(keys, SOURCE, None))
