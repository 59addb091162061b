from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla_sandbox.week import Entry, Week, WeekClient, generate_week, shares
from kuntavayla_sandbox.week.generating import KINDS
from statement_relay.rules.intake import (
    IntakeLimits,
    examine,
    examine_correction,
    examine_new,
    examine_withdrawal,
)
from statement_relay.rules.items import InformationItem
from statement_relay.rules.kinds import KINDS as ALL_KINDS
from statement_relay.rules.kinds import load_kinds
from statement_relay.rules.shape import WithdrawalRequest
from tests.statement_relay.scenarios.cases import DATA

MONDAY = date(2021, 3, 1)
NOW = datetime(2021, 3, 1, 6, tzinfo=UTC)
WEEK = Week(starts_on=MONDAY, items=3_000, seed=7)
CLIENTS = [WeekClient(str(UUID(int=number)), "765") for number in range(1, 2_001)]
FROM_2022 = "JOB_SEARCH_DUTY_UNMET"


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return generate_week("cs-sotkamo", CLIENTS, week=WEEK)


def item_of(entry: Entry) -> InformationItem:
    # A union of types is no type to the checker, and is one to the decoder.
    return msgspec.convert(entry.document, InformationItem)  # type: ignore[no-any-return]


def test_the_same_seed_gives_the_same_week_and_another_seed_another(entries: list[Entry]) -> None:
    again = generate_week("cs-sotkamo", list(reversed(CLIENTS)), week=WEEK)
    other = generate_week("cs-sotkamo", CLIENTS, week=msgspec.structs.replace(WEEK, seed=8))

    assert again == entries
    assert other != entries


def test_a_week_has_so_many_entries_with_corrections_and_withdrawals(entries: list[Entry]) -> None:
    actions = Counter(entry.action for entry in entries)

    assert actions == {"new": 2_865, "correct": 90, "withdraw": 45}
    assert len({entry.municipal_id for entry in entries}) == 3_000


def test_every_kind_in_force_that_week_occurs(entries: list[Entry]) -> None:
    assert set(KINDS) == set(ALL_KINDS) - {FROM_2022}
    assert {entry.kind for entry in entries} == set(KINDS)


def test_the_relay_finds_no_fault_in_any_item(entries: list[Entry]) -> None:
    kinds = load_kinds(DATA / "kinds.toml")
    limits = IntakeLimits(ahead_max=timedelta(days=7))
    by_id = {entry.municipal_id: entry for entry in entries}

    for entry in entries:
        if entry.action == "withdraw":
            withdrawal = msgspec.convert(entry.document, WithdrawalRequest)
            assert examine_withdrawal(withdrawal) == ()
            continue
        item = item_of(entry)
        assert examine(item, kinds=kinds, now=NOW, limits=limits) == (), entry
        if entry.replaces_municipal_id is None:
            assert examine_new(item) == ()
        else:
            original = item_of(by_id[entry.replaces_municipal_id])
            assert examine_correction(item, of=original, information_id="") == ()


def test_every_successor_follows_its_original_and_nothing_is_replaced_twice(
    entries: list[Entry],
) -> None:
    places = {entry.municipal_id: place for place, entry in enumerate(entries)}
    replaced = [entry.replaces_municipal_id for entry in entries if entry.replaces_municipal_id]

    assert len(set(replaced)) == len(replaced)
    for place, entry in enumerate(entries):
        if entry.replaces_municipal_id is not None:
            original = entries[places[entry.replaces_municipal_id]]
            assert places[entry.replaces_municipal_id] < place
            assert (original.client_id, original.kind) == (entry.client_id, entry.kind)
            assert original.action != "withdraw"


def test_nobody_sends_about_clients_of_others_or_about_nobody() -> None:
    assert generate_week("cs-sotkamo", [], week=WEEK) == []
    assert {entry.client_id for entry in generate_week("cs-a", CLIENTS[:3], week=WEEK)} == {
        client.client_id for client in CLIENTS[:3]
    }


@given(
    clients=st.dictionaries(st.text(max_size=3), st.integers(0, 10**6), max_size=31),
    items=st.integers(0, 30_000),
)
def test_shares_lose_nothing_and_give_nothing_to_who_holds_nobody(
    clients: dict[str, int], items: int
) -> None:
    divided = shares(clients, items=items)

    assert set(divided) == set(clients)
    assert sum(divided.values()) == (items if sum(clients.values()) else 0)
    assert all(divided[name] == 0 for name, count in clients.items() if count == 0)
