import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from kuntavayla.register import load_register
from kuntavayla_sandbox.broker import Broker
from tests.rights import Cluster, printed, rights

SOTKAMO, KAJAANI = "kv.routing-api.cs-sotkamo.v1", "kv.routing-api.cs-kajaani.v1"
IN_SOTKAMO, IN_KAJAANI = "kv.routing-api.in.cs-sotkamo.v1", "kv.routing-api.in.cs-kajaani.v1"

INTERNAL = "kv.routing-api.internal.v1"
IN_RELAY = "kv.statement-relay.in.cs-sotkamo.v1"
SERVICES = ("routing-api", "statement-relay")
DEADLINE_S = 30


def test_everybody_of_the_register_has_a_topic_and_a_user_and_case_systems_an_inbound_topic() -> (
    None
):
    register = load_register()
    names = {each.organisation_id for each in register.organisations()}
    systems = {name for name in names if register.case_system(name) is not None}
    offices = {name for name in names if name.startswith("te-") and name != "te-national"}

    lines = printed().splitlines()

    topics = {line.split()[1] for line in lines if line.startswith("topic kv.")}
    assert topics == {
        f"kv.{service}.{name}.v1"
        for service in SERVICES
        for name in ("internal", *systems, *offices, *(f"in.{name}" for name in systems))
    }
    users = {line.split()[1] for line in lines if line.startswith("user ")}
    assert users == {*SERVICES, *systems, *offices}


def test_nobody_but_the_service_is_let_near_a_topic_of_another() -> None:
    allowed = re.findall(r"^allow (\S+) (.*)$", printed(), flags=re.MULTILINE)

    foreign = [
        (user, topic)
        for user, line in allowed
        for topic in re.findall(r"--topic (\S+)", line)
        if user not in {topic.split(".")[1], topic.split(".")[-2]}
    ]

    assert allowed
    assert foreign == [("statement-relay", "kv.routing-api.internal.v1")]


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


@pytest.mark.journey
async def test_what_is_printed_lets_everybody_do_their_own_and_nothing_else(
    broker: Broker, tmp_path: Path
) -> None:
    cluster = Cluster(broker, tmp_path)
    cluster.run("--only", "cs-sotkamo,cs-kajaani")
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
    await cluster.write("routing-api", INTERNAL)
    await cluster.write("cs-sotkamo", IN_RELAY)
    assert await cluster.read("statement-relay", INTERNAL) == b"routing-api"
    assert await cluster.read("statement-relay", IN_RELAY) == b"cs-sotkamo"
    await cluster.read_in_group("statement-relay", "statement-relay.routing.common", topic=INTERNAL)
    refused = {
        "read another's": lambda: cluster.read("cs-sotkamo", KAJAANI),
        "write one's own": lambda: cluster.write("cs-sotkamo", SOTKAMO),
        "write another's inbound": lambda: cluster.write("cs-sotkamo", IN_KAJAANI),
        "read one's own inbound": lambda: cluster.read("cs-sotkamo", IN_SOTKAMO),
        "read as the service": lambda: cluster.read("routing-api", SOTKAMO),
        "write inbound as the service": lambda: cluster.write("routing-api", IN_SOTKAMO),
        "read another service's inbound": lambda: cluster.read("statement-relay", IN_SOTKAMO),
        "write another service's events": lambda: cluster.write("statement-relay", INTERNAL),
        "take another's group": lambda: cluster.read_in_group(
            "cs-sotkamo", "cs-kajaani.main", topic=SOTKAMO
        ),
    }
    outcomes = {name: await is_refused(attempt) for name, attempt in refused.items()}
    assert outcomes == dict.fromkeys(refused, True)
