"""Statements: told by who has issued them, read by who is responsible for the client."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import OFFICIAL_MALFORMED, OFFICIAL_MISSING, require_kind
from kuntavayla.errors import InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL,
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    IDEMPOTENCY_KEY,
    LOCATION,
    REPLAYED,
    Headed,
    JsonDecoder,
    caller_of,
    described,
    idempotency_key,
    json_answer,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.routes.desk import call_of, changing_official_of, official_of_call
from kuntavayla.service.routes.outcomes import repeating, settled
from statement_relay.errors import (
    IssuerOther,
    NoSuchClient,
    ReferenceReused,
    ResponsibleOther,
    StatementNotFound,
)
from statement_relay.operations import statements as operations
from statement_relay.operations.statements import Given, StatementDesk
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import desk_of
from statement_relay.routes.parties import ASKERS, key_use, party_of
from statement_relay.routes.request_answers import statement_answer
from statement_relay.rules.statements import StatementRequest
from statement_relay.schemas.requests import StatementResponse

router = secured_router(PREFIX)
_decoder = JsonDecoder(StatementRequest)


@router.post(
    "/statements",
    openapi_extra=described(
        body=StatementRequest,
        answers={201: Headed(StatementResponse, (LOCATION, REPLAYED))},
        problems=(
            NoSuchClient,
            IssuerOther,
            ResponsibleOther,
            ReferenceReused,
            IdempotencyKeyReused,
            InProgress,
            OfficeNotYours,
            OfficialRoleRefused,
            MunicipalityNotServed,
        ),
        parameters=(IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def give(request: Request) -> Response:
    """Tell that a statement on unemployment benefit was given.

    A TE office tells of its own. A case system tells of one that the municipality of its official
    has issued: that was responsible on the first day of the period, and issues itself on that kind
    and day (`GET /codes/information-kinds`). The municipality responsible today, if it is another,
    gets `statement.given` with the id alone, and reads the statement by it. Needs an
    Idempotency-Key and an acting official.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ASKERS, OrganisationKind.CASE_SYSTEM)
    key = idempotency_key(request)
    body = await _decoder.read(request, limits=desk.body_limits)
    official, moment = changing_official_of(request, body.acting_official), desk.moment()
    if faults := tuple(body.faults(today=moment.today)):
        raise InvalidContent(faults)
    result_id = moment.new_id()
    tools = StatementDesk(
        use=key_use(request, body, route="statements", key=key, status=201, result_id=result_id),
        call=call_of(request, official, purpose="statement"),
        party=party_of(caller),
        tables=desk.law.tables,
        moment=moment,
    )

    async def act() -> Given:
        async with desk.transaction() as connection:
            return await operations.give(connection, body, desk=tools)

    given = await repeating(act)
    headers = {"Location": f"{PREFIX}/statements/{given.statement.statement_id}"}
    if given.is_replay:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(statement_answer(given.statement), status=201, headers=headers)


@router.get(
    "/statements/{statement_id}",
    openapi_extra=described(
        answers={200: StatementResponse},
        problems=(
            StatementNotFound,
            OFFICIAL_MISSING,
            OFFICIAL_MALFORMED,
            MunicipalityNotServed,
            OfficeNotYours,
        ),
        parameters=(ACTING_OFFICIAL,),
    ),
)
async def load_statement(request: Request, statement_id: UUID) -> Response:
    """Return a statement to who is responsible for the client today, and to who gave it.

    Needs Acting-Official; the reading, or its refusal, is audited.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ASKERS, OrganisationKind.CASE_SYSTEM)
    official = official_of_call(request)
    async with desk.transaction() as connection:
        outcome = await operations.read(
            connection,
            str(statement_id),
            party=party_of(caller),
            call=call_of(request, official, purpose="statement"),
            moment=desk.moment(),
        )
    return json_answer(statement_answer(settled(outcome)))
