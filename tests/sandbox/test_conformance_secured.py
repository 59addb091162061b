import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from kuntavayla_sandbox.certificates import Trust, make_trust
from kuntavayla_sandbox.conformance import PROMISES, Access, Result, XRoadNames, try_all
from kuntavayla_sandbox.te_office.knobs import Breach
from kuntavayla_sandbox.te_office.starting import X_ROAD_CLIENT, X_ROAD_SERVICES
from tests.sandbox.te_office_bench import (
    AINO,
    BY_CERTIFICATE,
    BY_X_ROAD,
    Bench,
    running_bench,
    te_office_database,
)
from tests.sandbox.up_process import COMMAND, run

[SERVICE] = X_ROAD_SERVICES
NAMES = XRoadNames(X_ROAD_CLIENT, SERVICE)
DOORS = pytest.mark.parametrize("receiver_id", [BY_CERTIFICATE, BY_X_ROAD])


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    now = datetime.now(UTC)  # noqa: TID251 - TLS knows no other clock
    return make_trust(tmp_path_factory.mktemp("tls"), now=now)


@pytest.fixture(scope="module")
async def bench(server_url: str, trust: Trust) -> AsyncIterator[Bench]:
    async with (
        te_office_database(server_url) as url,
        running_bench(url, trust=trust) as bench,
    ):
        yield bench


class Doors:
    """The two ways in: by certificate alone, and through X-Road."""

    def __init__(self, bench: Bench, known: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
        self._bench = bench
        self._known = known
        self._stranger = stranger

    def access(self, receiver_id: str) -> Access:
        url = self._bench.secured_url
        if receiver_id == BY_X_ROAD:
            return Access(self._known, url, x_road=NAMES, stranger=self._stranger)
        return Access(self._known, f"{url}/{receiver_id}", stranger=self._stranger)

    async def results(self, receiver_id: str, *, access: Access | None = None) -> dict[str, Result]:
        """Return what came of each promise that is not kept."""
        findings = await try_all(
            PROMISES, access=access or self.access(receiver_id), test_client=AINO
        )
        return {
            each.promise.name: each.result for each in findings if each.result is not Result.KEPT
        }


@pytest.fixture
async def doors(bench: Bench, trust: Trust) -> AsyncIterator[Doors]:
    stranger = ssl.create_default_context(cafile=trust.authorities_file)
    known = ssl.create_default_context(cafile=trust.authorities_file)
    known.load_cert_chain(trust.client.certificate_file, trust.client.key_file)
    async with (
        httpx.AsyncClient(verify=known) as with_certificate,
        httpx.AsyncClient(verify=stranger) as without,
    ):
        yield Doors(bench, with_certificate, without)
    for receiver_id in (BY_CERTIFICATE, BY_X_ROAD):
        await bench.set_knobs(receiver_id)


@DOORS
async def test_behind_every_door_the_simulator_keeps_what_can_be_tried(
    doors: Doors, receiver_id: str
) -> None:
    results = await doors.results(receiver_id)

    assert results == dict.fromkeys(("token_missing", "token_unknown"), Result.NOT_TRIED)


@DOORS
async def test_behind_every_door_a_broken_promise_is_found(
    bench: Bench, doors: Doors, receiver_id: str
) -> None:
    await bench.set_knobs(receiver_id, breaches=[Breach.LISTS_NOTHING, Breach.IGNORES_DIGEST])

    results = await doors.results(receiver_id)

    assert {name for name, result in results.items() if result is Result.BROKEN} == {
        "listed",
        "digest_mismatch",
        "digest_missing",
        "digest_malformed",
    }


async def test_a_receiver_that_lets_strangers_in_is_found(doors: Doors) -> None:
    access = doors.access(BY_CERTIFICATE)

    results = await doors.results(BY_CERTIFICATE, access=access._replace(stranger=access.client))

    assert results["certificate_missing"] is Result.BROKEN


async def checked(bench: Bench, *options: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "conformance", "--role", "te-office", "--url", bench.secured_url, *options),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


def files_of(trust: Trust) -> tuple[str, ...]:
    pair = trust.client
    shown = ("--certificate", pair.certificate_file, "--key", pair.key_file)
    return (*shown, "--authorities", trust.authorities_file)


async def test_the_command_goes_through_x_road(bench: Bench, trust: Trust) -> None:
    names = ("--x-road-client", X_ROAD_CLIENT, "--x-road-service", SERVICE)

    code, said = await checked(bench, *files_of(trust), *names)

    assert code == 0, said
    assert f"{len(PROMISES)} promises: {len(PROMISES) - 2} kept, 0 broken, 2 not tried" in said


async def test_an_error_of_the_bus_is_told_as_such(bench: Bench, trust: Trust) -> None:
    other = SERVICE.replace("/information", "/pensions")
    names = ("--x-road-client", X_ROAD_CLIENT, "--x-road-service", other)

    code, said = await checked(bench, *files_of(trust), *names)

    assert code == 1
    assert "500 of X-Road" in said


@pytest.mark.parametrize(
    "options",
    [
        ("--certificate", "own.pem"),
        ("--key", "own-key.pem"),
        ("--x-road-client", X_ROAD_CLIENT),
        ("--x-road-client", "kuntavayla", "--x-road-service", SERVICE),
        ("--x-road-client", X_ROAD_CLIENT, "--x-road-service", "information"),
        ("--authorities", "nowhere.pem"),
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_refused(options: tuple[str, ...]) -> None:
    done = run("conformance", "--role", "te-office", "--url", "https://127.0.0.1:9", *options)

    assert done.returncode == 2
