"""A courier in a process of its own, for tests that kill it: reads its plan from its input."""

import asyncio
import sys
from datetime import UTC, datetime
from importlib.resources import files

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry

from kuntavayla.database import open_pool
from statement_relay.rules.answers import load_answers
from statement_relay.rules.deliveries import Pace
from statement_relay.rules.endpoints import Endpoint, Endpoints
from statement_relay.workers.delivering import Courier, CourierMetrics, Route


class Plan(Struct, frozen=True):
    """Where the courier's database and receiver are, and how long its leases last."""

    database_url: str
    receiver_id: str
    receiver_url: str
    lease_s: float


def clock() -> datetime:
    return datetime.fromtimestamp(0, UTC)


async def deliver(plan: Plan) -> None:
    pool = await open_pool(plan.database_url)
    route = Route(
        receiver_ids=frozenset({plan.receiver_id}),
        endpoints=Endpoints(None, {plan.receiver_id: Endpoint(url=plan.receiver_url)}),
        answers=load_answers(files("statement_relay") / "data" / "answers.toml"),
        pace=Pace(lease_s=plan.lease_s, call_s_max=plan.lease_s / 2),
    )
    courier = Courier(pool, route, clock=clock, metrics=CourierMetrics(CollectorRegistry()))
    await courier.run()


if __name__ == "__main__":
    asyncio.run(deliver(msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)))
