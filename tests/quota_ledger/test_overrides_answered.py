"""Overrides answered by ELY centres, and read by those concerned."""

import asyncio
from datetime import timedelta

import pytest

from kuntavayla.testing import TestDatabase
from tests.quota_ledger.acts import act, acted
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import (
    COST,
    OFFICIAL,
    a_decision,
    decided,
    give,
    sender,
)
from tests.quota_ledger.decision_books import all_faults_of
from tests.quota_ledger.exceptions import (
    ELY_OFFICIAL,
    FREE,
    LACKING,
    SCOPES,
    a_short_one,
    an_approved,
    an_override,
    answer_to,
    area,
    ask,
    asked,
    ely,
    limits_of,
    standing,
    told_of,
)
from tests.quota_ledger.responsibles import CLIENT, responsible
from tests.quota_ledger.service import Ledger, running_ledger
from tests.served import Json

NOBODY = "0177ec61-3ab9-7893-923f-000000000999"


@pytest.mark.parametrize(
    ("organisation", "official", "status", "code"),
    [
        ("cs-sotkamo", OFFICIAL, 403, "caller_kind_refused"),
        ("operator", {"official_id": "op-1", "role": "decider"}, 403, "caller_kind_refused"),
        ("tem", {"official_id": "tem:u-1", "role": "decider"}, 403, "caller_kind_refused"),
        ("ely-04", {"official_id": "ely-04:u-1", "role": "decider"}, 404, "override_not_found"),
        ("ely-14", {**ELY_OFFICIAL, "role": "caseworker"}, 403, "official_role_refused"),
        ("ely-14", {**OFFICIAL, "municipality_code": None}, 403, "override_needs_another"),
        (
            "ely-14",
            {"official_id": "SOTKAMO:U-1007", "role": "decider"},
            403,
            "override_needs_another",
        ),
    ],
)
@pytest.mark.parametrize("action", ["approve", "refuse"])
async def test_only_another_decider_of_the_areas_centre_answers(
    ledger: Ledger, *, action: str, organisation: str, official: Json, status: int, code: str
) -> None:
    made = await asked(ledger, await a_short_one(ledger))

    answer = await answer_to(
        area(ledger, organisation), made["override_id"], action, acting_official=official
    )

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await standing(ledger, made["override_id"]))[0] == "asked"
    assert await limits_of(ledger) == (FREE, 0, 0, 0)


@pytest.mark.parametrize(
    "official_id", ["sotkamo:u-1007", "SOTKAMO:U-1007"], ids=["the same", "in other letters"]
)
async def test_two_officials_who_are_one_are_no_two(ledger: Ledger, official_id: str) -> None:
    made = await asked(ledger, await a_short_one(ledger))
    official = {"official_id": official_id, "role": "decider"}

    answer = await answer_to(ely(ledger), made["override_id"], acting_official=official)

    assert (answer.status_code, answer.json()["code"]) == (403, "override_needs_another")
    assert (await standing(ledger, made["override_id"]))[0] == "asked"
    assert await limits_of(ledger) == (FREE, 0, 0, 0)


async def test_an_unknown_override_is_not_found(ledger: Ledger) -> None:
    answers = [
        await answer_to(ely(ledger), NOBODY),
        await answer_to(ely(ledger), NOBODY, "refuse"),
        await ely(ledger).get(f"/overrides/{NOBODY}"),
    ]

    assert [one.json()["code"] for one in answers] == ["override_not_found"] * 3


async def test_an_approval_reserves_the_decision_at_once(ledger: Ledger) -> None:
    decision, answer = await an_approved(ledger)

    assert (answer["outcome"], answer["decision_state"]) == ("approved", "reserved")
    assert answer["raised_cents"] == LACKING
    assert await limits_of(ledger) == (FREE, LACKING, COST, 0)
    read = (await area(ledger).get(f"/decisions/{decision['decision_id']}")).json()
    assert (read["outcome"], read["state"], read["version"]) == ("reserved", "reserved", 2)
    assert [step["action"] for step in read["steps"]] == ["refuse", "override"]
    assert [entry["kind"] for entry in read["entries"]] == ["override", "reserve"]
    assert [entry["entry_id"] for entry in read["entries"]] == answer["entry_ids"]
    kinds = [kind for _, kind, _ in await ledger.outbox() if kind.startswith("decision.")]
    assert kinds == ["decision.refused", "decision.reserved"]
    assert await told_of(ledger) == ["override.asked", "override.approved"]
    assert await faults_of(ledger) == []


async def test_what_was_reserved_so_is_granted_as_any_other(ledger: Ledger) -> None:
    decision, _ = await an_approved(ledger)

    granted = await acted(sender(ledger), decision, "grant", version=2)

    assert (granted["state"], granted["committed_cents"]) == ("granted", COST)
    assert await limits_of(ledger) == (FREE, LACKING, 0, COST)


async def test_nobody_else_may_spend_what_was_raised(ledger: Ledger) -> None:
    await an_approved(ledger)

    other = await decided(sender(ledger), a_decision(45))

    assert other["outcome"] == "refused"
    assert other["reasons"][0]["available_cents"] == 0


async def test_more_lacking_than_asked_raises_nothing(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)
    made = await asked(ledger, decision, amount_cents=LACKING - 1)

    answer = await answer_to(ely(ledger), made["override_id"])

    assert (answer.status_code, answer.json()["code"]) == (409, "override_too_small")
    assert answer.json()["facts"] == {"lacking_cents": LACKING, "asked_cents": LACKING - 1}
    assert await limits_of(ledger) == (FREE, 0, 0, 0)
    assert (await standing(ledger, made["override_id"]))[0] == "asked"


async def test_only_what_lacks_on_the_day_is_raised(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)
    made = await asked(ledger, decision)
    await give(ledger, cents=LACKING - 1)

    answer = await answer_to(ely(ledger), made["override_id"])

    assert answer.json()["raised_cents"] == 1
    assert await limits_of(ledger) == (COST - 1, 1, COST, 0)


async def test_where_nothing_lacks_any_more_nothing_is_raised(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)
    made = await asked(ledger, decision)
    await give(ledger, cents=LACKING)

    answer = await answer_to(ely(ledger), made["override_id"])

    assert (answer.json()["raised_cents"], answer.json()["decision_state"]) == (0, "reserved")
    assert await standing(ledger, made["override_id"]) == ("covered", 0, 0, 0, 0)
    assert await limits_of(ledger) == (COST, 0, COST, 0)


async def test_what_payments_took_above_the_limit_is_raised_too(ledger: Ledger) -> None:
    decision = await a_short_one(ledger, cents=100)
    await ledger.execute("UPDATE accounts SET paid_cents = 300, paid_excess_cents = 300")
    made = await asked(ledger, decision, amount_cents=COST + 200)

    answer = await answer_to(ely(ledger), made["override_id"])

    assert answer.json()["raised_cents"] == COST + 200
    assert await limits_of(ledger) == (100, COST + 200, COST, 0)


async def test_a_refusal_leaves_all_as_it_was(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)
    made = await asked(ledger, decision)

    answer = await answer_to(ely(ledger), made["override_id"], "refuse", key="no")
    again = await answer_to(ely(ledger), made["override_id"], "refuse", key="no")
    late = await answer_to(ely(ledger), made["override_id"])

    assert (answer.json()["outcome"], answer.json()["decision_state"]) == ("refused", "refused")
    assert again.json() == answer.json()
    assert (late.status_code, late.json()["code"]) == (409, "override_answered")
    assert late.json()["facts"] == {"state": "refused"}
    assert await limits_of(ledger) == (FREE, 0, 0, 0)
    assert await told_of(ledger) == ["override.asked", "override.refused"]
    second = await ask(area(ledger), an_override(decision))
    assert second.status_code == 201


async def test_an_approval_sent_again_answers_as_the_first_whatever_came_since(
    ledger: Ledger,
) -> None:
    decision = await a_short_one(ledger)
    made = await asked(ledger, decision)

    first = await answer_to(ely(ledger), made["override_id"], key="yes")
    await act(sender(ledger), decision, "cancel", version=2)
    again = await answer_to(ely(ledger), made["override_id"], key="yes")
    other = await answer_to(ely(ledger), made["override_id"], key="yes", reason="Another one")

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_of_two_answers_at_once_one_is_taken(
    ledger: Ledger, ledger_database: TestDatabase
) -> None:
    made = await asked(ledger, await a_short_one(ledger))
    async with running_ledger(ledger_database) as other:
        answers = await asyncio.gather(
            answer_to(ely(ledger), made["override_id"]),
            answer_to(ely(other), made["override_id"]),
            answer_to(ely(ledger), made["override_id"], "refuse"),
            answer_to(ely(other), made["override_id"], "refuse"),
        )

    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    state, raised, *_ = await standing(ledger, made["override_id"])
    expected = (FREE, raised, COST, 0) if state == "approved" else (FREE, 0, 0, 0)
    assert await limits_of(ledger) == expected
    assert await all_faults_of(ledger) == []


async def test_lists_show_each_what_is_theirs(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)
    other = await decided(sender(ledger), a_decision(45))
    first = await asked(ledger, decision)
    ledger.clock.now += timedelta(seconds=1)
    second = await asked(ledger, other)
    await answer_to(ely(ledger), second["override_id"], "refuse")

    async def listed(caller: str, query: str = "") -> list[str]:
        answer = await ledger.caller(caller, *SCOPES).get(f"/overrides{query}")
        assert answer.status_code == 200, answer.text
        return [one["override_id"] for one in answer.json()["items"]]

    both = [first["override_id"], second["override_id"]]
    for caller in ("ely-14", "cs-kajaani", "operator", "tem"):
        assert await listed(caller) == both
    assert await listed("ely-04") == []
    assert await listed("ely-14", "?state=asked") == both[:1]
    assert await listed("ely-14", "?area=kainuu&state=refused") == both[1:]
    page = (await ely(ledger).get("/overrides?limit=1")).json()
    assert await listed("ely-14", f"?after={page['next_cursor']}") == both[1:]
    elsewhere = await ely(ledger).get("/overrides?area=pirkanmaa")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "area_not_yours")
    of_payer = await ledger.caller("keha", *SCOPES).get("/overrides")
    assert (of_payer.status_code, of_payer.json()["code"]) == (403, "caller_kind_refused")


async def test_of_a_restricted_client_is_told_on_the_restricted_feeds_alone(
    ledger: Ledger,
) -> None:
    await ledger.learn(responsible(client_id=CLIENT, is_restricted=True))
    await give(ledger, cents=FREE)
    made = await decided(sender(ledger, "cs-sotkamo", "events.restricted"), a_decision())

    hidden = await ask(area(ledger), an_override(made))
    seen = await ask(area(ledger, "cs-sotkamo", "events.restricted"), an_override(made))
    await answer_to(ely(ledger), seen.json()["override_id"])

    assert (hidden.status_code, hidden.json()["code"]) == (404, "decision_not_found")
    for recipient in ("ely-14", "cs-sotkamo"):
        channels = {
            channel
            for channel, kind, _ in await ledger.outbox(recipient)
            if kind.startswith("override.") or kind == "decision.reserved"
        }
        assert channels == {"restricted"}
    read = await area(ledger).get(f"/overrides/{seen.json()['override_id']}")
    assert read.status_code == 404


async def test_who_asked_and_who_answered_is_on_record(ledger: Ledger) -> None:
    _, answer = await an_approved(ledger)

    lines = await ledger.fetch(
        "SELECT action, organisation, official_id, resource_id::text, client_id::text FROM audit"
        " WHERE action LIKE 'override.%' ORDER BY audit_id"
    )
    override_id = answer["override_id"]
    assert [tuple(line) for line in lines] == [
        ("override.asked", "cs-sotkamo", OFFICIAL["official_id"], override_id, CLIENT),
        ("override.approved", "ely-14", ELY_OFFICIAL["official_id"], override_id, CLIENT),
    ]
