"""The drill of docs/operations.md: dump, more traffic, restore, a new epoch, readers resync."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from msgspec import Struct
from typer.testing import CliRunner

from kuntavayla.database import open_pool, transaction
from kuntavayla.events import new_ids_at
from kuntavayla.outbox import Epoch, EpochRefused, Restore
from kuntavayla.outbox.restoring import EPOCH_MAX
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.restores import begin_epoch
from kuntavayla.testing import DatabaseServer, TestDatabase
from routing_api.cli import main
from routing_api.events import SOURCE
from tests.builders import another_person
from tests.routing_api import backups
from tests.routing_api.service import Caller, Routing, environment_of, running_routing
from tests.served import Json, kind_of

NOW = datetime(2021, 3, 1, 9, 0, tzinfo=UTC)
FEEDS = ("/events", "/events/restricted")


class Reader:
    """A case system that does what docs/delivery.md asks of a reader, and no more."""

    caller: Caller

    def __init__(self) -> None:
        self.clients: dict[str, int] = {}
        self.cursors = dict.fromkeys(FEEDS, "earliest")
        self.seen = dict.fromkeys(FEEDS, "")
        self.ids: list[str] = []
        self.resyncs = 0

    async def read(self) -> None:
        """Read both feeds to their ends; a refused cursor begins anew from the snapshot."""
        for path in FEEDS:
            answer = await self.caller.get(path, params={"after": self.cursors[path]})
            if answer.status_code == httpx.codes.GONE:
                assert "/routing/v1/clienthoods" in answer.json()["detail"]
                await self.resync()
                return await self.read()
            for event in answer.json():
                if event["sequence"] > self.seen[path]:
                    self.take(event)
                    self.seen[path] = event["sequence"]
            self.cursors[path] = answer.headers["next-cursor"]
        return None

    def take(self, event: Json) -> None:
        self.ids.append(event["id"])
        client_id, version = event["subject"], event["data"]["clienthood_version"]
        if kind_of(event) == "client.transferred":
            self.clients[client_id] = version
        if kind_of(event) == "client.withdrawn" and self.clients.get(client_id) == version:
            del self.clients[client_id]

    async def resync(self) -> None:
        self.resyncs += 1
        self.clients, cursor = await snapshot(self.caller)
        self.cursors = dict.fromkeys(FEEDS, cursor)


async def snapshot(caller: Caller) -> tuple[dict[str, int], str]:
    """Return a case system's clients page by page, and the cursor of the first page."""
    clients: dict[str, int] = {}
    page: Json = {"next_cursor": None}
    cursor = ""
    while page["next_cursor"] is not None or not cursor:
        after = {"after": page["next_cursor"]} if page["next_cursor"] else {}
        page = (await caller.get("/clienthoods", params={"limit": "2", **after})).json()
        cursor = cursor or page["feed_cursor"]
        clients |= {item["client_id"]: item["clienthood_version"] for item in page["items"]}
    return clients, cursor


@asynccontextmanager
async def serving(database: TestDatabase, *, at: datetime = NOW) -> AsyncIterator[Routing]:
    async with running_routing(database) as routing:
        routing.clock.now = at
        yield routing


async def run_restored(database: TestDatabase, *, last_epoch: str) -> tuple[int | None, str]:
    """Run the operator's command as a process of its own; return its code and what it said."""
    said = ("--reason", "the drill", "--official", "operator:u-1")
    command = (sys.executable, "-m", "routing_api.cli", "restored", "--last-epoch", last_epoch)
    process = await asyncio.create_subprocess_exec(
        *command,
        *said,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment_of(database),
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def lose(routing: Routing, *, known: Json) -> list[Json]:
    """Let things happen that the backup does not hold; return the registrations sent."""
    office, sotkamo = routing.office(), routing.case_system()
    sent = [another_person(), {**known, **moved(known)}, another_person(**banned())]
    decisions = [await office.registered(registration) for registration in sent]
    item = {
        "transfer_id": decisions[0]["transfer"]["transfer_id"],
        "taken_over_at": routing.clock.now.isoformat(),
    }
    answer = await sotkamo.post("/transfers:acknowledge", {"items": [item]})
    assert answer.json()["items"][0]["result"] == "done"
    return sent


def moved(known: Json) -> dict[str, Any]:
    """Return the members of a registration of a known person who has moved to Kajaani."""
    return {
        "source": {**known["source"], "registration_id": "moved"},
        "person": {**known["person"], "home_municipality_code": "205"},
    }


def banned() -> dict[str, object]:
    return {"person__has_security_ban": True}


class Before(Struct, frozen=True):
    """What was given out before the restore."""

    lost: list[Json]
    page_cursor: str
    seen: str
    ids: list[str]
    clients: dict[str, int]


async def live_until_the_fall(database: TestDatabase, reader: Reader, *, file: Path) -> Before:
    """Register, back up, register more; the reader has read all of it."""
    people = [another_person(), another_person(), another_person(**banned())]
    async with serving(database) as routing:
        reader.caller = routing.case_system()
        for person in people:
            await routing.office().registered(person)
        await reader.read()
        page = (await reader.caller.get("/clienthoods", params={"limit": "1"})).json()
        await backups.dump(database, file)
        routing.clock.tick()
        lost = await lose(routing, known=people[0])
        await reader.read()
    seen = max(reader.seen.values())
    return Before(lost, page["next_cursor"], seen, list(reader.ids), dict(reader.clients))


async def test_after_a_real_restore_a_reader_resyncs_and_holds_what_the_service_holds(
    databases: DatabaseServer, database: TestDatabase, tmp_path: Path
) -> None:
    reader = Reader()
    before = await live_until_the_fall(database, reader, file=tmp_path / "backup")

    async with backups.restored(databases, tmp_path / "backup", like=database) as copy:
        told = await run_restored(copy, last_epoch="1")
        async with serving(copy, at=NOW.replace(hour=10)) as routing:
            reader.caller = routing.case_system()
            page = {"after": before.page_cursor}
            stale = await reader.caller.get("/clienthoods", params=page)
            await reader.read()
            resynced, (held, _) = dict(reader.clients), await snapshot(reader.caller)
            # TE sends again what it sent since the backup: the service has never seen it.
            for registration in before.lost:
                await routing.office().registered(registration)
            await reader.read()
            now, _ = await snapshot(reader.caller)

    new = reader.ids[len(before.ids) :]
    assert told == (0, "epoch 2 begins behind position 6\n")
    assert (stale.status_code, stale.json()["code"]) == (410, "cursor_expired")
    assert resynced == held != before.clients
    assert reader.clients == now
    assert len(now) == len(held) + 1 == 4
    assert reader.resyncs == 1
    assert len(new) == 3
    assert min(new) > max(before.ids)
    assert min(reader.seen.values()) > before.seen


async def test_the_new_epoch_is_on_record_and_in_every_new_sequence(
    databases: DatabaseServer, database: TestDatabase, tmp_path: Path
) -> None:
    async with serving(database) as routing:
        await routing.office().registered(another_person())
    await backups.dump(database, tmp_path / "backup")

    async with backups.restored(databases, tmp_path / "backup", like=database) as copy:
        # The second restore from one backup: epoch 2 was already seen, so 3 is the next.
        epoch = await begin(copy, last_epoch=2)
        async with serving(copy) as routing:
            await routing.office().registered(another_person())
            events = await routing.case_system().events()
            status = (await routing.operator.get("/status")).json()
            [record] = await routing.fetch("SELECT * FROM outbox_epochs")
            [line] = await routing.fetch("SELECT * FROM audit WHERE action = 'service.restored'")

    assert epoch == Epoch(3, 2)
    assert [event["sequence"].partition(".")[0] for event in events] == ["000001", "000003"]
    assert status["epoch"] == 3
    assert (record["epoch"], record["begins_behind"], record["reason"]) == (3, 2, "the drill")
    assert (line["official_id"], line["outcome"]) == ("operator:u-1", "epoch_raised")


class Owner:
    """Asks a database that no service uses."""

    def __init__(self, database: TestDatabase) -> None:
        self._url = database.owner_url

    async def fetch(self, sql: str, *arguments: Json) -> list[Any]:
        connection = await asyncpg.connect(self._url)
        try:
            rows: list[Any] = await connection.fetch(sql, *arguments)
            return rows
        finally:
            await connection.close()

    async def counted(self) -> int:
        """Return how many restores and audit lines stand."""
        [row] = await self.fetch(
            "SELECT (SELECT count(*) FROM outbox_epochs) + (SELECT count(*) FROM audit) AS n"
        )
        number: int = row["n"]
        return number


async def begin(database: TestDatabase, *, last_epoch: int) -> Epoch:
    restore = Restore(
        last_epoch=last_epoch,
        reason="the drill",
        organisation="operator",
        official_id="operator:u-1",
        recorded_at=NOW,
    )
    pool = await open_pool(database.url, connections_max=1)
    try:
        async with transaction(pool) as connection:
            moment = Moment.at(NOW, new_ids_at(NOW), source=SOURCE)
            return await begin_epoch(connection, restore, moment=moment)
    finally:
        await pool.close()


@pytest.mark.parametrize(
    ("standing", "last_epoch", "why"),
    [
        pytest.param(3, 2, "not the last one", id="older than the database"),
        pytest.param(1, 102, "more than 100 restores", id="a slip of the pen"),
        pytest.param(EPOCH_MAX, EPOCH_MAX, "room", id="no epoch is left"),
    ],
)
async def test_an_epoch_that_cannot_be_right_is_refused_and_nothing_changes(
    database: TestDatabase, *, standing: int, last_epoch: int, why: str
) -> None:
    owner = Owner(database)
    await owner.fetch("UPDATE outbox_head SET epoch = $1", standing)

    with pytest.raises(EpochRefused, match=why):
        await begin(database, last_epoch=last_epoch)

    [head] = await owner.fetch("SELECT epoch FROM outbox_head")
    assert head["epoch"] == standing
    assert await owner.counted() == 0


async def test_a_database_whose_events_do_not_end_at_the_head_is_refused(
    database: TestDatabase,
) -> None:
    owner = Owner(database)
    await owner.fetch("UPDATE outbox_head SET position = 7")

    with pytest.raises(EpochRefused, match="restore again"):
        await begin(database, last_epoch=1)

    assert await owner.counted() == 0


async def test_the_command_is_refused_while_a_process_serves(routing: Routing) -> None:
    await routing.office().registered(another_person())

    code, said = await run_restored(routing.database, last_epoch="1")

    assert code == 1
    assert "Stop every process" in said
    assert (await routing.operator.get("/status")).json()["epoch"] == 1


@pytest.mark.parametrize("last_epoch", ["0", "-1", "two"])
def test_the_command_refuses_an_epoch_that_is_none(last_epoch: str) -> None:
    said = ["--reason", "the drill", "--official", "operator:u-1"]

    result = CliRunner().invoke(main, ["restored", "--last-epoch", last_epoch, *said])

    assert result.exit_code == 2
    assert "--last-epoch" in result.output


async def test_a_long_poll_that_waits_with_an_older_epoch_is_woken_and_refused(
    routing: Routing,
) -> None:
    case_system = routing.case_system()
    place = (await case_system.get("/events", params={"after": "now"})).headers["next-cursor"]
    poll = asyncio.create_task(case_system.get("/events", params={"after": place, "wait": "25"}))
    async with asyncio.timeout(30):
        while routing.app.state.desk.waiters.waiting_count == 0:  # noqa: ASYNC110 - see test_feed
            await asyncio.sleep(0)
    await routing.fetch("UPDATE outbox_head SET epoch = 2 RETURNING pg_notify('outbox', '*')")

    async with asyncio.timeout(20):
        answer = await poll
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")
