"""Recorded changes of the register, and case systems that change within a membership."""

from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.register import RegisterChange, RegisterFault, load_register, parse_register

REGISTER = load_register()
DAY = date(2021, 3, 1)
UNCONFIRMED = tuple(entry.municipality_code for entry in REGISTER.unconfirmed(on=DAY))


def a_confirmation(*codes: str, change_id: str = "change-1") -> RegisterChange:
    return RegisterChange(
        change_id=change_id,
        kind="confirm_memberships",
        municipality_codes=codes,
        reason="confirmed for the sandbox",
        recorded_on=date(2021, 2, 15),
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(a_confirmation(), "names no municipality", id="nothing named"),
        pytest.param(a_confirmation("999"), "waits", id="unknown municipality"),
        pytest.param(a_confirmation("291"), "waits", id="municipality outside every area"),
        pytest.param(a_confirmation("765"), "waits", id="municipality already confirmed"),
        pytest.param(a_confirmation("297", "765"), "765", id="one of two already confirmed"),
    ],
)
def test_a_change_that_confirms_nothing_is_refused(change: RegisterChange, reason: str) -> None:
    with pytest.raises(RegisterFault, match=reason):
        REGISTER.with_changes([change])


def test_a_change_is_taken_only_once() -> None:
    once = REGISTER.with_changes([a_confirmation("297")])

    with pytest.raises(RegisterFault, match="already been taken"):
        once.with_changes([a_confirmation("297")])


def test_a_confirmed_membership_counts_and_the_rest_still_waits() -> None:
    changed = REGISTER.with_changes([a_confirmation("297")])

    kuopio = changed.membership("297", on=DAY)
    assert kuopio is not None
    assert kuopio.status == "confirmed"
    assert len(changed.unconfirmed(on=DAY)) == 13


def test_a_change_makes_a_new_register_with_the_next_version() -> None:
    changed = REGISTER.with_changes([a_confirmation(*UNCONFIRMED)])

    assert (changed.version, changed.unconfirmed(on=DAY)) == ("2021-03-01.1", ())
    assert (REGISTER.version, len(REGISTER.unconfirmed(on=DAY))) == ("2021-03-01.0", 14)


def test_no_change_leaves_the_version_as_it_is() -> None:
    assert REGISTER.with_changes([]).version == REGISTER.version


@given(st.lists(st.sampled_from(UNCONFIRMED), unique=True, min_size=1), st.data())
def test_changes_taken_together_or_one_by_one_come_to_the_same(
    codes: list[str], data: st.DataObject
) -> None:
    changes = [a_confirmation(code, change_id=f"change-{code}") for code in codes]
    cut = data.draw(st.integers(0, len(changes)))

    together = REGISTER.with_changes(changes)
    apart = REGISTER.with_changes(changes[:cut]).with_changes(changes[cut:])

    assert together.version == apart.version == f"2021-03-01.{len(codes)}"
    assert together.unconfirmed(on=DAY) == apart.unconfirmed(on=DAY)


def test_a_municipality_may_change_its_case_system_within_its_membership(tmp_path: Path) -> None:
    with as_file(files("kuntavayla") / "data") as published:
        folder = Path(copytree(published, tmp_path / "data"))
    file = folder / "case_system_members.csv"
    old = "cs-sotkamo,765,2021-03-01,2024-12-31"
    new = "cs-sotkamo,765,2021-03-01,2022-12-31\ncs-kuhmo,765,2023-01-01,2024-12-31"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    register = parse_register(folder)

    before = register.membership("765", on=date(2022, 12, 31))
    after = register.membership("765", on=date(2023, 1, 1))
    assert before is not None
    assert after is not None
    assert (before.case_system_id, after.case_system_id) == ("cs-sotkamo", "cs-kuhmo")
    assert before.period == after.period
    assert len(register.case_systems(on=date(2023, 1, 1))) == 30
