import json
from typing import Any

import pytest
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from kuntavayla.outbox import PARTITIONS, inbound_topic_of, topic_of
from tests.releases import RELEASES, ROOT

DOCUMENTS: dict[str, Any] = {
    release.name: json.loads((release.folder / "asyncapi.json").read_text(encoding="utf-8"))
    for release in RELEASES
}
OFFICIAL = Draft7Validator(json.loads((ROOT / "tests" / "asyncapi" / "3.0.0.json").read_text()))
NAMES = {release.name: {event.type_name for event in release.event_types} for release in RELEASES}
of_each_service = pytest.mark.parametrize("service", DOCUMENTS)


def resolved(document: Any, reference: str) -> Any:  # noqa: ANN401 - any part of a document
    part = document
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


@of_each_service
def test_the_document_is_valid_by_the_official_schema(service: str) -> None:
    OFFICIAL.validate(DOCUMENTS[service])


@pytest.mark.parametrize(
    ("channel", "bindings"),
    [
        ("topic", {"kafka": {"partitions": 0, "bindingVersion": "0.5.0"}}),
        ("inbound", {"kafka": {"partition": 6, "bindingVersion": "0.5.0"}}),
    ],
)
def test_the_official_schema_knows_what_a_topic_may_say(
    channel: str, bindings: dict[str, Any]
) -> None:
    document = DOCUMENTS["routing-api"]
    channels = document["channels"]
    broken = channels | {channel: channels[channel] | {"bindings": bindings}}

    with pytest.raises(ValidationError):
        OFFICIAL.validate(document | {"channels": broken})


@of_each_service
def test_every_reference_leads_somewhere(service: str) -> None:
    found = references(DOCUMENTS[service])

    assert len(found) > len(NAMES[service])
    for reference in found:
        assert isinstance(resolved(DOCUMENTS[service], reference), dict), reference


@of_each_service
@pytest.mark.parametrize(
    ("channel", "suffix"), [("events", ""), ("restricted", ""), ("topic", ".record")]
)
def test_every_event_is_in_both_feeds_and_in_the_topic(
    service: str, channel: str, *, suffix: str
) -> None:
    addresses = {
        "events": "/events",
        "restricted": "/events/restricted",
        "topic": topic_of(service, "{recipient}"),
    }

    told = DOCUMENTS[service]["channels"][channel]

    assert told["address"] == addresses[channel]
    assert told["messages"] == {
        name: {"$ref": f"#/components/messages/{name}{suffix}"} for name in NAMES[service]
    }
    assert DOCUMENTS[service]["operations"][f"send-{channel}"]["action"] == "send"


@of_each_service
def test_only_the_inbound_topic_is_read_by_the_service(service: str) -> None:
    document = DOCUMENTS[service]

    actions = {name: each["action"] for name, each in document["operations"].items()}

    assert [name for name, action in actions.items() if action == "receive"] == ["receive-inbound"]
    address = inbound_topic_of(service, "{case_system}")
    assert document["channels"]["inbound"]["address"] == address


@of_each_service
@pytest.mark.parametrize(("channel", "days"), [("topic", 30), ("inbound", 7)])
def test_a_topic_tells_its_partitions_and_how_long_records_are_kept(
    service: str, channel: str, *, days: int
) -> None:
    kafka = DOCUMENTS[service]["channels"][channel]["bindings"]["kafka"]

    assert kafka["partitions"] == PARTITIONS == 6
    assert kafka["topicConfiguration"]["retention.ms"] == days * 24 * 60 * 60 * 1000


def test_the_catalogue_of_topics_says_what_the_documents_say() -> None:
    page = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
    table = page.split("| topic | key |")[1].split("\n\n")[0].splitlines()[2:]

    told = {row.split(" | ")[0].strip("| `"): row.split(" | ")[2:4] for row in table}

    assert told == {
        channel["address"]: [
            str(kafka["partitions"]),
            str(kafka["topicConfiguration"]["retention.ms"] // (24 * 60 * 60 * 1000)),
        ]
        for document in DOCUMENTS.values()
        for channel in document["channels"].values()
        for kafka in [channel.get("bindings", {}).get("kafka")]
        if kafka
    }
