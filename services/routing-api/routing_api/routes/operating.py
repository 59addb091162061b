"""What operators and auditors ask: rule sets, the audit, and where things stand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from msgspec import Struct
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.audit import AuditFilter
from kuntavayla.auth import require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import CURSOR_MALFORMED, caller_of, described, json_answer, secured_router
from kuntavayla.outbox import Hold, Standing
from kuntavayla.register import OrganisationKind
from kuntavayla.service.operations.recipients import state_of
from kuntavayla.service.routes.answers import consumer_answer
from kuntavayla.service.routes.desk import call_of
from kuntavayla.service.routes.pages import (
    LIMIT_DEFAULT,
    After,
    Limit,
    cursor_text,
    place_of_number,
)
from kuntavayla.settings import Transport
from kuntavayla.values.faults import instant_fault
from routing_api.operations import operating as operations
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import desk_of
from routing_api.rules.definitions import RuleSetDefinition
from routing_api.schemas import AuditList, HeldRecipient, PublishedStatus, StatusResponse

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


@router.get(
    "/audit", openapi_extra=described(answers={200: AuditList}, problems=(CURSOR_MALFORMED,))
)
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
    """List who did and read what, oldest first; this reading is itself audited."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.OPERATOR, OrganisationKind.AUDITOR)
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
        lines = await operations.read_audit(
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
