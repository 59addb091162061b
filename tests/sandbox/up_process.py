"""`kuntavayla up` as a process of its own, its short commands, and a small file to send to it."""

import functools
import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from kuntavayla_sandbox.cli import main
from kuntavayla_sandbox.population import movers_only
from kuntavayla_sandbox.state import Stack, StateDirectory

PATIENCE_S = 60
START_S_MAX = 180
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For who asks often by plain HTTP: reading all certificates takes longer than the call."""
COMMAND = (sys.executable, "-m", "kuntavayla_sandbox.cli")
MARCH_1 = date(2021, 3, 1)
SOTKAMO, KAJAANI = (f'"home_municipality_code":"{code}"'.encode() for code in ("765", "205"))


class UpProcess:
    """`kuntavayla up` as a process of its own."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.options = options
        self.state = StateDirectory(directory)
        self._log = directory.with_name(f"{directory.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        before = self.state.find_stack()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*COMMAND, "up", *self.options, "--state", str(self.directory)],
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: self.is_published(before), within_s=START_S_MAX)

    def is_published(self, before: Stack | None) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"`up` ended by itself: {self._log.read_text()}"
        return self.state.find_stack() not in (None, before)

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_S)

    def end_if_running(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGTERM)

    def stack(self) -> dict[str, Any]:
        stack: dict[str, Any] = json.loads(self.state.stack_file.read_text())
        return stack

    def url(self) -> str:
        return str(self.stack()["services"]["routing-api"])

    def token(self, name: str) -> str:
        return self.run("token", name).stdout.strip()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(*arguments, "--state", str(self.directory))

    def get(self, path: str, *, name: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token(name)}"}
        return ask(self.url() + path, headers=headers)

    def stages(self) -> dict[str, int]:
        status = ask(self.stack()["simulators"]["case-systems"] + "/status").json()
        return {name: entry["count"] for name, entry in status["stages"].items()}


@functools.cache
def small_file() -> Sequence[bytes]:
    """Return lines of two municipalities; drawn when first wanted, which takes a second or more."""
    movers = movers_only(2_000, seed=3, legal_date=MARCH_1)
    return tuple(line for line in movers if SOTKAMO in line or KAJAANI in line)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command inside this process: in one of its own it would import for a second."""
    out, errors = TextIOWrapper(BytesIO(), encoding="utf-8"), StringIO()
    with redirect_stdout(out), redirect_stderr(errors), pytest.raises(SystemExit) as ended:
        main(arguments)
    out.flush()
    code = ended.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(
        arguments, code, out.buffer.getvalue().decode(), errors.getvalue()
    )


def ask(url: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - options of the client
    return httpx.get(url, timeout=PATIENCE_S, verify=PLAIN, **options)


def wait_for(is_reached: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
    deadline_s = time.monotonic() + within_s
    while not is_reached():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


def is_alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def counted(text: str, label: str) -> int:
    [line] = [line for line in text.splitlines() if f" {label} " in line]
    return int("".join(filter(str.isdigit, line)))
