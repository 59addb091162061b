"""Persons of the campaign: what is sent about each, one registration after the other."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from kuntavayla_sandbox.expectation import Confirmation, load_memberships
from tests.builders import a_registration, an_identity_code
from tests.faults.site import SYSTEMS

MEMBERSHIPS = load_memberships(confirmed=Confirmation.AS_PUBLISHED)
MUNICIPALITIES = sorted(
    code for code, place in MEMBERSHIPS.pilots.items() if place.case_system_id in SYSTEMS
)
"""Those of the case systems that run; in some the register's row is unconfirmed."""
CONFIRMED = [code for code in MUNICIPALITIES if MEMBERSHIPS.pilots[code].is_confirmed]
OUTSIDE = ("005", "197")
"""A municipality outside the pilots, and a place abroad."""
SENDING_OFFICES = ("te-kainuu", "te-pirkanmaa", "te-uusimaa")
KINDS = {"moves_on": 70, "te_office": 10, "open_question": 10, "protected": 5, "anywhere": 5}
LATER = ("contact", "move", "ban", "lift")
LATER_MAX = 3


class Line(Struct, frozen=True):
    """One registration: whose, the how-manieth, and the bytes that are sent each time alike."""

    person: int
    step: int
    change: str
    identity_code: str
    body: bytes

    @property
    def source(self) -> str:
        """Return the sender's own id of the registration."""
        return f"URA-R-{self.person}-{self.step}"

    @property
    def office(self) -> str:
        """Return the TE office in whose name it is sent, which need not be the municipality's."""
        return SENDING_OFFICES[self.person % len(SENDING_OFFICES)]

    @property
    def street(self) -> str:
        """Return the street that this registration gives, another one at each step."""
        return f"Esimerkkitie {self.step}"


def persons(rng: random.Random) -> Iterator[list[Line]]:
    """Yield person after person with all that will be sent about them, in order."""
    number = 0
    while True:
        number += 1
        [kind] = rng.choices(list(KINDS), list(KINDS.values()))
        changes = ["first", *_later(rng)] if kind == "moves_on" else ["first"]
        members = _members(kind, rng)
        lines = []
        for step, change in enumerate(changes, 1):
            members |= _changed(change, members, rng)
            lines.append(_line(number, step, change=change, members=members))
        yield lines


def _later(rng: random.Random) -> list[str]:
    """Draw what changes later; a ban is set where none stands, and lifted where one does."""
    changes: list[str] = []
    is_banned = False
    for _ in range(rng.choice((0, 0, 1, 1, 2, LATER_MAX))):
        senseless = "ban" if is_banned else "lift"
        changes.append(rng.choice([each for each in LATER if each != senseless]))
        is_banned = (is_banned or changes[-1] == "ban") and changes[-1] != "lift"
    return changes


def _members(kind: str, rng: random.Random) -> dict[str, Any]:
    home = rng.choice(CONFIRMED)
    match kind:
        case "te_office":
            entitled = "entitled"
        case "open_question":
            entitled = "unknown"
        case _:
            entitled = "not_entitled"
    members: dict[str, Any] = {
        "person__home_municipality_code": home,
        "situation__earnings_related_entitlement": entitled,
    }
    if kind == "protected":
        members |= {
            "person__home_municipality_code": None,
            "person__home_municipality_basis": "protected",
        }
    if kind == "anywhere":
        members["person__home_municipality_code"] = rng.choice([*MUNICIPALITIES, *OUTSIDE])
        members["person__has_security_ban"] = rng.random() < 0.5
    return members


def _changed(change: str, members: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    match change:
        case "move":
            home = members["person__home_municipality_code"]
            return {
                "person__home_municipality_code": rng.choice(
                    [code for code in CONFIRMED if code != home]
                )
            }
        case "ban":
            return {"person__has_security_ban": True}
        case "lift":
            return {"person__has_security_ban": False}
        case _:
            return {}


def _line(number: int, step: int, *, change: str, members: dict[str, Any]) -> Line:
    identity_code = an_identity_code(number)
    line = Line(number, step, change, identity_code, b"")
    registration = a_registration(
        source__registration_id=line.source,
        source__client_number=f"URA-C-{number}",
        person__identity_code=identity_code,
        te_office_code=line.office,
        person__residence_municipality_code=None,
        person__contact__address__street=line.street,
        **members,
    )
    return Line(number, step, change, identity_code, msgspec.json.encode(registration))
