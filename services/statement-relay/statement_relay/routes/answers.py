"""Domain values shaped into the wire types of `statement_relay.schemas`."""

from typing import Any, Literal

from statement_relay.rules.accepted import Accepted
from statement_relay.rules.issuers import Issuer
from statement_relay.rules.stories import ListedInformation, Proved, Story
from statement_relay.schemas.information import (
    AcceptedResponse,
    AttemptResponse,
    InformationResponse,
    InformationSummary,
    IssuerResponse,
    NoteResponse,
    ProofResponse,
    ReceiptResponse,
    WithdrawalResponse,
)

PREFIX = "/relay/v1"


def accepted_answer(accepted: Accepted) -> AcceptedResponse:
    """Return what an acceptance said; a first answer and its repeat are the same."""
    return AcceptedResponse(
        information_id=accepted.information_id,
        municipal_id=accepted.municipal_id,
        state=accepted.state,
        issuer=_issuer(accepted.issuer),
        receiver_id=accepted.receiver_id,
        deliver_by_at=accepted.deliver_by_at,
        waiting_behind=accepted.waiting_behind,
        digest=accepted.digest,
    )


def _issuer(issuer: Issuer | None) -> IssuerResponse | None:
    return None if issuer is None else IssuerResponse(issuer.authority, issuer.rule, issuer.from_on)


def summary_answer(listed: ListedInformation) -> InformationSummary:
    """Return an item as a list tells it."""
    return InformationSummary(
        information_id=listed.information_id,
        municipal_id=listed.municipal_id,
        organisation=listed.organisation,
        client_id=listed.client_id,
        municipality_code=listed.municipality_code,
        kind=listed.kind,
        action=listed.action,
        state=listed.state,
        state_reason=listed.state_reason,
        receiver_id=listed.receiver_id,
        accepted_at=listed.accepted_at,
        deliver_by_at=listed.deliver_by_at,
        settled_at=listed.settled_at,
        flags=_flags(listed),
    )


def _flags(listed: ListedInformation) -> tuple[Literal["delayed", "overdue"], ...]:
    if listed.settled_at is not None:
        return ()
    delayed: tuple[Literal["delayed"], ...] = ("delayed",) if listed.warned_at else ()
    return (*delayed, "overdue") if listed.overdue_at else delayed


def story_answer(story: Story) -> InformationResponse:
    """Return the whole story of an item."""
    withdrawn = story.content.withdrawn
    return InformationResponse(
        **{name: getattr(story, name) for name in _SHARED},
        flags=_flags(story),
        item=story.content.item,
        withdrawal=None
        if withdrawn is None
        else WithdrawalResponse(withdrawn.reason_code, withdrawn.reason),
        issuer=_issuer(story.issuer),
        sequence=story.number,
        attempts=tuple(
            AttemptResponse(**_told(one, AttemptResponse), receipt=_proof(one))
            for one in story.attempts
        ),
        notes=tuple(
            NoteResponse(**_told(one, NoteResponse), receipt=_proof(one)) for one in story.notes
        ),
        receipt=_receipt(story),
    )


_SHARED = (
    *(name for name in InformationSummary.__struct_fields__ if name != "flags"),
    "replaces_information_id",
    "replaced_by",
    "root_information_id",
    "waiting_behind",
    "digest",
    "warned_at",
    "overdue_at",
)


def _told(one: Proved, shape: type[AttemptResponse | NoteResponse]) -> dict[str, Any]:
    return {name: getattr(one, name) for name in shape.__struct_fields__ if name != "receipt"}


def _proof(one: Proved) -> ProofResponse | None:
    if one.receipt_id is None or one.received_at is None or one.receipt_digest is None:
        return None
    return ProofResponse(
        receipt_id=one.receipt_id, received_at=one.received_at, digest=one.receipt_digest
    )


def _receipt(story: Story) -> ReceiptResponse | None:
    if story.receipt_id is None or story.received_at is None or story.receipt_digest is None:
        return None
    return ReceiptResponse(
        receipt_id=story.receipt_id,
        received_at=story.received_at,
        digest=story.receipt_digest,
        request_id=story.delivered_request_id,
    )
