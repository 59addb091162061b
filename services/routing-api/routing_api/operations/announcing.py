"""The events that follow a decision, as data: who is told what.

None holds a ground, a name or an identity code.
"""

from datetime import date

from routing_api.events import (
    Authority,
    ChangedGroup,
    ClientTransferredV1,
    ClientUpdatedV1,
    ClientWithdrawnV1,
    ResponsibilityChangedV1,
    ReviewResolvedV1,
)
from routing_api.rules.clienthoods import ClientState
from routing_api.rules.decisions import Decision
from routing_api.rules.transfers import Transfer


def transferred(transfer: Transfer, *, previous_authority: Authority) -> ClientTransferredV1:
    """Tell the case system of the municipality that it has a new client."""
    return ClientTransferredV1(
        transfer_id=transfer.transfer_id,
        client_id=transfer.client_id,
        clienthood_version=transfer.clienthood_version,
        cause=transfer.cause,
        municipality_code=transfer.municipality_code,
        area_code=transfer.area_code,
        effective_on=transfer.effective_on,
        previous_authority=previous_authority,
        te_office_code=transfer.te_office_code,
        acknowledge_due_at=transfer.acknowledge_due_at,
        notice_state="due" if transfer.notice_id is None else "given",
    )


def withdrawn(state: ClientState, *, ends_on: date, next_authority: Authority) -> ClientWithdrawnV1:
    """Tell the case system that was responsible that it no longer is."""
    assert state.transfer_id is not None, "only a municipality's responsibility is withdrawn"
    assert state.responsible.municipality_code is not None
    return ClientWithdrawnV1(
        transfer_id=state.transfer_id,
        client_id=state.client_id,
        clienthood_version=state.version,
        municipality_code=state.responsible.municipality_code,
        ends_on=ends_on,
        next_authority=next_authority,
    )


def updated(state: ClientState, *, groups: tuple[ChangedGroup, ...]) -> ClientUpdatedV1:
    """Name the groups of what is known about a client that have changed."""
    assert state.transfer_id is not None, "only a case system that holds the client is told"
    return ClientUpdatedV1(
        transfer_id=state.transfer_id,
        client_id=state.client_id,
        clienthood_version=state.version,
        changed_groups=groups,
    )


def responsibility_changed(
    state: ClientState, *, source_system: str | None, client_number: str | None
) -> ResponsibilityChangedV1:
    """Tell our own services who is responsible, from the first day of the standing version on."""
    responsible = state.responsible
    return ResponsibilityChangedV1(
        client_id=state.client_id,
        clienthood_version=state.version,
        authority=responsible.authority,
        municipality_code=responsible.municipality_code,
        area_code=responsible.area_code,
        case_system_id=responsible.case_system_id,
        te_office_code=responsible.te_office_code,
        source_system=source_system,
        source_client_number=client_number,
        valid_from=state.valid_from,
        valid_to=None,
    )


def review_resolved(
    review_id: str, decision: Decision, *, is_superseded: object
) -> ReviewResolvedV1:
    """Tell the TE office that an open question has its answer, or was replaced by a newer one."""
    return ReviewResolvedV1(
        review_id=review_id,
        client_id=decision.client_id,
        registration_id=decision.registration_id,
        decision_id=decision.decision_id,
        outcome="superseded" if is_superseded else decision.outcome,
    )
