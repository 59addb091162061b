import pytest

from tests.builders import a_registration
from tests.routing_api.service import Routing

ENTITLED = {"situation__earnings_related_entitlement": "entitled"}
UNKNOWN = {"situation__earnings_related_entitlement": "unknown"}
KEPT = """
SELECT source_registration_id AS name FROM registrations
WHERE profile_ciphertext IS NOT NULL ORDER BY source_registration_id
"""


async def kept(routing: Routing) -> list[str]:
    """Return which registrations still have the profile that a case system may fetch."""
    return [row["name"] for row in await routing.fetch(KEPT)]


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        pytest.param({"person__family_name": "Uusi"}, ["R-2"], id="an update"),
        pytest.param({"person__home_municipality_code": "091"}, ["R-2"], id="a move of today"),
        pytest.param(UNKNOWN, ["R-2"], id="a review"),
    ],
)
async def test_a_newer_registration_erases_the_profile_of_the_one_before(
    routing: Routing, changes: dict[str, object], left: list[str]
) -> None:
    await routing.national.registered(a_registration(source__registration_id="R-1"))

    await routing.national.registered(a_registration(source__registration_id="R-2", **changes))

    assert await kept(routing) == left


async def test_a_client_who_leaves_for_the_te_office_leaves_no_profile(routing: Routing) -> None:
    office = routing.office()
    await office.registered(a_registration(source__registration_id="R-1", **UNKNOWN))

    left = await office.registered(
        a_registration(source__registration_id="R-2", effective_on="2021-03-02", **ENTITLED)
    )

    assert left["outcome"] == "te_office"
    assert await kept(routing) == []


async def test_a_move_of_a_later_day_erases_no_profile_that_may_be_fetched_until_then(
    routing: Routing,
) -> None:
    moved = {"effective_on": "2021-04-20", "person__home_municipality_code": "091"}
    await routing.national.registered(a_registration(source__registration_id="R-1"))

    await routing.national.registered(a_registration(source__registration_id="R-2", **moved))
    before = await kept(routing)
    await routing.national.registered(
        a_registration(source__registration_id="R-3", person__family_name="Uusi", **moved)
    )

    assert before == ["R-1", "R-2"]
    assert await kept(routing) == ["R-1", "R-3"]


async def test_many_registrations_of_a_person_in_one_batch_leave_the_newest_profile(
    routing: Routing,
) -> None:
    *lines, _ = await routing.office().register_many(
        *(
            a_registration(source__registration_id=f"R-{n}", person__family_name=f"Nimi{n}")
            for n in range(4)
        )
    )

    assert [line["status"] for line in lines] == [201] * 4
    assert await kept(routing) == ["R-3"]
