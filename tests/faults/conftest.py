"""One PostgreSQL server for all fault tests, theirs alone: they stop and kill it."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.postgres import Postgres
from tests.faults.stack import Stack, running_stack


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kuntavayla-faults-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
async def postgres(directory: Path) -> AsyncIterator[Postgres]:
    postgres = Postgres(directory)
    await postgres.start()
    yield postgres
    await postgres.stop()


@pytest.fixture(scope="module")
async def stack(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """One stack for the tests of a module; each uses persons of its own."""
    async with running_stack(postgres, tmp_path_factory.mktemp("logs")) as stack:
        yield stack
