"""The drill on the local stack: routing-api's database is restored, the case systems' is not."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kuntavayla.database.embedded import EmbeddedServer, tool
from kuntavayla_sandbox.cli import app
from tests.sandbox.up_process import UpProcess, ask, run, small_file, wait_for

OPERATOR = "operator"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[UpProcess]:
    process = UpProcess(tmp_path)
    process.start()
    yield process
    process.end(signal.SIGTERM)
    shutil.rmtree(EmbeddedServer(tmp_path).data, ignore_errors=True)


def run_tool(*command: str | Path) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True)  # noqa: S603 - PostgreSQL's own tools


def send(up: UpProcess, *lines: bytes) -> None:
    file = up.directory / f"{len(lines)}-{hash(lines)}.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    assert up.run("send", str(file), "--as", "te-national").returncode == 0


def states(up: UpProcess) -> dict[str, set[tuple[str, str]]]:
    """Return client and state of what each of the two case systems holds and has not ended."""
    url = up.stack()["simulators"]["case-systems"] + "/clients"
    held: dict[str, set[tuple[str, str]]] = {}
    for name in ("cs-sotkamo", "cs-kajaani"):
        items = ask(url, params={"case_system": name}).json()["items"]
        held[name] = {(i["client_id"], i["state"]) for i in items if i["state"] != "ended"}
    return held


def snapshot(up: UpProcess) -> dict[str, set[tuple[str, str]]]:
    """Return client and state of what the service says that the two hold."""
    held: dict[str, set[tuple[str, str]]] = {}
    for name in ("cs-sotkamo", "cs-kajaani"):
        headers = {"Authorization": f"Bearer {token_of(up.token, name, up.url())}"}
        answer = ask(up.url() + "/clienthoods", params={"limit": "1000"}, headers=headers)
        items = answer.json()["items"]
        held[name] = {(item["client_id"], item["transfer_state"]) for item in items}
    return held


@lru_cache
def token_of(ask: Callable[[str], str], name: str, _url: str) -> str:
    """Return a token; another stack has other addresses, and tokens of its own."""
    return ask(name)


def is_settled(up: UpProcess, *, clients: int) -> bool:
    """Say whether both sides hold the same clients, so many, all taken over on both."""
    there, here = snapshot(up), states(up)
    everybody = [held for of_one in there.values() for held in of_one]
    done = {state for _, state in everybody} == {"acknowledged"}
    return done and there == here and len(everybody) == clients


@pytest.mark.journey
def test_after_a_restore_the_case_systems_resync_and_hold_what_the_service_holds(
    up: UpProcess,
) -> None:
    some, more = small_file()[: len(small_file()) // 2], small_file()[len(small_file()) // 2 :]
    backup = up.directory / "routing.dump"
    send(up, *some)
    wait_for(lambda: is_settled(up, clients=len(some)))
    run_tool(tool("pg_dump"), "-Fc", f"--file={backup}", up.stack()["databases"]["routing-api"])
    send(up, *more)
    wait_for(lambda: is_settled(up, clients=len(small_file())))
    refused = up.run("restored", "--service", "routing-api")
    assert up.end(signal.SIGINT) == 0

    with EmbeddedServer(up.directory) as server:
        url = server.url("routing_api")
        run_tool(tool("pg_restore"), "--clean", "--exit-on-error", f"--dbname={url}", backup)
    told = up.run("restored", "--service", "routing-api")
    others = [up.run("restored", "--service", name) for name in ("statement-relay", "quota-ledger")]
    up.start()

    wait_for(lambda: is_settled(up, clients=len(some)))
    send(up, *more, some[0])
    wait_for(lambda: is_settled(up, clients=len(small_file())))
    assert (refused.returncode, told.returncode) == (1, 0)
    assert "already runs" in refused.stderr
    assert told.stdout.startswith("epoch 2 begins behind position")
    assert all(each.stdout.startswith("epoch 2 begins behind position 0") for each in others)
    assert up.get("/status", name=OPERATOR).json()["epoch"] == 2


def test_a_directory_without_data_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "empty"

    done = run("restored", "--service", "routing-api", "--state", str(directory))

    assert done.returncode == 1
    assert "no data" in done.stderr
    assert not directory.exists()


def test_a_service_that_has_no_epoch_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["restored", "--service", "relay", "--state", str(tmp_path)])

    assert result.exit_code == 2
    assert "--service" in result.output
