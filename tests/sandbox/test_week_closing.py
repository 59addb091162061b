from collections import Counter
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from kuntavayla.settings import Transport
from kuntavayla_sandbox import closing
from kuntavayla_sandbox.demo.showing import story_lines
from kuntavayla_sandbox.demo.told import Told, Unlike
from kuntavayla_sandbox.demo.week import WeekRun

DIGEST = "sha-256=:sYeJEFtmTMiW0M0w44BXBdRqcuFyjaZ6ZJc63a3b8Y0=:"
ROWS = (
    "sent",
    "delivered",
    "withdrawn before it was sent on",
    "not relayed: the municipality issues",
    "waiting",
    "rejected",
    "parked",
    "refused, with what is wrong",
    "late",
    "held by the TE offices",
    "repeats that they met",
    "proofs checked",
)


def shown(*parts: RenderableType) -> str:
    screen = StringIO()
    console = Console(file=screen, width=200)
    for part in parts:
        console.print(part)
    return screen.getvalue()


def figures(table: RenderableType) -> dict[str, str]:
    lines = [line.split("│")[1:3] for line in shown(table).splitlines() if line.startswith("│")]
    return {name.strip(): figure.strip() for name, figure in lines}


def test_every_row_of_the_week_stands_there_with_its_figure_nothing_as_nought() -> None:
    nothing = figures(closing.week_table(Told(Counter())))
    something = figures(
        closing.week_table(
            Told(
                Counter(
                    {
                        "delivered": 20_001,
                        "withdrawn": 2,
                        "not_relayed": 3,
                        "waiting": 4,
                        "to send": 5,
                        "rejected": 6,
                        "parked": 7,
                        "refused": 8,
                    }
                ),
                late=9,
                proofs=20_000,
                held=20_011,
                repeats=12,
            )
        )
    )

    assert nothing == dict.fromkeys(ROWS, "0")
    expected = ["20,036", "20,001", "2", "3", "9", "6", "7", "8", "9", "20,011", "12", "20,000"]
    assert something == dict(zip(ROWS, expected, strict=True))


@pytest.mark.parametrize("open_state", ["waiting", "to send", "parked"])
def test_a_week_with_something_open_is_not_called_whole(open_state: str) -> None:
    told = Told(Counter({"delivered": 5, open_state: 1}))

    assert not told.is_settled
    assert "Not every item has come to its end" in shown(*closing.told_lines(told))


def test_what_differs_is_named_and_a_week_that_arrived_is_called_so() -> None:
    whole, damaged = Told(Counter({"delivered": 1}), held=1), Told(Counter({"delivered": 1}))
    damaged.add(Unlike("item", "SOT-1", "held", "lost"))

    assert "Nothing lost, nothing doubled, nothing out of order" in shown(
        *closing.told_lines(whole)
    )
    text = shown(*closing.told_lines(damaged))
    for part in ("1 differences", "SOT-1", "held", "lost"):
        assert part in text
    assert "Nothing lost" not in text


def test_the_outage_is_told_by_what_was_counted() -> None:
    run = WeekRun(
        items=600,
        away="te-pirkanmaa",
        forgetful="te-uusimaa",
        slow="te-varsinais-suomi",
        strict="te-pohjois-savo",
        seconds=20.0,
        away_s=8.5,
        waited_at_return=145,
        drained_s=11.5,
    )

    line = closing.away_line(run, Told(Counter({"rejected": 4}), repeats=5))

    for part in ("30 per second", "8.5 s", "145 items", "11.5 s later", "5 repeats", "4 items"):
        assert part in line


def test_the_way_of_the_week_is_told_by_the_transport() -> None:
    assert "topic" in closing.way_line(Transport.KAFKA)
    assert "corrections and withdrawals" in closing.way_line(Transport.KAFKA)
    assert "topic" not in closing.way_line(Transport.FEED)


def a_story(**changes: object) -> dict[str, Any]:
    attempt = {
        "attempt": 1,
        "request_id": "r",
        "started_at": "2021-03-01T06:01:49Z",
        "ended_at": "2021-03-01T06:01:50Z",
        "status": 201,
        "outcome": "delivered",
        "code": None,
    }
    receipt = {"receipt_id": "TE-1", "received_at": "2021-03-01T06:01:50Z", "digest": DIGEST}
    story = {
        "organisation": "cs-sotkamo",
        "kind": "SERVICE_ENDED",
        "state": "delivered",
        "item": {"occurred_at": "2021-03-01T08:00:00+02:00"},
        "accepted_at": "2021-03-01T06:01:48Z",
        "deliver_by_at": "2021-03-03T14:15:00Z",
        "issuer": {"authority": "te_office", "rule": "S1", "from_on": "2021-03-01"},
        "receiver_id": "te-kainuu",
        "sequence": 3,
        "digest": DIGEST,
        "attempts": [attempt],
        "receipt": receipt,
    }
    return story | changes


def test_a_story_is_read_with_its_attempts_and_its_proof_in_the_time_of_helsinki() -> None:
    text = "\n".join(story_lines(a_story()))

    for part in (
        "due 03.03.2021 16:15:00",
        "S1",
        "te-kainuu, number 3",
        "attempt 1, 01.03.2021 08:01:49: 201, delivered",
        "receipt TE-1",
        "the same bytes",
    ):
        assert part in text


def test_a_story_without_an_answer_or_a_receipt_or_with_that_of_other_bytes_says_so() -> None:
    no_answer = a_story()["attempts"][0] | {"status": None, "outcome": "timed_out"}
    other = a_story()["receipt"] | {"digest": "sha-256=:other:"}

    waiting = "\n".join(story_lines(a_story(attempts=[no_answer], receipt=None, state="waiting")))
    damaged = "\n".join(story_lines(a_story(receipt=other)))

    assert "no answer, timed_out" in waiting
    assert "no receipt: waiting" in waiting
    assert "other bytes" in damaged
