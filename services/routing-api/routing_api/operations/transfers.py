"""Transfers: acknowledged by case systems, announced to persons, listed for who waits."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.events import Channel
from kuntavayla.service.moments import Call, Moment
from routing_api.errors import (
    AlreadyAcknowledged,
    NoticeAlreadyGiven,
    TransferNotFound,
    TransferWithdrawn,
)
from routing_api.events import ClientNotifiedV1, EventData, TransferAcknowledgedV1
from routing_api.operations.effects import Effects
from routing_api.rules.clienthoods import Responsible
from routing_api.rules.transfers import (
    Acknowledgement,
    Notice,
    ReportBounds,
    Transfer,
    TransferFilter,
)
from routing_api.store import transfers


class Act(Struct, frozen=True):
    """What is done to transfers: by which call, when, under which name in the audit."""

    action: str
    call: Call
    moment: Moment


class Party(Struct, frozen=True, kw_only=True):
    """Whose transfers a caller may touch: a case system's, a TE office's, or anybody's.

    Both are None for those who may touch all.
    """

    case_system_id: str | None = None
    te_office_code: str | None = None
    may_see_restricted: bool = False

    def is_of(self, concerned: Transfer | Responsible) -> bool:
        """Say whether the party is the case system and the TE office concerned."""
        return self.case_system_id in (
            None,
            concerned.case_system_id,
        ) and self.te_office_code in (None, concerned.te_office_code)

    def holds(self, transfer: Transfer) -> bool:
        """Say whether the transfer is one of the party's own."""
        return self.is_of(transfer) and (self.may_see_restricted or not transfer.is_restricted)


Outcome = Transfer | DomainError


async def list_of(
    connection: Connection, query: TransferFilter, *, after: str, limit: int
) -> Sequence[Transfer]:
    """List transfers in order of their ids."""
    return await transfers.list_transfers(connection, query, after=after, limit=limit)


async def acknowledge(
    connection: Connection,
    items: Sequence[Acknowledgement],
    *,
    party: Party,
    call: Call,
    moment: Moment,
    bounds: ReportBounds,
) -> list[Outcome]:
    """Record that clients were taken over.

    The same acknowledgement again answers as before, another one is refused, and so is a new one
    whose time is out of bounds. Locks the transfers in
    order of their ids. Commits together: states, audit lines, events to the TE offices.
    """
    known = await transfers.lock_transfers(connection, sorted({i.transfer_id for i in items}))
    effects = Effects()
    fresh: dict[str, Acknowledgement] = {}
    outcomes: list[Outcome] = []
    for item in items:
        outcome = _held_transfer(known.get(item.transfer_id), party=party, on=moment.today)
        if isinstance(outcome, Transfer):
            outcome = _with_acknowledgement(outcome, item, fresh.get(item.transfer_id)) or (
                bounds.refusal_of_take_over(outcome, item.taken_over_at, now=moment.now) or outcome
            )
        outcomes.append(outcome)
        named = replace(call, official_id=call.official_id or item.caseworker_id)
        act = Act("transfer.acknowledged", named, moment)
        if isinstance(outcome, DomainError):
            _refuse(effects, item.transfer_id, known, act=act, refusal=outcome)
        elif outcome.acknowledged_at is None and item.transfer_id not in fresh:
            fresh[item.transfer_id] = item
            data = _acknowledged(outcome, item)
            _tell(effects, outcome, data, recipient=outcome.te_office_code, act=act)
    await transfers.acknowledge(connection, list(fresh.values()), at=moment.now)
    await effects.write(connection, moment=moment)
    return outcomes


async def give_notice(
    connection: Connection,
    items: Sequence[Notice],
    *,
    party: Party,
    call: Call,
    moment: Moment,
    bounds: ReportBounds,
) -> list[Outcome]:
    """Record that persons were told.

    The same notice again answers as before, another one is refused, and so is a new one whose time
    is out of bounds. Locks the transfers in order of
    their ids. Commits together: notices, audit lines, events to the case systems.
    """
    known = await transfers.lock_transfers(connection, sorted({i.transfer_id for i in items}))
    act = Act("transfer.notified", call, moment)
    effects = Effects()
    fresh: dict[str, Notice] = {}
    outcomes: list[Outcome] = []
    for item in items:
        outcome = _held_transfer(known.get(item.transfer_id), party=party, on=moment.today)
        if isinstance(outcome, Transfer):
            outcome = _with_notice(outcome, item, fresh.get(item.transfer_id)) or (
                bounds.refusal_of_notice(outcome, item.notified_at, now=moment.now) or outcome
            )
        outcomes.append(outcome)
        if isinstance(outcome, DomainError):
            _refuse(effects, item.transfer_id, known, act=act, refusal=outcome)
        elif outcome.notice_id is None and item.transfer_id not in fresh:
            fresh[item.transfer_id] = item
            data = _notified(outcome, item)
            _tell(effects, outcome, data, recipient=outcome.case_system_id, act=act)
    await transfers.record_notices(connection, list(fresh.values()))
    await effects.write(connection, moment=moment)
    return outcomes


def _held_transfer(transfer: Transfer | None, *, party: Party, on: date) -> Outcome:
    if transfer is None or not party.holds(transfer):
        return TransferNotFound()
    return transfer if transfer.is_held(on=on) else TransferWithdrawn()


def _with_acknowledgement(
    transfer: Transfer, item: Acknowledgement, earlier: Acknowledgement | None
) -> Outcome | None:
    """Return what an acknowledgement that stands makes of another; None where none stands.

    The same again is the transfer, another one a refusal.
    """
    if transfer.acknowledged_at is not None:
        return transfer if item.says_the_same_as(transfer) else AlreadyAcknowledged()
    if earlier is not None:
        return transfer if item.repeats(earlier) else AlreadyAcknowledged()
    return None


def _with_notice(transfer: Transfer, item: Notice, earlier: Notice | None) -> Outcome | None:
    """Return what a notice that stands, stored or of this batch, makes of another one.

    None where none stands; the same again is the transfer, another one a refusal.
    """
    if transfer.notice_id is not None:
        return transfer if item.says_the_same_as(transfer) else NoticeAlreadyGiven()
    if earlier is not None:
        return transfer if item.repeats(earlier) else NoticeAlreadyGiven()
    return None


def _refuse(
    effects: Effects,
    transfer_id: str,
    known: dict[str, Transfer],
    *,
    act: Act,
    refusal: DomainError,
) -> None:
    """Put a refusal on record with the client concerned, whom the caller does not learn."""
    concerned = known.get(transfer_id)
    effects.witness(
        act.call,
        action=act.action,
        outcome=refusal.code,
        moment=act.moment,
        client_id=concerned.client_id if concerned else None,
        resource_id=transfer_id,
    )


def _tell(
    effects: Effects, transfer: Transfer, data: EventData, *, recipient: str, act: Act
) -> None:
    """Put what was done on record, and tell the other party in the feed that applies."""
    effects.witness(
        act.call,
        action=act.action,
        outcome="done",
        moment=act.moment,
        client_id=transfer.client_id,
        resource_id=transfer.transfer_id,
    )
    effects.announce(
        data,
        recipient=recipient,
        channel=Channel.RESTRICTED if transfer.is_restricted else Channel.COMMON,
        cause_id=transfer.transfer_id,
        call=act.call,
        moment=act.moment,
    )


def _acknowledged(transfer: Transfer, item: Acknowledgement) -> TransferAcknowledgedV1:
    return TransferAcknowledgedV1(
        transfer_id=transfer.transfer_id,
        client_id=transfer.client_id,
        clienthood_version=transfer.clienthood_version,
        municipality_code=transfer.municipality_code,
        taken_over_at=item.taken_over_at,
        contact_point=item.contact_point,
    )


def _notified(transfer: Transfer, item: Notice) -> ClientNotifiedV1:
    return ClientNotifiedV1(
        transfer_id=transfer.transfer_id,
        client_id=transfer.client_id,
        clienthood_version=transfer.clienthood_version,
        notice_id=item.notice_id,
        channel=item.channel,
        language_code=item.language_code,
        notified_at=item.notified_at,
    )
