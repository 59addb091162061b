"""Random acts of many callers at once, each kept with its answer: one part of a history."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from httpx import Response
from msgspec import Struct

from tests.quota_ledger.acts import act, changed
from tests.quota_ledger.decided import client_id, send, sender, training
from tests.quota_ledger.history_overrides import answered, overridden
from tests.quota_ledger.orders import a_cut, a_transfer, an_allocation, order, orderer
from tests.quota_ledger.paid import a_payment, a_recovery, keha
from tests.quota_ledger.reversed import WHY, path_of
from tests.quota_ledger.service import Ledger
from tests.served import Json

PERIOD = {"starts_on": "2022-12-10", "ends_on": "2023-02-15"}
DAY = "2022-08-24"
CLIENTS = 4
CENTS_MIN, CENTS_MAX = 300, 900
PAYMENTS_MAX, PAID_MAX = 6, 40
"""So little is paid of a decision that its cancelling always frees something, and is told."""
DONE = frozenset({"done", "booked", "reserved"})


class Done(Struct, frozen=True):
    """An act that was done, or a decision that was refused: what the model repeats in its place.

    `place` is what its event is found by.
    """

    name: str
    place: tuple[str, ...]
    arguments: tuple[Any, ...]
    word: str


class Decided(Struct):
    """A decision of one actor as that actor knows it."""

    decision_id: str
    body: Json
    state: str
    version: int = 1
    changes: int = 0
    payments: int = 0


class Actor:
    """One caller who acts at random on the accounts of all and the decisions of its own."""

    def __init__(self, ledger: Ledger, number: int, *, shared: list[Decided]) -> None:
        self.done: list[Done] = []
        self.refused = 0
        self._ledger = ledger
        self._number = number
        self._random = random.Random(number)  # noqa: S311 - no secret
        self._calls = 0
        self._own: list[Decided] = []
        self._shared = shared
        self._short: list[tuple[str, int]] = []
        self._orders: list[Json] = []
        self._payments: list[str] = []

    async def run(self, acts: int) -> None:
        choices: list[Callable[[], Awaitable[None]]] = [
            self._allocate,
            self._transfer,
            self._reverse,
            self._reserve,
            self._reserve,
            self._reserve,
            self._grant,
            self._change,
            self._release,
            self._pay,
            self._pay,
            self._reverse_payment,
            self._raise_limit,
            self._raise_limit,
        ]
        for _ in range(acts):
            await self._random.choice(choices)()

    def _next(self) -> int:
        """Return a number that no other call of a history has."""
        self._calls += 1
        return self._number * 1_000 + self._calls

    def _key(self) -> str:
        return f"history-{self._number}-{self._calls}"

    def _keep(self, name: str, *place: str, arguments: tuple[Any, ...], word: str) -> None:
        if word in DONE or name == "reserve":
            self.done.append(Done(name, (name, *place), arguments, word))
        else:
            self.refused += 1

    async def _order(self, path: str, body: Json) -> Response:
        self._next()
        caller, key = orderer(self._ledger), self._key()
        return await answered(lambda: order(caller, path, body, key=key))

    async def _allocate(self) -> None:
        year, cents = self._random.choice([2021, 2022]), self._random.randint(1, 900)
        name = self._random.choice(["allocate", "cut"])
        make = a_cut if name == "cut" else an_allocation
        kind = {"kind": "cut" if name == "cut" else "addition", "instrument": "TRAINING"}
        body = make(**kind, budget_year=year, amount_cents=cents, valid_from_on=DAY)
        answer = await self._order("/allocations", body)
        self._kept_order(answer, name, (year, cents))

    async def _transfer(self) -> None:
        year, cents = self._random.choice([2021, 2022]), self._random.randint(1, 900)
        names = {"instrument": "TRAINING", "budget_year": year, "value_on": DAY, "persons": 0}
        answer = await self._order("/allocation-transfers", a_transfer(amount_cents=cents, **names))
        self._kept_order(answer, "transfer", (year, cents))

    def _kept_order(self, answer: Response, name: str, arguments: tuple[int, int]) -> None:
        made = answer.json()
        its_id = made.get("transfer_id") or made.get("allocation_id") or ""
        if its_id:
            self._orders.append(made)
        self._keep(name, its_id, arguments=(its_id, *arguments), word=word_of(answer))

    async def _reverse(self) -> None:
        if self._orders:
            made = self._random.choice(self._orders)
            answer = await self._order(f"{path_of(made)}:reverse", WHY)
            its_id = made.get("transfer_id") or made["allocation_id"]
            self._keep("reverse", its_id, arguments=(its_id,), word=word_of(answer))

    async def _reserve(self) -> None:
        number, client = self._next(), client_id(self._random.randrange(CLIENTS))
        cents, key = self._random.randint(CENTS_MIN, CENTS_MAX), self._key()
        body = training(number, cents=cents, client_id=client)
        body |= {"decided_on": DAY, "period": PERIOD, "budget_year": 2022}
        made = (await answered(lambda: send(sender(self._ledger), body, key=key))).json()
        name: str = made["decision_id"]
        self._keep("reserve", name, arguments=(name, client, cents), word=made["outcome"])
        if made["outcome"] == "reserved":
            decided = Decided(name, body, "reserved")
            self._own.append(decided)
            self._shared.append(decided)
        else:
            self._short.append((name, cents))

    async def _raise_limit(self) -> None:
        """Have the oldest of what lacked money reserved by an override."""
        if self._short:
            name, cents = self._short.pop(0)
            most = 10 * cents
            word = await overridden(self._ledger, name, cents=most)
            self._keep("override", name, arguments=(name, most), word=word)

    async def _act(self, one: Decided, action: str, **members: Any) -> str:  # noqa: ANN401
        self._next()
        key, caller = self._key(), sender(self._ledger)
        named = {"decision_id": one.decision_id}
        word = word_of(
            await answered(
                lambda: act(caller, named, action, version=one.version, key=key, **members)
            )
        )
        one.version += word in DONE
        return word

    def _of_state(self, *states: str) -> list[Decided]:
        return [one for one in self._own if one.state in states]

    async def _grant(self) -> None:
        for one in self._of_state("reserved")[:1]:
            cents = self._random.randint(CENTS_MIN, CENTS_MAX)
            word = await self._act(one, "grant", amount_cents=cents)
            one.state = "granted" if word in DONE else one.state
            name = one.decision_id
            self._keep("grant", name, arguments=(name, cents), word=word)

    async def _change(self) -> None:
        if standing := self._of_state("reserved", "granted"):
            one, cents = self._random.choice(standing), self._random.randint(CENTS_MIN, CENTS_MAX)
            body = {**one.body, "unit_cost_cents": cents}
            word, name = await self._act(one, "change", **changed(body)), one.decision_id
            self._keep("change", name, str(one.changes), arguments=(name, cents), word=word)
            one.changes += word in DONE

    async def _release(self) -> None:
        if standing := self._of_state("reserved", "granted"):
            one = self._random.choice(standing)
            action = (
                "cancel" if one.state == "granted" else self._random.choice(["cancel", "refuse"])
            )
            word, name = await self._act(one, action), one.decision_id
            one.state = "ended" if word in DONE else one.state
            self._keep("release", name, arguments=(name, action), word=word)

    async def _pay(self) -> None:
        payable = [one for one in self._shared if one.payments < PAYMENTS_MAX]
        if not payable:
            return
        one, number = self._random.choice(payable), self._next()
        one.payments += 1
        cents, name = self._random.randint(1, PAID_MAX), one.decision_id
        is_recovery = self._random.random() < 0.3
        members = {"month": "2023-01", "paid_on": DAY}
        item = a_payment(name, number, amount_cents=cents, **members)
        if is_recovery:
            item = a_recovery(name, number, cents=cents, **members)
        key, body = self._key(), {"report_id": f"KEHA-{number}", "items": [item]}
        answer = await answered(
            lambda: keha(self._ledger).post("/payments", body, headers={"Idempotency-Key": key})
        )
        [told] = answer.json()["items"]
        word = told["problem"]["code"] if "problem" in told else "booked"
        if word == "booked":
            self._payments.append(told["payment_id"])
        act_name = "recover" if is_recovery else "pay"
        arguments = (told["payment_id"], name, cents)
        self._keep(act_name, told["payment_id"], arguments=arguments, word=word)

    async def _reverse_payment(self) -> None:
        if self._payments:
            self._next()
            payment_id, key = self._random.choice(self._payments), self._key()
            path, headers = f"/payments/{payment_id}:reverse", {"Idempotency-Key": key}
            answer = await answered(lambda: keha(self._ledger).post(path, WHY, headers=headers))
            word = word_of(answer)
            self._keep("reverse_payment", payment_id, arguments=(payment_id,), word=word)


def word_of(answer: Response) -> str:
    """Return what an act has come to: done or refused, or the code of the problem."""
    told = answer.json()
    code: str = told["code"] if "code" in told else told.get("outcome", "done")
    assert code not in {"invalid_content", "internal_fault"}, answer.text
    return code
