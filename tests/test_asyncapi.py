import json
from typing import Any

import pytest
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from kuntavayla.outbox import PARTITIONS, inbound_topic_of, topic_of
from tests.releases import RELEASES, ROOT, Release

Document = dict[str, Any]
OFFICIAL = Draft7Validator(json.loads((ROOT / "tests" / "asyncapi" / "3.0.0.json").read_text()))
DAY_MS = 24 * 60 * 60 * 1000
INTERNAL = "internal"
INBOUND = {"routing-api", "statement-relay"}
"""The services that read topics of case systems."""
TOPICS = [(release, "topic") for release in RELEASES] + [
    (release, "inbound") for release in RELEASES if release.name in INBOUND
]


def document_of(release: Release) -> Document:
    """Return the committed document of a service."""
    document: Document = json.loads((release.folder / "asyncapi.json").read_text(encoding="utf-8"))
    return document


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Release:
    """Give each service of this release."""
    found: Release = request.param
    return found


@pytest.fixture
def document(release: Release) -> Document:
    return document_of(release)


def names_of(release: Release) -> set[str]:
    return {event.type_name for event in release.event_types}


def resolved(document: Document, reference: str) -> Any:  # noqa: ANN401 - any part of the document
    part: Any = document
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def references(part: object) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(references(value) for value in part.values()))
    if isinstance(part, list):
        return set[str]().union(*(references(value) for value in part))
    return set()


def test_the_document_is_valid_by_the_official_schema(document: Document) -> None:
    OFFICIAL.validate(document)


@pytest.mark.parametrize(
    "bindings",
    [
        {"kafka": {"partitions": 0, "bindingVersion": "0.5.0"}},
        {"kafka": {"partition": 6, "bindingVersion": "0.5.0"}},
    ],
)
@pytest.mark.parametrize(("release", "channel"), TOPICS, indirect=["release"])
def test_the_official_schema_knows_what_a_topic_may_say(
    document: Document, channel: str, bindings: dict[str, Any]
) -> None:
    channels = document["channels"]
    broken = channels | {channel: channels[channel] | {"bindings": bindings}}

    with pytest.raises(ValidationError):
        OFFICIAL.validate(document | {"channels": broken})


def test_every_reference_leads_somewhere(release: Release, document: Document) -> None:
    found = references(document)

    assert len(found) > len(release.event_types)
    for reference in found:
        assert isinstance(resolved(document, reference), dict), reference


@pytest.mark.parametrize(
    ("channel", "address", "suffix"),
    [
        ("events", "/events", ""),
        ("restricted", "/events/restricted", ""),
        ("topic", topic_of("{service}", "{recipient}"), ".record"),
    ],
)
def test_every_event_is_in_both_feeds_and_in_the_topic(
    release: Release, document: Document, *, channel: str, address: str, suffix: str
) -> None:
    told = document["channels"][channel]

    assert told["address"] == address.replace("{service}", release.name)
    assert told["messages"] == {
        name: {"$ref": f"#/components/messages/{name}{suffix}"} for name in names_of(release)
    }
    assert document["operations"][f"send-{channel}"]["action"] == "send"


def test_only_the_inbound_topic_is_read_by_the_service(
    release: Release, document: Document
) -> None:
    actions = {name: each["action"] for name, each in document["operations"].items()}

    read = [name for name, action in actions.items() if action == "receive"]
    told = {name: each["address"] for name, each in document["channels"].items()}
    expected = {"inbound": inbound_topic_of(release.name, "{case_system}")}
    is_reader = release.name in INBOUND
    assert read == (["receive-inbound"] if is_reader else [])
    assert {name: told[name] for name in told if name == "inbound"} == (
        expected if is_reader else {}
    )


@pytest.mark.parametrize(("release", "channel"), TOPICS, indirect=["release"])
def test_a_topic_tells_its_partitions_and_how_long_records_are_kept(
    document: Document, channel: str
) -> None:
    days = {"topic": 30, "inbound": 7}[channel]
    kafka = document["channels"][channel]["bindings"]["kafka"]

    assert kafka["partitions"] == PARTITIONS == 6
    assert kafka["topicConfiguration"]["retention.ms"] == days * DAY_MS


def test_the_catalogue_of_topics_says_what_the_documents_say() -> None:
    page = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
    table = page.split("| topic | key |")[1].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in table]

    told = {row[0].strip("`"): row[3:5] for row in rows}

    documents = {release.name: document_of(release) for release in RELEASES}
    bound = {
        channel["address"]: channel["bindings"]["kafka"]
        for document in documents.values()
        for channel in document["channels"].values()
        if "bindings" in channel
    }
    internal = {
        topic_of(name, INTERNAL): bound[topic_of(name, "{recipient}")] for name in documents
    }
    assert told == {
        address: [
            str(kafka["partitions"]),
            str(kafka["topicConfiguration"]["retention.ms"] // DAY_MS),
        ]
        for address, kafka in {**bound, **internal}.items()
    }
