"""Histories of many callers in several processes at once: there is one order that explains them.

Whatever ran beside what, the acts told in the order of their events must come to the same answers
and the same books in the model, which knows nothing of a database and does one act at a time.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from quota_ledger.workers.expiring import expire_all
from tests.quota_ledger.decided import client_id, know_clients
from tests.quota_ledger.history_acts import CLIENTS, DAY, Done
from tests.quota_ledger.history_overrides import answered
from tests.quota_ledger.model import Model
from tests.quota_ledger.model_books import compare
from tests.quota_ledger.orders import OFFICIAL, a_transfer, an_allocation, ordered, orderer
from tests.quota_ledger.paid import proved
from tests.quota_ledger.service import Ledger, another_key, running_ledger
from tests.quota_ledger.test_histories import BEGIN, REASON, YEAR_OVER, is_explored
from tests.served import kind_of

ROOT = Path(__file__).parents[2]
PROCESSES, CALLERS, ACTS = 2, 5, 12
EXPLORED_ACTS = 60
GIVEN, MOVED = 9_000, 4_000
DEADLINE_S = 240
NAMES = {
    "payment.booked": {"payment": "pay", "recovery": "recover", "reversal": "reverse_payment"},
    "decision.reserved": "reserve",
    "decision.refused": "reserve",
    "decision.granted": "grant",
    "decision.expired": "expire",
    "override.approved": "override",
}
PLACES = "SELECT position, body FROM outbox ORDER BY position"


class Part(Struct, frozen=True):
    """What one process has done, and how many acts were refused it."""

    done: list[Done]
    refused: int


async def acting(ledger: Ledger, number: int, *, acts: int) -> Part:
    """Let the callers of one process act, and return what they did."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.quota_ledger.history_process",
        ledger.database.owner_url,
        ledger.database.url,
        *map(str, (number, CALLERS, acts)),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            _, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, told.decode()
    return msgspec.json.decode(told.splitlines()[-1], type=Part)


async def places_of(ledger: Ledger) -> dict[tuple[str, ...], int]:
    """Return where in the order of commits each act was told."""
    places: dict[tuple[str, ...], int] = {}
    changes: dict[str, int] = {}
    for row in await ledger.fetch(PLACES):
        event: Any = msgspec.json.decode(row["body"])
        name, data = kind_of(event), event["data"]
        decision_id = data.get("decision_id")
        if name == "allocation.changed" and data["kind"] == "lapse":
            places.setdefault(("lapse",), row["position"])
        elif name == "allocation.changed":
            its_id = data["transfer_id"] or data["allocation_id"]
            kind = "reverse" if data["kind"] == "reversal" else "order"
            places.setdefault((kind, its_id), row["position"])
        elif name == "payment.booked":
            places[NAMES[name][data["kind"]], data["payment_id"]] = row["position"]  # type: ignore[index]
        elif name == "decision.changed":
            places["change", decision_id, str(changes.get(decision_id, 0))] = row["position"]
            changes[decision_id] = changes.get(decision_id, 0) + 1
        elif name == "decision.released" and decision_id:
            # The last one: a decision that is cancelled or refused frees nothing any more.
            places["release", decision_id] = row["position"]
        elif name in NAMES:
            # What an override reserved is told as reserved a second time.
            places.setdefault((str(NAMES[name]), decision_id), row["position"])
    return places


class Replay:
    """The acts of a history repeated by the model, one after the other."""

    def __init__(self) -> None:
        self.model = Model()
        self._orders: dict[str, int] = {}
        self._payments: dict[str, int] = {}

    def repeat(self, one: Done) -> str:
        """Repeat an act; return what the model answers."""
        model = self.model
        match one.name, one.arguments:
            case "reserve", (name, client, cents):
                return model.reserve(name, client, cents, on_year=BEGIN.year)
            case "expire", (name,):
                return model.release(name, "expire")
            case "lapse", ():
                return model.lapse(BEGIN.year - 1)
            case _, (name, argument):
                return str(getattr(model, one.name)(name, argument))
            case _:
                return self._repeat_kept(one)

    def _repeat_kept(self, one: Done) -> str:
        """Repeat what is told by an id that the model does not know, but by its number."""
        model = self.model
        match one.name, one.arguments:
            case (("allocate" | "cut" | "transfer"), (its_id, year, cents)):
                self._orders[its_id] = len(model.orders)
                return str(getattr(model, one.name)(year, cents))
            case "reverse", (its_id,):
                return model.reverse(self._orders[its_id])
            case (("pay" | "recover"), (its_id, name, cents)):
                self._payments[its_id] = len(model.payments)
                return str(getattr(model, one.name)(name, cents))
            case "reverse_payment", (its_id,):
                return model.reverse_payment(self._payments[its_id])
            case _:
                raise AssertionError(one)


async def begin(ledger: Ledger, replay: Replay) -> None:
    """Give money to the area and to the municipality's own accounts, in both."""
    ledger.clock.now = BEGIN
    await know_clients(ledger, *map(client_id, range(CLIENTS)))
    ely = orderer(ledger)
    for year in (2021, 2022):
        named = {"instrument": "TRAINING", "budget_year": year}
        given = an_allocation(kind="addition", amount_cents=GIVEN, valid_from_on=DAY, **named)
        await ordered(ely, "/allocations", given)
        moved = a_transfer(amount_cents=MOVED, persons=0, value_on=DAY, **named)
        await ordered(ely, "/allocation-transfers", moved)
        assert replay.model.allocate(year, GIVEN) == replay.model.transfer(year, MOVED) == "done"


async def end_year(ledger: Ledger, replay: Replay) -> None:
    """Let reservations expire and a year lapse at the end of another, in two services at once.

    So much is free of the year by then that its lapse is told.
    """
    given = an_allocation(
        kind="addition",
        amount_cents=GIVEN,
        valid_from_on=DAY,
        instrument="TRAINING",
        budget_year=BEGIN.year - 1,
    )
    await ordered(orderer(ledger), "/allocations", given)
    assert replay.model.allocate(BEGIN.year - 1, GIVEN) == "done"
    before = set(await places_of(ledger))
    async with running_ledger(ledger.database) as peer:
        for each in (ledger, peer):
            each.clock.now = YEAR_OVER
        await asyncio.gather(*(act(each) for each in (ledger, peer) for act in (expire, lapse)))
    places = await places_of(ledger)
    new = sorted((place, key) for key, place in places.items() if key not in before)
    for _, (name, *arguments) in new:
        if name in {"expire", "lapse"}:
            done = Done(name, (name, *arguments), tuple(arguments), "done")
            assert replay.repeat(done) == "done"
    assert ("lapse",) in places


async def expire(ledger: Ledger) -> None:
    await expire_all(ledger.desk.pool, law=ledger.desk.law, moment=ledger.desk.moment)


async def lapse(ledger: Ledger) -> None:
    headers = {"Idempotency-Key": another_key(), "Acting-Official": OFFICIAL}
    caller = ledger.caller("ely-14", "years.read", "years.write")
    path = f"/years/{BEGIN.year - 1}:lapse"
    answer = await answered(lambda: caller.post(path, REASON, headers=headers))
    assert answer.status_code == 200, answer.text


def place_of(one: Done) -> tuple[str, ...]:
    """Return what the event of an act is found by."""
    name, *rest = one.place
    return ("order" if name in {"allocate", "cut", "transfer"} else name, *rest)


@pytest.mark.faults
@pytest.mark.hypothesis
async def test_there_is_one_order_that_explains_what_many_did_at_once(ledger: Ledger) -> None:
    replay = Replay()
    await begin(ledger, replay)
    acts = EXPLORED_ACTS if is_explored() else ACTS

    parts = await asyncio.gather(
        *(acting(ledger, number, acts=acts) for number in range(1, PROCESSES + 1))
    )

    places = await places_of(ledger)
    done = sorted(
        (one for part in parts for one in part.done), key=lambda one: places[place_of(one)]
    )
    for one in done:
        assert (one, replay.repeat(one)) == (one, one.word)
    assert {"allocate", "transfer", "reserve", "grant", "pay"} <= {one.name for one in done}
    await compare(ledger, replay.model)
    await end_year(ledger, replay)
    await compare(ledger, replay.model)
    assert await proved(ledger)
