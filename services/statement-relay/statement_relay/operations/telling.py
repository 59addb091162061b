"""Events about deliveries, to the case system that sent the item."""

from collections.abc import Iterable

from kuntavayla.events import Channel, EventDraft
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.gathering import AboutClient, Gathered
from statement_relay.events import (
    InformationDelayedV1,
    InformationDeliveredV1,
    InformationOverdueV1,
    InformationParkedV1,
    InformationRefusedV1,
    InformationRejectedV1,
)
from statement_relay.rules.answers import Receipt
from statement_relay.rules.deliveries import Late, Refused, Tracked


class Telling:
    """Gathers the events of one batch; whoever holds the transaction writes them at its end."""

    def __init__(self, call: Call, moment: Moment) -> None:
        self._call = call
        self._moment = moment
        self.gathered = Gathered()

    def delivered(self, item: Tracked, receipt: Receipt) -> None:
        """Tell that the receiver has an item, with the proof."""
        data = InformationDeliveredV1(
            information_id=item.information_id,
            municipal_id=item.municipal_id,
            client_id=item.client_id,
            receiver_id=item.receiver_id,
            receipt_id=receipt.receipt_id,
            received_at=receipt.received_at,
            digest=receipt.digest,
        )
        self._tell(data, item)

    def rejected(self, items: Iterable[Tracked], *, code: str) -> None:
        """Tell that items have been rejected for good."""
        for item in items:
            data = InformationRejectedV1(
                information_id=item.information_id,
                municipal_id=item.municipal_id,
                client_id=item.client_id,
                receiver_id=item.receiver_id,
                code=code,
            )
            self._tell(data, item)

    def parked(self, item: Tracked, *, code: str) -> None:
        """Tell that a human has to look at an item."""
        data = InformationParkedV1(
            information_id=item.information_id,
            municipal_id=item.municipal_id,
            client_id=item.client_id,
            receiver_id=item.receiver_id,
            code=code,
        )
        self._tell(data, item)

    def delayed(self, late: Late) -> None:
        """Tell that an item has not been delivered long before it should be."""
        item = late.tracked
        data = InformationDelayedV1(
            information_id=item.information_id,
            municipal_id=item.municipal_id,
            client_id=item.client_id,
            receiver_id=item.receiver_id,
            state=late.state,
            deliver_by_at=late.deliver_by_at,
        )
        self._tell(data, item)

    def overdue(self, late: Late) -> None:
        """Tell that the time to deliver an item has passed."""
        item = late.tracked
        data = InformationOverdueV1(
            information_id=item.information_id,
            municipal_id=item.municipal_id,
            client_id=item.client_id,
            receiver_id=item.receiver_id,
            state=late.state,
            deliver_by_at=late.deliver_by_at,
        )
        self._tell(data, item)

    def refused(self, item: Refused, *, code: str) -> None:
        """Tell that an item is no longer tried."""
        data = InformationRefusedV1(
            information_id=item.information_id,
            municipal_id=item.municipal_id,
            client_id=item.client_id,
            codes=(code,),
            topic=None,
            partition=None,
            offset=None,
            is_parked=False,
        )
        self.gathered.events.append(
            EventDraft(
                event_id=self._moment.new_id(),
                type_name=data.type_name,
                version=1,
                subject=item.client_id,
                recipient=item.organisation,
                channel=_channel_of(item),
                causation_id=item.information_id,
                traceparent=self._call.traceparent,
                data=data,
            )
        )

    def _tell(self, data: AboutClient, item: Tracked) -> None:
        self.gathered.announce(
            data,
            recipient=item.organisation,
            channel=_channel_of(item),
            cause_id=item.information_id,
            call=self._call,
            moment=self._moment,
        )


def _channel_of(item: Tracked | Refused) -> Channel:
    return Channel.RESTRICTED if item.is_restricted else Channel.COMMON
