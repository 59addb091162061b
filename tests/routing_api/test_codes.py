import inspect
import re
from typing import Any

import pytest

from routing_api.operations.catalogues import CLOSED_LISTS
from routing_api.rules import evaluating
from tests.routing_api.service import Routing


async def told(routing: Routing, path: str) -> Any:  # noqa: ANN401 - an answer
    return await routing.caller("ely-14", "codes.read").get(path)


@pytest.mark.parametrize("name", CLOSED_LISTS)
async def test_every_code_of_a_list_has_a_text_in_three_languages(
    refusing: Routing, name: str
) -> None:
    answer = await told(refusing, f"/codes/{name}")

    items = answer.json()["items"]
    assert [item["code"] for item in items] == list(CLOSED_LISTS[name])
    assert {tuple(item["text"]) for item in items} == {("fi", "sv", "en")}


def test_every_ground_that_the_rules_find_is_explained() -> None:
    found = set(re.findall(r'"R\w+:(\w+):|"X\d:(\w+):', inspect.getsource(evaluating)))

    assert {one or other for one, other in found} == set(CLOSED_LISTS["grounds"])


async def test_a_list_that_there_is_not_is_not_found(refusing: Routing) -> None:
    answer = await told(refusing, "/codes/secrets")

    assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found")


async def test_every_problem_is_explained_to_all(refusing: Routing) -> None:
    listed = (await told(refusing, "/problems")).json()["items"]

    one = (await told(refusing, "/problems/transfer_withdrawn")).json()
    assert one in listed
    assert one == {
        "code": "transfer_withdrawn",
        "status": 409,
        "type": "https://docs.kuntavayla.example/problems/transfer-withdrawn",
        "retry": "never",
        "mends": "nobody",
        "title": {
            "fi": "Siirto peruttiin; asiakkaasta vastaa joku muu.",
            "sv": "Överföringen återkallades; någon annan ansvarar för kunden.",
            "en": "The transfer was withdrawn; somebody else is responsible for the client.",
        },
        "advice": {
            "fi": "Lukekaa tapahtumia eteenpäin: client.withdrawn kertoo siitä.",
            "sv": "Läs händelserna vidare: client.withdrawn berättar om det.",
            "en": "Read the feed on: client.withdrawn tells of it.",
        },
    }


@pytest.mark.parametrize("code", ["no_such_problem", "NOT-A-CODE", "a" * 65])
async def test_a_problem_that_there_is_not_is_not_found(refusing: Routing, code: str) -> None:
    answer = await told(refusing, f"/problems/{code}")

    assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found")


@pytest.mark.parametrize("path", ["/problems", "/problems/not_found", "/codes/grounds"])
async def test_the_catalogues_need_their_scope(refusing: Routing, path: str) -> None:
    answer = await refusing.caller("ely-14", "register.read").get(path)

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
