import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import asyncpg
import pytest

from kuntavayla.database.embedded import EmbeddedServer, data_directory_of

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


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user may pass."""
    with TemporaryDirectory(prefix="kuntavayla-embedded-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_a_server_keeps_its_data_over_a_stop_and_a_second_start_joins_the_first(
    folder: Path,
) -> None:
    with EmbeddedServer(folder) as first:
        await run(first, "CREATE TABLE kept AS SELECT 17 AS number")
        first_pid = first.pid
        joined_pid = EmbeddedServer(folder).start().pid
    has_stopped = first_pid is not None and not is_running(first_pid)

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
