"""Damages to what is stored, one of each kind that the checker must find."""

from collections.abc import Callable
from typing import Any

from tests.faults.checking import Stored
from tests.faults.telling import ACKNOWLEDGED, OFFERED, OFFICES, WITHDRAWN


def _changed(row: Any, **members: object) -> dict[str, Any]:  # noqa: ANN401 - a database row
    return {**dict(row), **members}


def _at(rows: list[Any], column: str, value: object) -> int:
    return next(place for place, row in enumerate(rows) if row[column] == value)


def _lose_registration(stored: Stored) -> None:
    stored.registrations.pop()


def _double_registration(stored: Stored) -> None:
    stored.registrations.append(stored.registrations[-1])


def _answer_otherwise(stored: Stored) -> None:
    stored.registrations[-1] = _changed(stored.registrations[-1], decision_id="another")


def _decide_otherwise(stored: Stored) -> None:
    place = _at(stored.registrations, "outcome", "municipality")
    stored.registrations[place] = _changed(stored.registrations[place], case_system_id="cs-other")


def _skip_version(stored: Stored) -> None:
    stored.clienthoods[-1] = _changed(stored.clienthoods[-1], version=9)


def _lose_key(stored: Stored) -> None:
    stored.keys.pop()


def _keep_key_of_refused(stored: Stored) -> None:
    stored.keys.append(_changed(stored.keys[-1], key="no-1"))


def _mistake_key(stored: Stored) -> None:
    stored.keys[-1] = _changed(stored.keys[-1], result_id=stored.keys[-2]["result_id"])


def _double_client(stored: Stored) -> None:
    stored.clients += 1


def _lose_effect(stored: Stored) -> None:
    stored.held.pop()


def _give_effect_to_another(stored: Stored) -> None:
    stored.held[-1] = _changed(stored.held[-1], case_system_id="cs-other")


def _double_update(stored: Stored) -> None:
    row = stored.held[-1]
    stored.held[-1] = _changed(row, revision=row["revision"] + 9)


def _keep_old_data(stored: Stored) -> None:
    place = _at(stored.held, "state", "acknowledged")
    document = stored.held[place]["document"].replace("Esimerkkitie", "Vanhatie")
    stored.held[place] = _changed(stored.held[place], document=document)


def _swap_persons(stored: Stored) -> None:
    place = _at(stored.held, "state", "acknowledged")
    stored.held[place] = _changed(stored.held[place], identity_code="010199-999X")


def _make_hole(stored: Stored) -> None:
    del stored.outbox[3], stored.events[3]


def _double_event(stored: Stored) -> None:
    stored.outbox[4] = _changed(stored.outbox[4], event_id=stored.outbox[3]["event_id"])


def _acknowledge_before_offer(stored: Stored) -> None:
    _turn(stored, ACKNOWLEDGED)


def _withdraw_before_offer(stored: Stored) -> None:
    _turn(stored, WITHDRAWN)


def _turn(stored: Stored, kind: str) -> None:
    """Let an event of this kind and the offer that it follows change their places."""
    at, event = next(each for each in enumerate(stored.events) if each[1]["type"] == kind)
    before, offer = next(
        (place, other)
        for place, other in enumerate(stored.events)
        if other["type"] == OFFERED and _transfer(other) == _transfer(event)
    )
    rows = stored.outbox[at], stored.outbox[before]
    for place, moved, row in ((at, offer, rows[1]), (before, event, rows[0])):
        position, sequence = stored.outbox[place]["position"], stored.events[place]["sequence"]
        stored.events[place] = {**moved, "sequence": sequence}
        stored.outbox[place] = _changed(row, position=position)


def _transfer(event: dict[str, Any]) -> tuple[str, int]:
    return event["data"]["client_id"], event["data"]["clienthood_version"]


def _tell_another_office(stored: Stored) -> None:
    at = next(at for at, event in enumerate(stored.events) if event["type"] == ACKNOWLEDGED)
    others = {*OFFICES.values()} - {stored.outbox[at]["recipient"]}
    stored.outbox[at] = _changed(stored.outbox[at], recipient=min(others))


def _lose_decision_line(stored: Stored) -> None:
    del stored.audit[_at(stored.audit, "action", "registration.decided")]


def _double_decision_line(stored: Stored) -> None:
    stored.audit.append(stored.audit[_at(stored.audit, "action", "registration.decided")])


def _lose_disclosure_lines(stored: Stored) -> None:
    stored.audit = [row for row in stored.audit if row["action"] != "person.fetch"]


DAMAGES: dict[str, Callable[[Stored], None]] = {
    damage.__name__.strip("_"): damage
    for damage in (
        _lose_registration,
        _double_registration,
        _answer_otherwise,
        _decide_otherwise,
        _skip_version,
        _lose_key,
        _keep_key_of_refused,
        _mistake_key,
        _double_client,
        _lose_effect,
        _give_effect_to_another,
        _double_update,
        _keep_old_data,
        _swap_persons,
        _make_hole,
        _double_event,
        _acknowledge_before_offer,
        _withdraw_before_offer,
        _tell_another_office,
        _lose_decision_line,
        _double_decision_line,
        _lose_disclosure_lines,
    )
}
FOUND_BY = {
    "lose_key": "idempotency keys",
    "keep_key_of_refused": "idempotency keys",
    "mistake_key": "idempotency keys",
    "tell_another_office": "offices",
    "acknowledge_before_offer": "order of transfers",
    "withdraw_before_offer": "order of transfers",
    "lose_acknowledgement_by_topic": "effects",
    "acknowledge_by_no_record": "by topic",
    "change_line": "seal of the audit",
    "lose_line": "seal of the audit",
    "lose_block": "seal of the audit",
}
"""The check that must find a damage where others may find it as well, by the damage."""
