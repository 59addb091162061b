"""Who was told about a client, when and for what: the answer to the person's own question."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.audit import StoredLine
from kuntavayla.auth import OFFICIAL_MALFORMED, OFFICIAL_MISSING, require_kind
from kuntavayla.http import CURSOR_MALFORMED, caller_of, described, json_answer, secured_router
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours
from kuntavayla.service.routes.desk import call_of, official_of_call
from kuntavayla.service.routes.outcomes import settled
from kuntavayla.service.routes.pages import (
    LIMIT_DEFAULT,
    After,
    Limit,
    cursor_text,
    place_of_number,
)
from routing_api.errors import ClientNotFound
from routing_api.operations import disclosures as operations
from routing_api.operations.disclosures import DisclosureQuery
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import desk_of, party_of
from routing_api.schemas import DisclosureList, DisclosureResponse

router = secured_router(PREFIX)


@router.get(
    "/clients/{client_id}/disclosures",
    openapi_extra=described(
        answers={200: DisclosureList},
        problems=(
            OFFICIAL_MISSING,
            OFFICIAL_MALFORMED,
            CURSOR_MALFORMED,
            ClientNotFound,
            MunicipalityNotServed,
            OfficeNotYours,
        ),
    ),
)
async def list_disclosures(
    request: Request, *, client_id: UUID, after: After = None, limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List who was told about a client, when, and for what, oldest first; itself audited.

    Needs Acting-Official. Clients with a security ban need the scope events.restricted.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.OPERATOR, OrganisationKind.AUDITOR)
    official = official_of_call(request)
    async with desk.transaction() as connection:
        outcome = await operations.list_of_client(
            connection,
            DisclosureQuery(str(client_id), place_of_number(after), limit),
            party=party_of(caller),
            call=call_of(request, official),
            moment=desk.moment(),
        )
    lines = settled(outcome)
    cursor = cursor_text(str(lines[-1].audit_id)) if len(lines) == limit else None
    return json_answer(DisclosureList([_answer(line) for line in lines], cursor))


def _answer(line: StoredLine) -> DisclosureResponse:
    return DisclosureResponse(
        disclosed_at=line.recorded_at,
        organisation=line.organisation,
        official_id=line.official_id,
        official_role=line.official_role,
        municipality_code=line.municipality_code,
        action=line.action,
        purpose=line.purpose,
        resource_id=line.resource_id,
        request_id=line.request_id,
    )
