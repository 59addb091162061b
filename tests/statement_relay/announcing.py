"""Events in the outbox of a relay under test, announced as its operations do."""

from kuntavayla import outbox
from kuntavayla.events import Channel
from kuntavayla.service.moments import Call
from kuntavayla.service.operations.gathering import Gathered
from statement_relay.events import InformationOverdueV1
from statement_relay.routes.desk import Desk
from tests.statement_relay.service import NOW, Relay

ITEM = "0177f6f0-9d20-76b5-8a23-d5962217bea1"
CLIENT = "0177f6f0-9d20-76b5-8a23-d5962217bead"
CALL = Call(
    organisation="statement-relay",
    request_id="0177f6f0-9d20-76b5-8a23-d5962217beaf",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


async def announced(
    relay: Relay,
    count: int = 1,
    *,
    recipient: str = "cs-sotkamo",
    channel: Channel = Channel.COMMON,
) -> None:
    """Tell a recipient as often as asked that an item is overdue."""
    desk: Desk = relay.app.state.desk
    gathered, moment = Gathered(), desk.moment()
    for _ in range(count):
        gathered.announce(
            InformationOverdueV1(
                information_id=ITEM,
                municipal_id="sotkamo-1",
                client_id=CLIENT,
                receiver_id="te-kainuu",
                state="waiting",
                deliver_by_at=NOW,
            ),
            recipient=recipient,
            channel=channel,
            cause_id=ITEM,
            call=CALL,
            moment=moment,
        )
    async with desk.transaction() as connection:
        await outbox.append(connection, gathered.events, origin=moment.origin)
