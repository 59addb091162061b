"""Audit lines and events of one batch, gathered in memory and written at its end.

A service adds its own rows to them in a class of its own.
"""

from typing import ClassVar, Protocol

from msgspec import Struct, field

from kuntavayla.audit import AuditLine
from kuntavayla.events import Channel, EventDraft
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of


class AboutClient(Protocol):
    """Data of an event about one client; a Struct."""

    type_name: ClassVar[str]

    @property
    def client_id(self) -> str:
        """The subject of the event."""


class Gathered(Struct):
    """What a batch has to say, in the order in which it was decided."""

    audit: list[AuditLine] = field(default_factory=list)
    events: list[EventDraft] = field(default_factory=list)

    def announce(
        self,
        data: AboutClient,
        *,
        recipient: str,
        channel: Channel,
        cause_id: str,
        call: Call,
        moment: Moment,
    ) -> None:
        """Add an event about a client."""
        assert isinstance(data, Struct), "data of an event is a Struct"
        self.events.append(
            EventDraft(
                event_id=moment.new_id(),
                type_name=data.type_name,
                version=1,
                subject=data.client_id,
                recipient=recipient,
                channel=channel,
                causation_id=cause_id,
                traceparent=call.traceparent,
                data=data,
            )
        )

    def witness(
        self, call: Call, *, action: str, outcome: str, moment: Moment, **more: str | None
    ) -> None:
        """Add a line to the audit; `more` are further fields of AuditLine."""
        self.audit.append(line_of(call, action=action, outcome=outcome, moment=moment, **more))
