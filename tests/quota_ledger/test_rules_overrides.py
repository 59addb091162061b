"""Overrides as values: what may follow what, as docs/states.md says, and never more than raised."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.overrides import (
    STANDING,
    Cover,
    Override,
    approved,
    covered,
    ended,
    lacking_cents,
    returned,
)

STATES = Path(__file__).parents[2] / "docs" / "states.md"
ROW = re.compile(r"^\| (`.+?) \| .+ \| `(\w+)` \|$", re.MULTILINE)
ASKED = Override(
    override_id="o",
    decision_id="d",
    account_id="a",
    cents=2,
    cover=Cover(kind="addition", expected_on=date(2021, 9, 10), reason="More is on its way"),
    expires_on=date(2021, 9, 30),
    asked_by="cs-sotkamo",
    asked_official_id="sotkamo:u-1007",
    asked_at=datetime(2021, 8, 24, tzinfo=UTC),
    state="asked",
)


def steps_from(one: Override) -> Iterator[Override]:
    """Yield all that may become of an override by one step."""
    if one.state == "asked":
        yield approved(one, raised_cents=2)
        yield approved(one, raised_cents=0)
        yield replace(one, state="refused")
    if one.state in STANDING:
        changes: tuple[Callable[[Override, int], Override], ...] = (covered, returned)
        for change in changes:
            yield from (change(one, cents) for cents in range(1, one.left_cents + 1))
    if one.state in {"asked", "approved", "partly_covered"}:
        yield ended(one)


def all_that_may_be() -> tuple[set[Override], set[tuple[str, str]]]:
    """Return every override that can come about, and every change of state."""
    pairs: set[tuple[str, str]] = set()
    found, waiting = {ASKED}, [ASKED]
    while waiting:
        one = waiting.pop()
        for behind in steps_from(one):
            if behind.state != one.state:
                pairs.add((one.state, behind.state))
            if behind not in found:
                found.add(behind)
                waiting.append(behind)
    return found, pairs


def test_states_follow_each_other_as_the_table_says() -> None:
    section = STATES.read_text(encoding="utf-8").split("## Override of a limit", 1)[1]
    section = section.split("\n## ", 1)[0]
    table = {
        (before, after)
        for from_text, after in ROW.findall(section)
        for before in re.findall(r"`(\w+)`", from_text)
    }

    assert all_that_may_be()[1] == table


def test_nothing_is_left_only_where_it_is_final() -> None:
    for one in all_that_may_be()[0]:
        assert 0 <= one.left_cents <= one.raised_cents <= one.cents
        assert (one.state in STANDING) == (one.left_cents > 0)


@pytest.mark.parametrize(
    ("needed", "free", "lacking"),
    [(100, [100], 0), (100, [99], 1), (100, [40, 59], 1), (100, [40, -5], 65), (100, [200, -5], 0)],
)
def test_what_lacks_counts_what_payments_took_in_the_account_that_is_raised(
    needed: int, free: list[int], lacking: int
) -> None:
    balances = [
        Balance(
            account_id=str(number),
            key=AccountKey("kainuu", "", "PAY_SUBSIDY", 2021 + number),
            sums=Sums(allocated_cents=10, paid_excess_cents=10 - cents),
            binds_persons=False,
            is_lapsed=False,
            last_position=1,
            threshold_told=0,
        )
        for number, cents in enumerate(free)
    ]

    assert lacking_cents(needed, balances) == lacking
