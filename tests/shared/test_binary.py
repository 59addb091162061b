import json

import pytest

from kuntavayla.events import Origin, envelope, sequence_text
from kuntavayla.outbox.binary import BinaryEvent, binary_of, key_of
from tests.shared.event_examples import ORIGIN, a_draft, new_id

REDELIVERY = "0177f6f0-9d20-76b5-8a23-d5962217bead"
HOSTILE = '","data":{"a":"b"},"redeliveryid":"x\\y'


def a_body(*, origin: Origin = ORIGIN, number: int = 7) -> bytes:
    around = envelope(a_draft(number), origin)
    return sequence_text(1, 17).encode().join(around)


def rebuilt(record: BinaryEvent) -> dict[str, object]:
    """Return the event that a reader of the record has, in the form of the feed."""
    names = {"content-type": "datacontenttype"}
    attributes = {
        names.get(name, name.removeprefix("ce_")): value.decode() for name, value in record.headers
    }
    return {**attributes, "data": json.loads(record.value)}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(a_body(), id="as written"),
        pytest.param(a_body()[:-1] + b',"redeliveryid":"%s"}' % REDELIVERY.encode(), id="again"),
        pytest.param(a_body(origin=Origin(source=HOSTILE, at_text="now")), id="escapes"),
        pytest.param(
            a_body().replace(b'"source"', b'"newer":"attribute","source"'), id="more attributes"
        ),
    ],
)
def test_a_record_holds_the_same_event_and_the_same_bytes_of_data(body: bytes) -> None:
    record = binary_of(body)

    event = json.loads(body)
    assert rebuilt(record) == event
    assert record.value in body
    assert record.key == key_of(body) == event["partitionkey"].encode()


def test_headers_are_named_as_the_binding_to_kafka_names_them() -> None:
    names = [name for name, _ in binary_of(a_body()).headers]

    assert names == [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "content-type",
        "ce_dataschema",
        "ce_partitionkey",
        "ce_traceparent",
        "ce_causationid",
        "ce_recipient",
        "ce_sequence",
    ]


def test_data_may_hold_whatever_json_holds() -> None:
    head, tail = envelope(a_draft(), ORIGIN)
    data = json.dumps({"text": HOSTILE, "end": new_id()}, separators=(",", ":")).encode()
    body = head + b"1" + tail.replace(b'{"number":1}', data)

    record = binary_of(body)

    assert record.value == data
