import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from kuntavayla.audit.blocks import header_of
from kuntavayla.audit.stored_blocks import list_blocks
from kuntavayla.testing import TestDatabase
from routing_api.cli import main
from routing_api.events import SOURCE
from tests.builders import another_person
from tests.routing_api.service import Routing, running_routing

LIMIT_S = 30
QUICKLY = {"audit_seal_interval_ms": 10}
UNSEALED = """
SELECT (SELECT coalesce(max(audit_id), 0) FROM audit)
     - (SELECT coalesce(max(settled_to), 0) FROM audit_blocks)
"""
CHANGE = "UPDATE audit SET official_id = 'sotkamo:u-2' WHERE audit_id = 1"
NOTHING: dict[str, str] = {}


@pytest.fixture
async def sealing(database: TestDatabase) -> AsyncIterator[Routing]:
    async with running_routing(database, **QUICKLY) as routing:
        yield routing


async def all_sealed(routing: Routing) -> None:
    """Return when every line that stands now is in a block."""
    async with asyncio.timeout(LIMIT_S):
        while (await routing.fetch(UNSEALED))[0][0] > 0:
            pass


async def registered_and_sealed(routing: Routing, count: int = 1) -> None:
    """Register people one by one, each sealed before the next: at least as many blocks."""
    for _ in range(count):
        await routing.office().registered(another_person())
        await all_sealed(routing)


async def verified(routing: Routing, **body: object) -> Any:  # noqa: ANN401 - decoded JSON
    answer = await routing.caller("auditor", "audit.read").post("/audit:verify", body)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


async def tampered(routing: Routing, statement: str) -> None:
    owner = await asyncpg.connect(routing.database.owner_url)
    await owner.execute(statement)
    await owner.close()


async def test_an_untouched_audit_is_intact_and_the_verification_is_on_record(
    sealing: Routing,
) -> None:
    await registered_and_sealed(sealing, 2)

    answer = await verified(sealing)
    await all_sealed(sealing)

    assert answer["is_intact"] is True
    assert answer["differences"] == []
    assert (answer["first_block"], answer["last_block"]) == (1, answer["newest_block"])
    assert answer["line_count"] == 2
    assert answer["next_cursor"] is None
    lines = (await sealing.operator.get("/audit")).json()["items"]
    assert [(line["organisation"], line["action"], line["outcome"]) for line in lines[2:]] == [
        ("auditor", "audit.verified", "intact")
    ]
    assert (await verified(sealing))["line_count"] >= 3


async def test_a_tampering_is_told_by_block_and_kind_and_nothing_of_the_line(
    sealing: Routing,
) -> None:
    await registered_and_sealed(sealing)
    await tampered(sealing, CHANGE)

    answer = await verified(sealing)

    assert answer["is_intact"] is False
    assert answer["differences"] == [{"block": 1, "kind": "lines_changed"}]
    assert "sotkamo" not in str(answer)
    [line] = await sealing.fetch("SELECT outcome FROM audit WHERE action = 'audit.verified'")
    assert line["outcome"] == "differs"


async def test_a_long_audit_is_verified_page_by_page(sealing: Routing) -> None:
    await registered_and_sealed(sealing, 3)
    await tampered(sealing, "DELETE FROM audit WHERE audit_id = 3")
    pages = [await verified(sealing, to_block=3, limit=2)]
    pages.append(await verified(sealing, to_block=3, limit=2, after=pages[0]["next_cursor"]))

    assert [(page["first_block"], page["last_block"]) for page in pages] == [(1, 2), (3, 3)]
    assert [page["is_intact"] for page in pages] == [True, False]
    assert pages[1]["next_cursor"] is None


async def test_a_tail_that_was_cut_off_is_found_by_a_hash_kept_outside(
    database: TestDatabase,
) -> None:
    async with running_routing(database, **QUICKLY) as routing:
        await registered_and_sealed(routing, 2)
        kept = await verified(routing)
        expected = {"block": kept["newest_block"], "hash": kept["newest_hash"]}
        before = await verified(routing, expected=expected)
    await tampered(routing, "TRUNCATE audit, audit_blocks")

    async with running_routing(database) as routing:
        after = await verified(routing, expected=expected)

    assert before["differences"] == []
    assert after["differences"] == [{"block": kept["newest_block"], "kind": "tail_cut"}]


async def test_the_public_key_verifies_a_block_outside_of_the_service(sealing: Routing) -> None:
    await registered_and_sealed(sealing)

    keys = (await sealing.caller("auditor", "audit.read").get("/audit/keys")).json()

    connection = await asyncpg.connect(sealing.database.url)
    [block] = await list_blocks(connection, first=1, last=1)
    await connection.close()
    [key] = keys["items"]
    assert (key["key_id"], key["algorithm"], key["is_in_use"]) == ("s1", "Ed25519", True)
    assert keys["source"] == SOURCE
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
    public.verify(block.signature, header_of(block, source=keys["source"]))


async def test_after_a_change_of_keys_the_retired_one_still_verifies(
    database: TestDatabase,
) -> None:
    async with running_routing(database, **QUICKLY) as routing:
        await registered_and_sealed(routing)
        keys = (await routing.operator.get("/audit/keys")).json()["items"]
    newer = base64.b64encode(bytes(range(5, 37))).decode()
    changes = {**QUICKLY, "audit_signing_key": f"s2:{newer}"}
    async with running_routing(database, **changes) as routing:
        without = await verified(routing, to_block=1)
    retired = f"s1:{keys[0]['public_key']}"
    async with running_routing(database, **changes, audit_retired_keys=retired) as routing:
        await registered_and_sealed(routing)
        answer = await verified(routing)
        listed = (await routing.operator.get("/audit/keys")).json()["items"]

    assert without["differences"] == [{"block": 1, "kind": "key_unknown"}]
    assert answer["differences"] == []
    assert [(key["key_id"], key["is_in_use"]) for key in listed] == [("s2", True), ("s1", False)]


REFUSED = [
    pytest.param({"from_block": 3, "to_block": 2}, 422, "invalid_content", id="backwards"),
    pytest.param({"from_block": 0}, 422, "invalid_content", id="block 0"),
    pytest.param({"limit": 101}, 422, "invalid_content", id="too many"),
    pytest.param({"limit": 0}, 422, "invalid_content", id="none"),
    pytest.param({"unknown": 1}, 422, "invalid_content", id="unknown field"),
    pytest.param({"expected": {"block": 1, "hash": "AB"}}, 422, "invalid_content", id="hash"),
    pytest.param({"expected": {"block": 1}}, 422, "invalid_content", id="no hash"),
    pytest.param({"after": "240587-921N"}, 400, "cursor_malformed", id="no cursor"),
    pytest.param(b"{", 400, "json_malformed", id="no JSON"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED)
async def test_a_verification_that_makes_no_sense_is_refused(
    refusing: Routing, *, body: object, status: int, code: str
) -> None:
    answer = await refusing.operator.post("/audit:verify", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "240587" not in answer.text


async def test_blocks_that_do_not_exist_are_none_checked(refusing: Routing) -> None:
    answer = await verified(refusing, from_block=9_007_199_254_740_991)

    assert (answer["block_count"], answer["differences"]) == (0, [])


@pytest.mark.parametrize(
    ("organisation", "scopes", "code"),
    [
        ("te-kainuu", ["audit.read"], "caller_kind_refused"),
        ("cs-sotkamo", ["audit.read"], "caller_kind_refused"),
        ("auditor", ["rule-sets.read"], "scope_missing"),
    ],
)
async def test_only_operators_and_auditors_verify(
    refusing: Routing, *, organisation: str, scopes: list[str], code: str
) -> None:
    caller = refusing.caller(organisation, *scopes)

    answers = [await caller.post("/audit:verify", NOTHING), await caller.get("/audit/keys")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, code)] * 2


async def test_the_last_hash_of_a_legal_day_leaves_once_over_restarts(
    database: TestDatabase,
) -> None:
    async with running_routing(database, **QUICKLY) as routing:
        await registered_and_sealed(routing, 2)
        evening = await verified(routing)
        await all_sealed(routing)
        [last] = await routing.fetch("SELECT max(number) AS n FROM audit_blocks")
        routing.clock.pass_days(1)
        async with asyncio.timeout(LIMIT_S):
            while await routing.count("audit_days") == 0:
                pass
    for _ in range(2):
        async with running_routing(database, **QUICKLY) as routing:
            routing.clock.pass_days(1)
            await registered_and_sealed(routing)

    events = [data for _, kind, data in await routing.outbox("internal") if kind == "audit.sealed"]
    [block] = await routing.fetch("SELECT * FROM audit_blocks WHERE number = $1", last["n"])
    assert evening["newest_block"] < last["n"]
    assert events == [
        {
            "sealed_on": "2021-03-01",
            "block_number": last["n"],
            "block_hash": block["hash"].hex(),
            "block_count": last["n"],
            "line_count": 3,
            "key_id": "s1",
        }
    ]


async def test_the_status_tells_the_newest_block_and_what_waits_for_one(
    routing: Routing,
) -> None:
    before = (await routing.operator.get("/status")).json()
    await routing.office().registered(another_person())
    routing.clock.tick()
    after = (await routing.operator.get("/status")).json()

    assert (before["audit_newest_block"], before["audit_oldest_unsealed_s"]) == (None, 0.0)
    assert (after["audit_newest_block"], after["audit_oldest_unsealed_s"]) in {
        (None, 0.001),
        (1, 0.0),
    }


async def told(*options: str) -> tuple[int, list[str]]:
    """Run the command, beside this loop and without any setting in its environment."""
    result = await asyncio.to_thread(CliRunner().invoke, main, ["verify-audit", *options])
    return result.exit_code, result.stdout.splitlines()


async def test_the_command_line_verifies_without_a_running_service(
    database: TestDatabase,
) -> None:
    async with running_routing(database, **QUICKLY) as routing:
        await registered_and_sealed(routing, 2)
        [key] = (await routing.operator.get("/audit/keys")).json()["items"]
        await all_sealed(routing)
    options = ("--database-url", database.url, "--keys", f"s1:{key['public_key']}")

    intact = await told(*options)
    newest = intact[1][-1].removeprefix("newest: ")
    await tampered(routing, CHANGE)
    changed = await told(*options, "--expect", newest)
    await tampered(routing, "DELETE FROM audit_blocks WHERE number > 1")
    cut = await told(*options, "--expect", newest)
    malformed = await told(*options, "--expect", "1:xyz")

    count = newest.partition(":")[0]
    assert intact == (0, [f"blocks 1-{count}, 2 lines: intact", f"newest: {newest}"])
    assert changed == (
        1,
        [f"blocks 1-{count}, 2 lines: differs", "block 1: lines_changed", f"newest: {newest}"],
    )
    assert cut[0] == 1
    assert f"block {count}: tail_cut" in cut[1]
    assert malformed[0] == 2
