"""One PostgreSQL server for all fault tests, theirs alone: they stop and kill it."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.postgres import Postgres
from tests.faults.site import Site, open_site
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


@pytest.fixture(scope="session")
async def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with open_site(postgres, tmp_path_factory.mktemp("logs")) as site:
        yield site


@pytest.fixture(scope="module")
async def stack(site: Site) -> AsyncIterator[Stack]:
    """One stack for the tests of a module; each uses persons of its own."""
    async with running_stack(site) as stack:
        yield stack
