"""Exceptions where the money has ended: a case system asks, the ELY centre answers and covers."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from kuntavayla.register import Register
from kuntavayla_sandbox.quota_year import accounts
from kuntavayla_sandbox.quota_year.assumptions import Assumptions
from kuntavayla_sandbox.quota_year.books import Books, Refused
from kuntavayla_sandbox.quota_year.calls import LedgerCalls
from kuntavayla_sandbox.quota_year.generating import decider_of
from kuntavayla_sandbox.quota_year.holding import accounts_of
from kuntavayla_sandbox.quota_year.money_books import MoneyBooks
from kuntavayla_sandbox.quota_year.sizing import document_of

Document = dict[str, Any]


class Overriding:
    """Overrides asked by the case systems of areas that ran dry, answered by their ELY centres."""

    def __init__(
        self,
        calls: LedgerCalls,
        *,
        books: Books,
        money: MoneyBooks,
        assumed: Assumptions,
        elys: Mapping[str, str],
        register: Register,
    ) -> None:
        self._calls = calls
        self._books = books
        self._money = money
        self._assumed = assumed
        self._elys = elys
        self._register = register
        self._seen: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._uncovered: list[str] = []
        self._known: set[str] = set()

    async def ask(self, *, on: date) -> None:
        """Ask for some of what was refused for want of money since the last time.

        Raises YearRefused or YearStalled.
        """
        known = len(self._known)
        for decision_id, one in list(self._books.refused.items())[known:]:
            self._known.add(decision_id)
            if self._is_drawn(one):
                await self._ask(decision_id, one, on=on)

    def _is_drawn(self, one: Refused) -> bool:
        area, exceptions = one.sent["area_code"], self._assumed.exceptions
        has_account = bool(accounts_of(one.sent, known=self._books.accounts))
        if area not in self._assumed.demand.dry_areas or not has_account:
            return False
        self._seen[area] += 1
        is_free = self._asked[area] < exceptions.of_an_area_max
        return is_free and self._seen[area] % exceptions.every == 0

    async def _ask(self, decision_id: str, one: Refused, *, on: date) -> None:
        """Ask, by a case system's official; the answer is that of one of the ELY centre."""
        sent, exceptions = one.sent, self._assumed.exceptions
        self._asked[sent["area_code"]] += 1
        names = accounts_of(sent, known=self._books.accounts)
        lacking = accounts.lacking_cents(one.needed_cents, names, of=self._books.accounts)
        body = {
            "decision_id": decision_id,
            "amount_cents": max(1, lacking),
            "cover": {
                "kind": "addition",
                "expected_on": (on + timedelta(days=exceptions.cover_days)).isoformat(),
                "reason": "an addition is being prepared",
            },
            "expires_on": (on + timedelta(days=exceptions.days)).isoformat(),
            "acting_official": decider_of(sent["municipality_code"]),
        }
        asked = await self._calls.post(
            self._case_system(sent, on=on), "/overrides", body, key=f"{decision_id}:override"
        )
        await self._answer(asked["override_id"], decision_id, one, on=on)

    async def _answer(self, override_id: str, decision_id: str, one: Refused, *, on: date) -> None:
        area = one.sent["area_code"]
        is_refused = self._asked[area] % self._assumed.exceptions.refused_every == 0
        verb = "refuse" if is_refused else "approve"
        body = {
            "reason": "not to be covered" if is_refused else "an addition follows",
            "acting_official": self._official(area),
        }
        path = f"/overrides/{override_id}:{verb}"
        answer = await self._calls.post(self._elys[area], path, body, key=f"{override_id}:{verb}")
        if is_refused:
            self._money.refuse_override(override_id, decision_id)
            return
        name = self._case_system(one.sent, on=on)
        decision = await self._calls.load(name, f"/decisions/{decision_id}")
        self._money.approve_override(override_id, decision_id, answer=answer, decision=decision)
        self._known.discard(decision_id)
        if self._money.overrides[override_id].left_cents:
            self._uncovered.append(override_id)
        official = {"acting_official": decider_of(one.sent["municipality_code"])}
        granted = await self._calls.post(
            name,
            f"/decisions/{decision_id}:grant",
            official,
            key=f"{decision_id}:grant",
            version=decision["version"],
        )
        self._books.act(decision_id, "grant", granted, body={})

    async def cover(self, *, on: date) -> None:
        """Cover some of what was raised before by additions; the others stay uncovered.

        Raises YearRefused or YearStalled.
        """
        waiting, self._uncovered = self._uncovered, []
        for override_id in waiting[:: self._assumed.exceptions.covered_every]:
            raised = self._money.overrides[override_id]
            area, instrument, year = raised.account
            order = {
                "area_code": area,
                "instrument": instrument,
                "budget_year": year,
                "kind": "addition",
                "status": "confirmed",
                "amount_cents": raised.left_cents,
                "persons": 0,
                "valid_from_on": on.isoformat(),
                "document": document_of(f"addition/{override_id}", decided_on=on),
                "reason": "covers an override",
                "covers_override_id": override_id,
                "acting_official": self._official(area),
            }
            answer = await self._calls.post(
                self._elys[area], "/allocations", order, key=f"{override_id}:cover"
            )
            self._money.allocate(order, answer)

    def _official(self, area: str) -> Document:
        return {"official_id": f"{self._elys[area]}:u-0001", "role": "decider"}

    def _case_system(self, sent: Mapping[str, Any], *, on: date) -> str:
        membership = self._register.membership(sent["municipality_code"], on=on)
        assert membership is not None, "a decision is of a municipality of an area"
        return str(membership.case_system_id)
