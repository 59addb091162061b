import inspect

import pytest

from quota_ledger.rules import verdicts
from quota_ledger.rules.catalogues import CLOSED_LISTS
from tests.quota_ledger.service import Ledger


@pytest.mark.parametrize("name", CLOSED_LISTS)
async def test_every_code_of_a_list_has_a_text_in_three_languages(
    refusing: Ledger, name: str
) -> None:
    answer = await refusing.caller("ely-14", "codes.read").get(f"/codes/{name}")

    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["code"] for item in items] == list(CLOSED_LISTS[name])
    assert {tuple(item["text"]) for item in items} == {("fi", "sv", "en")}


def test_every_reason_of_a_decision_comes_from_a_list_that_is_explained() -> None:
    """A reason's code is the shortage's own, or is taken from what the rules say."""
    made = [line for line in inspect.getsource(verdicts).splitlines() if " code=" in line]

    assert made
    assert all("EXHAUSTED" in line or ".code" in line for line in made)


async def test_a_list_that_there_is_not_is_not_found(refusing: Ledger) -> None:
    answer = await refusing.caller("ely-14", "codes.read").get("/codes/secrets")

    assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found")


@pytest.mark.parametrize("path", ["/problems", "/codes/instruments"])
async def test_the_catalogues_need_their_scope(refusing: Ledger, path: str) -> None:
    answer = await refusing.caller("ely-14", "register.read").get(path)

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
