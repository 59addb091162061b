"""Random histories: the service over HTTP and a model without a database agree to the cent."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from httpx import Response
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from kuntavayla.testing import DatabaseServer
from quota_ledger.workers.expiring import expire_all
from tests.quota_ledger.acts import act, changed
from tests.quota_ledger.decided import client_id, know_clients, send, sender, training
from tests.quota_ledger.history_overrides import overridden, override_of
from tests.quota_ledger.model import Model
from tests.quota_ledger.model_books import compare
from tests.quota_ledger.orders import (
    ALLOCATION,
    OFFICIAL,
    a_cut,
    a_transfer,
    an_allocation,
    order,
    orderer,
)
from tests.quota_ledger.paid import a_payment, a_recovery, report
from tests.quota_ledger.reversed import reverse, reverse_payment
from tests.quota_ledger.service import Ledger, another_key, running_ledger
from tests.served import Json

T = TypeVar("T")
CLIENTS = 3
YEARS = st.sampled_from([2021, 2022])
CENTS = st.integers(1, 900)
MONEY = st.integers(1, 1_500)
PERIOD = {"starts_on": "2022-12-10", "ends_on": "2023-02-15"}
BEGIN = datetime(2022, 8, 24, 6, tzinfo=UTC)
YEAR_OVER = datetime(2023, 1, 2, 6, tzinfo=UTC)
RESERVED_FOR = timedelta(days=60)
DAY = "2022-08-24"
REASON: Json = {"document": ALLOCATION["document"], "reason": "The year is over"}
OK = 200
HISTORIES, STEPS = 6, 15
EXPLORED_HISTORIES, EXPLORED_STEPS = 100, 40


class Histories(RuleBasedStateMachine):
    """One history: each act is done by both, and both must answer the same."""

    def __init__(self, databases: DatabaseServer) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._ended = asyncio.Event()
        self._model = Model()
        self._bodies: dict[str, Json] = {}
        self._payments = 0
        self._orders: list[Json] = []
        self._payment_ids: list[str] = []
        self._made: dict[str, datetime] = {}
        self._is_lapsed = False
        self._ledger = self._do(self._start(databases))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _start(self, databases: DatabaseServer) -> Ledger:
        started: asyncio.Future[Ledger] = asyncio.get_running_loop().create_future()
        self._serving = asyncio.create_task(self._serve(databases, started))
        waiting: list[asyncio.Future[Any]] = [self._serving, started]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return started.result()

    async def _serve(self, databases: DatabaseServer, started: "asyncio.Future[Ledger]") -> None:
        """Keep the service running from its start to its end in one task."""
        async with (
            databases.database("quota_ledger", role="quota_ledger") as database,
            running_ledger(database) as ledger,
        ):
            ledger.clock.now = BEGIN
            await know_clients(ledger, *map(client_id, range(CLIENTS)))
            started.set_result(ledger)
            await self._ended.wait()

    def _ordered(self, path: str, body: Json) -> str:
        ledger = self._ledger
        answer = self._do(order(orderer(ledger), path, body))
        word = _word(answer)
        if word == "done":
            self._orders.append(answer.json())
        return word

    @rule(year=YEARS, cents=MONEY)
    def allocate(self, year: int, cents: int) -> None:
        body = an_allocation(
            kind="addition",
            instrument="TRAINING",
            budget_year=year,
            amount_cents=cents,
            valid_from_on=DAY,
        )
        assert self._ordered("/allocations", body) == self._model.allocate(year, cents)

    @rule(year=YEARS, cents=CENTS)
    def cut(self, year: int, cents: int) -> None:
        body = a_cut(instrument="TRAINING", budget_year=year, amount_cents=cents, valid_from_on=DAY)
        assert self._ordered("/allocations", body) == self._model.cut(year, cents)

    @rule(year=YEARS, cents=CENTS)
    def transfer(self, year: int, cents: int) -> None:
        body = a_transfer(
            instrument="TRAINING",
            budget_year=year,
            amount_cents=cents,
            persons=0,
            value_on=DAY,
        )
        assert self._ordered("/allocation-transfers", body) == self._model.transfer(year, cents)

    @precondition(lambda self: self._orders)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self._orders) - 1))
        answer = self._do(reverse(orderer(self._ledger), self._orders[number]))
        assert _word(answer) == self._model.reverse(number)

    @precondition(lambda self: self._payment_ids)
    @rule(data=st.data())
    def reverse_payment(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self._payment_ids) - 1))
        answer = self._do(reverse_payment(self._ledger, self._payment_ids[number]))
        assert _word(answer) == self._model.reverse_payment(number)

    @rule(client=st.integers(0, CLIENTS - 1), cents=CENTS)
    def reserve(self, client: int, cents: int) -> None:
        today = self._ledger.clock.now.date()
        body = training(
            len(self._bodies) + 1,
            cents=cents,
            client_id=client_id(client),
            decided_on=today.isoformat(),
            period=PERIOD,
            budget_year=2022,
        )
        made = self._do(send(sender(self._ledger), body)).json()
        name: str = made["decision_id"]
        self._bodies[name] = body
        self._made[name] = self._ledger.clock.now
        expected = self._model.reserve(name, client_id(client), cents, on_year=today.year)
        assert made["outcome"] == expected, made

    def _act(self, name: str, action: str, **members: Any) -> str:  # noqa: ANN401 - of any type
        version = self._model.decisions[name].version
        decision = {"decision_id": name}
        return _word(
            self._do(act(sender(self._ledger), decision, action, version=version, **members))
        )

    @precondition(lambda self: self._bodies)
    @rule(data=st.data(), cents=CENTS)
    def grant(self, data: st.DataObject, cents: int) -> None:
        name = data.draw(st.sampled_from([*self._bodies]))
        before = self._model.decisions[name].state
        told = self._act(name, "grant", amount_cents=cents) if before == "reserved" else None
        if told is not None:
            assert told == self._model.grant(name, cents)

    @precondition(lambda self: self._bodies)
    @rule(data=st.data(), cents=CENTS)
    def change(self, data: st.DataObject, cents: int) -> None:
        name = data.draw(st.sampled_from([*self._bodies]))
        body = {**self._bodies[name], "unit_cost_cents": cents}
        told = self._act(name, "change", **changed(body))
        assert told == self._model.change(name, cents)

    @precondition(lambda self: self._bodies)
    @rule(data=st.data(), action=st.sampled_from(["cancel", "refuse"]))
    def release(self, data: st.DataObject, action: str) -> None:
        name = data.draw(st.sampled_from([*self._bodies]))
        if self._model.decisions[name].state in {"reserved", "granted"}:
            assert self._act(name, action) == self._model.release(name, action)

    def _short(self) -> list[str]:
        return [name for name, one in self._model.decisions.items() if one.is_short]

    @precondition(lambda self: self._short())
    @rule(data=st.data(), most=CENTS, is_tried=st.booleans())
    def raise_limit(self, data: st.DataObject, most: int, *, is_tried: bool) -> None:
        """Have what lacks money reserved by an override, or try it with one that is too small."""
        name = data.draw(st.sampled_from(self._short()))
        most = most if is_tried else 10 * int(self._bodies[name]["unit_cost_cents"])
        keys = self._model.open_keys(self._model.decisions[name])
        year = keys[-1][1] if keys else 2022
        expected = self._model.override(name, most)
        assert self._do(overridden(self._ledger, name, cents=most, year=year)) == expected
        if expected == "done":
            self._made[name] = self._ledger.clock.now

    def _raised(self) -> list[str]:
        """Return the decisions for which an account of the area's own was raised."""
        found = self._model.decisions.items()
        return [
            name for name, one in found if any(n and not key[0] for key, n in one.raised.items())
        ]

    @precondition(lambda self: self._raised())
    @rule(data=st.data(), cents=CENTS)
    def cover(self, data: st.DataObject, cents: int) -> None:
        name = data.draw(st.sampled_from(self._raised()))
        [(_, year)] = self._model.decisions[name].raised
        body = an_allocation(
            kind="addition",
            instrument="TRAINING",
            budget_year=year,
            amount_cents=cents,
            valid_from_on=DAY,
            basis=None,
            persons=0,
            covers_override_id=self._do(override_of(self._ledger, name)),
        )
        answer = self._do(order(orderer(self._ledger), "/allocations", body))
        assert _word(answer) == self._model.cover(name, cents)

    def _drawn(self) -> list[str]:
        return [name for name, one in self._model.decisions.items() if one.draws]

    @precondition(lambda self: self._drawn())
    @rule(data=st.data(), cents=CENTS, is_recovery=st.booleans())
    def pay(self, data: st.DataObject, cents: int, *, is_recovery: bool) -> None:
        name = data.draw(st.sampled_from(self._drawn()))
        self._payments += 1
        today = self._ledger.clock.now.date().isoformat()
        members = {"month": "2023-01", "paid_on": today}
        if is_recovery:
            item = a_recovery(name, self._payments, cents=cents, **members)
        else:
            item = a_payment(name, self._payments, amount_cents=cents, **members)
        told = self._do(report(self._ledger, item, report_id=f"KEHA-{self._payments}"))
        [one] = told["items"]
        model = self._model
        if "problem" not in one:
            self._payment_ids.append(one["payment_id"])
        expected = model.recover(name, cents) if is_recovery else model.pay(name, cents)
        assert (one["problem"]["code"] if "problem" in one else "booked") == expected, one

    @rule()
    def expire(self) -> None:
        self._pass_to(self._ledger.clock.now + RESERVED_FOR + timedelta(days=1))

    @precondition(lambda self: not self._is_lapsed)
    @rule()
    def lapse(self) -> None:
        self._pass_to(YEAR_OVER)
        headers = {"Idempotency-Key": another_key(), "Acting-Official": OFFICIAL}
        ely = self._ledger.caller("ely-14", "years.read", "years.write")
        answer = self._do(ely.post("/years/2021:lapse", REASON, headers=headers))
        assert answer.status_code == OK, answer.text
        assert self._model.lapse(2021) == "done"
        self._is_lapsed = True

    def _pass_to(self, now: datetime) -> None:
        """Let the clock run, not beyond the first days of 2023; what is due expires."""
        ledger, model = self._ledger, self._model
        if now > YEAR_OVER:
            return
        ledger.clock.now = now
        self._do(expire_all(ledger.desk.pool, law=ledger.desk.law, moment=ledger.desk.moment))
        for name, decision in model.decisions.items():
            is_due = now - self._made[name] > RESERVED_FOR
            if decision.state == "reserved" and is_due:
                model.release(name, "expire")

    @override
    def teardown(self) -> None:
        """Compare everything, and end the service."""
        try:
            self._do(compare(self._ledger, self._model))
        finally:
            self._do(self._end())
            self._runner.close()

    async def _end(self) -> None:
        self._ended.set()
        await self._serving


def _word(answer: Response) -> str:
    """Return what an act has come to: done or refused, or the code of the problem."""
    told = answer.json()
    code: str = told["code"] if "code" in told else told.get("outcome", "done")
    assert code != "invalid_content", answer.text
    return code


def is_explored() -> bool:
    """Say whether histories are to be long: `make explore` asks for more than the default."""
    return settings().max_examples > settings.get_profile("default").max_examples


@pytest.mark.hypothesis
def test_random_histories_agree_with_the_model_to_the_cent(databases: DatabaseServer) -> None:
    class OnServer(Histories):
        def __init__(self) -> None:
            super().__init__(databases)

    run_state_machine_as_test(
        OnServer,
        settings=settings(
            max_examples=EXPLORED_HISTORIES if is_explored() else HISTORIES,
            stateful_step_count=EXPLORED_STEPS if is_explored() else STEPS,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        ),
    )
