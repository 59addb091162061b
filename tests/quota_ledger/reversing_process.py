"""A process with the service in it that reverses transfers, and prints the answers' codes.

Started by test_reversals_concurrency.py: the addresses of the database, as its owner and as the
service, a name for its keys, and the ids of the transfers in an order of its own.
"""

import asyncio
import sys

import msgspec

from kuntavayla.testing import TestDatabase
from tests.quota_ledger.history_acts import word_of
from tests.quota_ledger.history_overrides import answered
from tests.quota_ledger.orders import orderer
from tests.quota_ledger.reversed import reverse
from tests.quota_ledger.service import running_ledger


async def main(database: TestDatabase, name: str, ids: list[str]) -> None:
    async with running_ledger(database) as ledger:
        ely = orderer(ledger)
        answers = await asyncio.gather(
            *(
                answered(lambda one=one: reverse(ely, {"transfer_id": one}, key=f"{name}-{one}"))  # type: ignore[misc]
                for one in ids
            )
        )
    sys.stderr.write(msgspec.json.encode([word_of(one) for one in answers]).decode() + "\n")


if __name__ == "__main__":
    owner_url, service_url, own_name, *transfer_ids = sys.argv[1:]
    address = TestDatabase(owner_url=owner_url, url=service_url, name="reversals")
    asyncio.run(main(address, own_name, transfer_ids))
