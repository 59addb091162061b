"""What the ledger's campaign sends: decisions, payments and orders of three areas, as bytes.

Written without the code of the service: what the books must come to follows from these.
"""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from msgspec import Struct, field

from tests.served import Json

INSTRUMENT = "TRAINING"
CLIENTS = 12
CENTS_MIN, CENTS_MAX = 10_000, 90_000
GIVEN, MOVED = 800_000, 300_000
"""So little that areas run short now and then, in cents of each year."""
DOCUMENT = {
    "register_number": "ELY-2022-CAMPAIGN",
    "decided_on": "2022-12-30",
    "decided_by": "ely-14",
}


class Place(Struct, frozen=True):
    """A municipality that decides, its case system, its area and the area's ELY centre."""

    municipality_code: str
    case_system_id: str
    area_code: str
    ely: str

    @property
    def official(self) -> Json:
        """Return who decides there."""
        return {
            "official_id": f"{self.case_system_id}:u-1",
            "role": "decider",
            "municipality_code": self.municipality_code,
        }


PLACES = (
    Place("765", "cs-sotkamo", "kainuu", "ely-14"),
    Place("837", "cs-tampere", "pirkanmaa", "ely-05"),
    Place("564", "cs-oulu", "oulu", "ely-13"),
)
SPLIT = PLACES[0]
"""Its municipality has accounts of its own, of which it draws alone."""


class Sent(Struct, kw_only=True):
    """A decision that was sent, how it was answered, and what was done to it since."""

    municipal_id: str
    place: Place
    cents: int
    body: Json
    answers: list[Json] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    version: int = 1
    is_abandoned: bool = False
    is_lost: bool = False
    """An act came too late for it: its reservation had expired."""

    @property
    def decision_id(self) -> str | None:
        """Return the id that the first answer gave."""
        return self.answers[0]["decision_id"] if self.answers else None

    @property
    def outcome(self) -> str | None:
        """Return what the first answer said."""
        return self.answers[0]["outcome"] if self.answers else None


class Paid(Struct, kw_only=True):
    """A payment or recovery that was reported, and how it was answered."""

    reference: str
    decision_id: str
    cents: int
    item: Json
    results: list[Json] = field(default_factory=list)

    @property
    def payment_id(self) -> str | None:
        """Return the id of what was booked."""
        is_booked = bool(self.results) and self.results[0]["result"] == "booked"
        return self.results[0]["payment_id"] if is_booked else None


def clients_of(place: Place) -> list[str]:
    """Return the clients of a place."""
    first = PLACES.index(place) * 100
    return [f"0177ec61-3ab9-7893-923f-{first + number:012d}" for number in range(CLIENTS)]


def new_decision(place: Place, number: int, rng: random.Random, *, today: date) -> Sent:
    """Return a decision of today, for one of the clients of a place."""
    municipal_id = f"{place.case_system_id}-{number:06}"
    cents = rng.randint(CENTS_MIN, CENTS_MAX)
    body = {
        "municipal_id": municipal_id,
        "instrument": INSTRUMENT,
        "client_id": rng.choice(clients_of(place)),
        "municipality_code": place.municipality_code,
        "area_code": place.area_code,
        "budget_year": today.year,
        "service_code": "0",
        "decided_on": today.isoformat(),
        "procurement": {"ely_code": place.ely[-2:], "course_reference": f"COURSE-{number}"},
        "period": {
            "starts_on": (today + timedelta(days=10)).isoformat(),
            "ends_on": (today + timedelta(days=50)).isoformat(),
        },
        "places": 1,
        "unit_cost_cents": cents,
        "acting_official": place.official,
    }
    return Sent(municipal_id=municipal_id, place=place, cents=cents, body=body)


def new_payment(sent: Sent, reference: str, rng: random.Random, *, today: date) -> Paid:
    """Return a payment of a decision, now and then above what it holds, or a recovery."""
    decision_id = sent.decision_id
    assert decision_id is not None, "who pays knows the decision"
    cents = rng.choice((1, -1, 1)) * rng.randint(1, CENTS_MAX // 2)
    item: Json = {
        "payer_reference": reference,
        "decision_id": decision_id,
        "kind": "payment" if cents > 0 else "recovery",
        "month": f"{today:%Y-%m}",
        "amount_cents": cents,
        "paid_on": today.isoformat(),
    }
    if cents < 0:
        item["reason_code"] = "absence_without_pay"
    return Paid(reference=reference, decision_id=decision_id, cents=cents, item=item)


def an_order(
    place: Place, kind: str, *, year: int, cents: int, today: date, covers: str | None = None
) -> Json:
    """Return an allocation of an area, confirmed."""
    body: Json = {
        "area_code": place.area_code,
        "instrument": INSTRUMENT,
        "budget_year": year,
        "kind": kind,
        "status": "confirmed",
        "amount_cents": cents,
        "persons": 0,
        "valid_from_on": today.isoformat(),
        "basis": None,
        "document": DOCUMENT,
        "reason": "Money of the area",
    }
    return body if covers is None else body | {"covers_override_id": covers}


def a_move(place: Place, *, year: int, cents: int, today: date) -> Json:
    """Return a transfer from an area's account to that of its municipality."""
    area = {"area_code": place.area_code}
    return {
        "from_account": area,
        "to_account": area | {"municipality_code": place.municipality_code},
        "instrument": INSTRUMENT,
        "budget_year": year,
        "amount_cents": cents,
        "persons": 0,
        "value_on": today.isoformat(),
        "document": DOCUMENT,
        "reason": "The municipality decides on its own",
    }


def lines_of(bodies: Sequence[Any]) -> bytes:
    """Return a bulk call's body."""
    return b"\n".join(map(msgspec.json.encode, bodies))
