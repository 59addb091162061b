"""Damages to what a campaign leaves outside the tables, one of each kind that must be found."""

from collections.abc import Callable

from msgspec.structs import replace

from tests.faults import damages_of_topics
from tests.faults.checking import Stored
from tests.faults.damages_of_topics import out
from tests.faults.inbound import GARBAGE_CODES
from tests.faults.outside import Outside
from tests.faults.site import BY_TOPIC
from tests.faults.topics import Record

Damage = Callable[[Stored, Outside], None]


def _inbound(left: Outside, kind: str) -> Record:
    """Return a record of the first kind that begins so."""
    numbers = {str(each.number) for each in left.sent.values() if each.kind.startswith(kind)}
    return next(each for each in left.records if each.header("x-number") in numbers)


def _answer(stored: Stored) -> int:
    kind = "fi.kuntavayla.acknowledgement.refused.v1"
    return next(at for at, event in enumerate(stored.events) if event["type"] == kind)


def _lose_effect_of_consumer(_: Stored, left: Outside) -> None:
    left.effects.pop()


def _double_effect_of_consumer(_: Stored, left: Outside) -> None:
    left.effects.append(left.effects[-1])


def _turn_effects_of_client(_: Stored, left: Outside) -> None:
    last: dict[tuple[str, str], int] = {}
    for at, row in enumerate(left.effects):
        place = (row["consumer"], row["subject"])
        if place in last:
            effects, before = left.effects, last[place]
            effects[at], effects[before] = effects[before], effects[at]
            return
        last[place] = at


def _log_identity_code(_: Stored, left: Outside) -> None:
    left.logs["routing-api.log"] += min(GARBAGE_CODES)


def _move_record(_: Stored, left: Outside) -> None:
    at = out(left)[0]
    left.records[at] = replace(left.records[at], partition=7)


def _remake_id(_: Stored, left: Outside) -> None:
    record = left.records[out(left)[0]]
    left.records.append(replace(record, headers=(*record.headers, ("ce_id", b"another"))))


def _publish_identity_code(_: Stored, left: Outside) -> None:
    at = out(left)[0]
    headers = (*left.records[at].headers, ("x", min(GARBAGE_CODES).encode()))
    left.records[at] = replace(left.records[at], headers=headers)


def _park_good(_: Stored, left: Outside) -> None:
    place = _inbound(left, "known").place
    left.parked.append({**dict(left.parked[-1]), "place": place})


def _park_unsealed(_: Stored, left: Outside) -> None:
    left.parked[-1] = {**dict(left.parked[-1]), "content": min(GARBAGE_CODES)}


def _lose_answer(stored: Stored, _: Outside) -> None:
    at = _answer(stored)
    del stored.events[at], stored.outbox[at]


def _answer_another(stored: Stored, _: Outside) -> None:
    at = _answer(stored)
    stored.outbox[at] = {**dict(stored.outbox[at]), "recipient": "cs-other"}


def _lose_acknowledgement_by_topic(stored: Stored, _: Outside) -> None:
    """A record stood and was read, and nothing came of it."""
    at = next(
        at
        for at, row in enumerate(stored.transfers)
        if row["case_system_id"] == BY_TOPIC and row["state"] == "acknowledged"
    )
    row = stored.transfers[at]
    stored.transfers[at] = {**dict(row), "state": "offered"}
    for event in stored.events_of("transfer.acknowledged"):
        if event["data"]["transfer_id"] == row["transfer_id"]:
            place = stored.events.index(event)
            stored.events[place] = {**event, "type": "fi.kuntavayla.another.v1"}
    stored.audit = [
        line
        for line in stored.audit
        if (line["action"], line["resource_id"]) != ("transfer.acknowledged", row["transfer_id"])
    ]


def _acknowledge_by_no_record(stored: Stored, left: Outside) -> None:
    mine = {row["transfer_id"] for row in stored.transfers if row["case_system_id"] == BY_TOPIC}
    told = {each["data"]["transfer_id"] for each in stored.events_of("transfer.acknowledged")}
    numbers = {str(sent.number) for sent in left.sent.values() if sent.transfer_id in mine & told}
    left.records = [each for each in left.records if each.header("x-number") not in numbers]
    left.sent = {at: sent for at, sent in left.sent.items() if str(at) not in numbers}


def _lose_inbound(_: Stored, left: Outside) -> None:
    left.records.remove(_inbound(left, "known"))


DAMAGES_TO_AUDIT = {
    "change_line": """
UPDATE audit SET outcome = 'another' WHERE audit_id = (SELECT min(audit_id) FROM audit)
""",
    "lose_line": "DELETE FROM audit WHERE audit_id = (SELECT max(audit_id) FROM audit)",
    "lose_block": """
DELETE FROM audit_blocks WHERE number = (SELECT max(number) - 1 FROM audit_blocks)
""",
}
"""Done by the owner of the database, and undone behind the verifier."""
DAMAGES_OF_CONSUMERS: dict[str, Damage] = {
    damage.__name__.strip("_"): damage
    for damage in (
        _lose_effect_of_consumer,
        _double_effect_of_consumer,
        _turn_effects_of_client,
        _log_identity_code,
    )
}
DAMAGES_OVER_BROKER: dict[str, Damage] = {
    damage.__name__.strip("_"): damage
    for damage in (
        *damages_of_topics.DAMAGES,
        _move_record,
        _remake_id,
        _publish_identity_code,
        _park_good,
        _park_unsealed,
        _lose_answer,
        _answer_another,
        _lose_inbound,
        _lose_acknowledgement_by_topic,
        _acknowledge_by_no_record,
    )
}
