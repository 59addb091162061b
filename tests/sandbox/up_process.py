"""`kuntavayla` as its users have it: `up` in a process of its own, the short commands here."""

import json
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import httpx
import pytest

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla_sandbox.cli import main
from kuntavayla_sandbox.population import movers_only
from kuntavayla_sandbox.state import Stack, StateDirectory

PATIENCE_S = 60
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For who asks often by plain HTTP: reading all certificates takes longer than the call."""
COMMAND = (sys.executable, "-m", "kuntavayla_sandbox.cli")
SOTKAMO, KAJAANI = (f'"home_municipality_code":"{code}"'.encode() for code in ("765", "205"))
LINES = [
    line
    for line in movers_only(2_000, seed=3, legal_date=date(2021, 3, 1))
    if SOTKAMO in line or KAJAANI in line
]


@dataclass
class Done:
    """What a command came to."""

    code: object
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


def command(*arguments: str) -> Done:
    """Run the command line in this process: each one of its own would import for a second."""
    out, err = TextIOWrapper(BytesIO()), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(arguments)
    out.flush()
    return Done(ended.value.code, out.buffer.getvalue(), err.getvalue())


class UpProcess:
    """`kuntavayla up` as a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = StateDirectory(directory)
        self._log = directory.with_name(f"{directory.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        before = self.state.find_stack()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*COMMAND, "up", "--state", str(self.directory)], stdout=log, stderr=log
            )
        wait_for(lambda: self.is_published(before))

    def is_published(self, before: Stack | None) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"`up` ended by itself: {self._log.read_text()}"
        return self.state.find_stack() not in (None, before)

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_S)

    def remove(self) -> None:
        """End it where it runs, and remove its data."""
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGTERM)
        shutil.rmtree(EmbeddedServer(self.directory).data, ignore_errors=True)

    def stack(self) -> dict[str, Any]:
        stack: dict[str, Any] = json.loads(self.state.stack_file.read_text())
        return stack

    def url(self) -> str:
        return str(self.stack()["services"]["routing-api"])

    def run(self, *arguments: str) -> Done:
        return command(*arguments, "--state", str(self.directory))

    def token(self, name: str) -> str:
        return self.run("token", name).text.strip()

    def get(self, path: str, *, name: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token(name)}"}
        return ask(self.url() + path, headers=headers)

    def stages(self) -> dict[str, int]:
        status = ask(self.stack()["simulators"]["case-systems"] + "/status").json()
        return {name: entry["count"] for name, entry in status["stages"].items()}


def ask(url: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - options of the client
    return httpx.get(url, timeout=PATIENCE_S, verify=PLAIN, **options)


def wait_for(is_reached: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_reached():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)
