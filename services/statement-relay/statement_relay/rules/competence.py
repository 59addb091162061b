"""Who may send information about a client, and where it goes: the law of the day it occurred on.

Facts in, one outcome per item out; nothing here knows how items are stored or queued.
"""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from kuntavayla.register import CaseSystem
from kuntavayla.service.errors import MunicipalityNotServed
from kuntavayla.values.calendar import legal_day
from kuntavayla.values.responsibilities import Responsibility, responsible_on
from statement_relay.errors import IssuerOther, ResponsibleOther
from statement_relay.rules.issuers import Issuer, Issuers
from statement_relay.rules.kinds import Kinds
from statement_relay.rules.receivers import ReceiverTable
from statement_relay.rules.shape import Item


class Tables(Struct, frozen=True, kw_only=True):
    """The tables of law, as read from data at composition."""

    kinds: Kinds
    issuers: Issuers
    receivers: ReceiverTable


class Relayed(Struct, frozen=True):
    """The item goes to this receiver; `responsibility` names the client as the TE system does."""

    issuer: Issuer
    receiver_id: str
    responsibility: Responsibility


class NotRelayed(Struct, frozen=True):
    """Nobody is sent the item, because the municipality or employment area issues itself."""

    issuer: Issuer


class ClientNotKnown(Struct, frozen=True):
    """Nothing is known of the client yet; the item waits until it is, or is refused in time."""

    issuer: Issuer


class Issued(Struct, frozen=True):
    """What a statement is on: the kind, and the first day of its period."""

    kind: str
    starts_on: date


class Sender(Struct, frozen=True):
    """A case system, and the municipality for which its official acts."""

    case_system_id: str
    municipality_code: str | None


Judgement = Relayed | NotRelayed | ClientNotKnown | MunicipalityNotServed | ResponsibleOther


def judge(
    item: Item, *, sender: CaseSystem, versions: Sequence[Responsibility], tables: Tables
) -> Judgement:
    """Say where an item without faults goes, or why its sender may not send it.

    The right to send is that of the legal day it occurred on: the sender's case system serves the
    municipality that day, and that municipality was responsible, also where the client has left
    since. `versions` are all that is known of the client. Where the municipality issues itself, an
    unknown client is nothing to wait for. Source: docs/sources.md#information.
    """
    day = legal_day(item.occurred_at)
    if not sender.serves(item.municipality_code, on=day):
        return MunicipalityNotServed(municipality_code=item.municipality_code)
    issuer = tables.issuers.on(day, kind=item.kind)
    if not versions:
        return ClientNotKnown(issuer) if issuer.is_relayed else NotRelayed(issuer)
    responsible = responsible_on(versions, day)
    if responsible is None or not _is_responsible(responsible, item.municipality_code):
        return ResponsibleOther(occurred_on=day.isoformat())
    if not issuer.is_relayed:
        return NotRelayed(issuer)
    receiver_id = _receiver_id(item, day=day, responsible=responsible, tables=tables)
    return Relayed(issuer, receiver_id, responsible)


def judge_issued(
    told: Issued, *, sender: Sender, versions: Sequence[Responsibility], tables: Tables
) -> Responsibility | IssuerOther | ResponsibleOther:
    """Return by whose responsibility a municipality has issued a statement, or why it may not.

    The day is the first of the statement's period: the municipality of the official was responsible
    on it, and issues itself by the table. The day lies in the table.
    """
    responsible = responsible_on(versions, told.starts_on)
    if responsible is None or not _is_responsible(responsible, sender.municipality_code):
        return ResponsibleOther(starts_on=told.starts_on.isoformat())
    if responsible.case_system_id != sender.case_system_id:
        return ResponsibleOther(starts_on=told.starts_on.isoformat())
    issuer = tables.issuers.on(told.starts_on, kind=told.kind)
    if issuer.authority != "municipality":
        return IssuerOther(issuer=issuer.authority, rule=issuer.rule)
    return responsible


def _is_responsible(responsible: Responsibility, municipality_code: str | None) -> bool:
    is_municipality = responsible.authority == "municipality"
    return is_municipality and responsible.municipality_code == municipality_code


def _receiver_id(item: Item, *, day: date, responsible: Responsibility, tables: Tables) -> str:
    found = tables.receivers.find(kind=item.kind, te_office_code=responsible.te_office_code, on=day)
    # A day on which a TE office issues is a day on which every office has a receiver: a test
    # compares the two tables with the register.
    assert found is not None, "Every TE office has a receiver on each day of the pilots."
    return found
