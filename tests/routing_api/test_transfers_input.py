"""What acknowledgements and notices may carry, and how it travels on."""

from typing import Any

import pytest

from tests.builders import EXAMPLE, a_registration
from tests.routing_api.service import Routing

OFFICE_OFFICIAL = {
    "Acting-Official": "te-kainuu:u-1; role=caseworker; office=te-kainuu",
}
IDENTITY_CODE = EXAMPLE["person"]["identity_code"]
FAULTS = {
    "the first year": ("taken_over_at", "0001-01-01T00:00:00+02:00", "instant_out_of_calendar"),
    "the last year": ("taken_over_at", "9999-12-31T23:59:59-02:00", "instant_out_of_calendar"),
    "a code as official": (
        "caseworker/official_id",
        IDENTITY_CODE,
        "reference_holds_identity_code",
    ),
    "a code as contact point": (
        "caseworker/contact_point",
        f"at.{IDENTITY_CODE.lower()}",
        "reference_holds_identity_code",
    ),
}


async def a_transfer(routing: Routing) -> str:
    answer = await routing.office().register(a_registration())
    transfer_id: str = answer.json()["transfer"]["transfer_id"]
    return transfer_id


@pytest.mark.parametrize(("member", "value", "code"), FAULTS.values(), ids=FAULTS)
async def test_an_acknowledgement_with_a_fault_is_refused_and_not_echoed(
    routing: Routing, *, member: str, value: str, code: str
) -> None:
    item: dict[str, Any] = {
        "transfer_id": await a_transfer(routing),
        "taken_over_at": "2021-03-01T08:01:00+02:00",
        "caseworker": {},
    }
    place, _, name = member.rpartition("/")
    (item[place] if place else item)[name] = value

    answer = await routing.case_system().post("/transfers:acknowledge", {"items": [item]})

    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (f"/items/0/{member}", code)
    assert value not in answer.text


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("notified_at", "0001-01-01T00:00:00+02:00", "instant_out_of_calendar"),
        ("template", IDENTITY_CODE, "reference_holds_identity_code"),
    ],
)
async def test_a_notice_with_a_fault_is_refused_and_not_echoed(
    routing: Routing, *, member: str, value: str, code: str
) -> None:
    item = {
        "transfer_id": await a_transfer(routing),
        "channel": "letter",
        "language_code": "fi",
        "notified_at": "2021-03-01T08:01:00+02:00",
        member: value,
    }

    answer = await routing.office().post(
        "/transfers:notice", {"items": [item]}, headers=OFFICE_OFFICIAL
    )

    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (f"/items/0/{member}", code)
    assert value not in answer.text


async def test_instants_given_with_an_offset_travel_on_in_utc(routing: Routing) -> None:
    transfer_id = await a_transfer(routing)
    taken = {"transfer_id": transfer_id, "taken_over_at": "2021-03-01T08:01:00+02:00"}
    told = {
        "transfer_id": transfer_id,
        "channel": "letter",
        "language_code": "fi",
        "notified_at": "2021-03-01T08:05:00+02:00",
    }

    await routing.case_system().post("/transfers:acknowledge", {"items": [taken]})
    await routing.office().post("/transfers:notice", {"items": [told]}, headers=OFFICE_OFFICIAL)

    [acknowledged] = await routing.office().events()
    notified = (await routing.case_system().events())[-1]
    assert acknowledged["data"]["taken_over_at"] == "2021-03-01T06:01:00Z"
    assert notified["data"]["notified_at"] == "2021-03-01T06:05:00Z"
