"""The topic by which a case system sends new items, where there is a broker.

A record is a CloudEvent, its value the item as it would be sent over HTTP; its key is the client,
so that what is told of a client stays in order. Answers come by event.
"""

import uuid
from collections.abc import Sequence

import msgspec

from kuntavayla.outbox import inbound_topic_of
from kuntavayla.outbox.broker import Parcel, Parcels, TopicWriter, WriteFailed, partition_of
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.case_systems.information.store import ToSend
from kuntavayla_sandbox.case_systems.routing import RoutingAway

SENT = "fi.kuntavayla.information.sent.v1"
ACKNOWLEDGED_S_MAX = 30.0
AGAIN_S = 1.0


class InboundTopic:
    """Writes items to the topic of one case system."""

    def __init__(self, connection: KafkaConnection, *, service: str, case_system_id: str) -> None:
        self._topic = inbound_topic_of(service, case_system_id)
        self._recipient = service
        self._source = f"/{case_system_id}"
        self._writer = TopicWriter(connection, acknowledged_s_max=ACKNOWLEDGED_S_MAX)

    async def write(self, told: Sequence[ToSend]) -> None:
        """Write items in their order; all are with the broker when it returns.

        Raises RoutingAway where that is not known: write them all again.
        """
        parcels: Parcels = {}
        for each in told:
            place = self._topic, partition_of(each.client_id.encode())
            parcels.setdefault(place, Parcel(self._recipient, [])).bodies.append(
                self._event_of(each)
            )
        try:
            await self._writer.write(parcels)
        except WriteFailed as failed:
            raise RoutingAway(wait_s=AGAIN_S) from failed

    async def close(self) -> None:
        """Close the connections."""
        await self._writer.close()

    def _event_of(self, told: ToSend) -> bytes:
        """Return the event; of the same item it is the same one, however often it is written."""
        return msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._source}/{told.municipal_id}")),
                "source": self._source,
                "type": SENT,
                "partitionkey": told.client_id,
                "data": msgspec.Raw(told.document.encode()),
            }
        )
