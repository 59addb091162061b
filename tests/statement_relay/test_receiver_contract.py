"""The receiver contract says what the relay does, and the simulator answers as it says."""

import hashlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from statement_relay.rules.answers import Answer
from statement_relay.rules.kinds import KINDS
from tests.sandbox.te_office_bench import Bench, running_bench, te_office_database
from tests.statement_relay.scenarios.cases import the_answers

Json = Any
CONTRACT = Path(__file__).parents[2] / "services/statement-relay/receiver-contract/openapi.yaml"
DIGEST = f"sha-256=:{b64encode(hashlib.sha256(b'body').digest()).decode()}:"
PUT, LIST = "/statement-information/{information_id}", "/statement-information"
PLAIN_ACTIONS = {"200", "201", "202"}


@cache
def contract() -> Json:
    return yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))


def schema(name: str) -> Draft202012Validator:
    """Return what judges a value by one of the contract's schemas."""
    document = {"$ref": f"#/components/schemas/{name}", "components": contract()["components"]}
    return Draft202012Validator(document, format_checker=FormatChecker())


def references(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolved(reference: str) -> Json:
    value = contract()
    for part in reference.removeprefix("#/").split("/"):
        value = value[part]
    return value


def actions() -> list[tuple[str, str, str]]:
    """Return status, code and action of every answer to a PUT; code "" for any other."""
    responses = contract()["paths"][PUT]["put"]["responses"]
    return [
        (status, "" if code == "default" else code, action)
        for status, response in responses.items()
        for code, action in response["x-relay-action"].items()
    ]


def test_every_reference_leads_somewhere() -> None:
    assert all(resolved(reference) for reference in references(contract()))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("JobOfferNotApplied", "Information"),
        ("Correction", "Information"),
        ("Withdrawal", "Information"),
        ("Receipt", "Receipt"),
        ("Received", "Received"),
        ("LaterReceived", "LaterReceipt"),
        ("LaterRejected", "LaterReceipt"),
        ("ClientUnknown", "Problem"),
        ("OriginalUnknown", "Problem"),
        ("DigestMismatch", "Problem"),
        ("KnownWithOtherContent", "Problem"),
    ],
)
def test_every_example_is_of_its_schema(name: str, kind: str) -> None:
    examples = contract()["components"]["examples"]

    assert [error.message for error in schema(kind).iter_errors(examples[name]["value"])] == []


def test_the_receipt_of_the_example_proves_the_example() -> None:
    examples = contract()["components"]["examples"]
    body = json.dumps(examples["JobOfferNotApplied"]["value"], separators=(",", ":")).encode()

    digest = f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"

    assert examples["Receipt"]["value"]["digest"] == digest
    assert examples["LaterReceived"]["value"]["digest"] == digest


def test_the_kinds_are_those_of_the_relay() -> None:
    assert contract()["components"]["schemas"]["Kind"]["enum"] == list(KINDS)


@pytest.mark.parametrize(
    ("status", "code", "action"),
    [each for each in actions() if each[0] not in PLAIN_ACTIONS],
    ids=lambda part: part or "any",
)
def test_the_relay_does_what_the_contract_says(status: str, code: str, action: str) -> None:
    answer = Answer(status=int(status), code=code or None, is_json=True)

    assert the_answers().verdict(answer, digest=DIGEST).action == action


def test_the_bus_failing_leaves_the_outcome_unknown() -> None:
    answer = Answer(status=500, has_x_road_error=True)

    assert the_answers().verdict(answer, digest=DIGEST).code == "outcome_unknown"


@pytest.fixture(scope="module")
async def bench(server_url: str) -> AsyncIterator[Bench]:
    async with te_office_database(server_url) as url, running_bench(url) as running:
        yield running


async def test_the_samples_that_are_sent_are_of_the_contract(bench: Bench) -> None:
    sample = bench.samples.new()

    assert [error.message for error in schema("Information").iter_errors(sample)] == []


async def test_the_simulator_answers_by_the_contracts_schemas(bench: Bench) -> None:
    await bench.set_knobs()
    item = bench.samples.new()
    taken, other = await bench.put(item), await bench.put(item | {"sequence": 10**9})
    unknown = await bench.put(bench.samples.about("UNKNOWN-7"))
    day = await bench.day("2021-03-24")
    await bench.set_knobs(answer="receipt_follows", receipt_after_ms=600_000)
    waiting = await bench.put(bench.samples.new())

    answers = [
        (PUT, "put", "Receipt", taken),
        (PUT, "put", "Problem", other),
        (PUT, "put", "Problem", unknown),
        (LIST, "get", "Received", day),
        (PUT, "put", "Waiting", waiting),
    ]
    for path, method, kind, answer in answers:
        response = contract()["paths"][path][method]["responses"][str(answer.status_code)]
        [media_type] = response["content"]
        assert answer.headers["content-type"] == media_type
        assert response["content"][media_type]["schema"] == {"$ref": f"#/components/schemas/{kind}"}
        assert [error.message for error in schema(kind).iter_errors(answer.json())] == []
