"""Events about accounts: to the ELY centre of their area and to its case systems."""

from collections.abc import Iterable
from typing import ClassVar, Protocol

from msgspec import Struct

from kuntavayla.events import Channel, EventDraft
from kuntavayla.register import Register
from kuntavayla.service.moments import Call, Moment
from quota_ledger.events import QuotaThresholdReachedV1
from quota_ledger.rules.areas import listeners_of
from quota_ledger.rules.booked import Crossing


class AboutAccount(Protocol):
    """Data of an event about one account; a Struct."""

    type_name: ClassVar[str]

    @property
    def account_id(self) -> str:
        """The subject of the event."""

    @property
    def area_code(self) -> str:
        """The area whose parties hear of it."""


def drafts_of(
    data: AboutAccount, *, cause_id: str, register: Register, call: Call, moment: Moment
) -> list[EventDraft]:
    """Return an event about an account, for each of the parties of its area."""
    assert isinstance(data, Struct), "data of an event is a Struct"
    return [
        EventDraft(
            event_id=moment.new_id(),
            type_name=data.type_name,
            version=1,
            subject=data.account_id,
            recipient=recipient,
            channel=Channel.COMMON,
            causation_id=cause_id,
            traceparent=call.traceparent,
            data=data,
        )
        for recipient in listeners_of(register, data.area_code, on=moment.today)
    ]


def threshold_drafts(
    crossings: Iterable[Crossing], *, cause_id: str, register: Register, call: Call, moment: Moment
) -> list[EventDraft]:
    """Return the events of thresholds that a batch has reached."""
    drafts = []
    for crossing in crossings:
        sums, key = crossing.balance.sums, crossing.balance.key
        data = QuotaThresholdReachedV1(
            account_id=crossing.balance.account_id,
            area_code=key.area_code,
            municipality_code=key.municipality_code or None,
            instrument=key.instrument,
            budget_year=key.budget_year,
            threshold_per_cent=crossing.threshold_per_cent,
            used_cents=sums.used_cents,
            allocated_cents=sums.allocated_cents,
            available_cents=sums.free_cents,
        )
        drafts += drafts_of(data, cause_id=cause_id, register=register, call=call, moment=moment)
    return drafts
