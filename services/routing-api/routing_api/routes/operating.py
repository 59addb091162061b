"""What operators and auditors ask: rule sets, and where things stand."""

from msgspec import Struct
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.http import caller_of, described, json_answer, secured_router
from kuntavayla.register import OrganisationKind
from kuntavayla.service.routes.status import service_status
from routing_api.operations import operating as operations
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import desk_of
from routing_api.rules.definitions import RuleSetDefinition
from routing_api.schemas import StatusResponse

router = secured_router(PREFIX)


class RuleSetList(Struct, frozen=True):
    """Every version of every rule set."""

    items: list[RuleSetDefinition]
    next_cursor: None


@router.get("/rule-sets", openapi_extra=described(answers={200: RuleSetList}))
async def list_rule_sets(request: Request) -> Response:
    """List the rule sets with their versions, parameters and sources; a handful, so one page."""
    require_kind(caller_of(request), OrganisationKind.OPERATOR, OrganisationKind.AUDITOR)
    rule_sets = desk_of(request).law.rule_sets
    return json_answer(RuleSetList([item.definition for item in rule_sets.all()], None))


@router.get("/status", openapi_extra=described(answers={200: StatusResponse}))
async def load_status(request: Request) -> Response:
    """Say where the events stand, what waits and what is late, which register holds."""
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    moment = desk.moment()
    async with desk.transaction() as connection:
        register = await desk.law.registers.current(connection)
        figures = await operations.load_figures(connection, moment=moment)
    waiting = figures.waiting
    service = service_status(figures.service, desk=desk, now=moment.now)
    return json_answer(
        StatusResponse(
            **asdict(service),
            open_reviews=waiting.open_reviews,
            overdue_reviews=waiting.overdue_reviews,
            offered_transfers=waiting.offered_transfers,
            overdue_transfers=waiting.overdue_transfers,
            transfers_without_notice=waiting.transfers_without_notice,
            overdue_notices=waiting.overdue_notices,
            register_version=register.version,
            unconfirmed_memberships=len(register.unconfirmed(on=moment.today)),
            queues=desk.queues(),
        )
    )
