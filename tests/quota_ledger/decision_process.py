"""A process of writers who decide one by one, and print what came of it.

Started by test_decisions_concurrency.py with the settings of a service in its environment: its
number, writers, decisions of each. Every process sends the same first decisions besides its own.
"""

import asyncio
import sys
from collections import Counter
from datetime import UTC, datetime

import msgspec

from kuntavayla.service.moments import Call
from quota_ledger.app import create_app
from quota_ledger.operations.submissions import submission_of
from quota_ledger.routes.desk import Desk
from quota_ledger.rules.items import DecisionItem
from quota_ledger.settings import Settings
from tests.quota_ledger.decided import client_id, training

NOW = datetime(2021, 8, 24, 6, tzinfo=UTC)
CENTS = 1_000
CLIENTS = 40
SHARED = 10
_items: msgspec.json.Decoder[DecisionItem] = msgspec.json.Decoder(DecisionItem)


def clock() -> datetime:
    return NOW


def bodies_of(process: int, writer: int, count: int) -> list[bytes]:
    """Return what a writer sends: what all send, then its own."""
    first = 1_000 * process + 100 * writer + 100
    numbers = [*range(SHARED), *range(first, first + count)]
    return [
        msgspec.json.encode(training(number, cents=CENTS, client_id=client_id(number % CLIENTS)))
        for number in numbers
    ]


async def write(desk: Desk, bodies: list[bytes]) -> Counter[str]:
    """Decide one after the other, as single calls do."""
    outcomes: Counter[str] = Counter()
    system = desk.newest_register().case_system("cs-sotkamo")
    assert system is not None
    call = Call(
        organisation="cs-sotkamo",
        request_id="test",
        traceparent="00-a70034eec3e13ffaa8e1bd42f12cf4ef-2b904d3d3e7949b8-01",
        official_id="sotkamo:u-1007",
    )
    for body in bodies:
        moment = desk.moment()
        submission = submission_of(
            _items.decode(body), sender=system, call=call, moment=moment, law=desk.law
        )
        answered = await desk.decisions.submit(submission, organisation="cs-sotkamo")
        outcomes["replayed" if answered.is_replay else answered.verdict.outcome] += 1
    return outcomes


async def main(process: int, writers: int, *, count: int) -> None:
    app = create_app(Settings(), clock=clock)
    async with app.router.lifespan_context(app):
        desk: Desk = app.state.desk
        told = await asyncio.gather(
            *(write(desk, bodies_of(process, writer, count)) for writer in range(writers))
        )
    sys.stderr.write(msgspec.json.encode(sum(told, Counter[str]())).decode() + "\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), count=int(sys.argv[3])))
