"""Who the caller of a question or statement is to us, and the use of its key."""

from starlette.requests import Request

from kuntavayla.auth import Caller
from kuntavayla.http import caller_of
from kuntavayla.idempotency import KeyUse, fingerprints_of
from kuntavayla.register import OrganisationKind
from kuntavayla.service.routes.desk import RESTRICTED
from statement_relay.operations.parties import Party
from statement_relay.routes.desk import desk_of

ASKERS = (OrganisationKind.TE_OFFICE, OrganisationKind.TE_NATIONAL)


def party_of(caller: Caller) -> Party:
    """Return whose clients the caller may see: an office and a case system their own."""
    kind, organisation = caller.kind, caller.organisation
    return Party(
        te_office_code=organisation if kind is OrganisationKind.TE_OFFICE else None,
        case_system_id=organisation if kind is OrganisationKind.CASE_SYSTEM else None,
        may_see_restricted=RESTRICTED in caller.scopes,
    )


def key_use(
    request: Request, content: object, *, route: str, key: str, status: int, result_id: str
) -> KeyUse:
    """Return the use of a call's key, with the fingerprints of its content."""
    fingerprint, *older = fingerprints_of(content, by=desk_of(request).fingerprints)
    return KeyUse(
        organisation=caller_of(request).organisation,
        route=route,
        key=key,
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
        status=status,
        result_id=result_id,
    )
