"""What operators and auditors ask: rule sets, and where things stand."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.http import caller_of, described, json_answer, secured_router
from kuntavayla.outbox import Hold, Standing
from kuntavayla.register import OrganisationKind
from kuntavayla.service.operations.recipients import state_of
from kuntavayla.service.routes.answers import consumer_answer
from kuntavayla.settings import Transport
from routing_api.operations import operating as operations
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import desk_of
from routing_api.rules.definitions import RuleSetDefinition
from routing_api.schemas import HeldRecipient, PublishedStatus, StatusResponse

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
    standing = figures.standing
    return json_answer(
        StatusResponse(
            epoch=standing.epoch,
            head_position=standing.head,
            transport=desk.transport.value,
            published=_published(standing) if desk.transport is Transport.KAFKA else None,
            paused_recipients=sum(hold.is_paused(now=moment.now) for hold in figures.holds),
            held_recipients=_held(figures.holds, transport=desk.transport, now=moment.now),
            open_reviews=figures.waiting.open_reviews,
            overdue_reviews=figures.waiting.overdue_reviews,
            offered_transfers=figures.waiting.offered_transfers,
            overdue_transfers=figures.waiting.overdue_transfers,
            transfers_without_notice=figures.waiting.transfers_without_notice,
            overdue_notices=figures.waiting.overdue_notices,
            register_version=register.version,
            unconfirmed_memberships=len(register.unconfirmed(on=moment.today)),
            audit_newest_block=figures.seal.newest_block,
            audit_oldest_unsealed_s=figures.oldest_unsealed_s,
            queues=desk.queues(),
            parked_keys=sum(one.parked for one in figures.consumers),
            queued_messages=sum(one.queued for one in figures.consumers),
            consumers=[consumer_answer(one) for one in figures.consumers],
            jobs=desk.jobs.states,
        )
    )


def _held(holds: Sequence[Hold], *, transport: Transport, now: datetime) -> list[HeldRecipient]:
    found = []
    for hold in holds:
        state = state_of(hold, transport=transport, now=now)
        if state != "open":
            found.append(
                HeldRecipient(
                    recipient=hold.recipient,
                    state=state,
                    paused_at=hold.paused_at,
                    until=hold.until,
                )
            )
    return found


def _published(standing: Standing) -> PublishedStatus:
    return PublishedStatus(
        position=standing.published,
        lag=standing.lag,
        oldest_unpublished_at=standing.oldest_unpublished_at,
    )
