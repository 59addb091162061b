"""A receiver whose clock is off: no item is lost from the comparison of the days that it tells."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from kuntavayla.values.calendar import legal_day
from statement_relay.rules.clocks import days_to_compare_again
from statement_relay.rules.digests import digest_of
from tests.statement_relay.asking import asker_of
from tests.statement_relay.deliveries import RECEIVER, Post
from tests.statement_relay.misbehaving import Heard, Server, answer

Line = dict[str, str]


def in_march(day: int, hour: int, minute: int) -> datetime:
    """Return an instant of a day in March 2021, before summer time, by clocks in Helsinki."""
    return datetime(2021, 3, day, hour, minute, tzinfo=UTC) - timedelta(hours=2)


DELIVERED = [in_march(24, 13, 40), in_march(24, 23, 30), in_march(25, 0, 30), in_march(25, 9, 0)]
LOOKS = [
    in_march(24, 8, 10),
    in_march(24, 16, 0),
    in_march(25, 8, 10),
    in_march(25, 10, 0),
    in_march(26, 8, 10),
    in_march(29, 9, 10),
]


class Skewed:
    """A receiver that keeps the contract by a clock of its own."""

    def __init__(self, post: Post, *, skew: timedelta) -> None:
        self._post = post
        self._skew = skew
        self._held: list[tuple[date, Line]] = []

    async def behave(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.method == "PUT":
            writer.write(answer(201, msgspec.json.encode(self._taken(heard))))
        else:
            asked = parse_qs(urlsplit(heard.path).query)["received_on"][0]
            lines = [line for day, line in self._held if day.isoformat() == asked]
            writer.write(answer(200, msgspec.json.encode({"items": lines, "next_cursor": None})))
        await writer.drain()

    def _taken(self, heard: Heard) -> Line:
        received_at = self._post.now + self._skew
        line = {
            "information_id": heard.path.rpartition("/")[2],
            "receipt_id": f"R-{len(self._held)}",
            "received_at": received_at.isoformat(),
            "digest": digest_of(heard.body),
        }
        self._held.append((legal_day(received_at), line))
        return line


async def live_through(post: Post, *, delivered: Sequence[datetime]) -> list[int]:
    """Deliver an item at each of these instants, and look at LOOKS; return how many were asked."""
    await post.make_known(RECEIVER)
    asker, asked = asker_of(post), []
    for instant in sorted([*LOOKS, *delivered]):
        post.now = instant
        if instant in LOOKS:
            asked.append(await asker.ask_all())
            continue
        item = await post.enqueue()
        async with post.courier():
            await post.until_settled([item])
        assert await post.state_of(item) == ("delivered", None)
    return asked


@pytest.mark.parametrize("hours", [-23, -14, -10, -3, 0, 3, 10, 14, 23])
async def test_every_item_is_in_the_comparison_of_the_day_that_its_receiver_tells(
    post: Post, receiver: Server, *, hours: int
) -> None:
    skew = timedelta(hours=hours)
    receiver.behaviour = Skewed(post, skew=skew).behave

    await live_through(post, delivered=DELIVERED)

    rows = await post.rows("SELECT * FROM reconciliations ORDER BY day")
    assert [row["day"] for row in rows if row["our_count"] != row["their_count"]] == []
    assert {legal_day(instant + skew) for instant in DELIVERED} <= {row["day"] for row in rows}
    assert sum(row["our_count"] for row in rows) == len(DELIVERED)
    assert [row["counts"] for row in rows if any(msgspec.json.decode(row["counts"]).values())] == []


async def test_a_day_that_has_all_its_receipts_is_asked_for_once(
    post: Post, receiver: Server
) -> None:
    receiver.behaviour = Skewed(post, skew=timedelta(0)).behave

    asked = await live_through(post, delivered=DELIVERED[:2])

    assert asked == [1, 0, 1, 0, 1, 3]


def test_days_are_looked_at_again_back_to_the_working_day_before() -> None:
    assert days_to_compare_again(in_march(25, 9, 0)) == [date(2021, 3, 23)]
    assert days_to_compare_again(in_march(29, 9, 0)) == [date(2021, 3, 25)]
    assert days_to_compare_again(in_march(23, 9, 0)) == [date(2021, 3, day) for day in (19, 20, 21)]
