"""The books verified: everything computed anew from entries."""

from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.http import caller_of, described, json_answer, secured_router
from kuntavayla.register import OrganisationKind
from kuntavayla.service.routes.desk import call_of
from quota_ledger.operations import verifying as operations
from quota_ledger.operations.verifying import Keys
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.desk import desk_of
from quota_ledger.schemas.verifications import VerificationResponse

router = secured_router(PREFIX)


@router.post("/verifications", openapi_extra=described(answers={200: VerificationResponse}))
async def verify(request: Request) -> Response:
    """Compute all balances anew from entries, and say what differs; the service works meanwhile.

    Positions without a gap, each balance behind its entry, each account against its entries,
    allocations, transfers and lapses, what decisions hold and were paid, their states and
    calculations, persons, payments, overrides, month-end snapshots, the seals of entries in the
    audit, and the audit's blocks. Takes no body.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    moment = desk.moment()
    async with desk.transaction() as connection:
        found = await operations.verify(
            connection,
            keys=Keys(desk.seal_keys, desk.fingerprints),
            call=call_of(request),
            moment=moment,
        )
    return json_answer(
        VerificationResponse(
            is_intact=not found.difference_count,
            verified_at=moment.now,
            account_count=found.counts["accounts"],
            entry_count=found.counts["entries"],
            decision_count=found.counts["decisions"],
            payment_count=found.counts["payments"],
            difference_count=found.difference_count,
            differences=found.differences,
            newest_block=found.newest_block,
            newest_hash=found.newest_hash,
            oldest_unsealed_at=found.oldest_unsealed_at,
        )
    )
