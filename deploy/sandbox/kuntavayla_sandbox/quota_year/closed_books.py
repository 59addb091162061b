"""The books at the end: every balance, decision, override and excess payment compared."""

from collections.abc import Iterable, Mapping
from typing import Any

from kuntavayla_sandbox.quota_year.accounts import NOTHING, AccountName
from kuntavayla_sandbox.quota_year.books import Books
from kuntavayla_sandbox.quota_year.holding import Document
from kuntavayla_sandbox.quota_year.money_books import Raised

BOTH = "on both sides"
OURS, THEIRS = "in the books alone", "in the service alone"
Persons = Mapping[AccountName, tuple[int, int]]


def close_balances(books: Books, balances: Iterable[Document]) -> None:
    """Compare every balance that the service shows, cents and persons, with the books."""
    shown = {(one["area_code"], one["instrument"], one["budget_year"]): one for one in balances}
    persons = _persons(books)
    for name in _both(books, "account", ours=books.accounts, theirs=shown):
        of = "/".join(map(str, name))
        for what, ours, theirs in _columns(books, name, shown[name], persons=persons):
            books.compare(what, of, expected=ours, found=theirs)


def close_states(books: Books, listed: Iterable[Document]) -> None:
    """Compare the state of every decision."""
    shown = {one["decision_id"]: one["state"] for one in listed}
    ours = {**books.states, **{name: held.state for name, held in books.held.items()}}
    for name in _both(books, "decision", ours=ours, theirs=shown):
        books.compare("state", name, expected=ours[name], found=shown[name])


def close_exceeding(books: Books, listed: Iterable[Document]) -> None:
    """Compare the list of payments above commitments."""
    shown = {one["payer_reference"]: one["excess_cents"] for one in listed}
    for name in _both(books, "payment above a commitment", ours=books.exceeding, theirs=shown):
        books.compare("above a commitment", name, expected=books.exceeding[name], found=shown[name])


def close_overrides(books: Books, raised: Mapping[str, Raised], listed: Iterable[Document]) -> None:
    """Compare what overrides have raised, what was covered, and what is left of them."""
    shown = {one["override_id"]: one for one in listed}
    for name in _both(books, "override", ours=raised, theirs=shown):
        ours, theirs = raised[name], shown[name]
        books.compare(
            "raised, covered and left",
            name,
            expected=(ours.raised_cents, ours.covered_cents, ours.left_cents),
            found=tuple(theirs[one] for one in ("raised_cents", "covered_cents", "left_cents")),
        )


def _both(
    books: Books, what: str, *, ours: Mapping[Any, Any], theirs: Mapping[Any, Any]
) -> list[Any]:
    """Return what both sides have; note what only one of them has."""
    for name in sorted(ours.keys() ^ theirs.keys()):
        of = name if isinstance(name, str) else "/".join(map(str, name))
        books.note(what, of, expected=BOTH, found=OURS if name in ours else THEIRS)
    return sorted(ours.keys() & theirs.keys())


def _columns(
    books: Books, name: AccountName, shown: Document, *, persons: Persons
) -> list[tuple[str, object, object]]:
    account = books.accounts[name]
    reserved, committed = persons.get(name, (0, 0))
    return [
        ("allocated", account.allocated_cents, shown["allocated"]["cents"]),
        ("persons allocated", account.allocated_persons, shown["allocated"]["persons"]),
        ("overridden", account.overridden_cents, shown["overridden"]["cents"]),
        ("reserved", account.reserved_cents, shown["reserved"]["cents"]),
        ("persons reserved", reserved, shown["reserved"]["persons"]),
        ("committed", account.committed_cents, shown["committed"]["cents"]),
        ("persons committed", committed, shown["committed"]["persons"]),
        ("free", account.free_cents, shown["available"]["cents"]),
        ("paid", account.paid_cents, shown["paid"]["cents"]),
        ("paid above commitments", account.excess_cents, shown["paid_excess"]["cents"]),
        ("lapsed", account.lapsed_cents, shown["lapsed"]["cents"]),
        ("is lapsed", account.is_lapsed, shown["is_lapsed"]),
    ]


def _persons(books: Books) -> Persons:
    """Return the clients by whom money of an account is held: reserved alone, and committed.

    A client is one person, whatever the number of decisions.
    """
    reserved: dict[AccountName, set[str]] = {}
    committed: dict[AccountName, set[str]] = {}
    for held in books.held.values():
        for name, draw in held.draws.items():
            if draw.committed_cents:
                committed.setdefault(name, set()).add(held.client_id)
            elif draw != NOTHING and draw.reserved_cents:
                reserved.setdefault(name, set()).add(held.client_id)
    return {
        name: (
            len(reserved.get(name, set()) - committed.get(name, set())),
            len(committed.get(name, ())),
        )
        for name in books.accounts
    }
