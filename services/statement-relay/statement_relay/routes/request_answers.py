"""Questions and statements shaped into their wire types."""

from datetime import datetime

from statement_relay.rules.requests import InformationRequest
from statement_relay.rules.statements import Statement
from statement_relay.schemas.requests import InformationRequestResponse, StatementResponse


def request_answer(request: InformationRequest, *, now: datetime) -> InformationRequestResponse:
    """Shape a question with its answer."""
    return InformationRequestResponse(
        information_request_id=request.information_request_id,
        reference=request.reference,
        client_id=request.client_id,
        te_office_code=request.te_office_code,
        case_system_id=request.case_system_id,
        municipality_code=request.municipality_code,
        kind=request.kind,
        period=request.period,
        question_code=request.question_code,
        question=request.question,
        state=request.state,
        is_overdue=request.is_overdue(now=now),
        asked_at=request.asked_at,
        remind_at=request.remind_at,
        due_at=request.due_at,
        reminded_at=request.reminded_at,
        answered_at=request.answered_at,
        answer_code=request.answer_code,
        information_ids=request.information_ids,
    )


def statement_answer(statement: Statement) -> StatementResponse:
    """Shape a statement."""
    return StatementResponse(
        statement_id=statement.statement_id,
        organisation=statement.organisation,
        reference=statement.reference,
        client_id=statement.client_id,
        te_office_code=statement.te_office_code,
        kind=statement.kind,
        period=statement.period,
        outcome_code=statement.outcome_code,
        given_on=statement.given_on,
        recorded_at=statement.recorded_at,
        information_ids=statement.information_ids,
    )
