"""Kafka's jars: collected once with Maven, shared by every broker of this checkout."""

import fcntl
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

RECIPE = Path(__file__).parents[3] / "kafka"
"""deploy/kafka: the POM and the properties; the broker runs from a checkout."""
CACHE = Path(__file__).parents[4] / "build" / "kafka"
JAVA_VERSION_MIN = 17
INSTALL_S_MAX = 600
VERSION = re.compile(r'version "(\d+)')


class BrokerUnavailable(Exception):
    """A broker cannot run on this machine; the text says what is missing."""


def missing_tool() -> str | None:
    """Return why no broker can run here, in a sentence, or None where one can."""
    java = shutil.which("java")
    if java is None:
        return f"no `java` is installed; a broker needs Java {JAVA_VERSION_MIN} or newer"
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = VERSION.search(answer.stderr + answer.stdout)
    if found is None or int(found[1]) < JAVA_VERSION_MIN:
        version = found[1] if found else "unknown"
        return f"`java` is version {version}; a broker needs Java {JAVA_VERSION_MIN} or newer"
    if not (RECIPE / "pom.xml").is_file():
        return f"{RECIPE / 'pom.xml'} is missing; the broker runs from a checkout"
    if not _libraries().is_dir() and shutil.which("mvn") is None:
        return "no `mvn` is installed; Maven collects Kafka's jars"
    return None


def install() -> Path:
    """Return the folder of Kafka's jars; the first time Maven collects them, as it is set up here.

    Raises BrokerUnavailable where Java or Maven are missing or Maven cannot collect them.
    """
    missing = missing_tool()
    if missing is not None:
        raise BrokerUnavailable(missing)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        libraries = _libraries()
        if not libraries.is_dir():
            _collect(libraries)
        return libraries


def _libraries() -> Path:
    """Return the folder of the jars of the POM as it is now: another POM has another folder."""
    digest = hashlib.sha256((RECIPE / "pom.xml").read_bytes()).hexdigest()
    return CACHE / f"libraries-{digest[:12]}"


def _collect(libraries: Path) -> None:
    draft = libraries.with_name(libraries.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={draft.resolve()}"]
    command = ["mvn", "--quiet", "--batch-mode", "--file", str(RECIPE / "pom.xml"), *goal]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=INSTALL_S_MAX
    )
    if answer.returncode != 0:
        raise BrokerUnavailable(f"Maven could not collect Kafka's jars:\n{answer.stdout}")
    draft.rename(libraries)
