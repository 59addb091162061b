import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from kuntavayla_sandbox.case_systems.information.store import SentItem
from kuntavayla_sandbox.demo.told import NOTHING_ARRANGED, Arranged, Told, WeekChecker
from kuntavayla_sandbox.te_office.store import HeldItem

CLIENT = "0177ec61-3ab9-7893-923f-0824128b2f33"
DOCUMENT: dict[str, Any] = {
    "municipal_id": "SOT-1",
    "client_id": CLIENT,
    "municipality_code": "765",
    "kind": "SERVICE_STARTED",
    "period": {"starts_on": "2021-03-01", "ends_on": "2021-03-01"},
    "facts": {"service_code": "20", "started_on": "2021-03-01", "planned_ends_on": None},
    "hearing": {"state": "not_needed", "requested_at": None, "due_on": None, "answered_at": None},
    "occurred_at": "2021-03-01T10:00:00+02:00",
    "known_at": "2021-03-01T10:30:00+02:00",
    "author": {"official_id": "u-1", "role": "caseworker"},
    "attachments": [],
    "replaces": None,
}


def digest_of(body: str) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}:"


def body_of(number: int, **changes: object) -> str:
    body = {
        "information_id": f"id-{number}",
        "sequence": number,
        "kind": "SERVICE_STARTED",
        "action": "new",
        "replaces_information_id": None,
        "client": {"client_id": CLIENT, "source_system": "ura", "client_number": "1"},
        "municipality_code": "765",
        "period": {"starts_on": "2021-03-01", "ends_on": "2021-03-01"},
        "facts": {"service_code": "20", "started_on": "2021-03-01"},
        "hearing": {"state": "not_needed"},
        "occurred_at": "2021-03-01T08:00:00Z",
        "known_at": "2021-03-01T08:30:00Z",
        "attachments": [],
    }
    return json.dumps(body | changes)


def held(number: int, **changes: object) -> HeldItem:
    body = body_of(number, **changes)
    return HeldItem(
        position=number,
        information_id=f"id-{number}",
        client_id=CLIENT,
        sequence=number,
        kind="SERVICE_STARTED",
        action="new",
        replaces_information_id=None,
        digest=digest_of(body),
        receipt_id=f"receipt-{number}",
        received_at=datetime(2021, 3, 1, 9, tzinfo=UTC),
        state="held",
        rejection_code=None,
        repeats=0,
        body=body,
    )


def sent(number: int, **changes: Any) -> SentItem:  # noqa: ANN401 - fields of the item
    digest = digest_of(body_of(number))
    item = SentItem(
        ordinal=number,
        municipal_id=f"SOT-{number}",
        client_id=CLIENT,
        kind="SERVICE_STARTED",
        action="new",
        replaces_municipal_id=None,
        document=json.dumps(DOCUMENT | {"municipal_id": f"SOT-{number}"}),
        state="answered",
        information_id=f"id-{number}",
        answered_place=number,
        accepted_state="accepted",
        receiver_id="te-kainuu",
        digest=digest,
        problem_code=None,
        outcome="delivered",
        outcome_code=None,
        receipt_id=f"receipt-{number}",
        receipt_digest=digest,
        is_delayed=False,
        is_overdue=False,
    )
    return replace(item, **changes)


def told_of(
    items: list[SentItem],
    holdings: dict[str, list[HeldItem]],
    *,
    arranged: Arranged = NOTHING_ARRANGED,
) -> Told:
    checker = WeekChecker(arranged)
    checker.read_sent(items)
    for receiver_id, there in holdings.items():
        checker.read_held(receiver_id, there)
    return checker.finish()


def amiss(items: list[SentItem], holdings: dict[str, list[HeldItem]]) -> set[str]:
    return {unlike.what for unlike in told_of(items, holdings).shown}


def test_a_week_that_arrived_is_right_with_every_proof() -> None:
    told = told_of([sent(1), sent(2)], {"te-kainuu": [held(1), held(2)]})

    assert told.is_right
    assert told.is_settled
    assert (told.proofs, told.held, told.clients, dict(told.standing)) == (
        2,
        2,
        1,
        {"delivered": 2},
    )


def test_what_is_lost_doubled_strange_or_elsewhere_is_found() -> None:
    assert amiss([sent(1)], {"te-kainuu": []}) == {"item"}
    assert amiss([sent(1)], {"te-kainuu": [held(1)], "te-lappi": [held(1)]}) >= {"item", "receiver"}
    assert amiss([], {"te-kainuu": [held(1)]}) == {"item"}
    assert amiss([sent(1)], {"te-lappi": [held(1)]}) == {"receiver"}


def test_a_client_out_of_order_is_found_and_another_client_between_is_not() -> None:
    crossed = [held(2), held(1)]
    other = replace(held(1), client_id="another")

    assert amiss([sent(1), sent(2)], {"te-kainuu": crossed}) == {"order of a client"}
    assert "order of a client" not in amiss([sent(1), sent(2)], {"te-kainuu": [held(2), other]})


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("facts", {"facts": {"service_code": "21", "started_on": "2021-03-01"}}),
        ("kind", {"kind": "SERVICE_ENDED"}),
        ("municipality_code", {"municipality_code": "205"}),
        ("period", {"period": {"starts_on": "2021-03-01", "ends_on": None}}),
        ("occurred_at", {"occurred_at": "2021-03-01T08:00:01Z"}),
        ("hearing", {"hearing": {"state": "requested"}}),
        ("action", {"action": "correct"}),
        ("item replaced", {"replaces_information_id": "id-7"}),
        ("client", {"client": {"client_id": "another"}}),
    ],
)
def test_content_that_changed_on_the_way_is_found(what: str, changes: dict[str, object]) -> None:
    there = held(1, **changes)
    item = sent(1, digest=there.digest, receipt_digest=there.digest)

    assert amiss([item], {"te-kainuu": [there]}) == {what}


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("digest told at acceptance", {"digest": digest_of("other")}),
        ("digest of the proof", {"receipt_digest": digest_of("other")}),
        ("receipt of the proof", {"receipt_id": "another"}),
    ],
)
def test_a_proof_that_proves_nothing_is_found(what: str, changes: dict[str, str]) -> None:
    told = told_of([sent(1, **changes)], {"te-kainuu": [held(1)]})

    assert ({unlike.what for unlike in told.shown}, told.proofs) == ({what}, 0)


def test_bytes_that_are_not_those_of_the_receipt_are_found() -> None:
    there = replace(held(1), digest=digest_of("other"))

    assert amiss([sent(1)], {"te-kainuu": [there]}) == {"digest of the bytes held"}


def test_an_item_withdrawn_before_it_was_sent_on_is_held_by_nobody() -> None:
    withdrawal = sent(
        2,
        action="withdraw",
        replaces_municipal_id="SOT-1",
        accepted_state="withdrawn",
        outcome=None,
    )
    told = told_of([sent(1, outcome="withdrawn"), withdrawal], {"te-kainuu": []})

    assert (told.is_right, dict(told.standing)) == (True, {"withdrawn": 2})
    assert amiss([sent(1, outcome="withdrawn"), withdrawal], {"te-kainuu": [held(1)]}) == {"item"}


def test_a_withdrawal_that_was_sent_on_holds_what_it_withdraws() -> None:
    reason = json.dumps({"municipal_id": "SOT-2", "reason_code": "other", "reason": "Virhe."})
    there = held(2, action="withdraw", replaces_information_id="id-1")
    withdrawal = sent(
        2,
        action="withdraw",
        replaces_municipal_id="SOT-1",
        document=reason,
        digest=there.digest,
        receipt_digest=there.digest,
    )

    assert told_of([sent(1), withdrawal], {"te-kainuu": [held(1), there]}).is_right


def test_what_waits_or_was_refused_is_told_as_such() -> None:
    waiting = told_of([sent(1, outcome=None)], {"te-kainuu": []})
    refused = told_of([sent(1, state="refused", problem_code="invalid_content")], {})

    assert (waiting.is_right, waiting.is_settled) == (True, False)
    assert [unlike.found for unlike in refused.shown] == ["invalid_content"]


def amiss_of(told: Told) -> list[tuple[str, str, str]]:
    return [(unlike.what, unlike.expected, unlike.found) for unlike in told.shown]


REJECTING = Arranged(rejected_kinds={"te-kainuu": frozenset({"SERVICE_STARTED"})})


def test_what_a_receiver_was_told_to_reject_is_rightly_rejected_and_the_rest_is_not() -> None:
    rejected = sent(1, outcome="rejected", outcome_code="rejected")

    assert amiss_of(told_of([rejected], {}, arranged=REJECTING)) == []
    assert amiss_of(told_of([rejected], {})) == [("what became of it", "delivered", "rejected")]


def test_what_had_to_be_rejected_and_is_told_as_delivered_is_found() -> None:
    there = told_of([sent(1)], {"te-kainuu": [held(1)]}, arranged=REJECTING)

    assert amiss_of(there) == [("what became of it", "rejected", "delivered")]


@pytest.mark.parametrize(
    "arranged",
    [
        Arranged(rejected_kinds={"te-lappi": frozenset({"SERVICE_STARTED"})}),
        Arranged(rejected_kinds={"te-kainuu": frozenset({"SERVICE_ENDED"})}),
    ],
)
def test_another_receiver_or_kind_that_is_rejected_is_no_excuse(arranged: Arranged) -> None:
    told = told_of([sent(1, outcome="rejected")], {}, arranged=arranged)

    assert [unlike.what for unlike in told.shown] == ["what became of it"]


@pytest.mark.parametrize(
    ("claimed", "found"),
    [
        ({"accepted_state": "not_relayed", "outcome": None}, "not_relayed"),
        ({"accepted_state": "withdrawn", "outcome": None}, "withdrawn"),
        ({"outcome": "withdrawn"}, "withdrawn"),
        ({"outcome": "rejected", "outcome_code": "original_rejected"}, "original_rejected"),
        ({"outcome": "refused", "outcome_code": "client_unknown"}, "client_unknown"),
        ({"state": "refused", "problem_code": "information_ended"}, "information_ended"),
    ],
)
def test_an_item_that_had_to_be_delivered_and_is_claimed_to_have_ended_is_found(
    claimed: dict[str, str | None], found: str
) -> None:
    told = told_of([sent(1, **claimed)], {"te-kainuu": []})

    assert amiss_of(told) == [("what became of it", "delivered", found)]


def of_october(**changes: object) -> SentItem:
    document = DOCUMENT | {
        "municipal_id": "SOT-1",
        "kind": "EMPLOYMENT_STARTED",
        "occurred_at": "2021-10-02T00:00:00+03:00",
        **changes,
    }
    return sent(
        1,
        kind=document["kind"],
        document=json.dumps(document),
        accepted_state="not_relayed",
        outcome=None,
    )


def test_what_the_municipality_decides_itself_is_rightly_sent_to_nobody() -> None:
    before = of_october(occurred_at="2021-10-01T23:59:59+03:00")
    another = of_october(kind="SERVICE_STARTED")

    assert amiss_of(told_of([of_october()], {})) == []
    for item in (before, another):
        assert amiss_of(told_of([item], {})) == [("what became of it", "delivered", "not_relayed")]


def test_what_the_municipality_decides_itself_and_somebody_holds_is_found() -> None:
    told = told_of([of_october()], {"te-kainuu": [held(1)]})

    assert ("item", "not_relayed", "held") in amiss_of(told)


def test_what_was_wrong_on_purpose_has_to_be_refused() -> None:
    flawed = Arranged(flawed=frozenset({"SOT-1"}))
    refused = sent(1, state="refused", problem_code="invalid_content")

    assert amiss_of(told_of([refused], {}, arranged=flawed)) == []
    assert amiss_of(told_of([sent(1)], {"te-kainuu": [held(1)]}, arranged=flawed)) == [
        ("what became of it", "refused", "delivered")
    ]


def test_a_withdrawn_item_that_somebody_holds_is_found() -> None:
    withdrawal = sent(2, action="withdraw", replaces_municipal_id="SOT-1", outcome="withdrawn")

    told = told_of([sent(1, outcome="withdrawn"), withdrawal], {"te-kainuu": [held(1)]})

    assert amiss_of(told) == [("item", "withdrawn", "held")]


def test_an_item_at_an_office_that_the_register_does_not_name_is_found_whatever_was_answered() -> (
    None
):
    item = sent(1, receiver_id="te-lappi")

    assert amiss_of(told_of([item], {"te-lappi": [held(1)]})) == [
        ("receiver", "te-kainuu", "te-lappi")
    ]


def test_what_would_change_an_item_that_its_receiver_rejected_is_rightly_refused() -> None:
    late = sent(
        2,
        state="refused",
        action="withdraw",
        replaces_municipal_id=sent(1).municipal_id,
        problem_code="information_ended",
    )

    rejected = told_of([sent(1, outcome="rejected"), late], {}, arranged=REJECTING)
    waiting = told_of([sent(1, outcome=None), late], {})

    assert (rejected.differences, rejected.standing["refused"]) == (0, 1)
    assert [unlike.found for unlike in waiting.shown] == ["information_ended"]
