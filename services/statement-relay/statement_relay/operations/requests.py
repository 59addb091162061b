"""Information requests: a TE office asks, a case system answers, each once for ever."""

from collections.abc import Sequence

from msgspec import Struct, structs

from kuntavayla import audit, idempotency, outbox, responsibilities
from kuntavayla.database import Connection
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.events import Channel
from kuntavayla.idempotency import KeyUse
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.gathering import Gathered
from kuntavayla.service.operations.witnessing import REFUSED, witness
from kuntavayla.values.responsibilities import (
    Responsibility,
    is_restricted,
    responsible_on,
)
from statement_relay.errors import (
    AlreadyAnswered,
    InformationRequestNotFound,
    ReferenceReused,
    ResponsibleOther,
)
from statement_relay.events import InformationRequestAnsweredV1, InformationRequestReceivedV1
from statement_relay.operations.parties import Party, require_client
from statement_relay.rules.clocks import DeliveryTarget, due
from statement_relay.rules.requests import (
    Answering,
    AnswerRequest,
    AskRequest,
    InformationRequest,
    RequestFilter,
)
from statement_relay.store import requests

READ = "information-request.read"


class RequestDesk(Struct, frozen=True, kw_only=True):
    """What a question or an answer is made with; `use.result_id` is the id that a question gets."""

    use: KeyUse
    call: Call
    party: Party
    moment: Moment


class Settled(Struct, frozen=True):
    """A question as it stands; `is_replay` where the call repeats an earlier one."""

    request: InformationRequest
    is_replay: bool


async def ask(
    connection: Connection, asked: AskRequest, *, target: DeliveryTarget, desk: RequestDesk
) -> Settled:
    """Put a question to the municipality that was responsible on the first day of its period.

    What is known of the client stays so to the commit. Commits together: the question, its event to
    the case system, a line of the audit. Raises IdempotencyKeyReused, ReferenceReused,
    NoSuchClient, ResponsibleOther.
    """
    known = await _find_replay(connection, desk.use)
    await responsibilities.lock_against_change(connection)
    known = known or await _find_same(connection, asked.reference, desk=desk)
    if known is not None:
        return Settled(known, is_replay=True)
    found = await responsibilities.list_by_client(connection, [asked.client_id])
    versions = found.get(asked.client_id, [])
    office = require_client(versions, party=desk.party, today=desk.moment.today)
    addressee = responsible_on(versions, asked.period.starts_on)
    if addressee is None or addressee.case_system_id is None:
        raise ResponsibleOther(starts_on=asked.period.starts_on.isoformat())
    request = _request(
        asked, office=office.te_office_code, addressee=addressee, target=target, desk=desk
    )
    if not await requests.append_requests(connection, [request]):
        same = await _find_same(connection, asked.reference, desk=desk)
        assert same is not None, "who has taken the reference has committed"
        return Settled(same, is_replay=True)
    await _tell_received(connection, request, versions=versions, desk=desk)
    return Settled(request, is_replay=False)


async def answer(
    connection: Connection, request_id: str, answered: AnswerRequest, *, desk: RequestDesk
) -> Settled:
    """Answer a question put to the case system; the same answer again changes nothing.

    Locks the question; what is known of the client stays so to the commit. Commits together: the
    answer, its event to the client's TE office and, where another one asked, to that; a line of the
    audit. Raises IdempotencyKeyReused,
    InformationRequestNotFound, AlreadyAnswered, and InvalidContent for an item that is not the case
    system's own about the client.
    """
    known = await _find_replay(connection, desk.use)
    if known is not None:
        return Settled(known, is_replay=True)
    await responsibilities.lock_against_change(connection)
    request = await requests.lock_request(connection, request_id)
    request, versions = await _own(connection, request, party=desk.party)
    if request.answer_fingerprint is not None:
        if not desk.use.has_fingerprint(request.answer_fingerprint):
            raise AlreadyAnswered
        return Settled(request, is_replay=True)
    await _check_items(connection, answered.information_ids, request=request)
    answering = Answering(
        information_request_id=request_id,
        answered_at=desk.moment.now,
        answer_code=answered.answer_code,
        fingerprint=desk.use.fingerprint,
        information_ids=answered.information_ids,
    )
    await requests.record_answer(connection, answering)
    changed = structs.replace(
        request,
        state="answered",
        answered_at=answering.answered_at,
        answer_code=answering.answer_code,
        answer_fingerprint=answering.fingerprint,
        information_ids=answering.information_ids,
    )
    await _tell_answered(connection, changed, versions=versions, desk=desk)
    return Settled(changed, is_replay=False)


async def read(
    connection: Connection, request_id: str, *, party: Party, call: Call, moment: Moment
) -> InformationRequest | InformationRequestNotFound:
    """Return a question of the party's own; what is unknown and what is not its own look alike.

    Either outcome is audited.
    """
    request = await requests.find_request(connection, request_id)
    client_id = request.client_id if request else None
    try:
        found, _ = await _own(connection, request, party=party)
    except InformationRequestNotFound as refusal:
        await witness(
            connection,
            call,
            action=READ,
            outcome=REFUSED,
            moment=moment,
            client_id=client_id,
            resource_id=request_id,
        )
        return refusal
    await witness(
        connection, call, action=READ, moment=moment, client_id=client_id, resource_id=request_id
    )
    return found


async def list_of(
    connection: Connection, query: RequestFilter, *, after: str, limit: int
) -> Sequence[InformationRequest]:
    """List questions in order of their ids: that in which they were asked."""
    return await requests.list_requests(connection, query, after=after, limit=limit)


async def _find_replay(connection: Connection, use: KeyUse) -> InformationRequest | None:
    """Claim the key; return what the first call came to where this one repeats it."""
    known = await idempotency.claim_one(connection, use)
    return None if known is None else await requests.find_request(connection, known.result_id)


async def _find_same(
    connection: Connection, reference: str, *, desk: RequestDesk
) -> InformationRequest | None:
    """Return the question asked before under the reference; the key of this call is given back.

    Raises ReferenceReused where it was another question.
    """
    organisation = desk.use.organisation
    known = await requests.find_by_reference(connection, organisation, reference)
    if known is None:
        return None
    if not desk.use.has_fingerprint(known.fingerprint):
        raise ReferenceReused
    await idempotency.release(connection, [desk.use])
    return known


def _request(
    asked: AskRequest,
    *,
    office: str,
    addressee: Responsibility,
    target: DeliveryTarget,
    desk: RequestDesk,
) -> InformationRequest:
    now = desk.moment.now
    if asked.working_days is not None:
        target = structs.replace(target, working_days=asked.working_days)
    times = due(now, target=target)
    assert addressee.case_system_id is not None, "looked at before"
    assert addressee.municipality_code is not None, "a case system serves a municipality"
    return InformationRequest(
        information_request_id=desk.use.result_id,
        organisation=desk.use.organisation,
        reference=asked.reference,
        fingerprint=desk.use.fingerprint,
        client_id=asked.client_id,
        te_office_code=office,
        case_system_id=addressee.case_system_id,
        municipality_code=addressee.municipality_code,
        kind=asked.kind,
        period=asked.period,
        question_code=asked.question_code,
        question=asked.question,
        asked_at=now,
        remind_at=times.warn_at,
        due_at=times.deliver_by_at,
    )


async def _own(
    connection: Connection, request: InformationRequest | None, *, party: Party
) -> tuple[InformationRequest, list[Responsibility]]:
    """Return a question and what is known of its client, if it is the party's own."""
    if (
        request is None
        or party.te_office_code not in (None, request.te_office_code)
        or party.case_system_id not in (None, request.case_system_id)
    ):
        raise InformationRequestNotFound
    found = await responsibilities.list_by_client(connection, [request.client_id])
    versions = found[request.client_id]
    if not party.may_see(versions):
        raise InformationRequestNotFound
    return request, versions


async def _check_items(
    connection: Connection, information_ids: Sequence[str], *, request: InformationRequest
) -> None:
    own = await requests.list_own_items(
        connection,
        information_ids,
        organisation=request.case_system_id,
        client_id=request.client_id,
    )
    advice = "Give an item that your case system has sent about this client."
    faults = [
        Fault(f"/information_ids/{index}", "information_unknown", advice)
        for index, information_id in enumerate(information_ids)
        if information_id not in own
    ]
    if faults:
        raise InvalidContent(tuple(faults))


async def _tell_received(
    connection: Connection,
    request: InformationRequest,
    *,
    versions: Sequence[Responsibility],
    desk: RequestDesk,
) -> None:
    data = InformationRequestReceivedV1(
        information_request_id=request.information_request_id,
        client_id=request.client_id,
        municipality_code=request.municipality_code,
        due_at=request.due_at,
    )
    gathered = Gathered()
    gathered.announce(
        data,
        recipient=request.case_system_id,
        channel=channel_of(versions),
        cause_id=request.information_request_id,
        call=desk.call,
        moment=desk.moment,
    )
    await _write(connection, gathered, request, action="information-request.asked", desk=desk)


async def _tell_answered(
    connection: Connection,
    request: InformationRequest,
    *,
    versions: Sequence[Responsibility],
    desk: RequestDesk,
) -> None:
    data = InformationRequestAnsweredV1(
        information_request_id=request.information_request_id,
        client_id=request.client_id,
        answered_at=desk.moment.now,
    )
    gathered = Gathered()
    for recipient in sorted({request.organisation, request.te_office_code}):
        gathered.announce(
            data,
            recipient=recipient,
            channel=channel_of(versions),
            cause_id=request.information_request_id,
            call=desk.call,
            moment=desk.moment,
        )
    await _write(connection, gathered, request, action="information-request.answered", desk=desk)


async def _write(
    connection: Connection,
    gathered: Gathered,
    request: InformationRequest,
    *,
    action: str,
    desk: RequestDesk,
) -> None:
    gathered.witness(
        desk.call,
        action=action,
        outcome="done",
        moment=desk.moment,
        client_id=request.client_id,
        resource_id=request.information_request_id,
    )
    await audit.append(connection, gathered.audit)
    await outbox.append(connection, gathered.events, origin=desk.moment.origin)


def channel_of(versions: Sequence[Responsibility]) -> Channel:
    """Return the feed that events about the client go to."""
    return Channel.RESTRICTED if is_restricted(versions) else Channel.COMMON
