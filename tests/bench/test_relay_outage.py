"""The row relay-outage with an outage of two seconds: its traffic, its checks, its figures."""

from pathlib import Path

import msgspec
import pytest

from tests.bench.outage_checking import violations
from tests.bench.outage_receiver import Put, read_puts
from tests.bench.relay_outage import Outage, measure, result_of
from tests.bench.stand import standing

OUTAGE_S = 2.0
CLIENTS = 60
"""So few that each sends several items, corrections and withdrawals among them."""


@pytest.mark.faults
async def test_a_short_outage_loses_doubles_and_reorders_nothing_and_its_damages_are_found() -> (
    None
):
    async with standing() as stand:
        done = await measure(stand, outage_s=OUTAGE_S, clients=CLIENTS)

    assert done.backlog > 0
    assert done.failed_calls > 0
    assert done.oldest_s >= OUTAGE_S / 2
    assert {each.action for each in done.sent.values()} == {"new", "correct", "withdraw"}
    assert result_of(done, outage_s=OUTAGE_S, clients=CLIENTS).value == done.drain_s
    assert_damages_are_found(done)


def assert_damages_are_found(done: Outage) -> None:
    """Assert that the row sees an item lost, one held twice, other bytes and a wrong order."""
    assert next(violations(done.stored, done.sent), None) is None
    lost, doubled, changed, swapped = (done.stored.copied() for _ in range(4))
    lost.held.pop()
    doubled.held.append(doubled.held[0])
    changed.held[0]["body"] += b" "
    swapped.held.reverse()
    for damaged in (lost, doubled, changed, swapped):
        assert next(violations(damaged, done.sent), None) is not None


def test_a_line_that_a_killed_receiver_left_half_is_no_item(tmp_path: Path) -> None:
    put = Put("i-1", "sha-256=:x:", b"{}", "R-i-1", "2021-10-05T06:00:00Z", 1.5)
    line = msgspec.json.encode(put) + b"\n"
    path = tmp_path / "receiver.ndjson"
    path.write_bytes(line + line[:-5])

    assert [*read_puts(path)] == [put]
