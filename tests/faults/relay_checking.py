"""The checker of the relay: compares both databases with what was sent and answered.

It knows the tables, the sent lines and the receiver contract; no code of the service. Each check
returns what it finds wrong, as sentences.
"""

import hashlib
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from operator import itemgetter
from typing import Any

import msgspec

from kuntavayla_sandbox.te_office.tables import DATABASE as TE_OFFICES
from tests.faults.postgres import Postgres
from tests.faults.relay_items import Sent
from tests.faults.relay_site import OPENING, RELAY, SKEWS_S

ASKED = {
    "items": """
        SELECT information_id::text, municipal_id, organisation, client_id::text, action, state,
               state_reason, receiver_id, number, ordinal, body, digest, attempts, receipt_id,
               received_at, receipt_digest, delivered_request_id, settled_at, accepted_state,
               replaces_information_id::text
        FROM information ORDER BY ordinal
    """,
    "attempts": """
        SELECT information_id::text, attempt, request_id, status, outcome
        FROM delivery_attempts ORDER BY information_id, attempt
    """,
    "notes": "SELECT information_id::text, action, noted_at FROM delivery_notes",
    "queues": "SELECT receiver_id, next_attempt_at, is_blocked, lease_token FROM client_queues",
    "audit": "SELECT action, outcome, resource_id::text FROM audit",
    "outbox": """
        SELECT position, event_id::text, recipient, channel, redelivery_id::text,
               convert_from(body, 'UTF8') AS body
        FROM outbox ORDER BY position
    """,
    "head": "SELECT position FROM outbox_head",
}
HELD = """
SELECT position, receiver_id, information_id::text, client_id::text, sequence, action, body, digest,
       receipt_id, received_at, state, repeats
FROM items ORDER BY position
"""
ACCEPTED = "information.accepted"
CAMPAIGN_S_MAX = 1_200
"""Far less than a receiver's clock is off."""
Rows = list[dict[str, Any]]


class Stored:
    """Everything that the relay and its receivers hold after the campaign."""

    def __init__(self, rows: Mapping[str, Rows]) -> None:
        self.items = rows["items"]
        self.attempts = rows["attempts"]
        self.notes = rows["notes"]
        self.queues = rows["queues"]
        self.audit = rows["audit"]
        self.held = rows["held"]
        self.outbox = rows["outbox"]
        self.head = rows["head"]

    def copied(self) -> "Stored":
        """Return the same, whose rows may be changed without harm."""
        other = copy(self)
        for name, rows in vars(self).items():
            setattr(other, name, [dict(row) for row in rows])
        return other

    def told(self) -> Rows:
        """Return the rows of events in order, without those that were sent once more."""
        return [row for row in self.outbox if row["redelivery_id"] is None]

    def resent(self) -> set[str]:
        """Return the items that were delivered, and sent again to a receiver that lost them."""
        return {row["resource_id"] for row in self.audit if row["action"] == "delivery.resent"}

    def resent_at(self) -> dict[str, datetime]:
        """Return when items that were sent again were so last; those of one call at one instant."""
        notes = [each for each in self.notes if each["action"] == "resent"]
        return {
            each["information_id"]: each["noted_at"]
            for each in sorted(notes, key=itemgetter("noted_at"))
        }

    def skipped(self) -> set[str]:
        """Return the items that an operator gave up."""
        return {row["information_id"] for row in self.notes if row["action"] == "skipped"}

    def events(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield kind, recipient and data of each event, in order."""
        for row in self.told():
            event = msgspec.json.decode(row["body"])
            kind = event["type"].removeprefix("fi.kuntavayla.").removesuffix(".v1")
            yield kind, row["recipient"], event["data"]


async def load_stored(postgres: Postgres) -> Stored:
    """Read both databases."""
    rows = {name: await _rows(postgres, RELAY, sql) for name, sql in ASKED.items()}
    return Stored(rows | {"held": await _rows(postgres, TE_OFFICES, HELD)})


async def _rows(postgres: Postgres, database: str, sql: str) -> Rows:
    return [dict(row) for row in await postgres.fetch(database, sql)]


def check_items(stored: Stored, sent: Mapping[str, Sent]) -> Iterator[str]:
    """What was taken is stored once and as it was answered, and nothing that was never sent is."""
    times = Counter(row["municipal_id"] for row in stored.items)
    rows = {row["municipal_id"]: row for row in stored.items}
    told = {data["municipal_id"]: data for kind, _, data in stored.events() if kind == ACCEPTED}
    for name, each in sent.items():
        expected = 0 if each.is_refused else 1
        if times[name] != expected:
            yield f"{name} is stored {times[name]} times, not {expected}"
            continue
        if expected:
            answers = [told[name]] if each.is_by_topic and name in told else each.answers
            yield from _unlike_answers(each, answers, rows[name])
        elif each.replaces is None or rows[each.replaces.municipal_id]["state"] != "rejected":
            yield f"{name} was refused although its original was not rejected"
    yield from (f"{name} was never sent" for name in times if name not in sent)


def _unlike_answers(
    sent: Sent, answers: Iterable[Mapping[str, Any]], row: Mapping[str, Any]
) -> Iterator[str]:
    told = {
        (each["information_id"], each["state"], each["receiver_id"], each["digest"])
        for each in answers
    }
    # What was withdrawn before it was sent keeps its bytes, which nobody has.
    stands = (row["information_id"], row["accepted_state"], row["receiver_id"], row["digest"])
    if row["accepted_state"] == "waiting_for_client":
        stands = (*stands[:2], None, None)
    if told != {stands}:
        yield f"{sent.municipal_id} is not as answered: {stands}, {told}"
    replaced = None if sent.replaces is None else sent.replaces.information_id
    if (row["action"], row["replaces_information_id"]) != (sent.action, replaced):
        yield f"{sent.municipal_id} is no {sent.action} of {replaced}"
    if (row["organisation"], row["client_id"]) != (
        sent.client.case_system_id,
        sent.client.client_id,
    ):
        yield f"{sent.municipal_id} is of another sender or client"


def check_states(stored: Stored, sent: Mapping[str, Sent]) -> Iterator[str]:
    """Each item has ended as what was sent and what its receiver knows call for."""
    attempted = {row["information_id"] for row in stored.attempts}
    withdrawn = {
        row["replaces_information_id"] for row in stored.items if row["action"] == "withdraw"
    }
    given_up = _given_up(stored)
    for row in stored.items:
        each, state = sent.get(row["municipal_id"]), row["state"]
        if each is None:
            continue
        if state == "withdrawn":
            is_withdrawal = each.action == "withdraw" or row["information_id"] in withdrawn
            if not is_withdrawal or row["attempts"] or row["information_id"] in attempted:
                yield f"{each.municipal_id} was sent or not withdrawn, and is withdrawn"
            continue
        expected = _expected_state(each, row, given_up=given_up)
        if state != expected or row["settled_at"] is None:
            yield f"{each.municipal_id} is {state} {row['state_reason']}, not {expected}"
    for queue in stored.queues:
        if queue["next_attempt_at"] or queue["is_blocked"] or queue["lease_token"]:
            yield f"a queue of {queue['receiver_id']} has not ended"


def _given_up(stored: Stored) -> set[str]:
    """Return what an operator gave up, with all that corrects or withdraws it."""
    found = stored.skipped()
    for row in stored.items:
        if row["replaces_information_id"] in found:
            found.add(row["information_id"])
    return found


def _expected_state(sent: Sent, row: Mapping[str, Any], *, given_up: set[str]) -> str:
    if row["information_id"] in given_up:
        # Its receiver had it all the same: then its own list has proved that.
        return "rejected" if row["receipt_id"] is None else "delivered"
    if sent.client.standing == "never":
        return "refused"
    if not sent.is_relayed:
        return "not_relayed"
    return "delivered" if sent.client.is_known else "rejected"


def check_order(stored: Stored, sent: Mapping[str, Sent]) -> Iterator[str]:
    """Places of a queue have no gap, follow what was sent, and are the order of reception."""
    queues: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in stored.items:
        if row["number"] is not None:
            queues[row["receiver_id"], row["client_id"]].append(row)
    for (_, client_id), rows in queues.items():
        if [row["number"] for row in rows] != list(range(1, len(rows) + 1)):
            yield f"places of {client_id} have a gap or are not in order of acceptance"
        places = [sent[row["municipal_id"]].place for row in rows if row["municipal_id"] in sent]
        if places != sorted(places):
            yield f"items of {client_id} are not in the order in which they were sent"
    yield from _check_reception(stored)


def _check_reception(stored: Stored) -> Iterator[str]:
    """What came at first is in order, and what was sent again together is too, among itself."""
    received: dict[tuple[str, str, datetime | None], list[int]] = defaultdict(list)
    resent = stored.resent_at()
    for row in stored.held:
        together = resent.get(row["information_id"])
        received[row["receiver_id"], row["client_id"], together].append(row["sequence"])
    for (_, client_id, _), numbers in received.items():
        if numbers != sorted(set(numbers)):
            yield f"items of {client_id} were received out of order or twice"


def check_effects(stored: Stored, sent: Mapping[str, Sent]) -> Iterator[str]:
    """Each receiver holds what was delivered, each once, bytes, digests and receipts alike."""
    held: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in stored.held:
        held[row["receiver_id"], row["information_id"]].append(row)
    for row in stored.items:
        if row["state"] != "delivered":
            continue
        found = held.pop((row["receiver_id"], row["information_id"]), [])
        if len(found) != 1:
            yield f"{row['municipal_id']} is held {len(found)} times"
            continue
        [effect] = found
        yield from _unlike_effect(row, effect, sent=sent.get(row["municipal_id"]))
    given_up = stored.skipped()
    yield from (
        f"an effect that nothing calls for: {key}" for key in held if key[1] not in given_up
    )


def _unlike_effect(
    row: Mapping[str, Any], effect: Mapping[str, Any], *, sent: Sent | None
) -> Iterator[str]:
    name, digest = row["municipal_id"], _digest_of(row["body"])
    pairs = {
        "bytes": (effect["body"], row["body"]),
        "digest": ({row["digest"], effect["digest"], row["receipt_digest"]}, {digest}),
        "receipt": (effect["receipt_id"], row["receipt_id"]),
        "sequence": (effect["sequence"], row["number"]),
        "state": (effect["state"], "held"),
        "action": (effect["action"], row["action"]),
        "time of receipt": (
            f"{effect['received_at']:%F %T.%f}"[:23],
            f"{row['received_at'] or effect['received_at'].min:%F %T.%f}"[:23],
        ),
    }
    told = msgspec.json.decode(row["body"])
    if sent is not None:
        pairs["client"] = (
            (told["client"]["client_id"], told["client"]["client_number"]),
            (sent.client.client_id, sent.client.client_number),
        )
        pairs["receiver"] = (effect["receiver_id"], sent.client.receiver_id)
        if sent.action != "withdraw":
            pairs["facts"] = (told["facts"], sent.facts)
    pairs["id in the bytes"] = (told["information_id"], row["information_id"])
    yield from (f"{name}: {what} differs" for what, (is_, should) in pairs.items() if is_ != should)


def _digest_of(body: bytes) -> str:
    return f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"


def check_clocks(stored: Stored) -> Iterator[str]:
    """Receipts have the time of their receiver's own clock, however far that is off."""
    for row in stored.held:
        skew_s = SKEWS_S.get(row["receiver_id"], 0)
        off_s = (row["received_at"] - OPENING).total_seconds() - skew_s
        if not 0 <= off_s < CAMPAIGN_S_MAX:
            yield f"{row['information_id']} was received {off_s} s behind the opening"


def check_attempts(stored: Stored) -> Iterator[str]:
    """Each call is on record once; whatever ended was called for, or told of by a receipt."""
    by_item: dict[str, Rows] = defaultdict(list)
    for row in stored.attempts:
        by_item[row["information_id"]].append(row)
    if len({row["request_id"] for row in stored.attempts}) != len(stored.attempts):
        yield "a request id stands twice"
    notes = {(row["information_id"], row["action"]) for row in stored.notes}
    repeats = {row["information_id"]: row["repeats"] for row in stored.held}
    for row in stored.items:
        mine, name = by_item.pop(row["information_id"], []), row["municipal_id"]
        numbers = [each["attempt"] for each in mine]
        if numbers != list(range(1, row["attempts"] + 1)):
            yield f"{name} has attempts {numbers} of {row['attempts']}"
        if repeats.get(row["information_id"], 0) >= max(row["attempts"], 1):
            yield f"{name} came more often than it was sent"
        proofs = [each["request_id"] for each in mine if each["outcome"] == "delivered"]
        is_noted = (row["information_id"], "received") in notes
        by_call = row["delivered_request_id"]
        if row["state"] == "delivered" and not (is_noted if by_call is None else by_call in proofs):
            yield f"{name} was delivered by no call and no receipt"
    yield from (f"attempts of an item that is not there: {each}" for each in by_item)


def check_events(stored: Stored) -> Iterator[str]:
    """Positions have no gap; each item's acceptance and end are told once, in this order."""
    positions = [row["position"] for row in stored.outbox]
    if positions != list(range(1, stored.head[0]["position"] + 1)):
        yield "positions have a gap or do not end at the head"
    if len({row["event_id"] for row in stored.told()}) != len(stored.told()):
        yield "an event id stands twice"
    told: dict[str, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
    for kind, recipient, data in stored.events():
        # What was refused as a record is no item: that is for the check of the topics.
        is_record = kind == "information.refused" and data["topic"] is not None
        if kind.startswith("information.") and not is_record:
            name = kind.removeprefix("information.")
            told[data["information_id"]].append((name, recipient, data))
    retried = Counter(
        note["information_id"] for note in stored.notes if note["action"] == "retried"
    )
    resent = Counter(note["information_id"] for note in stored.notes if note["action"] == "resent")
    skipped = stored.skipped()
    for row in stored.items:
        mine = told.pop(row["information_id"], [])
        yield from _unlike_told(
            row,
            mine,
            retried=retried[row["information_id"]],
            times=1 + resent[row["information_id"]],
            is_skipped=row["information_id"] in skipped,
        )
    yield from (f"events of an item that is not there: {each}" for each in told)


def _unlike_told(
    row: Mapping[str, Any],
    told: list[tuple[str, str, dict[str, Any]]],
    *,
    retried: int,
    times: int,
    is_skipped: bool,
) -> Iterator[str]:
    """Compare an item with what was told of it; it is parked anew only once it was tried again.

    Its end is told as many times as it was sent to its end; the last proof counts.
    """
    name = row["municipal_id"]
    kinds = [kind for kind, _, _ in told if kind != "parked"]
    end = [row["state"]] if row["state"] in ("delivered", "rejected", "refused") else []
    if is_skipped and end == ["delivered"]:
        end = ["rejected", "delivered"]
    if kinds != ["accepted", *(end * times)] or {to for _, to, _ in told} != {row["organisation"]}:
        yield f"{name} is {row['state']}, and told: {kinds}"
    proof = (row["receipt_id"], row["digest"])
    proofs = [(data["receipt_id"], data["digest"]) for kind, _, data in told if kind == "delivered"]
    if proofs and proofs[-1] != proof:
        yield f"{name} was told with another proof"
    if len(told) - len(kinds) > retried + 1:
        yield f"{name} was parked {len(told) - len(kinds)} times and retried {retried} times"
