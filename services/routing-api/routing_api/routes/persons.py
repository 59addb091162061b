"""Personal data of a case system's own clients, by transfer, each disclosure audited."""

from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.errors import DomainError
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    JsonDecoder,
    caller_of,
    described,
    item_problem,
    json_answer,
    secured_router,
)
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours
from kuntavayla.service.routes.desk import call_of, official_of_call
from routing_api.errors import TransferNotFound
from routing_api.operations import disclosures as operations
from routing_api.operations.disclosures import Disclosure, Outcome
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import desk_of, party_of
from routing_api.schemas import FetchedItem, FetchedPerson, FetchRequest, FetchResponse

router = secured_router(PREFIX)
_decoder = JsonDecoder(FetchRequest)


@router.post(
    "/persons:fetch",
    openapi_extra=described(
        body=FetchRequest,
        answers={200: FetchResponse},
        problems=(MunicipalityNotServed, OfficeNotYours),
        item_problems=(TransferNotFound,),
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def fetch_persons(request: Request) -> Response:
    """Fetch the personal data of own clients by transfer id, up to 1,000 at once.

    Answers one outcome per item, in order. Needs a purpose and an acting official of a municipality
    that the case system serves. Each disclosure and each refusal is audited before the answer
    leaves; a transfer that is not the caller's is answered like one that does not exist.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    body = await _decoder.read(request, limits=desk.body_limits)
    official = official_of_call(request, body.acting_official)
    moment = desk.moment()
    async with desk.transaction() as connection:
        permitted = await operations.permit(
            connection,
            body.transfer_ids,
            party=party_of(caller),
            call=call_of(request, official, purpose=body.purpose),
            moment=moment,
        )
    outcomes = operations.disclose(permitted, law=desk.law, moment=moment)
    items = [
        _item(transfer_id, outcome)
        for transfer_id, outcome in zip(body.transfer_ids, outcomes, strict=True)
    ]
    return json_answer(FetchResponse(items), headers={"Cache-Control": "no-store"})


def _item(transfer_id: str, outcome: Outcome) -> FetchedItem:
    if isinstance(outcome, DomainError):
        return FetchedItem(transfer_id=transfer_id, result="refused", problem=item_problem(outcome))
    return _disclosed(outcome)


def _disclosed(disclosure: Disclosure) -> FetchedItem:
    profile = disclosure.profile
    person = profile.person
    return FetchedItem(
        transfer_id=disclosure.transfer_id,
        result="disclosed",
        disclosure_id=disclosure.disclosure_id,
        client_id=disclosure.client_id,
        clienthood_version=disclosure.clienthood_version,
        person=FetchedPerson(
            identity_code=disclosure.identity_code,
            family_name=person.family_name,
            given_names=person.given_names,
            service_language_code=person.service_language_code,
            has_interpreter_need=person.has_interpreter_need,
            has_security_ban=person.has_security_ban,
            contact=person.contact,
        ),
        service=profile.service,
        plans=profile.plans,
        open_matters=profile.open_matters,
        source_client_number=profile.source_client_number,
    )
