import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import asyncpg
import psutil
import pytest

from kuntavayla.database.embedded import (
    THROWN_AWAY,
    EmbeddedServer,
    ServerStillRuns,
    data_directory_of,
)

PATIENCE_S = 30

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server has another user")


def test_the_servers_files_stand_in_the_state_directory_where_all_may_pass() -> None:
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)

        assert data_directory_of(Path(name) / "state") == Path(name).resolve() / "state/postgres"


@AS_ROOT
@pytest.mark.parametrize("state", [".", "state", "deep/state"])
def test_roots_server_stays_out_of_private_folders_and_leaves_them_private(state: str) -> None:
    with TemporaryDirectory() as name:
        (Path(name) / "state").mkdir()

        found = data_directory_of(Path(name) / state)

        assert found.parent == Path(gettempdir())
        assert Path(name).stat().st_mode & 0o777 == 0o700


@AS_ROOT
def test_two_state_directories_never_share_a_server() -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        assert data_directory_of(Path(one)) != data_directory_of(Path(other))


async def run(server: EmbeddedServer, statement: str) -> object:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def is_running(pid: int | None) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def somebody_else() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that has nothing to do with PostgreSQL and ends with its input."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process


def kill(server: EmbeddedServer) -> None:
    pid = server.pid
    assert pid is not None
    process = psutil.Process(pid)
    children = process.children()
    process.kill()
    psutil.wait_procs(children, timeout=PATIENCE_S)
    assert not is_running(pid)


def give_id_to(server: EmbeddedServer, pid: int) -> None:
    """Let the files that a killed server has left name another process."""
    file = server.data / "postmaster.pid"
    _, *lines = file.read_text().splitlines()
    socket_lock = Path(lines[3], f".s.PGSQL.{lines[2]}.lock")
    for path in (file, socket_lock):
        _, *rest = path.read_text().splitlines()
        path.write_text("\n".join([str(pid), *rest]) + "\n")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user may pass."""
    with TemporaryDirectory(prefix="kuntavayla-embedded-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def thrown_away() -> Iterator[EmbeddedServer]:
    """A server that does not run, whose files are made once for all who start it."""
    with TemporaryDirectory(prefix="kuntavayla-embedded-") as name:
        Path(name).chmod(0o755)
        yield EmbeddedServer(Path(name), settings=THROWN_AWAY)


async def test_a_server_keeps_its_data_over_a_stop_and_a_second_start_joins_the_first(
    folder: Path,
) -> None:
    with EmbeddedServer(folder) as first:
        await run(first, "CREATE TABLE kept AS SELECT 17 AS number")
        first_pid = first.pid
        joined_pid = EmbeddedServer(folder).start().pid
    has_stopped = not is_running(first_pid)

    with EmbeddedServer(folder) as second:
        kept = await run(second, "SELECT number FROM kept")
        is_durable = await run(second, "SELECT current_setting('fsync')")
        listens = await run(second, "SELECT current_setting('listen_addresses')")
        second_pid = second.pid
    second.stop()

    assert joined_pid == first_pid
    assert has_stopped
    assert kept == 17
    assert (is_durable, listens) == ("on", "")
    assert second_pid != first_pid
    assert second.pid is None


def test_a_process_that_has_the_id_of_an_ended_server_is_not_stopped(folder: Path) -> None:
    server = EmbeddedServer(folder)
    server.data.mkdir()

    with somebody_else() as process:
        (server.data / "postmaster.pid").write_text(f"{process.pid}\n")
        server.stop()
        is_left_alone = process.poll() is None

    assert is_left_alone
    # It ended by itself when its input did.
    assert process.returncode == 0


async def test_a_killed_server_starts_again_though_another_process_has_its_id(
    thrown_away: EmbeddedServer,
) -> None:
    with thrown_away as server, somebody_else() as process:
        await run(server, "CREATE TABLE kept AS SELECT 17 AS number")
        kill(server)
        give_id_to(server, process.pid)

        server.start()

        assert await run(server, "SELECT number FROM kept") == 17
        assert await run(server, "SELECT current_setting('fsync')") == "off"
        assert server.pid != process.pid
        assert process.poll() is None


def test_a_server_that_does_not_go_in_time_is_told(thrown_away: EmbeddedServer) -> None:
    with thrown_away as server:
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(ServerStillRuns, match=str(pid)):
                server.stop(within_s=0.1)
        finally:
            os.kill(pid, signal.SIGCONT)

    assert not is_running(pid)
