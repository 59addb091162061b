"""Who is responsible for the clients of the examples."""

from datetime import date
from typing import Any

from msgspec.structs import replace

from kuntavayla.values.responsibilities import Responsibility

CLIENT = "0177ec61-3ab9-7893-923f-0824128b2f33"
OTHER_CLIENT = "0177f6f1-1c00-7a51-9c0e-5b1f6a2d9e10"
_SOTKAMO = Responsibility(
    client_id=CLIENT,
    clienthood_version=1,
    authority="municipality",
    municipality_code="765",
    area_code="kainuu",
    case_system_id="cs-sotkamo",
    te_office_code="te-kainuu",
    source_system="ura",
    source_client_number="URA-C-0088123",
    valid_from=date(2021, 3, 1),
    valid_to=None,
    is_restricted=False,
    sequence="000001.000000000000000001",
)


def responsible(**changes: Any) -> Responsibility:  # noqa: ANN401 - members of any type
    """Return who is responsible for the client of the examples, with members replaced."""
    return replace(_SOTKAMO, **changes)
