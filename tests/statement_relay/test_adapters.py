import asyncio
import contextlib
import gzip
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from statement_relay.clients.adapters import Adapter, make_adapter
from statement_relay.clients.parcels import Parcel
from statement_relay.rules.answers import Answer, load_answers
from statement_relay.rules.digests import digest_of
from statement_relay.rules.endpoints import Endpoint, XRoadNames
from tests.statement_relay.misbehaving import (
    Behaviour,
    Heard,
    always,
    answer,
    cutting_off,
    cutting_off_within_the_answer,
    dripping,
    endless_body,
    endless_head,
    never,
    receipt_of,
    receiving,
    running,
)

TABLE = load_answers(files("statement_relay") / "data" / "answers.toml")
NOW = datetime(2021, 3, 24, 11, 40, tzinfo=UTC)
Json = Any
ENOUGH_S = 30.0
SHORT_S = 0.4
BODY = b'{"information_id":"01786408-ce50-7160-8999-50d836f675cc","nonce":"AAAAAAAAAAAAAAAAAAAAAA"}'
PARCEL = Parcel(
    information_id="01786408-ce50-7160-8999-50d836f675cc",
    body=BODY,
    digest=digest_of(BODY),
    request_id="7c3f6d1e-58ac-4f83-9a53-0d8bcb5d6e11",
    official_id="sotkamo:u-1042",
)


@contextlib.asynccontextmanager
async def adapter_of(url: str, **more: Json) -> AsyncIterator[Adapter]:
    adapter = make_adapter(Endpoint(url=url, **more), clock=lambda: NOW)
    try:
        yield adapter
    finally:
        await adapter.close()


def code_of(answered: Answer) -> str:
    """Return what an answer means by the table of the service."""
    return TABLE.verdict(answered, digest=PARCEL.digest).code


async def put_to(behaviour: Behaviour, *, timeout_s: float = ENOUGH_S) -> Answer:
    async with running(behaviour) as server, adapter_of(server.url) as adapter:
        return await adapter.put(PARCEL, timeout_s=timeout_s)


async def test_an_item_is_put_with_its_very_bytes_and_the_headers_of_the_contract() -> None:
    async with running(receiving) as server, adapter_of(f"{server.url}/te/") as adapter:
        answered = await adapter.put(PARCEL, timeout_s=ENOUGH_S)
        [heard] = server.heard

    assert (heard.method, heard.body) == ("PUT", BODY)
    assert heard.path == f"/te/statement-information/{PARCEL.information_id}"
    assert heard.headers["content-digest"] == PARCEL.digest
    assert heard.headers["idempotency-key"] == f'"{PARCEL.information_id}"'
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["x-request-id"] == PARCEL.request_id
    assert (answered.status, code_of(answered)) == (201, "delivered")
    assert answered.receipt is not None
    assert (answered.receipt.receipt_id, answered.receipt.digest) == ("R-1", PARCEL.digest)


async def test_over_xroad_the_service_path_and_the_names_of_both_sides_are_told() -> None:
    names = XRoadNames(
        client="FI/GOV/9901111-2/kuntavayla",
        service="FI/GOV/2296962-1/te-services/information/v1",
    )
    hashed = ["X-Road-Request-Hash: aGFzaA=="]

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, receipt_of(heard), headers=hashed))

    async with (
        running(behave) as server,
        adapter_of(server.url, adapter="xroad", xroad=names) as adapter,
    ):
        answered = await adapter.put(PARCEL, timeout_s=ENOUGH_S)
        [heard] = server.heard

    assert heard.path == (
        "/r1/FI/GOV/2296962-1/te-services/information/v1/statement-information/"
        + PARCEL.information_id
    )
    assert heard.headers["x-road-client"] == "FI/GOV/9901111-2/kuntavayla"
    assert heard.headers["x-road-id"] == PARCEL.request_id
    assert heard.headers["x-road-userid"] == "sotkamo:u-1042"
    assert (code_of(answered), answered.request_hash) == ("delivered", "aGFzaA==")


async def test_a_fault_of_the_bus_is_told_from_one_of_the_receiver() -> None:
    fault = b'{"type":"Server.ServerProxy.ServiceFailed","message":"gone","detail":"x"}'
    header = "X-Road-Error: Server.ServerProxy.ServiceFailed"

    of_the_bus = await put_to(always(answer(500, fault, headers=[header])))
    of_the_receiver = await put_to(always(answer(500, fault)))

    assert (of_the_bus.status, code_of(of_the_bus)) == (500, "outcome_unknown")
    assert (of_the_receiver.status, code_of(of_the_receiver)) == (500, "receiver_failed")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(answer(200), "answer_not_json", id="200 without receipt"),
        pytest.param(answer(200, b"{}"), "receipt_missing", id="200 with an empty object"),
        pytest.param(answer(204), "receipt_missing", id="204"),
        pytest.param(answer(201, b'{"receipt_id":'), "answer_not_json", id="half a receipt"),
        pytest.param(answer(200, b"\xff\xfe"), "answer_not_json", id="no UTF-8"),
        pytest.param(answer(200, b"[" * 60_000), "answer_not_json", id="deep nesting"),
        pytest.param(
            answer(200, b"<html>Huoltokatko</html>", media_type="text/html"),
            "answer_not_json",
            id="HTML",
        ),
        pytest.param(
            answer(502, b"<html>Bad gateway</html>", media_type="text/html"),
            "receiver_failed",
            id="HTML of a proxy",
        ),
        pytest.param(answer(200, b"{}", media_type=None), "answer_not_json", id="no media type"),
        pytest.param(answer(200, b" " * 10_485_760), "answer_too_large", id="10 MiB"),
        pytest.param(
            answer(200, gzip.compress(b" " * 10_485_760), headers=["Content-Encoding: gzip"]),
            "answer_too_large",
            id="10 MiB in gzip",
        ),
    ],
)
async def test_what_is_no_receipt_is_taken_for_none(sent: bytes, code: str) -> None:
    answered = await put_to(always(sent))

    assert (code_of(answered), answered.receipt) == (code, None)


async def test_a_receipt_with_another_digest_is_not_taken_for_proof() -> None:
    other = digest_of(b"something else")

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(201, receipt_of(heard, digest=other)))

    answered = await put_to(behave)

    assert code_of(answered) == "receipt_digest_differs"
    assert answered.receipt is not None
    assert answered.receipt.digest == other


@pytest.mark.parametrize(
    "changed",
    [
        {"receipt_id": ""},
        {"receipt_id": "with a space"},
        {"receipt_id": "\u0000"},
        {"receipt_id": "x" * 65},
        {"receipt_id": 7},
        {"received_at": "2021-03-24T11:40:05"},
        {"received_at": "yesterday"},
        {"received_at": "0001-01-01T00:00:00+23:59"},
        {"digest": None},
        {"digest": "md5=:x:"},
    ],
    ids=str,
)
async def test_a_receipt_out_of_form_is_none(changed: dict[str, Json]) -> None:
    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(201, receipt_of(heard, **changed)))

    assert code_of(await put_to(behave)) == "receipt_missing"


async def test_a_receipt_may_say_more_and_its_clock_may_be_off() -> None:
    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        told = receipt_of(heard, received_at="2031-01-01T00:00:00+02:00", office="te-kainuu")
        writer.write(answer(201, told))

    answered = await put_to(behave)

    assert code_of(answered) == "delivered"
    assert answered.receipt is not None
    assert answered.receipt.received_at == datetime(2030, 12, 31, 22, tzinfo=UTC)


async def test_the_code_of_a_problem_is_read() -> None:
    problem = {"type": "https://te.example/p", "status": 422, "code": "client_unknown"}
    body = msgspec.json.encode(problem)

    answered = await put_to(always(answer(422, body, media_type="application/problem+json")))

    assert (answered.status, answered.code) == (422, "client_unknown")
    assert code_of(answered) == "client_unknown_to_receiver"


async def test_a_code_that_is_none_is_not_repeated() -> None:
    body = b'{"code":"240587-921N is not known"}'

    answered = await put_to(always(answer(422, body)))

    assert (answered.status, answered.code, code_of(answered)) == (422, None, "rejected")


@pytest.mark.parametrize("behaviour", [never, dripping, endless_body], ids=lambda it: it.__name__)
async def test_no_behaviour_takes_longer_than_the_time_given(behaviour: Behaviour) -> None:
    began_at = time.monotonic()

    answered = await put_to(behaviour, timeout_s=SHORT_S)

    assert answered.failure in {"timed_out", "answer_too_large"}
    assert time.monotonic() - began_at < ENOUGH_S / 2


async def test_a_receiver_that_never_answers_is_too_slow() -> None:
    assert await put_to(never, timeout_s=SHORT_S) == Answer(failure="timed_out")


async def test_an_answer_byte_by_byte_is_too_slow() -> None:
    assert await put_to(dripping, timeout_s=SHORT_S) == Answer(failure="timed_out")


async def test_of_an_endless_body_little_is_read() -> None:
    assert await put_to(endless_body) == Answer(failure="answer_too_large")


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(cutting_off, id="hangs up"),
        pytest.param(cutting_off_within_the_answer, id="hangs up within the answer"),
        pytest.param(endless_head, id="endless head"),
        pytest.param(always(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), id="no HTTP"),
    ],
)
async def test_what_is_no_answer_leaves_the_outcome_open(behaviour: Behaviour) -> None:
    assert await put_to(behaviour) == Answer(failure="connection_lost")


async def test_where_nobody_listens_the_receiver_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        async with adapter_of(f"http://127.0.0.1:{port}") as adapter:
            answered = await adapter.put(PARCEL, timeout_s=ENOUGH_S)

    assert answered == Answer(failure="not_connected")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with running(receiving) as elsewhere:
        moved = answer(status, headers=[f"Location: {elsewhere.url}/x"])

        answered = await put_to(always(moved))

    assert (answered.status, answered.failure, elsewhere.heard) == (status, None, [])


async def test_a_cookie_is_not_kept() -> None:
    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(201, receipt_of(heard), headers=["Set-Cookie: seen=1"]))

    async with running(behave) as server, adapter_of(server.url) as adapter:
        for _ in range(2):
            await adapter.put(PARCEL, timeout_s=ENOUGH_S)

    assert [heard.headers.get("cookie") for heard in server.heard] == [None, None]


@pytest.mark.parametrize(
    ("told", "retry_after_s"),
    [
        (["Retry-After: 30"], 30),
        (["Retry-After: 0"], 0),
        (["Retry-After: 999999999999"], 86_400),
        (["Retry-After: -5"], None),
        (["Retry-After: soon"], None),
        (["Retry-After: Wed, 24 Mar 2021 11:41:00 GMT"], 60),
        (["Retry-After: Wed, 24 Mar 2021 11:39:00 GMT"], 0),
        (["Retry-After: Wed, 24 Mar 2027 11:41:00 GMT"], 86_400),
        (["Retry-After: Wed, 24 Mar 2021 99:99:99 GMT"], None),
        ([], None),
        (
            [
                "Date: Thu, 01 Jan 1970 00:00:00 GMT",
                "Retry-After: Thu, 01 Jan 1970 00:02:00 GMT",
            ],
            120,
        ),
    ],
    ids=lambda told: "; ".join(told) if isinstance(told, list) else "",
)
async def test_retry_after_is_read_in_both_forms_and_by_the_receivers_own_clock(
    told: list[str], retry_after_s: int | None
) -> None:
    answered = await put_to(always(answer(503, headers=told)))

    assert (answered.status, answered.retry_after_s) == (503, retry_after_s)


async def test_a_connection_is_used_again_and_a_closed_one_is_replaced() -> None:
    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(server.heard) != 2:
            await receiving(heard, writer)
            return
        writer.write(answer(201, receipt_of(heard), headers=["Connection: close"]))
        await writer.drain()
        writer.close()

    async with running(behave) as server, adapter_of(server.url) as adapter:
        answers = [await adapter.put(PARCEL, timeout_s=ENOUGH_S) for _ in range(4)]

    assert [code_of(answered) for answered in answers] == ["delivered"] * 4
    assert server.connections == 2


async def test_a_call_whose_kept_connection_breaks_is_sent_once() -> None:
    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(server.heard) == 2:
            writer.close()
        else:
            await receiving(heard, writer)

    async with running(behave) as server, adapter_of(server.url) as adapter:
        answers = [await adapter.put(PARCEL, timeout_s=ENOUGH_S) for _ in range(3)]

    assert [code_of(answered) for answered in answers] == [
        "delivered",
        "connection_lost",
        "delivered",
    ]
    assert (len(server.heard), server.connections) == (3, 2)


async def test_a_receiver_is_called_by_no_more_than_its_concurrency() -> None:
    together = asyncio.Barrier(3)

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await together.wait()
        await receiving(heard, writer)

    async with running(behave) as server, adapter_of(server.url, concurrency=3) as adapter:
        puts = [adapter.put(PARCEL, timeout_s=ENOUGH_S) for _ in range(9)]
        answers = await asyncio.gather(*puts)

    assert [code_of(answered) for answered in answers] == ["delivered"] * 9
    assert server.connections_open_most == 3


async def test_a_receiver_that_hangs_holds_up_no_other() -> None:
    async with (
        running(never) as stuck,
        running(receiving) as well,
        adapter_of(stuck.url, concurrency=2) as to_stuck,
        adapter_of(well.url, concurrency=2) as to_well,
    ):
        held = [asyncio.create_task(to_stuck.put(PARCEL, timeout_s=ENOUGH_S)) for _ in range(8)]

        answered = await to_well.put(PARCEL, timeout_s=ENOUGH_S)

        assert code_of(answered) == "delivered"
        assert not any(task.done() for task in held)
        await _cancel(held)


async def _cancel(tasks: list[asyncio.Task[Answer]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
