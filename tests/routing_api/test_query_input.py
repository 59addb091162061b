"""What an address may carry."""

import pytest

from tests.builders import EXAMPLE, a_registration
from tests.routing_api.service import TE_SCOPES, Routing

IDENTITY_CODE = EXAMPLE["person"]["identity_code"]
QUERIES = {
    "a name that the call does not know": (
        "/transfers?flagg=overdue",
        "flagg",
        "unknown_parameter",
    ),
    "a name given twice": ("/transfers?limit=1&limit=2", "limit", "parameter_repeated"),
    "an identity code": (
        f"/audit?official={IDENTITY_CODE}",
        "official",
        "parameter_holds_identity_code",
    ),
    "an identity code in small letters, encoded": (
        f"/audit?official=%32{IDENTITY_CODE[1:].lower()}",
        "official",
        "parameter_holds_identity_code",
    ),
}


@pytest.mark.parametrize(("address", "name", "code"), QUERIES.values(), ids=QUERIES)
async def test_a_query_with_a_fault_is_refused_and_not_echoed(
    refusing: Routing, *, address: str, name: str, code: str
) -> None:
    answer = await refusing.operator.get(address)

    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (f"/query/{name}", code)
    assert IDENTITY_CODE.lower() not in answer.text.lower()


async def test_two_idempotency_keys_are_none(refusing: Routing) -> None:
    headers = [
        ("Authorization", refusing.issuer.authorization("te-kainuu", *TE_SCOPES)),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "first"),
        ("Idempotency-Key", "second"),
    ]

    answer = await refusing.client.post(
        "/routing/v1/registrations", json=a_registration(), headers=headers
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
