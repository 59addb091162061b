from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from httpx import Response

from statement_relay.rules.digests import digest_of
from tests.statement_relay.clients import a_responsibility
from tests.statement_relay.deliveries import RECEIVER, Post, Queued, put_ids
from tests.statement_relay.misbehaving import Server
from tests.statement_relay.service import Relay

SCOPES = ("reconciliations.write", "reconciliations.read")
OPERATOR = {"official_id": "op-1", "role": "operator"}
UNKNOWN_ID = "01786408-ce50-7160-8999-50d836f675cc"
OTHER = digest_of(b"other bytes")
DAY = "2021-03-24"
TRUSTED = ("deliveries.write", "events.restricted")


def line(item: Queued, *, digest: str | None = None) -> dict[str, str]:
    return {"information_id": item.information_id, "digest": digest or digest_of(item.body)}


async def reconcile(
    relay: Relay,
    lines: Sequence[Any],
    *,
    scopes: Sequence[str] = SCOPES,
    **changes: Any,  # noqa: ANN401 - a parameter of the call
) -> Response:
    relay.end_day()
    return await relay.caller("te-kainuu", *scopes).post(
        "/reconciliations",
        b"".join(msgspec.json.encode(one) + b"\n" for one in lines),
        params={"day": DAY, "count": len(lines), **changes},
        headers={"Content-Type": "application/x-ndjson"},
    )


async def resend(
    relay: Relay,
    *,
    count: int,
    receiver_id: str = "te-kainuu",
    scopes: Sequence[str] = ("deliveries.write",),
) -> Response:
    body = {
        "receiver_id": receiver_id,
        "expected_count": count,
        "reason": "The receiver was restored from a backup.",
        "acting_official": OPERATOR,
    }
    operator = relay.caller("operator", *scopes)
    return await operator.post(f"/reconciliations/{DAY}:resend", body)


async def delivered(post: Post, items: Sequence[Queued]) -> None:
    async with post.courier():
        await post.until_settled(items)


def told(answer: Response) -> list[tuple[str, str, str]]:
    assert answer.status_code == 200, answer.text
    return [
        (each["kind"], each["information_id"], each["repaired_by"])
        for each in answer.json()["differences"]
    ]


async def test_lists_that_are_alike_are_equal(relay: Relay, post: Post, receiver: Server) -> None:
    items = [await post.enqueue() for _ in range(3)]
    await delivered(post, items)

    answer = await reconcile(relay, [line(item) for item in items])

    result = answer.json()
    assert (result["is_equal"], result["your_count"], result["our_count"]) == (True, 3, 3)
    assert told(answer) == []
    assert len(receiver.heard) == 3


async def test_each_difference_is_told_with_what_repairs_it(
    relay: Relay, post: Post, receiver: Server
) -> None:
    lost, changed, kept = [await post.enqueue() for _ in range(3)]
    await delivered(post, [lost, changed, kept])
    waiting = await post.enqueue()
    unknown = {"information_id": UNKNOWN_ID, "digest": OTHER}

    answer = await reconcile(
        relay, [line(kept), line(changed, digest=OTHER), line(waiting), unknown]
    )

    assert told(answer) == [
        ("digest_differs", changed.information_id, "operator"),
        ("missing", lost.information_id, "resend"),
        ("unknown", UNKNOWN_ID, "te_office"),
        ("unproven", waiting.information_id, "relay"),
    ]
    result = answer.json()
    assert (result["is_equal"], result["missing"], result["other_day"]) == (False, 1, 0)
    assert len(receiver.heard) == 3


async def test_an_item_of_another_day_is_told_as_such(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    await delivered(post, [item])

    answer = await reconcile(relay, [line(item)], day="2021-03-25")

    assert told(answer) == [("other_day", item.information_id, "te_office")]
    assert put_ids(receiver) == [item.information_id]


async def test_what_a_receiver_lost_is_sent_again_with_the_very_bytes(
    relay: Relay, post: Post, receiver: Server
) -> None:
    client_id = post.new_id()
    first, second = [await post.enqueue(client_id=client_id) for _ in range(2)]
    await delivered(post, [first, second])
    await reconcile(relay, [])

    refused = await resend(relay, count=1)
    answer = await resend(relay, count=2)
    again = await resend(relay, count=2)
    await delivered(post, [first, second])

    assert (refused.status_code, refused.json()["code"]) == (409, "delivery_count_differs")
    assert (answer.json(), again.json()) == ({"handled": 2}, {"handled": 2})
    assert put_ids(receiver) == [item.information_id for item in (first, second)] * 2
    assert [heard.body for heard in receiver.heard] == [first.body, second.body] * 2
    assert await post.state_of(first) == ("delivered", None)
    equal = await reconcile(relay, [line(first), line(second)])
    assert equal.json()["is_equal"] is True
    rows = await post.rows("SELECT resource_id::text FROM audit WHERE action = 'delivery.resent'")
    assert sorted(row["resource_id"] for row in rows) == [
        first.information_id,
        second.information_id,
    ]


async def test_nothing_is_sent_again_for_a_day_without_a_list(relay: Relay) -> None:
    refused = await resend(relay, count=1)

    assert (refused.status_code, refused.json()["code"]) == (404, "reconciliation_not_found")


async def test_a_restricted_client_is_compared_only_for_a_token_with_its_scope(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await post.enqueue(is_restricted=True)
    await delivered(post, [item])

    whole = await reconcile(relay, [line(item)])
    plain = await reconcile(relay, [])
    trusted = await reconcile(relay, [], scopes=(*SCOPES, "events.restricted"))
    listed = await relay.caller("te-kainuu", *SCOPES).get(f"/reconciliations/{DAY}")

    assert told(whole) == told(plain) == []
    assert told(trusted) == [("missing", item.information_id, "resend")]
    assert listed.json()["items"][0]["differences"] == []
    assert len(receiver.heard) == 1


async def test_the_results_of_a_day_are_listed(relay: Relay, post: Post, receiver: Server) -> None:
    item = await post.enqueue()
    await delivered(post, [item])
    await reconcile(relay, [])
    await reconcile(relay, [line(item)])

    operator = relay.caller("operator", "reconciliations.read")
    of_all = await operator.get(f"/reconciliations/{DAY}")
    of_one = await operator.get(f"/reconciliations/{DAY}", params={"organisation": "te-kainuu"})
    others = await relay.caller("te-lappi", *SCOPES).get(f"/reconciliations/{DAY}")

    [result] = of_all.json()["items"]
    assert (result["receiver_id"], result["is_equal"]) == ("te-kainuu", True)
    assert "differences" not in result
    assert of_one.json()["items"][0]["differences"] == []
    assert others.json()["items"] == []
    assert len(receiver.heard) == 1


async def test_a_partial_list_never_takes_the_place_of_a_whole_one(
    relay: Relay, post: Post, receiver: Server
) -> None:
    plain, restricted = await post.enqueue(), await post.enqueue(is_restricted=True)
    await delivered(post, [plain, restricted])
    trusted = (*SCOPES, "events.restricted")

    first = await reconcile(relay, [line(plain)])
    whole = await reconcile(relay, [line(plain)], scopes=trusted)
    second = await reconcile(relay, [line(plain)])
    kept = await relay.caller("te-kainuu", *trusted).get(f"/reconciliations/{DAY}")

    assert [one.json()["is_partial"] for one in (first, whole, second)] == [True, False, True]
    assert [one.json()["is_equal"] for one in (first, whole, second)] == [True, False, True]
    [result] = kept.json()["items"]
    assert (result["is_partial"], result["missing"]) == (False, 1)
    assert result["reconciled_at"] == whole.json()["reconciled_at"]
    assert (await resend(relay, count=1, scopes=TRUSTED)).json() == {"handled": 1}
    assert len(receiver.heard) == 2


async def test_without_the_scope_restricted_clients_are_not_counted_nor_sent_again(
    relay: Relay, post: Post, receiver: Server
) -> None:
    plain, restricted, banned = (
        await post.enqueue(),
        await post.enqueue(is_restricted=True),
        await post.enqueue(),
    )
    await delivered(post, [plain, restricted, banned])
    await reconcile(relay, [], scopes=(*SCOPES, "events.restricted"))
    await relay.learn(a_responsibility(client_id=banned.client_id, is_restricted=True))
    operator = relay.caller("operator", "reconciliations.read")

    of_all = await operator.get(f"/reconciliations/{DAY}")
    of_one = await operator.get(f"/reconciliations/{DAY}", params={"organisation": "te-kainuu"})
    refused = await resend(relay, count=3)
    sent = await resend(relay, count=1)
    rest = await resend(relay, count=3, scopes=TRUSTED)

    for answered in (of_all, of_one):
        [result] = answered.json()["items"]
        assert (result["missing"], result["is_partial"]) == (1, True)
    [listed] = of_one.json()["items"]
    assert [each["information_id"] for each in listed["differences"]] == [plain.information_id]
    assert (refused.status_code, refused.json()["code"]) == (409, "delivery_count_differs")
    assert (sent.json(), rest.json()) == ({"handled": 1}, {"handled": 3})
    notes = await post.rows("SELECT information_id::text FROM delivery_notes")
    assert sorted(row["information_id"] for row in notes) == sorted(
        item.information_id for item in (plain, restricted, banned)
    )
    assert len(receiver.heard) == 3


async def test_a_whole_list_takes_the_place_of_a_partial_one(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await post.enqueue(is_restricted=True)
    await delivered(post, [item])

    await reconcile(relay, [])
    await reconcile(relay, [], scopes=(*SCOPES, "events.restricted"))

    [row] = await post.rows("SELECT is_partial, our_count FROM reconciliations")
    assert tuple(row) == (False, 1)
    assert len(receiver.heard) == 1


@pytest.mark.parametrize(
    ("lines", "changes", "fault"),
    [
        ([], {"count": 1}, "/query/count count_differs"),
        ([{"information_id": UNKNOWN_ID}], {}, "/lines/1/digest required_field_missing"),
        ([{"information_id": "1", "digest": OTHER}], {}, "/lines/1/information_id id_malformed"),
        (
            [{"information_id": UNKNOWN_ID, "digest": OTHER}] * 2,
            {},
            "/lines/2/information_id information_repeated",
        ),
        ([], {"day": "0001-01-01"}, "/query/day day_out_of_bounds"),
        ([], {"day": "9999-12-31"}, "/query/day day_out_of_bounds"),
    ],
    ids=str,
)
async def test_a_list_with_a_fault_is_not_compared(
    relay: Relay, lines: list[Any], changes: dict[str, Any], *, fault: str
) -> None:
    refused = await reconcile(relay, lines, **changes)

    assert refused.status_code == 422
    assert [f"{one['pointer']} {one['code']}" for one in refused.json()["errors"]] == [fault]
    assert await relay.count("reconciliations") == 0


async def test_a_national_centre_reconciles_what_itself_took(
    relay: Relay, post: Post, receiver: Server
) -> None:
    post.endpoints["te-national"] = post.endpoints[RECEIVER]
    own, others = await post.enqueue(receiver_id="te-national"), await post.enqueue()
    await delivered(post, [own, others])
    relay.end_day()
    centre = relay.caller("te-national", *SCOPES)

    answer = await centre.post(
        "/reconciliations",
        msgspec.json.encode(line(own)),
        params={"day": DAY, "count": 1},
        headers={"Content-Type": "application/x-ndjson"},
    )
    listed = await centre.get(f"/reconciliations/{DAY}")

    result = answer.json()
    assert (result["receiver_id"], result["is_equal"], result["our_count"]) == (
        "te-national",
        True,
        1,
    )
    assert [one["receiver_id"] for one in listed.json()["items"]] == ["te-national"]
    assert len(receiver.heard) == 2


@pytest.mark.parametrize("day", ["2021-03-24", "2021-03-25", "2030-01-01"])
async def test_a_list_of_a_day_that_is_not_over_is_not_compared(
    relay: Relay, post: Post, receiver: Server, *, day: str
) -> None:
    item = await post.enqueue()
    await delivered(post, [item])

    refused = await relay.caller("te-kainuu", *SCOPES).post(
        "/reconciliations",
        b"",
        params={"day": day, "count": 0},
        headers={"Content-Type": "application/x-ndjson"},
    )

    assert refused.status_code == 422
    [fault] = refused.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/query/day", "day_not_over")
    assert await relay.count("reconciliations") == 0
    assert len(receiver.heard) == 1


async def test_only_receivers_send_lists_and_only_the_operator_repairs(relay: Relay) -> None:
    by_system = await relay.caller("cs-sotkamo", *SCOPES).post(
        "/reconciliations",
        b"",
        params={"day": DAY, "count": 0},
        headers={"Content-Type": "application/x-ndjson"},
    )
    by_office = await relay.caller("te-kainuu", "deliveries.write").post(
        f"/reconciliations/{DAY}:resend",
        {"receiver_id": "te-kainuu", "expected_count": 1, "reason": "…"},
    )

    for refused in (by_system, by_office):
        assert (refused.status_code, refused.json()["code"]) == (403, "caller_kind_refused")
