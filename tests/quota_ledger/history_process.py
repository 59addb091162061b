"""A process with the service in it and callers who act at random; prints what they have done.

Started by test_concurrent_histories.py: the addresses of the database, as its owner and as the
service, then a number that no other process has, how many callers, and acts of each.
"""

import asyncio
import sys

import msgspec

from kuntavayla.testing import TestDatabase
from tests.quota_ledger.history_acts import Actor, Decided
from tests.quota_ledger.service import running_ledger
from tests.quota_ledger.test_histories import BEGIN


async def main(database: TestDatabase, number: int, callers: int, *, acts: int) -> None:
    shared: list[Decided] = []
    async with running_ledger(database) as ledger:
        ledger.clock.now = BEGIN
        made = [Actor(ledger, 10 * number + one, shared=shared) for one in range(1, callers + 1)]
        async with asyncio.TaskGroup() as group:
            for actor in made:
                group.create_task(actor.run(acts))
    done = [one for actor in made for one in actor.done]
    told = {"done": done, "refused": sum(actor.refused for actor in made)}
    sys.stderr.write(msgspec.json.encode(told).decode() + "\n")


if __name__ == "__main__":
    owner_url, url, number_text, callers_text, acts_text = sys.argv[1:]
    address = TestDatabase(owner_url=owner_url, url=url, name="histories")
    asyncio.run(main(address, int(number_text), int(callers_text), acts=int(acts_text)))
