"""What operators ask: where things stand."""

from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.http import caller_of, described, json_answer, secured_router
from kuntavayla.register import OrganisationKind
from kuntavayla.service.routes.status import service_status
from quota_ledger.operations import operating as operations
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.desk import desk_of
from quota_ledger.schemas.operating import StatusResponse

router = secured_router(PREFIX)


@router.get("/status", openapi_extra=described(answers={200: StatusResponse}))
async def load_status(request: Request) -> Response:
    """Say where the events stand, what is parked, and what waits."""
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    moment = desk.moment()
    async with desk.transaction() as connection:
        figures = await operations.load_figures(connection, moment=moment)
    return json_answer(
        StatusResponse(
            **asdict(service_status(figures.service, desk=desk, now=moment.now)),
            register_version=desk.newest_register().version,
        )
    )
