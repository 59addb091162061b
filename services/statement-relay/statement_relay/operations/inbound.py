"""Information that a case system sends by its topic: the same act as over HTTP.

Whose it is is told by the topic, never by the record. What is refused is answered with an event, in
the same transaction.
"""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import outbox, responsibilities
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.inbound import Received
from kuntavayla.values.responsibilities import is_restricted
from statement_relay.operations.accepting import accept
from statement_relay.operations.law import Law
from statement_relay.operations.refusals import Refusal, refused_draft
from statement_relay.operations.submissions import Submission


class ReceivedItem(Struct, frozen=True):
    """An item made ready, and the record that it came in."""

    received: Received
    submission: Submission


class RefusedRecord(Struct, frozen=True, kw_only=True):
    """Why a record was not taken, and ids of it that have our form; a parked one waits."""

    received: Received
    codes: tuple[str, ...]
    municipal_id: str | None
    client_id: str | None
    is_parked: bool


async def take_in(
    connection: Connection, items: Sequence[ReceivedItem], *, law: Law, moment: Moment
) -> None:
    """Take items in, as `accept` does, and tell their sender which were not taken, and why.

    Items about clients with a security ban are not taken by a topic, since no topic tells of them.
    What is known of clients stays so to the commit.
    """
    await responsibilities.lock_against_change(connection)
    outcomes = await accept(connection, [one.submission for one in items], law=law, moment=moment)
    refused = [
        RefusedRecord(
            received=one.received,
            codes=(outcome.code,),
            municipal_id=one.submission.told.municipal_id,
            client_id=one.submission.told.item.client_id if one.submission.told.item else None,
            is_parked=False,
        )
        for one, outcome in zip(items, outcomes, strict=True)
        if isinstance(outcome, DomainError)
    ]
    sender = items[0].submission.call.organisation
    await answer(connection, refused, case_system_id=sender, moment=moment)


async def answer(
    connection: Connection,
    refused: Sequence[RefusedRecord],
    *,
    case_system_id: str,
    moment: Moment,
) -> None:
    """Tell a case system which of its records were not taken, and why; call it last.

    What is known of clients stays so to the commit. What is not known to be about somebody without
    a ban goes over the restricted feed.
    """
    await responsibilities.lock_against_change(connection)
    clients = {one.client_id for one in refused if one.client_id is not None}
    known = await responsibilities.list_by_client(connection, clients) if clients else {}
    drafts = [
        refused_draft(
            Refusal(
                codes=one.codes,
                municipal_id=one.municipal_id,
                client_id=one.client_id,
                place=one.received.place,
                is_parked=one.is_parked,
                subject=one.received.subject,
                cause_id=one.received.cause_id,
            ),
            recipient=case_system_id,
            is_restricted=one.client_id not in known or is_restricted(known[one.client_id]),
            traceparent=one.received.traceparent,
            moment=moment,
        )
        for one in refused
    ]
    await outbox.append(connection, drafts, origin=moment.origin)
