"""Builders of inputs: the registration of examples.md, with what a test changes."""

import itertools
from typing import Any

import msgspec

EXAMPLE: dict[str, Any] = {
    "source": {
        "system": "ura",
        "registration_id": "URA-R-0300417",
        "client_number": "URA-C-0088123",
    },
    "registered_at": "2021-03-01T08:01:50+02:00",
    "effective_on": "2021-03-01",
    "te_office_code": "te-kainuu",
    "person": {
        "identity_code": "240587-921N",
        "family_name": "Esimerkki",
        "given_names": "Aino Testi",
        "home_municipality_code": "765",
        "home_municipality_basis": "population_register",
        "residence_municipality_code": "765",
        "citizenship_codes": ["246"],
        "mother_tongue_code": "fi",
        "service_language_code": "fi",
        "has_interpreter_need": False,
        "has_security_ban": False,
        "contact": {
            "email": "aino.esimerkki@example.org",
            "phone": None,
            "address": {
                "street": "Esimerkkitie 1",
                "postal_code": "88600",
                "post_office": "SOTKAMO",
            },
        },
    },
    "situation": {
        "employment_code": "02",
        "employment_code_since_on": "2020-02-17",
        "unemployed_since_on": "2020-02-17",
        "service_code": None,
        "earnings_related_entitlement": "not_entitled",
        "entitlement_checked_on": "2021-02-26",
        "service_line_code": "03",
        "wants_service_in_swedish": "no",
    },
    "plans": [{"kind_code": "01", "made_on": "2020-11-12", "review_due_on": "2021-05-12"}],
}
CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_numbers = itertools.count(1)


def a_registration(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any member of the example
    """Return the example with members replaced; `__` leads into an object."""
    registration: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(EXAMPLE))
    for path, value in changes.items():
        *parents, member = path.split("__")
        place = registration
        for parent in parents:
            place = place[parent]
        place[member] = value
    return registration


def an_identity_code(number: int) -> str:
    """Return the valid test code of the n-th person; people are born from 1960 on."""
    day, individual = divmod(number, 100)
    year, month = divmod(day, 12 * 28)
    month, day = divmod(month, 28)
    digits = f"{day + 1:02d}{month + 1:02d}{60 + year:02d}"
    nnn = f"{900 + individual:03d}"
    return f"{digits}-{nnn}{CHECK_CHARACTERS[int(digits + nnn) % 31]}"


def another_person(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any member of the example
    """Return a registration of somebody else than all before, with ids of its own."""
    number = next(_numbers)
    return a_registration(
        person__identity_code=an_identity_code(number),
        source__registration_id=f"URA-R-{number}",
        source__client_number=f"URA-C-{number}",
        **changes,
    )


def ndjson(*registrations: Any) -> bytes:  # noqa: ANN401 - what a line holds
    """Return a bulk body of one line per registration."""
    return msgspec.json.Encoder().encode_lines(registrations)
