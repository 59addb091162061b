import gzip

import msgspec
import pytest

from tests.builders import a_registration, another_person, ndjson
from tests.routing_api.service import Routing

GOOD = 201
SECRET = "Salainen"


def line(**changes: object) -> bytes:
    return msgspec.json.encode(a_registration(**changes))


async def test_bad_lines_are_refused_one_by_one_and_their_neighbours_unharmed(
    routing: Routing,
) -> None:
    bad = [
        (b"{", 400, "json_malformed"),
        (b"", 400, "json_malformed"),
        (b"[" * 5_000, 400, "json_malformed"),
        (line(person__nickname=SECRET), 422, "invalid_content"),
        (line(person__home_municipality_code=765), 422, "invalid_content"),
        (line(person__identity_code="240587-921P"), 422, "invalid_content"),
        (line(person__home_municipality_code="999"), 422, "invalid_content"),
        (line(effective_on="2021-06-01"), 422, "invalid_content"),
        (line(registered_at="9999-12-31T23:59:59-14:00"), 422, "invalid_content"),
        (line(person__family_name=f"{SECRET}\0"), 422, "invalid_content"),
        (line().replace(b"Aino Testi", b"\\ud800" + SECRET.encode()), 422, "invalid_content"),
        (line().replace(b'"plans":', b'"plans":[],"plans":'), 422, "invalid_content"),
        (line(person__given_names=SECRET * 10_000), 413, "line_too_large"),
        (line(te_office_code="te-uusimaa"), 403, "office_not_yours"),
    ]
    good = [msgspec.json.encode(another_person()) for _ in range(len(bad) + 1)]
    mixed = [part for pair in zip(good, (text for text, *_ in bad), strict=False) for part in pair]

    answer = await routing.office().bulk(b"\n".join([*mixed, good[-1]]))

    *lines, end = msgspec.json.Decoder().decode_lines(answer.content)
    told = [(item["status"], item["problem"]["code"]) for item in lines[1::2]]
    assert told == [(status, code) for _, status, code in bad]
    assert [item["line"] for item in lines] == list(range(1, 2 * len(bad) + 2))
    assert [item["status"] for item in lines[::2]] == [GOOD] * len(good)
    assert end["summary"] == {"lines": 29, "created": 15, "replayed": 0, "failed": 14}
    assert SECRET not in answer.text
    assert "240587" not in answer.text
    assert await routing.count("registrations") == len(good)


async def test_a_faulty_line_names_its_key_where_it_could_be_read(routing: Routing) -> None:
    lines = await routing.office().register_many(a_registration(effective_on="2021-06-01"))

    assert (lines[0]["key"], lines[0]["status"]) == ("URA-R-0300417", 422)
    assert lines[0]["problem"]["errors"][0]["pointer"] == "/effective_on"


@pytest.mark.parametrize("office", ["te-kainuu", "te-uusimaa"])
async def test_a_key_that_holds_an_identity_code_is_never_repeated(
    routing: Routing, office: str
) -> None:
    body = ndjson(
        *(
            a_registration(source__registration_id=key, te_office_code=office)
            for key in ("240587-921N", "ura/240587-921n", "URA-1")
        ),
        a_registration(source__client_number="240587-921N", te_office_code=office),
    )

    answer = await routing.office().bulk(body)

    lines = msgspec.json.Decoder().decode_lines(answer.content)[:-1]
    assert [line.get("key") for line in lines] == [None, None, "URA-1", "URA-R-0300417"]
    assert "240587" not in answer.text


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(ndjson(*[{}] * 10_001), {}, 413, "too_many_lines", id="too many lines"),
        pytest.param(b"\n" * 10_001, {}, 413, "too_many_lines", id="too many empty lines"),
        pytest.param(b"x" * (16 * 1024 * 1024 + 1), {}, 413, "body_too_large", id="too large"),
        pytest.param(
            gzip.compress(b"\n" * 17 * 1024 * 1024, mtime=0),
            {"Content-Encoding": "gzip"},
            413,
            "body_too_large",
            id="inflated too large",
        ),
        pytest.param(
            gzip.compress(ndjson({}))[:-4],
            {"Content-Encoding": "gzip"},
            400,
            "gzip_malformed",
            id="gzip cut off",
        ),
        pytest.param(
            ndjson({}), {"Content-Type": "application/json"}, 415, "media_type_refused", id="JSON"
        ),
    ],
)
async def test_a_call_that_is_too_large_or_of_another_form_is_refused_whole(
    refusing: Routing, *, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await refusing.office().bulk(body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await refusing.count("registrations") == 0


async def test_an_unknown_detail_is_refused(refusing: Routing) -> None:
    answer = await refusing.office().bulk(ndjson({}), params={"detail": "everything"})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/detail")


async def test_a_call_without_lines_is_answered_with_its_summary(refusing: Routing) -> None:
    [end] = await refusing.office().register_many()

    assert end["summary"] == {"lines": 0, "created": 0, "replayed": 0, "failed": 0}


async def test_a_gzip_call_of_several_chunks_is_answered_in_order(routing: Routing) -> None:
    registrations = [another_person() for _ in range(1_100)]
    body = gzip.compress(ndjson(*registrations))

    answer = await routing.office().bulk(body, headers={"Content-Encoding": "gzip"})

    *lines, end = msgspec.json.Decoder().decode_lines(answer.content)
    keys = [item["source"]["registration_id"] for item in registrations]
    assert [item["key"] for item in lines] == keys
    assert end["summary"] == {"lines": 1_100, "created": 1_100, "replayed": 0, "failed": 0}
    assert len(await routing.case_system().events()) == 1_000


async def test_full_detail_answers_each_line_as_the_single_call_would(routing: Routing) -> None:
    body = ndjson(a_registration())

    answer = await routing.office().bulk(body, params={"detail": "full"})

    [line_, _] = msgspec.json.Decoder().decode_lines(answer.content)
    repeated = await routing.office().register(a_registration())
    assert line_["result"] == repeated.json()
    assert repeated.headers["idempotent-replayed"] == "true"
