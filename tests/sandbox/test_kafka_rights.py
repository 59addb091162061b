import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from kuntavayla.outbox import inbound_topic_of, topic_of
from kuntavayla.register import load_register
from kuntavayla_sandbox.broker import Broker
from tests.releases import RELEASES
from tests.rights import Cluster, printed, rights
from tests.topics import forget_topics, list_partitions

SOTKAMO, KAJAANI = "kv.routing-api.cs-sotkamo.v1", "kv.routing-api.cs-kajaani.v1"
IN_SOTKAMO, IN_KAJAANI = "kv.routing-api.in.cs-sotkamo.v1", "kv.routing-api.in.cs-kajaani.v1"
INTERNAL = "kv.routing-api.internal.v1"
RELAY_SOTKAMO = "kv.statement-relay.cs-sotkamo.v1"
RELAY_IN_SOTKAMO = "kv.statement-relay.in.cs-sotkamo.v1"
SERVICES = {release.name for release in RELEASES}
FOLLOWERS = {"statement-relay", "quota-ledger"}
"""The services that read routing-api's internal events."""
INBOUND = SERVICES - {"quota-ledger"}
"""The services that read topics of case systems."""

DEADLINE_S = 30


def test_everybody_of_the_register_has_a_topic_and_a_user_and_case_systems_an_inbound_topic() -> (
    None
):
    register = load_register()
    names = {each.organisation_id for each in register.organisations()}
    systems = {name for name in names if register.case_system(name) is not None}
    offices = {name for name in names if name.startswith("te-") and name != "te-national"}
    centres = {name for name in names if name.startswith("ely-")}

    lines = printed().splitlines()

    topics = {line.split()[1] for line in lines if line.startswith("topic kv.")}
    assert topics == {
        *(topic_of(one, name) for one in SERVICES for name in {*systems, *offices, "internal"}),
        *(inbound_topic_of(one, name) for one in INBOUND for name in systems),
        *(topic_of("quota-ledger", name) for name in centres),
    }
    users = {line.split()[1] for line in lines if line.startswith("user ")}
    assert users == {*SERVICES, *systems, *offices, *centres}


def test_nobody_but_the_service_is_let_near_a_topic_of_another() -> None:
    allowed = re.findall(r"^allow (\S+) --operation (\S+) (.*)$", printed(), flags=re.MULTILINE)

    foreign = {
        (user, operation, topic)
        for user, operation, line in allowed
        for topic in re.findall(r"--topic (\S+)", line)
        if user not in topic.split(".")
    }

    assert allowed
    assert foreign == {(follower, "Read", INTERNAL) for follower in FOLLOWERS}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_writes_what_it_tells_and_reads_what_it_is_told_and_never_the_other_way(
    service: str,
) -> None:
    allowed = re.findall(rf"^allow {service} --operation (\S+) (.*)$", printed(), re.MULTILINE)
    topics = {
        operation: {*re.findall(r"--topic (\S+)", line)}
        for operation, line in allowed
        if "--topic" in line
    }

    inbound = {name for name in topics["Read"] if f"kv.{service}.in." in name}
    told = topics["Read"] - inbound
    assert bool(inbound) == (service in INBOUND)
    assert told == ({INTERNAL} if service in FOLLOWERS else set())
    assert all(name.startswith(f"kv.{service}.") for name in topics["Write"])
    assert not any(".in." in name for name in topics["Write"])


def test_on_a_day_only_those_who_act_are_there() -> None:
    pilots, reform = printed("--on", "2021-03-01"), printed("--on", "2025-01-01")

    assert "user te-kainuu\n" in pilots
    assert "user te-kainuu\n" not in reform
    assert reform.count("\nuser ") != pilots.count("\nuser ") > 40


@pytest.mark.parametrize("arguments", [["--only", "cs-nowhere"], ["--revoke", "cs; true"]])
def test_a_name_that_is_none_is_refused_and_nothing_is_printed(arguments: list[str]) -> None:
    answer = rights(*arguments, succeeds=False)

    assert answer.returncode == 2
    assert answer.stdout == ""
    assert arguments[1] in answer.stderr


async def is_refused(attempt: Callable[[], Awaitable[object]]) -> bool:
    """Say whether the broker refuses what is tried."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            await attempt()
    except (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
        return True
    return False


async def outcomes_of(
    attempts: Mapping[str, Callable[[], Awaitable[object]]],
) -> dict[str, bool]:
    """Return which attempts the broker refuses."""
    return {name: await is_refused(attempt) for name, attempt in attempts.items()}


@pytest.fixture(scope="module")
async def cluster(
    broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    """Give two case systems and our services their topics and rights on the tests' broker."""
    cluster = Cluster(broker, tmp_path_factory.mktemp("rights"))
    cluster.run("--only", "cs-sotkamo,cs-kajaani")
    yield cluster
    own = tuple(f"kv.{name}." for name in SERVICES)
    made = [name for name in await list_partitions(broker) if name.startswith(own)]
    await forget_topics(broker, made)


@pytest.mark.journey
async def test_what_is_printed_lets_everybody_do_their_own_and_nothing_else(
    cluster: Cluster,
) -> None:
    password = (cluster.passwords / "cs-sotkamo").read_text()
    cluster.run("--only", "cs-sotkamo")

    assert (cluster.passwords / "cs-sotkamo").read_text() == password
    assert (cluster.passwords / "cs-sotkamo").stat().st_mode & 0o077 == 0
    await cluster.write("routing-api", SOTKAMO)
    await cluster.write("routing-api", KAJAANI)
    await cluster.write("cs-sotkamo", IN_SOTKAMO)
    assert await cluster.read("cs-sotkamo", SOTKAMO) == b"routing-api"
    assert await cluster.read("cs-kajaani", KAJAANI) == b"routing-api"
    assert await cluster.read("routing-api", IN_SOTKAMO) == b"cs-sotkamo"
    await cluster.read_in_group("cs-sotkamo", "cs-sotkamo.main", topic=SOTKAMO)
    refused: dict[str, Callable[[], Awaitable[object]]] = {
        "read another's": lambda: cluster.read("cs-sotkamo", KAJAANI),
        "write one's own": lambda: cluster.write("cs-sotkamo", SOTKAMO),
        "write another's inbound": lambda: cluster.write("cs-sotkamo", IN_KAJAANI),
        "read one's own inbound": lambda: cluster.read("cs-sotkamo", IN_SOTKAMO),
        "read as the service": lambda: cluster.read("routing-api", SOTKAMO),
        "write inbound as the service": lambda: cluster.write("routing-api", IN_SOTKAMO),
        "take another's group": lambda: cluster.read_in_group(
            "cs-sotkamo", "cs-kajaani.main", topic=SOTKAMO
        ),
    }
    assert await outcomes_of(refused) == dict.fromkeys(refused, True)


@pytest.mark.journey
async def test_the_relay_follows_routing_and_has_topics_of_its_own(cluster: Cluster) -> None:
    await cluster.write("routing-api", INTERNAL)
    await cluster.write("statement-relay", RELAY_SOTKAMO)
    await cluster.write("cs-sotkamo", RELAY_IN_SOTKAMO)

    assert await cluster.read("statement-relay", INTERNAL) == b"routing-api"
    assert await cluster.read("cs-sotkamo", RELAY_SOTKAMO) == b"statement-relay"
    assert await cluster.read("statement-relay", RELAY_IN_SOTKAMO) == b"cs-sotkamo"
    await cluster.read_in_group("statement-relay", "statement-relay.routing", topic=INTERNAL)
    refused: dict[str, Callable[[], Awaitable[object]]] = {
        "write what it follows": lambda: cluster.write("statement-relay", INTERNAL),
        "read for a case system": lambda: cluster.read("statement-relay", SOTKAMO),
        "read what routing is sent": lambda: cluster.read("statement-relay", IN_SOTKAMO),
        "read what the relay is sent": lambda: cluster.read("routing-api", RELAY_IN_SOTKAMO),
        "write for the relay": lambda: cluster.write("routing-api", RELAY_SOTKAMO),
        "read internal from outside": lambda: cluster.read("cs-sotkamo", INTERNAL),
        "take the relay's group": lambda: cluster.read_in_group(
            "routing-api", "statement-relay.routing", topic=IN_SOTKAMO
        ),
    }
    assert await outcomes_of(refused) == dict.fromkeys(refused, True)
