from tests.builders import a_registration
from tests.routing_api.service import Routing


async def test_a_registration_travels_to_the_case_system_of_its_municipality(
    routing: Routing,
) -> None:
    answer = await routing.office().register(a_registration())

    assert answer.status_code == 201, answer.text
    decision = answer.json()
    [event] = await routing.case_system().events()
    assert decision["responsible"] == {
        "authority": "municipality",
        "municipality_code": "765",
        "area_code": "kainuu",
        "case_system_id": "cs-sotkamo",
    }
    assert event["type"] == "fi.kuntavayla.client.transferred.v1"
    assert event["data"]["client_id"] == decision["client_id"]
