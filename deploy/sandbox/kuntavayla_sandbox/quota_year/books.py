"""Books of the year, kept beside the service by what was sent to it and answered.

What belongs here: adding up. No call is made here, and nothing of the service's tables is known:
an account is an area and an instrument of the budget year.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

SHOWN_MAX = 10
EXHAUSTED = "allocation_exhausted"
AccountName = tuple[str, str]
"""Area and instrument."""
Document = Mapping[str, Any]
HOLDING = ("reserved_cents", "committed_cents")
UNBOUND = frozenset({"refuse", "cancel"})
"""Acts behind which nothing is held."""


class Unequal(Struct, frozen=True):
    """One thing that is not as it should be."""

    what: str
    of: str
    expected: str
    found: str


class Held(Struct):
    """What a decision holds by now, and when it would expire; None once it was granted.

    `months` are what it costs month by month as it was calculated last, `is_changed` tells that it
    did not go on as it was granted. `paid_cents` is all that was paid, `recovered_cents` what was
    taken back of it.
    """

    account: AccountName
    client_id: str
    reserved_cents: int
    committed_cents: int
    expires_at: datetime | None
    months: list[tuple[str, int]]
    paid_cents: int = 0
    recovered_cents: int = 0
    is_changed: bool = False
    paid_months: tuple[str, ...] = ()


class Account(Struct):
    """An account by what was answered."""

    allocated_cents: int = 0
    allocated_persons: int = 0
    reserved_cents: int = 0
    committed_cents: int = 0
    paid_cents: int = 0

    @property
    def free_cents(self) -> int:
        """Return what may still be promised."""
        return self.allocated_cents - self.reserved_cents - self.committed_cents


class Books:
    """Adds up, in the order of the calls of each area, and notes whatever does not fit."""

    def __init__(self) -> None:
        self.accounts: dict[AccountName, Account] = {}
        self.held: dict[str, Held] = {}
        self.outcomes: Counter[str] = Counter()
        self.refusals: Counter[tuple[str, str]] = Counter()
        """Reasons why nothing was reserved, by area and code."""
        self.acts: Counter[str] = Counter()
        self.payments = 0
        self.unequal: list[Unequal] = []
        self._ids: set[str] = set()

    @property
    def is_exact(self) -> bool:
        """Tell whether everything fitted."""
        return not self.unequal

    def allocate(self, order: Document, answer: Document) -> None:
        """Take an allocation into the books, and compare with the balance that was answered."""
        account = self._account(order)
        account.allocated_cents += order["amount_cents"]
        account.allocated_persons += order["persons"]
        found = answer["balance"]["available"]["cents"]
        self._compare(
            "free behind an allocation", _of(order), expected=account.free_cents, found=found
        )

    def decide(self, sent: Document, answer: Document) -> None:
        """Take a decision into the books: reserved only if it was free, refused only if not."""
        verdict = answer.get("result")
        if verdict is None:
            code = (answer.get("problem") or {}).get("code", "none")
            self._note(
                "answer to a decision", sent["municipal_id"], expected="a result", found=code
            )
            return
        self.outcomes[verdict["outcome"]] += 1
        if verdict["decision_id"] in self._ids:
            self._note(
                "decision id",
                sent["municipal_id"],
                expected="its own",
                found=verdict["decision_id"],
            )
        self._ids.add(verdict["decision_id"])
        name = sent["municipal_id"]
        self._compare("municipal id", name, expected=name, found=answer["key"])
        if verdict["outcome"] == "reserved":
            self._reserve(sent, verdict)
        else:
            self._refuse(sent, verdict)

    def _reserve(self, sent: Document, verdict: Document) -> None:
        account, name = self._account(sent), sent["municipal_id"]
        cents = verdict["reservation"]["cents"]
        self._compare("reserved as calculated", name, expected=_cost_of(sent, verdict), found=cents)
        if cents > account.free_cents:
            self._note("reserved", name, expected=f"at most {account.free_cents}", found=str(cents))
        account.reserved_cents += cents
        expires_at = datetime.fromisoformat(verdict["reservation"]["expires_at"])
        account_name = (sent["area_code"], sent["instrument"])
        held = Held(account_name, sent["client_id"], cents, 0, expires_at, _months_of(verdict))
        self.held[verdict["decision_id"]] = held
        left = verdict["available_after"]["cents"]
        self._compare("free behind a reservation", name, expected=account.free_cents, found=left)

    def _refuse(self, sent: Document, verdict: Document) -> None:
        name, reasons = sent["municipal_id"], verdict.get("reasons", ())
        if not reasons:
            self._note("refused", name, expected="a reason", found="none")
        free = self._account(sent).free_cents
        for reason in reasons:
            self.refusals[sent["area_code"], reason["code"]] += 1
            if reason["code"] == EXHAUSTED:
                self._compare(
                    "free at a refusal", name, expected=free, found=reason["available_cents"]
                )
                # A refusal tells no calculation: only what needs none is known beside it.
                needed = _price_of(sent) or reason["needed_cents"]
                self._compare(
                    "needed at a refusal", name, expected=needed, found=reason["needed_cents"]
                )
                if reason["needed_cents"] <= free:
                    self._note(
                        "refused", name, expected=f"reserved: {free} free", found=verdict["outcome"]
                    )

    def act(self, decision_id: str, action: str, answer: Document) -> None:
        """Take what was done to a decision into the books."""
        held, account = self.held[decision_id], self.accounts[self.held[decision_id].account]
        self.acts[action] += 1
        before = held.reserved_cents + held.committed_cents
        now = {name: answer[name] for name in HOLDING}
        self._compare(
            "released",
            decision_id,
            expected=before - sum(now.values()),
            found=answer["released_cents"],
        )
        self._compare_act(decision_id, action, held=held, answer=answer)
        for name in HOLDING:
            setattr(account, name, getattr(account, name) - getattr(held, name) + now[name])
            setattr(held, name, now[name])
        held.expires_at, held.is_changed = None, action != "grant"
        held.months = _months_of(answer) or held.months

    def pay(self, item: Document, answer: Document) -> None:
        """Take a payment into the books: each lies within its commitment, and is booked."""
        held, result = self.held[item["decision_id"]], answer.get("result") or {}
        name = item["payer_reference"]
        self.payments += 1
        if result.get("result") != "booked":
            self._note("payment", name, expected="booked", found=str(answer["status"]))
            return
        cents = item["amount_cents"]
        self.accounts[held.account].paid_cents += cents
        if cents > 0:
            held.paid_cents += cents
            held.paid_months = (*held.paid_months, item.get("month", ""))
        else:
            held.recovered_cents -= cents
        left = held.committed_cents - held.paid_cents
        self._compare("left to pay", name, expected=left, found=result["commitment_left_cents"])
        self._compare("above a commitment", name, expected=0, found=result.get("excess_cents", 0))

    def _compare_act(self, decision_id: str, action: str, *, held: Held, answer: Document) -> None:
        """Compare what an act leaves: all of a grant, of the rest what is due by now and was paid.

        What is due is calculated by the service anew to the last day; what was paid stays.
        """
        if action == "grant":
            expected = held.reserved_cents
        elif action in UNBOUND:
            expected = held.paid_cents
        else:
            due = sum(cents for _, cents in _months_of(answer))
            expected = max(min(due, held.committed_cents), held.paid_cents)
        found = answer["committed_cents"]
        self._compare(f"held behind {action}", decision_id, expected=expected, found=found)
        found = answer["reserved_cents"]
        self._compare(f"reserved behind {action}", decision_id, expected=0, found=found)

    def due(self, now: datetime) -> int:
        """Return how many reservations have ended by now without being granted."""
        return sum(1 for held in self.held.values() if _has_ended(held, now))

    def expire(self, now: datetime) -> None:
        """Release every reservation that has ended."""
        for held in self.held.values():
            if _has_ended(held, now):
                self.accounts[held.account].reserved_cents -= held.reserved_cents
                held.reserved_cents, held.expires_at = 0, None
                self.acts["expire"] += 1

    def close(self, balances: Iterable[Document]) -> None:
        """Compare every balance that the service shows with the books."""
        shown = {(one["area_code"], one["instrument"]): one for one in balances}
        for name in sorted(self.accounts.keys() | shown.keys()):
            if name not in shown or name not in self.accounts:
                found = "in the books alone" if name in self.accounts else "in the service alone"
                self._note("account", "/".join(name), expected="on both sides", found=found)
                continue
            for what, ours, theirs in self._columns(name, shown[name]):
                self._compare(what, "/".join(name), expected=ours, found=theirs)

    def _columns(self, name: AccountName, shown: Document) -> list[tuple[str, int, int]]:
        account = self.accounts[name]
        persons = {
            held.client_id
            for held in self.held.values()
            if held.account == name and held.reserved_cents + held.committed_cents
        }
        counted = shown["reserved"]["persons"] + shown["committed"]["persons"]
        return [
            ("allocated", account.allocated_cents, shown["allocated"]["cents"]),
            ("persons allocated", account.allocated_persons, shown["allocated"]["persons"]),
            ("reserved", account.reserved_cents, shown["reserved"]["cents"]),
            ("committed", account.committed_cents, shown["committed"]["cents"]),
            ("free", account.free_cents, shown["available"]["cents"]),
            ("paid", account.paid_cents, shown["paid"]["cents"]),
            ("paid above commitments", 0, shown["paid_excess"]["cents"]),
            ("persons", len(persons), counted),
        ]

    def _account(self, document: Document) -> Account:
        name = (document["area_code"], document["instrument"])
        return self.accounts.setdefault(name, Account())

    def _compare(self, what: str, of: str, *, expected: object, found: object) -> None:
        if expected != found:
            self._note(what, of, expected=str(expected), found=str(found))

    def _note(self, what: str, of: str, *, expected: str, found: str) -> None:
        self.unequal.append(Unequal(what, of, expected, found))


def _has_ended(held: Held, now: datetime) -> bool:
    return held.expires_at is not None and held.expires_at <= now


def _of(document: Document) -> str:
    return f"{document['area_code']}/{document['instrument']}"


def _months_of(verdict: Document) -> list[tuple[str, int]]:
    months = (verdict.get("calculation") or {}).get("months", ())
    return [(month["month"], month["cents"]) for month in months]


def _price_of(sent: Document) -> int | None:
    """Return what places cost; None for what the law calculates."""
    return sent["places"] * sent["unit_cost_cents"] if "unit_cost_cents" in sent else None


def _cost_of(sent: Document, verdict: Document) -> int:
    """Return what a decision costs: places by their price, else its months summed up."""
    price = _price_of(sent)
    return sum(cents for _, cents in _months_of(verdict)) if price is None else price
