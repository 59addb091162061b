"""A broker's process: formatted once, started, waited for, stopped by its own id."""

import base64
import os
import signal
import socket
import subprocess
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from kuntavayla.database.processes import is_running
from kuntavayla_sandbox.broker.configuring import (
    HOST,
    WITH_TLS,
    BrokerPlan,
    Listener,
    TlsFiles,
    free_port,
    make_tls_files,
    write_properties,
)
from kuntavayla_sandbox.broker.installing import install

READY_S_MAX = 120
READY_POLL_S = 0.05
STOP_S_MAX = 30
TOOL_S_MAX = 120
STARTED = "Kafka Server started"
"""What the broker logs when it serves: a port that is open proves less."""
LOG_LINES_SHOWN = 20
MAIN_CLASS = "kafka.Kafka"
QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
"""For tools that live a second: less to compile, less to collect."""


class BrokerFailed(Exception):
    """The broker, or one of Kafka's tools, ended with a fault; the text shows its last lines."""

    def __init__(self, what: str, output: str) -> None:
        shown = "\n".join(output.splitlines()[-LOG_LINES_SHOWN:])
        super().__init__(f"{what}; the last lines:\n{shown}")


class Broker:
    """One broker in a directory of its own: ports kept while the object lives, data between starts.

    It outlives a killed starter; the next start on the directory ends it by the id written down.
    """

    def __init__(self, directory: Path, plan: BrokerPlan | None = None) -> None:
        self.directory = directory.resolve()
        self.plan = plan or BrokerPlan()
        self._process: subprocess.Popen[bytes] | None = None
        names = [Listener.PLAINTEXT, *sorted(self.plan.listeners - {Listener.PLAINTEXT})]
        self._ports = {str(name): free_port() for name in names}
        self._controller_port = free_port()

    @property
    def bootstrap(self) -> str:
        """Return the address of the plain listener, `host:port`."""
        return self.address(Listener.PLAINTEXT)

    def address(self, listener: Listener) -> str:
        """Return the address of a listener, `host:port`."""
        return f"{HOST}:{self._ports[listener]}"

    @property
    def tls_files(self) -> TlsFiles:
        """Return the files that a client of a TLS listener needs."""
        assert self.plan.listeners & WITH_TLS, "no listener of this broker speaks TLS"
        return make_tls_files(self.directory)

    @property
    def log_file(self) -> Path:
        """Where the broker writes what it does."""
        return self.directory / "broker.log"

    @property
    def pid(self) -> int | None:
        """Return the broker's process id while it runs, else None."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def start(self) -> Self:
        """Start the broker and wait until it serves; its data are made the first time.

        Raises BrokerUnavailable or BrokerFailed.
        """
        libraries = install()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.end_what_a_killed_starter_left()
        properties = write_properties(
            self.directory, self.plan, ports=self._ports, controller_port=self._controller_port
        )
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(properties)
        heap = f"{self.plan.heap_mib}m"
        command = [
            *_java(libraries, f"-Xms{heap}", f"-Xmx{heap}", *QUICK),
            MAIN_CLASS,
            str(properties),
        ]
        offset = self.log_file.stat().st_size if self.log_file.exists() else 0
        with self.log_file.open("ab") as log:
            # A session of its own: Ctrl-C reaches the starter alone, which stops all in order.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (self.directory / "broker.pid").write_text(str(self._process.pid))
        self._wait_until_ready(offset)
        return self

    def tool(self, main_class: str, *arguments: str) -> str:
        """Run one of Kafka's command-line tools by its class; return what it printed.

        Raises BrokerFailed where it ends with a fault.
        """
        return run_tool(main_class, *arguments)

    def kill(self) -> None:
        """End the broker at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the broker to stop; kill it if it does not go."""
        self._end(signal.SIGTERM)

    def end_what_a_killed_starter_left(self) -> None:
        """End the broker of this directory whose starter was killed, if it is still that."""
        file = self.directory / "broker.pid"
        if self.pid is not None or not file.exists():
            return
        properties = str(self.directory / "server.properties")
        with suppress(psutil.Error, ValueError):
            process = psutil.Process(int(file.read_text()))
            if {MAIN_CLASS, properties} <= set(process.cmdline()):
                process.terminate()
                _wait_for_end(process)
                process.kill()
        file.unlink()

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
            with suppress(ProcessLookupError):
                # One that was paused hears nothing until it goes on.
                os.kill(process.pid, signal.SIGCONT)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        (self.directory / "broker.pid").unlink(missing_ok=True)

    def _format(self, properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        users = [
            argument
            for name, password in self.plan.users.items()
            for argument in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]
        # An id that begins with a dash would be taken for an option.
        run_tool(
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={cluster}",
            f"--config={properties}",
            *users,
        )

    def _wait_until_ready(self, offset: int) -> None:
        said, deadline_s = "", time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline_s:
            with self.log_file.open("rb") as log:
                log.seek(offset)
                said = log.read().decode(errors="replace")
            if self.pid is None:
                raise BrokerFailed("The broker ended at its start", said)
            if STARTED in said and all(map(_is_open, self._ports.values())):
                return
            time.sleep(READY_POLL_S)
        self.kill()
        raise BrokerFailed(f"The broker was not ready in {READY_S_MAX} s", said)

    def __enter__(self) -> Self:
        """Start the broker for the block."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the broker, however the block ended."""
        self.stop()


def run_tool(main_class: str, *arguments: str) -> str:
    """Run one of Kafka's tools by its class; return its output, or raise BrokerFailed."""
    command = [*_java(install(), "-Xmx256m", *QUICK), main_class, *arguments]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=TOOL_S_MAX
    )
    if answer.returncode != 0:
        raise BrokerFailed(f"{main_class} failed", answer.stdout + answer.stderr)
    return answer.stdout


def _java(libraries: Path, *options: str) -> list[str]:
    shown = ["-Dorg.slf4j.simpleLogger.showDateTime=true", "-Djava.awt.headless=true"]
    return ["java", *options, *shown, "-cp", f"{libraries}/*"]


def _is_open(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((HOST, port)) == 0


def _wait_for_end(process: psutil.Process) -> None:
    """Wait until a process of somebody else has ended, collected or not, for a while at most."""
    deadline = time.monotonic() + STOP_S_MAX
    while is_running(process):
        if time.monotonic() > deadline:
            return
        time.sleep(READY_POLL_S)
