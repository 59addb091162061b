"""Records on the inbound topic of a case system, handled by the service's own consumer."""

from collections.abc import Sequence
from typing import Any

from httpx import Response

from tests.inbound_topics import InboundTopic
from tests.routing_api.service import Caller, Routing
from tests.served import Json

TYPE = "fi.kuntavayla.transfer.taken-over.v1"
CONSUMER = "acknowledgements.cs-sotkamo"
OPERATOR = {"Acting-Official": "operator:u-1; role=operator"}
REASON = {"reason": "The case system has mended its export."}
ITEM = {"taken_over_at": "2021-03-01T08:01:00+02:00"}


class Topic(InboundTopic):
    """The topic by which a case system acknowledges."""

    def __init__(self, case_system_id: str = "cs-sotkamo") -> None:
        super().__init__(
            f"kv.routing-api.in.{case_system_id}.v1",
            consumer=f"acknowledgements.{case_system_id}",
            type_name=TYPE,
        )


async def read(routing: Routing, topic: Topic) -> None:
    """Let the service read a topic to its end."""
    await topic.read_by(routing.app.state.desk)


async def answers_to(routing: Routing, case_system_id: str = "cs-sotkamo") -> Sequence[Any]:
    """Return the answers to refused records, as the case system reads them in its feed."""
    events = await routing.case_system(case_system_id).events()
    return [
        event["data"]
        for event in events
        if event["type"] == "fi.kuntavayla.acknowledgement.refused.v1"
    ]


async def repair(
    caller: Caller, path: str, body: Json, *, key: str | None = "k-1", **headers: str
) -> Response:
    """Call as an official of the operator, under a key unless there is to be none."""
    named = {**OPERATOR, **({"Idempotency-Key": key} if key else {}), **headers}
    return await caller.post(path, body, headers=named)
