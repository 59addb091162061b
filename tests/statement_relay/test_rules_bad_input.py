from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from kuntavayla.errors import Fault
from kuntavayla.http import InvalidBody, JsonDecoder
from statement_relay.rules.intake import (
    IntakeLimits,
    examine,
    examine_correction,
    examine_new,
    examine_withdrawal,
)
from statement_relay.rules.items import InformationItem
from statement_relay.rules.kinds import KINDS, InformationKind
from statement_relay.rules.shape import WithdrawalRequest
from tests.statement_relay.scenarios.cases import FOLDER, decoded, examples, the_tables

NOW = datetime(2022, 7, 1, 9, tzinfo=UTC)
LIMITS = IntakeLimits(ahead_max=timedelta(minutes=5))
DECODER: JsonDecoder[InformationItem] = JsonDecoder(InformationItem)
INFORMATION_ID = "01786408-ce50-7160-8999-50d836f675cc"


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    pointer: str
    value: Any = msgspec.UNSET


class BadCase(Struct, frozen=True, forbid_unknown_fields=True):
    sentence: str
    kind: InformationKind
    change: tuple[Change, ...]
    faults: tuple[str, ...]


class _Cases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[BadCase, ...]


def bad_cases() -> list[BadCase]:
    return list(msgspec.toml.decode((FOLDER / "bad_input.toml").read_bytes(), type=_Cases).case)


def changed(kind: str, *changes: Change) -> dict[str, Any]:
    body = examples()[kind]
    for change in changes:
        *parents, member = change.pointer.strip("/").split("/")
        place: Any = body
        for parent in parents:
            place = place[int(parent)] if isinstance(place, list) else place[parent]
        if change.value is msgspec.UNSET:
            del place[member]
        else:
            place[member] = change.value
    return body


def faults_of(body: dict[str, Any], *, now: datetime = NOW) -> tuple[Fault, ...]:
    try:
        item = DECODER.decode(msgspec.json.encode(body))
    except InvalidBody as refused:
        return refused.faults
    return examine(item, kinds=the_tables().kinds, now=now, limits=LIMITS)


@pytest.mark.parametrize("case", bad_cases(), ids=lambda case: case.sentence)
def test_the_sender_is_told_what_is_wrong(case: BadCase) -> None:
    faults = faults_of(changed(case.kind, *case.change))

    assert sorted(f"{fault.pointer} {fault.code}" for fault in faults) == list(case.faults)
    assert all(fault.message for fault in faults)
    told = " ".join(fault.message for fault in faults)
    given = [change.value for change in case.change if isinstance(change.value, str)]
    assert not any(text in told for text in given if text != "requested")


@pytest.mark.parametrize("kind", KINDS)
def test_the_item_that_bad_cases_change_is_itself_good(kind: str) -> None:
    assert faults_of(examples()[kind]) == ()
    assert examine_new(decoded(examples()[kind])) == ()


def test_a_clock_a_little_ahead_is_borne_and_no_more() -> None:
    ahead = changed("JOB_OFFER_REFUSED", Change("/known_at", "2022-07-01T12:05:00+03:00"))
    too_far = changed("JOB_OFFER_REFUSED", Change("/known_at", "2022-07-01T12:05:01+03:00"))

    assert faults_of(ahead) == ()
    assert [fault.code for fault in faults_of(too_far)] == ["in_future"]


def test_the_first_instant_of_the_pilot_is_in_it() -> None:
    period = Change("/period", {"starts_on": "2021-03-01", "ends_on": "2021-03-10"})
    first = changed("JOB_OFFER_REFUSED", Change("/occurred_at", "2021-02-28T22:00:00Z"), period)
    before = changed("JOB_OFFER_REFUSED", Change("/occurred_at", "2021-02-28T21:59:59Z"), period)

    assert faults_of(first) == ()
    assert [fault.code for fault in faults_of(before)] == ["before_pilot"]


def test_an_unanswered_hearing_is_taken_from_the_day_after_its_last() -> None:
    hearing = {"state": "not_answered", "requested_at": "2022-06-24T09:00:00Z"}
    body = changed("JOB_OFFER_REFUSED", Change("/hearing", {**hearing, "due_on": "2022-06-30"}))

    assert faults_of(body) == ()


def test_a_document_named_twice_is_refused() -> None:
    [attachment] = examples()["JOB_OFFER_NOT_APPLIED"]["attachments"]
    body = changed("JOB_OFFER_NOT_APPLIED", Change("/attachments", [attachment, attachment]))

    assert [(fault.pointer, fault.code) for fault in faults_of(body)] == [
        ("/attachments/1/reference", "reference_repeated")
    ]


def test_more_documents_than_the_limit_are_refused() -> None:
    [attachment] = examples()["JOB_OFFER_NOT_APPLIED"]["attachments"]
    many = [{**attachment, "reference": f"DOC-{number}"} for number in range(21)]

    assert faults_of(changed("JOB_OFFER_NOT_APPLIED", Change("/attachments", many[:20]))) == ()
    [fault] = faults_of(changed("JOB_OFFER_NOT_APPLIED", Change("/attachments", many)))
    assert (fault.pointer, fault.code) == ("/attachments", "too_many_items")


def test_a_new_item_replaces_nothing() -> None:
    body = changed("RESIGNATION", Change("/replaces", INFORMATION_ID))

    [fault] = examine_new(decoded(body))

    assert (fault.pointer, fault.code) == ("/replaces", "not_expected")


@pytest.mark.parametrize("replaces", [None, INFORMATION_ID])
def test_a_correction_may_name_what_it_replaces(replaces: str | None) -> None:
    original = decoded(examples()["RESIGNATION"])
    correction = decoded(changed("RESIGNATION", Change("/replaces", replaces)))

    assert examine_correction(correction, of=original, information_id=INFORMATION_ID) == ()


def test_a_correction_keeps_kind_and_client_and_names_no_other_item() -> None:
    other_id = INFORMATION_ID.replace("0", "1")
    original = decoded(examples()["RESIGNATION"])
    correction = decoded(
        changed(
            "DISMISSAL_OWN_CONDUCT",
            Change("/client_id", other_id),
            Change("/replaces", other_id),
        )
    )

    faults = examine_correction(correction, of=original, information_id=INFORMATION_ID)

    assert [(fault.pointer, fault.code) for fault in faults] == [
        ("/kind", "kind_differs"),
        ("/client_id", "client_differs"),
        ("/replaces", "item_differs"),
    ]


def test_a_withdrawal_holds_no_identity_code() -> None:
    good = WithdrawalRequest(municipal_id="SOT-1", reason_code="other", reason="Väärä päivä.")
    bad = WithdrawalRequest(
        municipal_id="SOT-240587-921N", reason_code="other", reason="Koski\n240587-921n:ää."
    )

    assert examine_withdrawal(good) == ()
    assert [(fault.pointer, fault.code) for fault in examine_withdrawal(bad)] == [
        ("/municipal_id", "text_holds_identity_code"),
        ("/reason", "text_holds_identity_code"),
    ]
