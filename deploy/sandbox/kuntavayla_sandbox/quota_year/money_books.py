"""Orders and payments in the books: what ELY centres allocate, raise and close, what KEHA pays."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from kuntavayla_sandbox.quota_year import accounts
from kuntavayla_sandbox.quota_year.accounts import Account, AccountName
from kuntavayla_sandbox.quota_year.books import Books
from kuntavayla_sandbox.quota_year.holding import Document, Held, accounts_of

UNKNOWN = "decision_unknown"


class Raised(Struct):
    """An override as it was asked for and answered."""

    account: AccountName
    raised_cents: int = 0
    covered_cents: int = 0

    @property
    def left_cents(self) -> int:
        """Return what is still raised."""
        return self.raised_cents - self.covered_cents


class MoneyBooks:
    """The money side of the books of a year."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.overrides: dict[str, Raised] = {}

    def allocate(self, order: Document, answer: Document) -> None:
        """Take an allocation into the books; one that covers an override lets it fall back."""
        name = (order["area_code"], order["instrument"], order["budget_year"])
        account = self._books.accounts.setdefault(name, Account())
        account.allocated_cents += order["amount_cents"]
        account.allocated_persons += order["persons"]
        covered = order.get("covers_override_id")
        if covered is not None:
            raised = self.overrides[covered]
            cents = min(order["amount_cents"], raised.left_cents)
            raised.covered_cents += cents
            account.overridden_cents -= cents
            self._books.told["overrides covered by an addition"] += 1
        self._books.compare(
            "free behind an allocation",
            "/".join(map(str, name)),
            expected=account.free_cents,
            found=answer["balance"]["available"]["cents"],
        )

    def refuse_override(self, override_id: str, decision_id: str) -> None:
        """Take a refused override into the books: nothing is raised."""
        sent = self._books.refused[decision_id].sent
        [*_, newest] = accounts_of(sent, known=self._books.accounts)
        self.overrides[override_id] = Raised(newest)
        self._books.told["overrides refused"] += 1

    def approve_override(
        self, override_id: str, decision_id: str, *, answer: Document, decision: Document
    ) -> None:
        """Raise what is lacking, and reserve the decision with it.

        `answer` is that to the approval, `decision` the decision as it is read behind it.
        """
        books, refused = self._books, self._books.refused.pop(decision_id)
        names = accounts_of(refused.sent, known=books.accounts)
        needed = refused.needed_cents
        lacking = accounts.lacking_cents(needed, names, of=books.accounts)
        books.accounts[names[-1]].overridden_cents += lacking
        self.overrides[override_id] = Raised(names[-1], raised_cents=lacking)
        books.compare(
            "raised by an override", override_id, expected=lacking, found=answer["raised_cents"]
        )
        expires_at = datetime.fromisoformat(answer["reservation_expires_at"])
        del books.states[decision_id]
        books.take(refused.sent, decision, cents=needed, expires_at=expires_at)
        books.told["overrides approved by another official"] += 1

    def pay(self, item: Document, answer: Document) -> None:
        """Take a payment or a recovery into the books."""
        books, name = self._books, item["payer_reference"]
        books.payments += 1
        result, held = answer.get("result") or {}, books.held.get(item["decision_id"])
        if held is None:
            code = (answer.get("problem") or {}).get("code")
            books.compare("payment", name, expected=UNKNOWN, found=code)
            books.told["payments refused: no such decision"] += 1
            return
        if result.get("result") != "booked":
            books.note("payment", name, expected="booked", found=str(answer["status"]))
            return
        before = held.excess_cents
        self._move(held, item)
        excess = held.excess_cents - before
        if excess > 0:
            held.is_paid_late = True
            books.exceeding[name] = excess
            books.told["payments above a commitment"] += 1
        left = result["commitment_left_cents"]
        books.compare("left to pay", name, expected=held.left_cents, found=left)
        found = result.get("excess_cents", 0)
        books.compare("above a commitment", name, expected=excess, found=found)

    def _move(self, held: Held, item: Document) -> None:
        cents = item["amount_cents"]
        if cents > 0:
            covers = held.covers(item["month"])
            self._books.settle(held, accounts.paid(held.draws, cents, is_covered=covers))
            held.paid_cents += cents
            held.paid_months = (*held.paid_months, item["month"])
        else:
            self._books.settle(held, accounts.recovered(held.draws, -cents, is_over=held.is_over))
            held.recovered_cents -= cents
            self._books.told["recoveries"] += 1

    def lapse(self, year: int, answers: Mapping[str, Document]) -> None:
        """Close a year: what is free of it is gone; `answers` are those of all ELY centres."""
        books = self._books
        found = {
            (one["area_code"], one["instrument"], answer["budget_year"]): one["cents"]
            for answer in answers.values()
            for one in answer["accounts"]
        }
        of_year = {name: one for name, one in books.accounts.items() if name[2] == year}
        expected = {name: account.lapse() for name, account in of_year.items()}
        for name in sorted(expected.keys() | found.keys()):
            books.compare(
                "lapsed",
                "/".join(map(str, name)),
                expected=expected.get(name, "no account"),
                found=found.get(name, "no account"),
            )
