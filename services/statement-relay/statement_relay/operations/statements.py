"""Statements: who has issued one tells of it; who is responsible for the client reads it."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import audit, idempotency, outbox, responsibilities
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError, Fault, InvalidContent
from kuntavayla.idempotency import KeyUse
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.gathering import Gathered
from kuntavayla.service.operations.witnessing import REFUSED, witness
from kuntavayla.values.responsibilities import Responsibility, responsible_on
from statement_relay.errors import NoSuchClient, ReferenceReused, StatementNotFound
from statement_relay.events import StatementGivenV1
from statement_relay.operations.parties import Party, require_client
from statement_relay.operations.requests import channel_of
from statement_relay.rules.competence import Issued, Sender, Tables, judge_issued
from statement_relay.rules.statements import Statement, StatementRequest
from statement_relay.store import statements

READ = "statement.read"


class StatementDesk(Struct, frozen=True, kw_only=True):
    """What a statement is recorded with; `use.result_id` is the id that it gets."""

    use: KeyUse
    call: Call
    party: Party
    tables: Tables
    moment: Moment


class Given(Struct, frozen=True):
    """A statement on record; `is_replay` where the call repeats an earlier one."""

    statement: Statement
    is_replay: bool


async def give(connection: Connection, given: StatementRequest, *, desk: StatementDesk) -> Given:
    """Record a statement, and tell the case system that is responsible for the client today.

    What is known of the client stays so to the commit. Commits together: the statement, its event
    where another's municipality is responsible, a line of the audit. Raises IdempotencyKeyReused,
    ReferenceReused, NoSuchClient, of a municipality ResponsibleOther and IssuerOther, and
    InvalidContent for an item of information that is not about the client.
    """
    known = await _find_replay(connection, desk.use)
    await responsibilities.lock_against_change(connection)
    known = known or await _find_same(connection, given.reference, desk=desk)
    if known is not None:
        return Given(known, is_replay=True)
    found = await responsibilities.list_by_client(connection, [given.client_id])
    versions = found.get(given.client_id, [])
    responsible = _competent(given, versions, desk=desk)
    await _check_items(connection, given)
    statement = _statement(given, te_office_code=responsible.te_office_code, desk=desk)
    if not await statements.append_statements(connection, [statement]):
        same = await _find_same(connection, given.reference, desk=desk)
        assert same is not None, "who has taken the reference has committed"
        return Given(same, is_replay=True)
    await _tell(connection, statement, versions=versions, desk=desk)
    return Given(statement, is_replay=False)


def _competent(
    given: StatementRequest, versions: Sequence[Responsibility], *, desk: StatementDesk
) -> Responsibility:
    """Return by whose responsibility the statement is given: of a TE office today's."""
    case_system_id = desk.party.case_system_id
    if case_system_id is None:
        return require_client(versions, party=desk.party, today=desk.moment.today)
    if given.period.starts_on < desk.tables.kinds.first_on:
        advice = f"Nothing is taken about the time before {desk.tables.kinds.first_on}."
        raise InvalidContent((Fault("/period/starts_on", "before_pilot", advice),))
    is_own = any(version.case_system_id == case_system_id for version in versions)
    if not is_own or not desk.party.may_see(versions):
        raise NoSuchClient
    judged = judge_issued(
        Issued(given.kind, given.period.starts_on),
        sender=Sender(case_system_id, desk.call.municipality_code),
        versions=versions,
        tables=desk.tables,
    )
    if isinstance(judged, DomainError):
        raise judged
    return judged


def _statement(given: StatementRequest, *, te_office_code: str, desk: StatementDesk) -> Statement:
    return Statement(
        statement_id=desk.use.result_id,
        organisation=desk.use.organisation,
        reference=given.reference,
        fingerprint=desk.use.fingerprint,
        client_id=given.client_id,
        te_office_code=te_office_code,
        kind=given.kind,
        period=given.period,
        outcome_code=given.outcome_code,
        given_on=given.given_on,
        recorded_at=desk.moment.now,
        information_ids=given.information_ids,
    )


async def read(
    connection: Connection, statement_id: str, *, party: Party, call: Call, moment: Moment
) -> Statement | StatementNotFound:
    """Return a statement to who gave it, its client's TE office, and who is responsible today.

    Either outcome is audited; what is unknown and what is not the party's are refused alike.
    """
    statement = await statements.find_statement(connection, statement_id)
    if statement is None or not await _may_read(connection, statement, party=party, moment=moment):
        client_id = statement.client_id if statement else None
        await witness(
            connection,
            call,
            action=READ,
            outcome=REFUSED,
            moment=moment,
            client_id=client_id,
            resource_id=statement_id,
        )
        return StatementNotFound()
    await witness(
        connection,
        call,
        action=READ,
        moment=moment,
        client_id=statement.client_id,
        resource_id=statement_id,
    )
    return statement


async def _may_read(
    connection: Connection, statement: Statement, *, party: Party, moment: Moment
) -> bool:
    found = await responsibilities.list_by_client(connection, [statement.client_id])
    versions = found[statement.client_id]
    if not party.may_see(versions):
        return False
    if party.case_system_id == statement.organisation:
        return True
    if party.te_office_code is not None:
        return party.te_office_code == statement.te_office_code
    responsible = responsible_on(versions, moment.today)
    is_responsible = responsible is not None and party.case_system_id == responsible.case_system_id
    return party.case_system_id is None or is_responsible


async def _find_replay(connection: Connection, use: KeyUse) -> Statement | None:
    """Claim the key; return the first call's statement where this one repeats it."""
    known = await idempotency.claim_one(connection, use)
    return None if known is None else await statements.find_statement(connection, known.result_id)


async def _find_same(
    connection: Connection, reference: str, *, desk: StatementDesk
) -> Statement | None:
    """Return the statement given before under the reference; the key of this call is given back.

    Raises ReferenceReused where it was another statement.
    """
    use = desk.use
    known = await statements.find_by_reference(connection, use.organisation, reference)
    if known is None:
        return None
    if not use.has_fingerprint(known.fingerprint):
        raise ReferenceReused
    await idempotency.release(connection, [use])
    return known


async def _check_items(connection: Connection, given: StatementRequest) -> None:
    known = await statements.list_items_of_client(
        connection, given.information_ids, client_id=given.client_id
    )
    advice = "Give an item of information about this client."
    faults = [
        Fault(f"/information_ids/{index}", "information_unknown", advice)
        for index, information_id in enumerate(given.information_ids)
        if information_id not in known
    ]
    if faults:
        raise InvalidContent(tuple(faults))


async def _tell(
    connection: Connection,
    statement: Statement,
    *,
    versions: Sequence[Responsibility],
    desk: StatementDesk,
) -> None:
    gathered = Gathered()
    gathered.witness(
        desk.call,
        action="statement.given",
        outcome="done",
        moment=desk.moment,
        client_id=statement.client_id,
        resource_id=statement.statement_id,
    )
    responsible = responsible_on(versions, desk.moment.today)
    reader = responsible.case_system_id if responsible is not None else None
    if reader is not None and reader != statement.organisation:
        gathered.announce(
            StatementGivenV1(statement_id=statement.statement_id, client_id=statement.client_id),
            recipient=reader,
            channel=channel_of(versions),
            cause_id=statement.statement_id,
            call=desk.call,
            moment=desk.moment,
        )
    await audit.append(connection, gathered.audit)
    await outbox.append(connection, gathered.events, origin=desk.moment.origin)
