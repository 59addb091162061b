import gzip
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from kuntavayla_sandbox.calls import Credentials, Tokens
from kuntavayla_sandbox.send import Journal, SendBroken, Sender, Tally, plan_parts

ROUTING = "http://routing.test/routing/v1"
TOKEN_URL = "http://issuer.test/token"
Answer = Callable[[list[str]], httpx.Response]


def complete(lines: list[str]) -> httpx.Response:
    return answered(lines, {})


def answered(lines: list[str], problems: dict[str, tuple[int, str]]) -> httpx.Response:
    out = []
    for number, key in enumerate(lines, start=1):
        if key in problems:
            status, code = problems[key]
            problem = {"code": code, "errors": [{"pointer": "/person", "code": code}]}
            problem = {"code": code} if status == 503 else problem
            out.append({"line": number, "key": key, "status": status, "problem": problem})
        else:
            result = {"outcome": "te_office", "decided_by": "R9"}
            out.append({"line": number, "key": key, "status": 201, "result": result})
    failed = len([key for key in lines if key in problems])
    summary = {
        "lines": len(lines),
        "created": len(lines) - failed,
        "replayed": 0,
        "failed": failed,
    }
    return httpx.Response(200, text="\n".join(json.dumps(x) for x in [*out, {"summary": summary}]))


class Service:
    """Answers the calls in order by the given answers, then completely; keeps what it was sent."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.calls: list[list[str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        assert request.headers["Content-Encoding"] == "gzip"
        lines = gzip.decompress(request.content).decode().splitlines()
        self.calls.append(lines)
        answer = self.answers.pop(0) if self.answers else complete
        return answer(lines)


def a_file(directory: Path, *, lines: int) -> Path:
    path = directory / "registrations.ndjson"
    path.write_text("".join(f"line-{number}\n" for number in range(1, lines + 1)))
    return path


def journals_in(directory: Path) -> list[Path]:
    return list(directory.glob("*.sent.json"))


async def send(path: Path, service: Service, *, lines_max: int = 3) -> Tally:
    plan = plan_parts(path, lines_max=lines_max)
    journal = Journal(path, digest=plan.digest, sender="te-national-1", lines_max=lines_max)
    async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as client:
        tokens = Tokens(client, Credentials(TOKEN_URL, "te-national-1", "secret"))
        return await Sender(client, routing_url=ROUTING, tokens=tokens).send(plan, journal)


def at_once(status: int) -> Answer:
    return lambda _: httpx.Response(status, headers={"Retry-After": "0"})


async def test_a_refused_call_ends_the_sending_with_its_reason(tmp_path: Path) -> None:
    problem = {"code": "scope_missing", "title": "The token lacks a scope"}
    service = Service(*[lambda _: httpx.Response(403, json=problem)] * 2)

    with pytest.raises(SendBroken, match="403 scope_missing"):
        await send(a_file(tmp_path, lines=4), service)


async def test_after_a_break_the_sending_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = a_file(tmp_path, lines=9)
    broken = Service(complete, at_once(403), at_once(403))
    with pytest.raises(SendBroken):
        await send(path, broken)

    whole = Service()
    tally = await send(path, whole)

    assert len(whole.calls) == 2
    assert (tally.lines, tally.created) == (9, 9)
    assert journals_in(tmp_path) == []


async def test_a_file_with_other_content_begins_anew(tmp_path: Path) -> None:
    path = a_file(tmp_path, lines=9)
    with pytest.raises(SendBroken):
        await send(path, Service(complete, at_once(403), at_once(403)))
    a_file(tmp_path, lines=10)

    service = Service()
    tally = await send(path, service)

    assert (len(service.calls), tally.lines) == (4, 10)


async def test_an_answer_without_its_summary_is_sent_again(tmp_path: Path) -> None:
    def cut_off(lines: list[str]) -> httpx.Response:
        return httpx.Response(200, text=complete(lines).text[:-40], headers={"Retry-After": "0"})

    service = Service(cut_off)
    tally = await send(a_file(tmp_path, lines=2), service)

    assert service.calls == [["line-1", "line-2"]] * 2
    assert tally.created == 2


async def test_only_lines_that_were_not_executed_are_sent_again(tmp_path: Path) -> None:
    service = Service(lambda lines: answered(lines, {"line-2": (503, "unavailable")}))

    tally = await send(a_file(tmp_path, lines=3), service)

    assert service.calls == [["line-1", "line-2", "line-3"], ["line-2"]]
    assert (tally.created, tally.failed) == (3, 0)


async def test_a_busy_service_is_asked_again_when_it_says(tmp_path: Path) -> None:
    service = Service(at_once(503), at_once(429))

    tally = await send(a_file(tmp_path, lines=1), service)

    assert len(service.calls) == 3
    assert tally.created == 1


async def test_refused_lines_are_counted_by_code_with_their_line_of_the_file(
    tmp_path: Path,
) -> None:
    wrong = {f"line-{number}": (422, "identity_code_check_character") for number in (2, 5)}
    service = Service(*[lambda lines: answered(lines, wrong)] * 2)

    tally = await send(a_file(tmp_path, lines=6), service)

    fault = tally.faults["identity_code_check_character"]
    assert (tally.created, tally.failed) == (4, 2)
    assert (fault.count, fault.first) == (2, [(2, "/person"), (5, "/person")])


def test_parts_cover_the_file_without_gap_or_overlap(tmp_path: Path) -> None:
    path = a_file(tmp_path, lines=10)

    plan = plan_parts(path, lines_max=4)

    assert b"".join(part.read(path) for part in plan.parts) == path.read_bytes()
    assert [(part.first_line, part.lines) for part in plan.parts] == [(1, 4), (5, 4), (9, 2)]


def test_a_part_stays_under_the_bound_of_bytes(tmp_path: Path) -> None:
    path = tmp_path / "wide.ndjson"
    path.write_bytes((b"x" * (6 * 1024 * 1024) + b"\n") * 3)

    assert [part.lines for part in plan_parts(path).parts] == [2, 1]


def test_an_empty_file_has_no_part(tmp_path: Path) -> None:
    path = tmp_path / "empty.ndjson"
    path.touch()

    assert plan_parts(path).parts == ()
