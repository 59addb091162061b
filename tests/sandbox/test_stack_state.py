import os
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from kuntavayla_sandbox.clock import (
    ClockGoesOn,
    LegalClock,
    LegalDateDiffers,
    open_clock,
    write_reached,
)
from kuntavayla_sandbox.processes import end_leftovers
from kuntavayla_sandbox.state import (
    Identity,
    SecretFile,
    Stack,
    StackAlreadyRunning,
    StackNotRunning,
    StateDirectory,
    UnknownIdentity,
    open_private,
)

MARCH_1 = date(2021, 3, 1)


def a_stack() -> Stack:
    return Stack(
        transport="feed",
        legal_date="2021-03-01",
        token_url="http://127.0.0.1:1/token",
        services={"routing-api": "http://127.0.0.1:2/routing/v1"},
        simulators={"case-systems": "http://127.0.0.1:3"},
        databases={"routing-api": "postgresql://postgres@/routing_api"},
        pids={"routing-api": 1},
        identities=(Identity("te-kainuu", "te-kainuu", ("te",), "te-kainuu-1", "secret"),),
    )


def test_a_second_stack_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)

    with state.owned(), pytest.raises(StackAlreadyRunning), StateDirectory(tmp_path).owned():
        pass


def test_the_stack_file_of_a_killed_stack_does_not_pass_for_a_running_one(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    with state.owned():
        state.write_stack(a_stack())
        assert state.load_stack() == a_stack()

    with pytest.raises(StackNotRunning):
        state.load_stack()
    assert state.find_stack() == a_stack()


def test_a_directory_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(StackNotRunning, match="kuntavayla up"):
        StateDirectory(tmp_path).load_stack()


def test_an_identity_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownIdentity, match="te-nowhere"):
        a_stack().identity("te-nowhere")


def test_files_with_secrets_are_for_the_owner_alone(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.write_stack(a_stack())
    SecretFile(tmp_path / "secrets.json").keep("a", make=lambda: "b")

    for name in ("stack.json", "secrets.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_persons_and_logs_are_for_the_owner_alone(tmp_path: Path) -> None:
    state, file = StateDirectory(tmp_path / "state"), tmp_path / "people.ndjson"
    file.touch(0o644)
    with state.owned(), open_private(file) as out:
        out.write(b"{}")

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (file, state.logs, state.path)]
    assert modes == [0o600, 0o700, 0o711]


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    first = SecretFile(tmp_path / "secrets.json").keep("key", make=lambda: "first")
    again = SecretFile(tmp_path / "secrets.json").keep("key", make=lambda: "second")

    assert (first, again) == ("first", "first")


def test_a_process_id_that_now_belongs_to_somebody_else_is_left_alone() -> None:
    end_leftovers({"routing-api": os.getpid()}, modules={"routing-api": "no.such.module"})


def test_the_legal_clock_starts_at_eight_in_helsinki_on_the_legal_date(tmp_path: Path) -> None:
    clock, began_on = open_clock(tmp_path / "clock.json", legal_date=None, default=MARCH_1)

    assert began_on == MARCH_1
    opening = datetime(2021, 3, 1, 6, 0, tzinfo=UTC)
    assert opening <= clock() < opening + timedelta(minutes=1)


def test_the_legal_clock_goes_on_from_where_it_stood(tmp_path: Path) -> None:
    reached_at = datetime(2021, 3, 4, 12, 30, tzinfo=UTC)
    write_reached(tmp_path / "clock.json", legal_date=MARCH_1, reached_at=reached_at)

    clock, began_on = open_clock(tmp_path / "clock.json", legal_date=None, default=MARCH_1)

    assert began_on == MARCH_1
    assert reached_at <= clock() < reached_at + timedelta(minutes=1)


def test_another_legal_date_on_a_directory_that_has_begun_is_refused(tmp_path: Path) -> None:
    reached_at = datetime(2021, 3, 4, 12, 30, tzinfo=UTC)
    write_reached(tmp_path / "clock.json", legal_date=MARCH_1, reached_at=reached_at)

    with pytest.raises(LegalDateDiffers, match="2021-03-01"):
        open_clock(tmp_path / "clock.json", legal_date=date(2025, 1, 1), default=MARCH_1)


def test_the_clock_of_a_stack_is_moved_forward_for_all_who_have_it_and_never_back(
    tmp_path: Path,
) -> None:
    clock, _ = open_clock(tmp_path / "clock.json", legal_date=MARCH_1, default=MARCH_1)
    other = msgspec.json.decode(msgspec.json.encode(clock), type=LegalClock)
    before = other()

    clock.move(timedelta(days=3))

    assert timedelta(days=3) <= other() - before < timedelta(days=3, minutes=1)
    with pytest.raises(ClockGoesOn):
        clock.move(timedelta(seconds=-1))
    assert other() - before >= timedelta(days=3)


def test_a_clock_that_was_moved_goes_on_from_there_in_the_next_stack(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    clock, _ = open_clock(file, legal_date=MARCH_1, default=MARCH_1)
    reached_at = clock.move(timedelta(days=3))
    write_reached(file, legal_date=MARCH_1, reached_at=reached_at)

    again, began_on = open_clock(file, legal_date=None, default=MARCH_1)

    assert began_on == MARCH_1
    assert timedelta() <= again() - reached_at < timedelta(minutes=1)


def test_a_clock_of_no_stack_stands_where_it_was_put() -> None:
    at = datetime(2021, 3, 1, 6, tzinfo=UTC)

    clock = LegalClock(at, datetime.now(UTC))  # noqa: TID251 - the clock of a process

    assert timedelta() <= clock() - at < timedelta(minutes=1)
