"""The check of the week: nothing lost, nothing doubled, nothing out of order, each proof a proof.

What should be comes from what the case systems sent and what the receivers were told to reject;
what is comes from the bytes that the receivers hold. Compared item by item; what the relay says of
an item is only compared, never taken for true.
"""

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from kuntavayla.register import Register, load_register
from kuntavayla.values.calendar import legal_day
from kuntavayla_sandbox.case_systems.information.store import SentItem
from kuntavayla_sandbox.te_office.store import HeldItem

SHOWN_MAX = 10
"""How many differences are shown; all are counted."""
SAME_MEMBERS = ("kind", "municipality_code", "period", "facts", "attachments")
SAME_INSTANTS = ("occurred_at", "known_at")
AT_RECEIVER = "delivered"
UNSETTLED = frozenset({"waiting", "parked", "to send"})
REJECTED, WITHDRAWN, NOT_RELAYED, REFUSED = "rejected", "withdrawn", "not_relayed", "refused"
NEVER_SENT = frozenset({WITHDRAWN, NOT_RELAYED, REFUSED})
ENDED = "information_ended"
"""How the relay answers what would change an item that has ended."""
DECIDES_ITSELF_FROM = date(2021, 10, 2)
"""From this day the municipality itself decides some matters, and nobody is sent them: HE 43/2021,
docs/sources.md, section on information.
"""
DECIDED_BY_ITSELF = frozenset(
    {
        "EMPLOYMENT_STARTED",
        "EMPLOYMENT_ENDED",
        "ENTREPRENEURSHIP_STARTED",
        "ENTREPRENEURSHIP_ENDED",
        "STUDIES_STARTED",
        "STUDIES_ENDED",
        "JOB_SEARCH_ENDED",
        "JOB_SEARCH_RENEWED",
    }
)
Document = dict[str, Any]


class Unlike(Struct, frozen=True):
    """One thing that is not as it should be; names the municipality's own id, never the person."""

    what: str
    municipal_id: str
    expected: str
    found: str


class Arranged(Struct, frozen=True, kw_only=True):
    """What was arranged for the week, as those know who arranged it.

    Which kinds each receiver was told to reject, and what was sent with a fault on purpose.
    """

    rejected_kinds: Mapping[str, frozenset[str]] = {}
    flawed: frozenset[str] = frozenset()


NOTHING_ARRANGED = Arranged()


class Told(Struct):
    """What became of a week, and what is amiss."""

    standing: Counter[str]
    late: int = 0
    proofs: int = 0
    held: int = 0
    repeats: int = 0
    clients: int = 0
    differences: int = 0
    shown: list[Unlike] = []

    @property
    def is_right(self) -> bool:
        """Tell whether nothing is lost, doubled, out of order or otherwise amiss."""
        return self.differences == 0

    @property
    def is_settled(self) -> bool:
        """Tell whether every item has come to its end."""
        return not any(self.standing[each] for each in UNSETTLED)

    def add(self, unlike: Unlike) -> None:
        """Count a difference and keep the first ones."""
        self.differences += 1
        if len(self.shown) < SHOWN_MAX:
            self.shown.append(unlike)


class WeekChecker:
    """Holds what was sent against what is held."""

    def __init__(self, arranged: Arranged, *, register: Register | None = None) -> None:
        self.told = Told(Counter())
        self._arranged = arranged
        self._register = register or load_register()
        self._sent: dict[str, SentItem] = {}
        self._by_municipal_id: dict[str, SentItem] = {}
        self._withdrawals: set[str] = set()
        self._seen: set[str] = set()

    def read_sent(self, items: Sequence[SentItem]) -> None:
        """Note what a case system sent, and what it was told of it."""
        for item in items:
            self._by_municipal_id[item.municipal_id] = item
            if item.information_id is not None:
                self._sent[item.information_id] = item
            if item.action == "withdraw":
                self._withdrawals |= {item.municipal_id, item.replaces_municipal_id or ""}

    def read_held(self, receiver_id: str, items: Sequence[HeldItem]) -> None:
        """Compare what a receiver holds, in the order of reception, with what was sent to it."""
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for held in items:
            self.told.held += 1
            self.told.repeats += held.repeats
            sent = self._sent.get(held.information_id)
            if sent is None:
                self._differ("item", held.information_id, expected="none", found=receiver_id)
                continue
            if held.information_id in self._seen:
                self._differ("item", sent.municipal_id, expected="once", found="twice")
            self._seen.add(held.information_id)
            if held.state == "held":
                self._compare(receiver_id, sent, held=held)
            places[held.client_id].append((sent.ordinal, held.sequence))
        self._compare_order(places)

    def finish(self) -> Told:
        """Name everything that is not held and should be, or is and should not; return it all."""
        for item in self._by_municipal_id.values():
            standing, is_held = _standing_of(item), item.information_id in self._seen
            self.told.standing[standing] += 1
            self.told.late += item.is_overdue
            if standing == AT_RECEIVER and not is_held:
                self._differ("item", item.municipal_id, expected="held", found="lost")
            if standing in NEVER_SENT and is_held:
                self._differ("item", item.municipal_id, expected=standing, found="held")
            self._compare_fate(item, standing)
        return self.told

    def _compare_fate(self, item: SentItem, standing: str) -> None:
        """Compare what the relay says became of an item with what had to become of it."""
        expected = self._fate_of(item)
        if standing in UNSETTLED or standing == expected:
            return
        is_of_withdrawal = item.municipal_id in self._withdrawals
        if standing == WITHDRAWN and is_of_withdrawal and expected in {AT_RECEIVER, REJECTED}:
            return
        is_late = item.action != "new" and item.problem_code == ENDED
        if standing == REFUSED and is_late and expected == REJECTED:
            return
        found = item.problem_code or item.outcome_code or standing
        self._differ("what became of it", item.municipal_id, expected=expected, found=found)

    def _fate_of(self, item: SentItem) -> str:
        """Return what has to become of an item; one that mends another shares that one's fate."""
        while item.action != "new":
            item = self._by_municipal_id[item.replaces_municipal_id or ""]
        if item.municipal_id in self._arranged.flawed:
            return REFUSED
        document = json.loads(item.document)
        on = legal_day(_instant(document["occurred_at"]))
        if item.kind in DECIDED_BY_ITSELF and on >= DECIDES_ITSELF_FROM:
            return NOT_RELAYED
        receiver_id = self._receiver_of(document) or ""
        rejects = item.kind in self._arranged.rejected_kinds.get(receiver_id, ())
        return REJECTED if rejects else AT_RECEIVER

    def _receiver_of(self, document: Document) -> str | None:
        """Return the office of the municipality's area on the day of the matter."""
        on = legal_day(_instant(document["occurred_at"]))
        return self._register.te_office_of(document["municipality_code"], on=on)

    def _compare(self, receiver_id: str, sent: SentItem, *, held: HeldItem) -> None:
        body = (held.body or "").encode()
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        unlike = [
            *_unlike("receiver", self._receiver_of(self._document_of(sent)), receiver_id),
            *_unlike("digest of the bytes held", digest, held.digest),
            *self._unlike_content(sent, json.loads(body)),
        ]
        if sent.digest is not None:
            unlike += _unlike("digest told at acceptance", sent.digest, digest)
        if sent.outcome == AT_RECEIVER:
            unlike += _unlike("digest of the proof", digest, sent.receipt_digest or "")
            unlike += _unlike("receipt of the proof", held.receipt_id, sent.receipt_id or "")
            self.told.proofs += not unlike
        for what, expected, found in unlike:
            self._differ(what, sent.municipal_id, expected=expected, found=found)

    def _unlike_content(self, sent: SentItem, body: Document) -> Iterator[tuple[str, str, str]]:
        document = self._document_of(sent)
        yield from _unlike("client", sent.client_id, body["client"]["client_id"])
        yield from _unlike("action", sent.action, body["action"])
        replaced = self._by_municipal_id.get(sent.replaces_municipal_id or "")
        original = None if replaced is None else replaced.information_id
        yield from _unlike("item replaced", original, body["replaces_information_id"])
        for member in SAME_MEMBERS:
            yield from _unlike(member, _plain(document[member]), _plain(body[member]))
        for member in SAME_INSTANTS:
            yield from _unlike(member, _instant(document[member]), _instant(body[member]))
        yield from _unlike("hearing", document["hearing"]["state"], body["hearing"]["state"])

    def _document_of(self, sent: SentItem) -> Document:
        """Return the item that was told; of a withdrawal, the item that it withdraws."""
        while sent.action == "withdraw":
            sent = self._by_municipal_id[sent.replaces_municipal_id or ""]
        document: Document = json.loads(sent.document)
        return document

    def _compare_order(self, places: dict[str, list[tuple[int, int]]]) -> None:
        """Compare the order of each client's items with that in which they were sent."""
        for client_id, came in places.items():
            self.told.clients += 1
            if came != sorted(came) or len({sequence for _, sequence in came}) != len(came):
                self._differ("order of a client", client_id, expected="as sent", found="another")

    def _differ(self, what: str, municipal_id: str, *, expected: str, found: str) -> None:
        self.told.add(Unlike(what, municipal_id, expected, found))


def _standing_of(item: SentItem) -> str:
    """Return how an item stands by what its case system was told."""
    if item.state in {"to_send", "sent"}:
        return "to send"
    if item.state == "refused" or item.outcome == "refused":
        return REFUSED
    if WITHDRAWN in {item.accepted_state, item.outcome}:
        return WITHDRAWN
    if item.accepted_state == "not_relayed":
        return NOT_RELAYED
    return item.outcome or "waiting"


def _unlike(what: str, expected: object, found: object) -> list[tuple[str, str, str]]:
    return [] if expected == found else [(what, str(expected), str(found))]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a value without members that are null: not given and null mean the same here."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
