"""Events about deliveries, to the case system that sent the item."""

from collections.abc import Iterable

from kuntavayla.events import Channel
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.gathering import AboutClient, Gathered
from statement_relay.events import (
    InformationDeliveredV1,
    InformationParkedV1,
    InformationRejectedV1,
)
from statement_relay.rules.answers import Receipt
from statement_relay.rules.deliveries import Tracked


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

    def _tell(self, data: AboutClient, item: Tracked) -> None:
        self.gathered.announce(
            data,
            recipient=item.organisation,
            channel=Channel.RESTRICTED if item.is_restricted else Channel.COMMON,
            cause_id=item.information_id,
            call=self._call,
            moment=self._moment,
        )
