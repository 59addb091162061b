"""Books of the year, kept beside the service by what was sent to it and answered.

What belongs here: adding up, and noting what does not fit. No call is made here, and nothing of the
service's tables is known.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from msgspec import Struct

from kuntavayla_sandbox.quota_year import accounts
from kuntavayla_sandbox.quota_year.accounts import NOTHING, Account, AccountName, Draw, Draws
from kuntavayla_sandbox.quota_year.holding import (
    MONTH_LENGTH,
    Document,
    Held,
    accounts_of,
    charged_of,
    cost_of,
    months_of,
    period_of,
    price_of,
)

SHOWN_MAX = 10
EXHAUSTED = "allocation_exhausted"
BEYOND = "invalid_content"
"""How a decision is turned away that goes beyond the months of the law."""
STATES = {
    "grant": "granted",
    "interrupt": "interrupted",
    "end": "ended",
    "cancel": "cancelled",
    "refuse": "refused",
}
STOPPING = frozenset({"interrupt", "end"})


class Unequal(Struct, frozen=True):
    """One thing that is not as it should be."""

    what: str
    of: str
    expected: str
    found: str


class Refused(Struct, frozen=True):
    """A decision for which too little was free."""

    sent: Document
    needed_cents: int


class Books:
    """Adds up, in the order of the calls of each area, and notes whatever does not fit."""

    def __init__(self) -> None:
        self.accounts: dict[AccountName, Account] = {}
        self.held: dict[str, Held] = {}
        self.refused: dict[str, Refused] = {}
        """What was refused for want of money, and not reserved by an override since."""
        self.outcomes: Counter[str] = Counter()
        self.refusals: Counter[tuple[str, str]] = Counter()
        """Reasons why nothing was reserved, by area and code."""
        self.acts: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        """Whatever else is worth a line at the end, by name."""
        self.states: dict[str, str] = {}
        """The state of each decision by which nothing is held."""
        self.exceeding: dict[str, int] = {}
        """What payments took above commitments, by reference."""
        self.payments = 0
        self.unequal: list[Unequal] = []
        self._ids: set[str] = set()

    @property
    def is_exact(self) -> bool:
        """Tell whether everything fitted."""
        return not self.unequal

    def decide(self, sent: Document, answer: Document, *, is_beyond: bool = False) -> None:
        """Take a decision into the books: reserved only if it was free, refused only if not.

        `is_beyond` says that it asks for more months than there are, and is to be turned away.
        """
        name, verdict = sent["municipal_id"], answer.get("result")
        code = (answer.get("problem") or {}).get("code", "none")
        if is_beyond or verdict is None:
            self.compare(
                "answer to a decision",
                name,
                expected=BEYOND if is_beyond else "a result",
                found=code if verdict is None else "a result",
            )
            self.told["asked beyond the months of the law, turned away"] += is_beyond
            return
        self.outcomes[verdict["outcome"]] += 1
        if verdict["decision_id"] in self._ids:
            self.note("decision id", name, expected="its own", found=verdict["decision_id"])
        self._ids.add(verdict["decision_id"])
        self.compare("municipal id", name, expected=name, found=answer["key"])
        if verdict["outcome"] == "reserved":
            self._reserve(sent, verdict)
        else:
            self.states[verdict["decision_id"]] = "refused"
            self._refuse(sent, verdict)

    def _reserve(self, sent: Document, verdict: Document) -> None:
        name, cents = sent["municipal_id"], verdict["reservation"]["cents"]
        self.compare("reserved as calculated", name, expected=cost_of(sent, verdict), found=cents)
        expires_at = datetime.fromisoformat(verdict["reservation"]["expires_at"])
        names = self.take(sent, verdict, cents=cents, expires_at=expires_at)
        left = verdict["available_after"]["cents"]
        expected = accounts.free_cents(names, of=self.accounts)
        self.compare("free behind a reservation", name, expected=expected, found=left)

    def take(
        self, sent: Document, verdict: Document, *, cents: int, expires_at: datetime
    ) -> list[AccountName]:
        """Draw what a decision got, oldest year first; return the accounts it may draw from."""
        names, name = accounts_of(sent, known=self.accounts), sent["municipal_id"]
        draws = accounts.drawn(cents, names, of=self.accounts)
        if not draws:
            free = accounts.free_cents(names, of=self.accounts)
            self.note("reserved", name, expected=f"at most {free}", found=str(cents))
            draws = {one: Draw(reserved_cents=cents) for one in names[-1:]}
        held = Held(
            client_id=sent["client_id"],
            state="reserved",
            draws={},
            expires_at=expires_at,
            months=months_of(verdict),
            period=period_of(sent),
        )
        self.held[verdict["decision_id"]] = held
        self.settle(held, draws)
        years = {one[2]: draw.reserved_cents for one, draw in draws.items()}
        self.compare("years charged", name, expected=years, found=charged_of(verdict))
        self.told["drawn from two years"] += len(draws) > 1
        return names

    def _refuse(self, sent: Document, verdict: Document) -> None:
        name, reasons = sent["municipal_id"], verdict.get("reasons", ())
        if not reasons:
            self.note("refused", name, expected="a reason", found="none")
        names = accounts_of(sent, known=self.accounts)
        for reason in reasons:
            self.refusals[sent["area_code"], reason["code"]] += 1
            if reason["code"] == EXHAUSTED:
                # A refusal tells no calculation: only what needs none is known beside it.
                needed = price_of(sent) or reason["needed_cents"]
                self.refused[verdict["decision_id"]] = Refused(sent, needed)
                self._compare_short(name, reason, needed=needed, names=names)

    def _compare_short(
        self, name: str, reason: Document, *, needed: int, names: list[AccountName]
    ) -> None:
        """Compare what is said to be short with what is free."""
        free, asked = accounts.free_cents(names, of=self.accounts), reason["needed_cents"]
        available = reason["available_cents"]
        self.compare("free at a refusal", name, expected=free, found=available)
        self.compare("needed at a refusal", name, expected=needed, found=asked)
        if asked <= free:
            self.note("refused", name, expected=f"reserved: {free} free", found="refused")

    def act(self, decision_id: str, action: str, answer: Document, *, body: Document) -> None:
        """Take what was done to a decision into the books."""
        held = self.held[decision_id]
        if answer["outcome"] == "refused":
            self._refuse_change(decision_id, body, answer)
            return
        self.acts[action] += 1
        before = held.cents
        after = self._after(held, action, answer, body=body)
        self.settle(held, after)
        held.state = STATES.get(action) or ("granted" if held.expires_at is None else "reserved")
        held.months = months_of(answer) or held.months
        if action != "change":
            held.expires_at = None
        self._keep_period(held, action, body)
        expected = {
            "state": held.state,
            "reserved_cents": held.reserved_cents,
            "committed_cents": held.committed_cents,
            "released_cents": max(0, before - held.cents),
            "paid_cents": held.net_cents,
        }
        for what, ours in expected.items():
            self.compare(f"{what} behind {action}", decision_id, expected=ours, found=answer[what])
        free = accounts.free_cents(held.draws, of=self.accounts)
        left = answer["available_after"]["cents"]
        self.compare(f"free behind {action}", decision_id, expected=free, found=left)

    def _after(self, held: Held, action: str, answer: Document, *, body: Document) -> Draws:
        """Return what a decision holds by the rules behind an act.

        What is due by a new last day, or by new facts, is calculated by the service.
        """
        due = sum(cents for _, cents in months_of(answer))
        if action == "grant":
            return accounts.granted(held.draws, body.get("amount_cents", held.reserved_cents))
        if action in STOPPING:
            return accounts.reduced(held.draws, min(held.cents, due))
        if action != "change":
            return accounts.reduced(held.draws, 0)
        if due <= held.cents:
            return accounts.reduced(held.draws, due)
        names = accounts_of(body["decision"], known=self.accounts)
        added = accounts.drawn(due - held.cents, names, of=self.accounts)
        self.told["changes that drew more"] += 1
        return accounts.extended(held.draws, added, is_committed=held.expires_at is None)

    def _refuse_change(self, decision_id: str, body: Document, answer: Document) -> None:
        """Compare why a change was refused: too little is free, and nothing has changed."""
        held, names = self.held[decision_id], accounts_of(body["decision"], known=self.accounts)
        self.told["changes refused for want of money"] += 1
        found = (answer["state"], answer["committed_cents"])
        expected = (held.state, held.committed_cents)
        self.compare("held behind a refused change", decision_id, expected=expected, found=found)
        [reason] = answer["reasons"]
        needed = reason["needed_cents"]
        self._compare_short(decision_id, reason, needed=needed, names=names)

    def _keep_period(self, held: Held, action: str, body: Document) -> None:
        if action == "change":
            held.period = period_of(body["decision"])
        elif action in STOPPING:
            held.period = (held.period[0], body["last_on"][:MONTH_LENGTH])

    def due(self, now: datetime) -> int:
        """Return how many reservations have ended by now without being granted."""
        return sum(1 for held in self.held.values() if held.has_ended(now))

    def expire(self, now: datetime) -> None:
        """Release every reservation that has ended."""
        for held in self.held.values():
            if held.has_ended(now):
                self.settle(held, accounts.reduced(held.draws, 0))
                held.state, held.expires_at = "expired", None
                self.acts["expire"] += 1

    def settle(self, held: Held, draws: Draws) -> None:
        """Move accounts from what a decision holds to what it shall hold."""
        for name, after in draws.items():
            self.accounts[name].move(held.draws.get(name, NOTHING), after)
        held.draws = draws

    def compare(self, what: str, of: str, *, expected: Any, found: Any) -> None:  # noqa: ANN401 - of any type
        """Note what is not as it should be."""
        if expected != found:
            self.note(what, of, expected=str(expected), found=str(found))

    def note(self, what: str, of: str, *, expected: str, found: str) -> None:
        """Note a thing that is not as it should be."""
        self.unequal.append(Unequal(what, of, expected, found))
