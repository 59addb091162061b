from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
import pytest

from kuntavayla_sandbox.conformance.samples import bytes_of, digest_of, draw_id
from tests.sandbox.te_office_bench import (
    NEIGHBOUR,
    OPENING,
    RECEIVER,
    Bench,
    running_bench,
    te_office_database,
)


@pytest.fixture(scope="module")
async def running(server_url: str) -> AsyncIterator[Bench]:
    async with te_office_database(server_url) as url, running_bench(url) as bench:
        yield bench


@pytest.fixture
async def bench(running: Bench) -> AsyncIterator[Bench]:
    """The receivers at rest; a test leaves them so."""
    await running.set_knobs()
    await running.set_knobs(NEIGHBOUR)
    yield running
    await running.set_knobs()


async def test_an_item_is_taken_once_and_every_repeat_gets_its_receipt(bench: Bench) -> None:
    item = bench.samples.new()

    first, again = await bench.put(item), await bench.put(item)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["digest"] == digest_of(bytes_of(item))
    [held] = [each for each in await bench.held() if each["information_id"] == item_id(item)]
    assert (held["repeats"], held["state"], held["body"]) == (1, "held", None)


async def test_what_is_held_is_told_in_the_order_of_reception_with_its_bytes(bench: Bench) -> None:
    items = [bench.samples.new() for _ in range(3)]
    for item in items:
        await bench.put(item)

    held = await bench.held(bodies="true")

    assert [each["information_id"] for each in held][-3:] == [item_id(item) for item in items]
    assert held[-1]["body"].encode() == bytes_of(items[-1])
    assert [each["sequence"] for each in held][-3:] == [item["sequence"] for item in items]


async def test_the_same_receiver_is_reached_by_the_names_of_x_road(bench: Bench) -> None:
    item = bench.samples.new()
    by_x_road = f"r1/FI-TEST/GOV/0000002-7/te-offices/{RECEIVER}"

    first = await bench.put(item, receiver_id=by_x_road)
    again = await bench.put(item)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


async def test_receivers_hold_their_own(bench: Bench) -> None:
    item = bench.samples.new()

    await bench.put(item, receiver_id=NEIGHBOUR)

    assert item_id(item) in {each["information_id"] for each in await bench.held(NEIGHBOUR)}
    assert item_id(item) not in {each["information_id"] for each in await bench.held()}
    assert (await bench.put(item, receiver_id="te-nowhere")).status_code == 404


@pytest.mark.parametrize("name", ["cs-sotkamo", RECEIVER])
async def test_only_the_relay_delivers(bench: Bench, name: str) -> None:
    token = f"Bearer {bench.tokens[name]}"

    answer = await bench.put(bench.samples.new(), Authorization=token)

    assert (answer.status_code, answer.json()["code"]) == (403, "sender_unknown")


async def test_what_was_taken_survives_the_process(bench: Bench) -> None:
    item = bench.samples.new()
    first = await bench.put(item)

    async with running_bench(bench.database_url) as successor:
        again = await successor.put(item)

    assert (again.status_code, again.json()) == (200, first.json())


async def test_knobs_survive_the_process(bench: Bench) -> None:
    await bench.set_knobs(error_per_mille=1_000, error_status=429, error_retry_after="7")

    async with running_bench(bench.database_url) as successor:
        answer = await successor.put(bench.samples.new())

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize(
    "knobs",
    [{"latency_ms": -1}, {"error_per_mille": 1_001}, {"no_such_knob": 1}, {"answer": "never"}],
)
async def test_knobs_that_do_not_exist_are_refused(bench: Bench, knobs: dict[str, object]) -> None:
    answer = await bench.client.put(f"{bench.url}/knobs/{RECEIVER}", json=knobs)

    assert answer.status_code == 422
    assert (await bench.put(bench.samples.new())).status_code == 201


async def test_a_receiver_that_is_away_cuts_the_connection(bench: Bench) -> None:
    await bench.set_knobs(is_away=True)

    with pytest.raises(httpx.TransportError):
        await bench.put(bench.samples.new())

    assert (await bench.put(bench.samples.new(), receiver_id=NEIGHBOUR)).status_code == 201


async def test_errors_come_evenly(bench: Bench) -> None:
    await bench.set_knobs(error_per_mille=250, error_status=500, error_x_road="Server.NetworkError")

    answers = [await bench.put(bench.samples.new()) for _ in range(8)]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 500] * 2
    assert answers[3].headers["X-Road-Error"] == "Server.NetworkError"


async def test_an_error_after_storing_leaves_the_item_held(bench: Bench) -> None:
    item = bench.samples.new()
    await bench.set_knobs(error_per_mille=1_000, error_status=500, error_after_storing=True)
    failed = await bench.put(item)
    await bench.set_knobs()

    again = await bench.put(item)

    assert (failed.status_code, again.status_code) == (500, 200)


@pytest.mark.parametrize(
    ("answer", "status", "media_type"),
    [
        ("no_receipt", 201, "application/json"),
        ("other_digest", 201, "application/json"),
        ("html", 200, "text/html; charset=utf-8"),
        ("redirect", 307, None),
        ("big_body", 201, "application/json"),
        ("receipt_follows", 202, "application/json"),
    ],
)
async def test_faithless_answers_are_given_as_asked(
    bench: Bench, answer: str, *, status: int, media_type: str | None
) -> None:
    item = bench.samples.new()
    await bench.set_knobs(answer=answer)

    given = await bench.put(item)

    assert (given.status_code, given.headers.get("content-type")) == (status, media_type)
    if media_type == "application/json":
        assert given.json().get("digest") != digest_of(bytes_of(item)) or len(given.content) > 10**7


async def test_an_answer_may_be_cut_off(bench: Bench) -> None:
    await bench.set_knobs(answer="cut_off")

    with pytest.raises(httpx.RemoteProtocolError):
        await bench.put(bench.samples.new())


async def test_an_answer_may_come_byte_by_byte(bench: Bench) -> None:
    await bench.set_knobs(slow_byte_ms=1)

    answer = await bench.put(bench.samples.new())

    assert answer.elapsed > timedelta(milliseconds=len(answer.content))


async def test_an_answer_may_never_come(bench: Bench) -> None:
    await bench.set_knobs(is_silent=True)

    with pytest.raises(httpx.ReadTimeout):
        await bench.client.put(
            f"{bench.receiver_url}/statement-information/{draw_id()}", timeout=0.2
        )


async def test_the_clock_of_a_receiver_may_be_off(bench: Bench) -> None:
    await bench.set_knobs(clock_skew_s=-86_400)

    answer = await bench.put(bench.samples.new())

    received_at = datetime.fromisoformat(answer.json()["received_at"])
    assert received_at < OPENING - timedelta(hours=23)


async def test_a_day_lists_what_was_taken_for_good(bench: Bench) -> None:
    await bench.set_knobs(answer="receipt_follows")
    waiting = bench.samples.new()
    await bench.put(waiting)
    await bench.set_knobs(rejected_kinds={"RESIGNATION": "content_invalid"})
    rejected = await bench.put(bench.samples.new(kind="RESIGNATION"))
    taken = bench.samples.new()
    receipt = (await bench.put(taken)).json()

    listed = {
        each["information_id"]: each for each in (await bench.day("2021-03-24")).json()["items"]
    }

    assert (rejected.status_code, rejected.json()["code"]) == (422, "content_invalid")
    assert listed[item_id(taken)] == {"information_id": item_id(taken), **receipt}
    assert item_id(waiting) not in listed
    assert (await bench.day("2021-03-25")).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": "0"}, 400),
        ({"limit": "1001"}, 400),
        ({"after": "x"}, 400),
        ({"after": "9" * 19}, 400),
    ],
)
async def test_questions_without_bounds_are_refused(
    bench: Bench, query: dict[str, str], status: int
) -> None:
    held = await bench.client.get(f"{bench.url}/held/{RECEIVER}", params=query)
    day = await bench.day("2021-03-24", **query)

    assert (held.status_code, day.status_code) == (status, status)


async def test_the_status_counts_items_repeats_and_answers(bench: Bench) -> None:
    item = bench.samples.new()
    before = await counts(bench)
    for _ in range(3):
        await bench.put(item, receiver_id=NEIGHBOUR)

    after = await counts(bench)

    assert after["held"] - before["held"] == 1
    assert after["repeats"] - before["repeats"] == 2
    assert after["answered"] - before["answered"] == 3


async def counts(bench: Bench) -> dict[str, int]:
    status = (await bench.client.get(f"{bench.url}/status")).json()
    [entry] = [each for each in status["receivers"] if each["receiver_id"] == NEIGHBOUR]
    return {
        "held": entry["items"].get("held", 0),
        "repeats": entry["repeats"],
        "answered": sum(entry["answered"].values()),
    }


def item_id(item: dict[str, object]) -> str:
    return str(item["information_id"])
