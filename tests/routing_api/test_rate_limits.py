"""One organisation that calls too often is told to wait, and the others notice nothing."""

from kuntavayla.testing import TestDatabase
from tests.builders import another_person
from tests.routing_api.service import running_routing


async def test_a_caller_above_its_rate_is_told_when_to_come_again_and_nothing_is_stored(
    database: TestDatabase,
) -> None:
    async with running_routing(database, rate_calls_per_s=0.01, rate_burst_calls=2) as routing:
        office, elsewhere = routing.office(), routing.office("te-uusimaa")
        bulk = await office.register_many(*(another_person() for _ in range(20)))
        taken = await office.register(another_person())

        refused = await office.register(another_person())
        unread = await office.register(b"not even JSON")
        others = [await elsewhere.get("/areas"), await routing.client.get("/livez")]

        assert (len(bulk), taken.status_code) == (21, 201)
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (429, "too_many_calls")
        assert (problem["is_retryable"], refused.headers["retry-after"]) == (True, "100")
        assert unread.status_code == 429
        assert [answer.status_code for answer in others] == [200, 200]
        assert await routing.count("registrations") == 21
