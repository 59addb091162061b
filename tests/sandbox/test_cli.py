import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla_sandbox.cli import app
from kuntavayla_sandbox.clock import write_reached
from tests.sandbox.up_process import (
    COMMAND,
    PATIENCE_S,
    SOTKAMO,
    START_S_MAX,
    UpProcess,
    ask,
    counted,
    is_alive,
    run,
    small_file,
    wait_for,
)

STORIES = (
    "waiting_for_client",
    "is answered invalid_content",
    "receipt_digest_differs",
    "answers information_sent",
    "waiting_period",
    "By event: overdue",
    "not_relayed",
    "the same bytes",
)
"""What each story of the demo says, by what the services answered."""
DEMO_SIZE = ("--registrations", "300", "--items", "150", "--decisions", "60")
SAMPLE = Path(__file__).parents[2] / "docs" / "samples" / "poller.py"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    directory: Path = tmp_path_factory.mktemp("up")
    process = UpProcess(directory)
    process.start()
    yield process
    process.end_if_running()
    shutil.rmtree(EmbeddedServer(directory).data, ignore_errors=True)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("file") / "registrations.ndjson"
    path.write_bytes(b"".join(line + b"\n" for line in small_file()))
    return path


@pytest.mark.parametrize(
    "asked",
    [
        ["--transport", "pigeon"],
        ["--kafka", "127.0.0.1:9092"],
        ["--transport", "kafka", "--kafka", "kafka-1.example:9092"],
        ["--transport", "kafka", "--kafka", "nonsense"],
        ["--receiver", "http://127.0.0.1:1"],
        ["--receiver", "te-nowhere=http://127.0.0.1:1"],
        ["--receiver", "te-kainuu=ftp://127.0.0.1:1"],
        ["--receiver", 'te-kainuu=http://127.0.0.1:1/"quoted" text'],
    ],
    ids=" ".join,
)
def test_what_does_not_exist_or_fit_together_is_refused_before_anything_is_made(
    tmp_path: Path, asked: list[str]
) -> None:
    result = CliRunner().invoke(app, ["up", *asked, "--state", str(tmp_path / "state")])

    assert result.exit_code == 2
    assert asked[-2] in result.output
    assert not (tmp_path / "state").exists()


def test_a_population_is_of_the_day_that_the_stack_began_on(tmp_path: Path) -> None:
    write_reached(
        tmp_path / "clock.json",
        legal_date=date(2025, 1, 2),
        reached_at=datetime(2025, 1, 2, 6, tzinfo=UTC),
    )
    out = tmp_path / "population.ndjson"

    done = CliRunner().invoke(
        app, ["population", "--registrations", "1", "--state", str(tmp_path), "--out", str(out)]
    )

    assert done.exit_code == 0
    assert json.loads(out.read_bytes())["effective_on"] == "2025-01-02"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_without_a_stack_a_token_is_refused_with_advice(tmp_path: Path) -> None:
    done = run("token", "te-kainuu", "--state", str(tmp_path))

    assert done.returncode == 1
    assert "kuntavayla up" in done.stderr


def test_the_demo_does_not_empty_somebody_elses_directory(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    done = run("demo", "--registrations", "10", "--state", str(tmp_path))

    assert done.returncode == 1
    assert (tmp_path / "thesis.txt").exists()


def test_a_population_is_written_and_says_how_close_it_comes(tmp_path: Path) -> None:
    out = tmp_path / "population.ndjson"
    arguments = ("population", "--registrations", "50", "--seed", "4")

    done, again = run(*arguments, "--out", str(out)), run(*arguments)

    assert (done.returncode, again.returncode) == (0, 0)
    assert len(out.read_bytes().splitlines()) == 50
    assert again.stdout == out.read_text()
    assert "fitted" in done.stderr


def test_the_stack_file_has_the_keys_that_counterparts_read(up: UpProcess) -> None:
    stack = up.stack()

    assert (stack["transport"], stack["legal_date"]) == ("feed", "2021-03-01")
    assert set(stack["services"]) == {"routing-api", "statement-relay", "quota-ledger"}
    assert stack["services"]["routing-api"].endswith("/routing/v1")
    assert stack["services"]["statement-relay"].endswith("/relay/v1")
    assert stack["services"]["quota-ledger"].endswith("/quota/v1")
    assert set(stack["simulators"]) == {"te-office", "te-office-tls", "case-systems"}
    assert set(stack["databases"]) == set(stack["services"])
    assert all(url.startswith("postgresql://") for url in stack["databases"].values())
    assert set(stack["pids"]) == {*stack["services"], "te-office", "case-systems"}
    assert set(stack["identities"][0]) == {
        "name",
        "organisation",
        "roles",
        "client_id",
        "client_secret",
    }
    assert stat.S_IMODE(up.state.stack_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(up.directory.stat().st_mode) == 0o711


def test_a_second_stack_on_the_directory_is_refused(up: UpProcess) -> None:
    done = up.run("up")

    assert done.returncode == 1
    assert "already runs" in done.stderr


def test_a_token_of_an_identity_opens_what_its_role_may(up: UpProcess) -> None:
    areas = up.get("/areas?on=2021-03-01", name="te-kainuu")
    refused = up.get("/audit", name="te-kainuu")

    assert areas.status_code == 200
    assert len(areas.json()["items"]) == 25
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


def test_the_sandbox_confirms_the_open_rows_of_the_register(up: UpProcess) -> None:
    status = up.get("/status", name="operator").json()

    assert status["unconfirmed_memberships"] == 0


def test_a_file_is_sent_and_its_people_reach_their_case_systems(up: UpProcess, file: Path) -> None:
    first = up.run("send", str(file), "--as", "te-national")
    wait_for(lambda: up.stages()["acknowledged"] == len(small_file()))
    again = up.run("send", str(file), "--as", "te-national")
    status = up.run("status")

    assert (first.returncode, again.returncode, status.returncode) == (0, 0, 0)
    assert counted(first.stdout, "created") == len(small_file())
    assert counted(again.stdout, "replayed") == len(small_file())
    assert "cs-sotkamo" in status.stdout


def test_a_file_with_a_fault_is_sent_and_the_fault_is_named(up: UpProcess, tmp_path: Path) -> None:
    path = tmp_path / "wrong.ndjson"
    path.write_bytes(small_file()[0].replace(b'"registered_at"', b'"registred_at"') + b"\n")

    done = up.run("send", str(path), "--as", "te-national")

    assert done.returncode == 1
    assert counted(done.stdout, "refused") == 1


def test_the_poller_of_the_documents_starts_from_the_snapshot_and_reads_the_feed(
    up: UpProcess, file: Path, tmp_path: Path
) -> None:
    up.run("send", str(file), "--as", "te-national")
    cursor = tmp_path / "cursor.txt"

    with polling(up, directory=tmp_path):
        wait_for(cursor.exists)
    assert cursor.read_text() != "earliest"
    cursor.write_text("earliest")
    with polling(up, directory=tmp_path):
        wait_for(lambda: cursor.read_text() not in {"", "earliest"})

    taken = (tmp_path / "taken.txt").read_text().splitlines()
    assert len(taken) == len([line for line in small_file() if SOTKAMO in line])


@contextmanager
def polling(up: UpProcess, *, directory: Path) -> Iterator[None]:
    """Run the sample as Sotkamo's case system; what it prints goes to `taken.txt`."""
    [identity] = [each for each in up.stack()["identities"] if each["name"] == "cs-sotkamo"]
    stack = up.stack()
    call = [up.url(), stack["token_url"], identity["client_id"], "765"]
    with (directory / "taken.txt").open("wb") as out:
        poller = subprocess.Popen(  # noqa: S603 - our own sample
            [sys.executable, str(SAMPLE), *call],
            cwd=directory,
            env={"CLIENT_SECRET": identity["client_secret"]},
            stdout=out,
        )
        try:
            yield
        finally:
            poller.terminate()
            poller.wait(PATIENCE_S)


def test_the_legal_clock_is_told_moved_forward_and_never_back(up: UpProcess) -> None:
    before = up.run("clock")
    moved = up.run("clock", "--to", "2021-03-02T09:00")
    back = up.run("clock", "--to", "2021-03-01T08:30")
    headers = {
        "Authorization": f"Bearer {up.token('auditor')}",
        "Acting-Official": "auditor:u-0001; role=auditor",
    }
    url = f"{up.url()}/audit?from=2021-03-02T06:59:00Z"
    [_, listed] = [ask(url, headers=headers).json()["items"] for _ in range(2)]

    assert before.stdout.startswith("2021-03-01 08:")
    assert moved.stdout.startswith("2021-03-02 09:0")
    assert (back.returncode, "only goes on" in back.stderr) == (1, True)
    assert [line["organisation"] for line in listed] == ["auditor"], "the service's clock moved too"


@pytest.mark.faults
def test_a_process_that_is_killed_starts_again_at_the_same_address(up: UpProcess) -> None:
    before = up.stack()
    os.kill(before["pids"]["routing-api"], signal.SIGKILL)
    wait_for(lambda: up.stack()["pids"]["routing-api"] != before["pids"]["routing-api"])
    wait_for(lambda: ask(up.url() + "/readyz").status_code == 200)

    assert up.url() == before["services"]["routing-api"]


@pytest.mark.faults
def test_a_stack_that_was_killed_starts_again_with_its_data_and_its_clock(
    up: UpProcess, file: Path
) -> None:
    up.run("send", str(file), "--as", "te-national")
    wait_for(lambda: up.stages()["acknowledged"] == len(small_file()))
    before, stages = up.stack(), up.stages()
    secrets = {each["name"]: each["client_secret"] for each in before["identities"]}
    up.end(signal.SIGKILL)

    up.start()

    assert [pid for pid in before["pids"].values() if is_alive(pid)] == []
    assert up.stages() == stages
    assert secrets == {each["name"]: each["client_secret"] for each in up.stack()["identities"]}
    assert counted(up.run("send", str(file), "--as", "te-national").stdout, "created") == 0


def test_a_clean_stop_leaves_nothing_running(up: UpProcess) -> None:
    pids = [*up.stack()["pids"].values(), EmbeddedServer(up.directory).pid]

    code = up.end(signal.SIGINT)

    assert code == 0
    assert not up.state.stack_file.exists()
    assert [pid for pid in pids if is_alive(pid)] == []


def test_a_directory_keeps_the_way_that_its_events_began_on(up: UpProcess) -> None:
    up.end_if_running()

    done = up.run("up", "--transport", "kafka")

    assert done.returncode == 1
    assert "travel by feed" in done.stderr


@pytest.mark.journey
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_the_demo_holds_its_check_and_its_curl_lines_work_while_it_stays_up(tmp_path: Path) -> None:
    directory, output = tmp_path / "demo", tmp_path / "output.txt"
    with output.open("wb") as out:
        demo = subprocess.Popen(  # noqa: S603 - our own command
            [*COMMAND, "demo", *DEMO_SIZE, "--keep", "--state", str(directory)],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(
            lambda: demo.poll() is not None or "stays up" in output.read_text(),
            within_s=START_S_MAX,
        )
        lines = output.read_text().splitlines()
        [token] = [line for line in lines if line.startswith("TOKEN=")]
        answers = [
            subprocess.run(  # noqa: S602 - the lines that the demo tells its reader to try
                f"{token}\n{line}", shell=True, capture_output=True, check=True
            )
            for line in lines
            if line.startswith("curl ")
        ]
    finally:
        demo.send_signal(signal.SIGINT)
        code = demo.wait(PATIENCE_S)
        shutil.rmtree(EmbeddedServer(directory).data, ignore_errors=True)

    assert code == 0
    assert any("exactly once" in line for line in lines)
    assert any("nothing out of order" in line for line in lines)
    assert any("Exact to the cent" in line for line in lines)
    assert any("Verified, no difference" in line for line in lines)
    story = " ".join(" ".join(lines).split())  # A sentence goes on behind the edge of the screen.
    assert [told for told in STORIES if told not in story] == []
    assert [bool(json.loads(answer.stdout)) for answer in answers] == [True, True, True]
