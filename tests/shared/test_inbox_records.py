import msgspec
import pytest
from msgspec.structs import replace

from kuntavayla.inbox import IncomingEvent, Malformed, Record, Speaker, incoming_of, record_of
from tests.shared.parking_example import an_event

RECORD = record_of(an_event(7, "k", traceparent="00-1", redeliveryid="r-1"))


def with_header(name: str, value: bytes) -> Record:
    others = tuple(header for header in RECORD.headers if header[0] != name)
    return replace(RECORD, headers=(*others, (name, value)))


def test_an_event_is_the_same_after_it_was_a_record() -> None:
    event = an_event(7, "k", traceparent="00-1", redeliveryid="r-1")

    again = incoming_of(record_of(event), speaker=Speaker.OURS)

    assert isinstance(again, IncomingEvent)
    assert replace(again, headers=()) == event
    assert incoming_of(record_of(again), speaker=Speaker.OURS) == again


def test_headers_that_are_no_attributes_are_let_pass() -> None:
    record = with_header("content-type", b"\xffapplication/json")

    assert isinstance(incoming_of(record, speaker=Speaker.OURS), IncomingEvent)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (replace(RECORD, body=None), "body_missing"),
        (replace(RECORD, headers=()), "sequence_malformed"),
        (with_header("ce_id", b""), "attribute_missing"),
        (with_header("ce_id", b"\xff"), "attribute_malformed"),
        (with_header("ce_type", b"a\x00b"), "attribute_malformed"),
        (with_header("ce_sequence", b"999999999"), "sequence_malformed"),
        (
            replace(RECORD, headers=(*RECORD.headers, ("ce_id", b"twice"))),
            "attribute_repeated",
        ),
    ],
    ids=["no body", "no headers", "empty id", "no text", "nul", "sequence", "twice"],
)
def test_what_is_no_event_keeps_its_bytes_and_says_what_is_wrong(
    record: Record, *, reason: str
) -> None:
    incoming = incoming_of(record, speaker=Speaker.OURS)

    assert isinstance(incoming, Malformed)
    assert incoming.reason == reason
    assert (incoming.body, incoming.headers) == (record.body, record.headers)
    assert record_of(incoming) == record


def test_a_sequence_from_outside_is_the_offset_whatever_its_headers_say() -> None:
    record = replace(RECORD, offset_text="0000000000000000007")

    incoming = incoming_of(record, speaker=Speaker.OUTSIDE)

    assert incoming.sequence == "0000000000000000007"
    assert isinstance(incoming, IncomingEvent)
    assert msgspec.json.decode(incoming.data)["number"] == 7


@pytest.mark.parametrize("key", [b"k", b"\xff\xfe", b"\x00", b"", None], ids=repr)
@pytest.mark.parametrize("body", [b"{}", b"", None], ids=repr)
@pytest.mark.parametrize("speaker", Speaker)
def test_a_record_keeps_its_key_and_its_body_or_that_it_has_none(
    key: bytes | None, body: bytes | None, speaker: Speaker
) -> None:
    record = replace(RECORD, key=key, body=body)

    incoming = incoming_of(record, speaker=speaker)

    assert isinstance(incoming, Malformed) is (body is None)
    assert record_of(incoming) == record
    assert incoming_of(record_of(incoming), speaker=speaker).key == key
