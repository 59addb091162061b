"""What the relay's campaign sends: clients, and for each a life of new, corrected, withdrawn items.

Written without the code of the service: what each item must come to follows from these lines.
"""

import random
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from tests.statement_relay.items import STARTED, an_item

PLACES = (
    ("765", "cs-sotkamo", "te-kainuu"),
    ("837", "cs-tampere", "te-pirkanmaa"),
    ("564", "cs-oulu", "te-pohjois-pohjanmaa"),
)
"""Municipality, its case system, and the receiver of its clients' information."""
RECEIVERS = tuple(receiver_id for _, _, receiver_id in PLACES)
CLIENTS = 48
Standing = Literal["known", "restricted", "late", "never", "banned"]
STANDINGS: dict[Standing, int] = {
    "known": CLIENTS,
    "restricted": 6,
    "late": 6,
    "never": 2,
    "banned": 5,
}
"""How many clients the relay knows from the start, with or without a ban, learns of later or never,
and how many have a ban for a while."""
TOPIC_EVERY = 5
UNKNOWN_EVERY = 12
"""Of so many clients the receiver knows one not: all that is sent of it must be rejected."""
Action = Literal["new", "correct", "withdraw"]
ACTIONS: Mapping[Action, int] = {"new": 60, "correct": 25, "withdraw": 15}
NOT_RELAYED_SHARE = 0.05


class Client(Struct, frozen=True, kw_only=True):
    """A client, whose it is, and whether its receiver knows it."""

    number: int
    client_id: str
    municipality_code: str
    case_system_id: str
    receiver_id: str
    is_known: bool
    standing: Standing = "known"

    @property
    def client_number(self) -> str:
        """Return the number by which the TE office knows the client, or would not."""
        return f"{'URA-C' if self.is_known else 'UNKNOWN'}-{self.number}"

    @property
    def official(self) -> str:
        """Return the header of who acts."""
        return f"campaign:u-1; role=caseworker; municipality={self.municipality_code}"


class Sent(Struct, kw_only=True):
    """One thing that was sent: as bytes that are the same each time, and how it was answered."""

    municipal_id: str
    client: Client
    place: int
    action: Action
    body: bytes
    facts: dict[str, Any]
    replaces: "Sent | None" = None
    is_relayed: bool = True
    answers: list[dict[str, Any]] = field(default_factory=list)
    is_refused: bool = False
    is_by_topic: bool = False

    @property
    def information_id(self) -> str | None:
        """Return the id that the first answer gave."""
        return self.answers[0]["information_id"] if self.answers else None


def clients() -> list[Client]:
    """Return all clients, spread over the places."""
    standings = [standing for standing, count in STANDINGS.items() for _ in range(count)]
    return [
        client_of(
            number,
            PLACES[number % len(PLACES)],
            is_known=bool(number % UNKNOWN_EVERY),
            standing=standing,
        )
        for number, standing in enumerate(standings, 1)
    ]


def client_of(
    number: int, place: tuple[str, str, str], *, is_known: bool, standing: Standing = "known"
) -> Client:
    """Return the client of a number at a place: municipality, case system, receiver."""
    municipality_code, case_system_id, receiver_id = place
    return Client(
        number=number,
        client_id=f"0177ec61-3ab9-7893-923f-{number:012d}",
        municipality_code=municipality_code,
        case_system_id=case_system_id,
        receiver_id=receiver_id,
        is_known=is_known,
        standing=standing,
    )


def is_for_topic(client: Client) -> bool:
    """Say whether all that is sent of a client goes by its case system's topic, if there is one."""
    return client.number % TOPIC_EVERY == 0 and client.standing in ("known", "late")


def life(
    client: Client,
    rng: random.Random,
    *,
    actions: Mapping[Action, int] = ACTIONS,
    not_relayed_share: float = NOT_RELAYED_SHARE,
) -> Iterator[Sent]:
    """Yield what is sent about a client, in order; each is answered before the next is drawn.

    `actions` weighs what may be sent, `not_relayed_share` is of new items.
    """
    place, last = 0, None
    while True:
        place += 1
        [action] = rng.choices(list(actions), list(actions.values()))
        is_first = last is None or last.is_refused or last.action == "withdraw"
        if is_first or action == "new" or last is None or not last.is_relayed:
            sent = new_item(client, place, is_relayed=rng.random() >= not_relayed_share)
        elif action == "correct":
            sent = correction(last, place)
        else:
            sent = withdrawal(last, place)
        yield sent
        last = sent


def new_item(client: Client, place: int, *, is_relayed: bool = True, prefix: str = "K") -> Sent:
    """Return a new item; one that is not relayed is for the municipality itself to decide on."""
    municipal_id = f"{prefix}-{client.number}-{place}"
    changes: dict[str, Any] = {} if is_relayed else dict(STARTED)
    item = an_item(
        municipal_id=municipal_id,
        client_id=client.client_id,
        municipality_code=client.municipality_code,
        **changes,
    )
    if is_relayed:
        item["facts"]["job_offer_id"] = f"TT-{client.number}-{place}"
    return Sent(
        municipal_id=municipal_id,
        client=client,
        place=place,
        action="new",
        body=msgspec.json.encode(item),
        facts=item["facts"],
        is_relayed=is_relayed,
    )


def correction(of: Sent, place: int) -> Sent:
    """Return the correction of what was sent before."""
    sent = new_item(of.client, place)
    sent.action, sent.replaces = "correct", of
    return sent


def withdrawal(of: Sent, place: int) -> Sent:
    """Return the withdrawal of what was sent before."""
    municipal_id = f"K-{of.client.number}-{place}"
    body = {
        "municipal_id": municipal_id,
        "reason_code": "entered_in_error",
        "reason": "Kirjattu väärin.",
    }
    return Sent(
        municipal_id=municipal_id,
        client=of.client,
        place=place,
        action="withdraw",
        body=msgspec.json.encode(body),
        facts=of.facts,
        replaces=of,
    )
