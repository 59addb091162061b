"""Builders of inputs: the item of the contract's example, and who is responsible for its client."""

import itertools
from datetime import date
from typing import Any

import msgspec

from kuntavayla.values.responsibilities import Responsibility

CLIENT = "0177ec61-3ab9-7893-923f-0824128b2f33"
OTHER_CLIENT = "0177f6f1-1c00-7a51-9c0e-5b1f6a2d9e10"
EXAMPLE: dict[str, Any] = {
    "municipal_id": "SOT-2021-000731",
    "client_id": CLIENT,
    "municipality_code": "765",
    "kind": "JOB_OFFER_NOT_APPLIED",
    "period": {"starts_on": "2021-03-22", "ends_on": "2021-03-22"},
    "facts": {
        "job_offer_id": "TT-5512008",
        "offered_on": "2021-03-08",
        "apply_by_on": "2021-03-22",
        "result_code": "06",
        "was_duty_to_apply": True,
    },
    "hearing": {
        "state": "answered",
        "requested_at": "2021-03-23T10:00:00+02:00",
        "due_on": "2021-03-30",
        "answered_at": "2021-03-24T11:12:00+02:00",
    },
    "occurred_at": "2021-03-22T23:59:59+02:00",
    "known_at": "2021-03-23T09:40:00+02:00",
    "author": {"official_id": "sotkamo:u-1042", "role": "caseworker"},
    "attachments": [
        {
            "reference": "SOT-DOC-88121",
            "kind": "client_explanation",
            "digest": "sha-256=:sYeJEFtmTMiW0M0w44BXBdRqcuFyjaZ6ZJc63a3b8Y0=:",
        }
    ],
    "replaces": None,
}
STARTED: dict[str, Any] = {
    "kind": "EMPLOYMENT_STARTED",
    "period": {"starts_on": "2021-10-04", "ends_on": None},
    "facts": {
        "employment_form": "open_market",
        "working_time": "full_time",
        "weekly_hours_hundredths": 3750,
        "is_fixed_term": False,
        "told_by": "client",
    },
    "hearing": {"state": "not_needed", "requested_at": None, "due_on": None, "answered_at": None},
    "occurred_at": "2021-10-04T08:00:00+03:00",
    "known_at": "2021-10-04T09:30:00+03:00",
    "attachments": [],
}
"""What the municipality itself decides from 2.10.2021 on."""
_numbers = itertools.count(1)


def an_item(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any member of the example
    """Return the example with members replaced; `__` leads into an object."""
    item: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(EXAMPLE))
    for path, value in changes.items():
        *parents, member = path.split("__")
        place = item
        for parent in parents:
            place = place[parent]
        place[member] = value
    return item


def another_item(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any member of the example
    """Return an item with a municipal id of its own."""
    return an_item(municipal_id=f"SOT-{next(_numbers)}", **changes)


def responsible(client_id: str = CLIENT, **changes: Any) -> Responsibility:  # noqa: ANN401 - any field
    """Return that Sotkamo is responsible for a client from the first day on, with changes."""
    plain: dict[str, Any] = {
        "client_id": client_id,
        "clienthood_version": 1,
        "authority": "municipality",
        "municipality_code": "765",
        "area_code": "kainuu",
        "case_system_id": "cs-sotkamo",
        "te_office_code": "te-kainuu",
        "source_system": "ura",
        "source_client_number": "URA-C-0088123",
        "valid_from": date(2021, 3, 1),
        "valid_to": None,
        "is_restricted": False,
        "sequence": "000001.000000000000000001",
    }
    return Responsibility(**{**plain, **changes})
