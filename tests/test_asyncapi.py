import json
from typing import Any

import pytest
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from kuntavayla.outbox import PARTITIONS, inbound_topic_of, topic_of
from routing_api.events import EVENT_TYPES
from routing_api.events import SERVICE as NAME
from tests.releases import RELEASES, ROOT

SERVICE = next(release.folder for release in RELEASES if release.name == NAME)
DOCUMENT: dict[str, Any] = json.loads((SERVICE / "asyncapi.json").read_text(encoding="utf-8"))
OFFICIAL = Draft7Validator(json.loads((ROOT / "tests" / "asyncapi" / "3.0.0.json").read_text()))
NAMES = {event.type_name for event in EVENT_TYPES}


def resolved(reference: str) -> Any:  # noqa: ANN401 - any part of the document
    part: Any = DOCUMENT
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


def test_the_document_is_valid_by_the_official_schema() -> None:
    OFFICIAL.validate(DOCUMENT)


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
    channels = DOCUMENT["channels"]
    broken = channels | {channel: channels[channel] | {"bindings": bindings}}

    with pytest.raises(ValidationError):
        OFFICIAL.validate(DOCUMENT | {"channels": broken})


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)

    assert len(found) > len(NAMES)
    for reference in found:
        assert isinstance(resolved(reference), dict), reference


@pytest.mark.parametrize(
    ("channel", "address", "suffix"),
    [
        ("events", "/events", ""),
        ("restricted", "/events/restricted", ""),
        ("topic", topic_of(NAME, "{recipient}"), ".record"),
    ],
)
def test_every_event_is_in_both_feeds_and_in_the_topic(
    channel: str, address: str, suffix: str
) -> None:
    told = DOCUMENT["channels"][channel]

    assert told["address"] == address
    assert told["messages"] == {
        name: {"$ref": f"#/components/messages/{name}{suffix}"} for name in NAMES
    }
    assert DOCUMENT["operations"][f"send-{channel}"]["action"] == "send"


def test_only_the_inbound_topic_is_read_by_the_service() -> None:
    actions = {name: each["action"] for name, each in DOCUMENT["operations"].items()}

    assert [name for name, action in actions.items() if action == "receive"] == ["receive-inbound"]
    assert DOCUMENT["channels"]["inbound"]["address"] == inbound_topic_of(NAME, "{case_system}")


@pytest.mark.parametrize(("channel", "days"), [("topic", 30), ("inbound", 7)])
def test_a_topic_tells_its_partitions_and_how_long_records_are_kept(
    channel: str, days: int
) -> None:
    kafka = DOCUMENT["channels"][channel]["bindings"]["kafka"]

    assert kafka["partitions"] == PARTITIONS == 6
    assert kafka["topicConfiguration"]["retention.ms"] == days * 24 * 60 * 60 * 1000


def test_the_catalogue_of_topics_says_what_the_document_says() -> None:
    page = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
    table = page.split("| topic | key |")[1].split("\n\n")[0].splitlines()[2:]

    told = {row.split(" | ")[0].strip("| `"): row.split(" | ")[2:4] for row in table}

    assert told == {
        channel["address"]: [
            str(kafka["partitions"]),
            str(kafka["topicConfiguration"]["retention.ms"] // (24 * 60 * 60 * 1000)),
        ]
        for channel in DOCUMENT["channels"].values()
        for kafka in [channel.get("bindings", {}).get("kafka")]
        if kafka
    }
