"""The checker of payments, orders, overrides and the audit, held against what was answered."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.faults.quota_items import Paid, Sent
from tests.faults.quota_stored import Stored

REFUSED = frozenset({"recovery_above_paid", "decision_unknown"})
RAISED = frozenset({"approved", "covered", "partly_covered", "returned", "uncovered"})
"""States of an override that was approved."""


def check_payments(stored: Stored, paid: Mapping[str, Paid]) -> Iterator[str]:
    """Each item is there once and as it was answered; entries and decisions add up to it."""
    times = Counter(row["payer_reference"] for row in stored.payments)
    rows = {row["payer_reference"]: row for row in stored.payments}
    entries = stored.entries_by("payment")
    for reference, each in paid.items():
        if times[reference] != 1 or not each.results:
            yield f"{reference} is stored {times[reference]} times, answered {each.results}"
            continue
        row, result = rows[reference], each.results[0]
        is_booked = result["result"] == "booked"
        if is_booked != (row["state"] != "refused") or (
            is_booked and result["payment_id"] != row["id"]
        ):
            yield f"{reference} is {row['state']} {row['id']}, answered {result}"
        if (row["decision"], row["amount_cents"]) != (each.decision_id, each.cents):
            yield f"{reference} is of {row['decision']}, {row['amount_cents']} cents"
        booked = [one for one in entries[row["id"]] if one["reverses"] is None]
        total = sum(one["paid_cents"] for one in booked)
        if total != (each.cents if is_booked else 0):
            yield f"{reference} of {each.cents} cents is booked with {total}"
    for row in stored.payments:
        is_ours = row["payer_reference"] in paid or row["refused_code"] == "decision_unknown"
        if not is_ours:
            yield f"{row['payer_reference']} was never reported"
    yield from _unlike_paid(stored)


def _unlike_paid(stored: Stored) -> Iterator[str]:
    """What a decision says is paid is the sum of its entries, and so is what an account says."""
    by_decision: Counter[str] = Counter()
    for row in stored.entries:
        if row["paid_cents"]:
            by_decision[row["decision"] or ""] += row["paid_cents"]
    reversed_ = {row["of"] for row in stored.reversals}
    standing: Counter[str] = Counter()
    for row in stored.payments:
        if row["state"] != "refused" and row["id"] not in reversed_:
            standing[row["decision"]] += row["amount_cents"]
    for row in stored.decisions:
        net = row["paid_cents"] - row["recovered_cents"]
        if not net == by_decision[row["id"]] == standing[row["id"]]:
            sums = by_decision[row["id"]], standing[row["id"]]
            yield f"{row['municipal_id']} is paid {net}, entries and payments say {sums}"
    if sum(by_decision.values()) != sum(row["paid_cents"] for row in stored.accounts):
        yield "accounts say another sum of payments than entries"


def check_orders(
    stored: Stored, orders: Mapping[str, tuple[str, int]], reversed_: Mapping[str, int]
) -> Iterator[str]:
    """Each order and reversal that was answered is there once, with its entries; none besides."""
    rows = [("allocations", row) for row in stored.allocations]
    rows += [("allocation-transfers", row) for row in stored.transfers]
    found = Counter(row["id"] for _, row in rows)
    if found != Counter(list(orders)):
        unlike = {*found} ^ {*orders}
        yield f"orders stored and answered differ: {sorted(unlike)}"
    by_allocation, by_transfer = stored.entries_by("allocation"), stored.entries_by("transfer")
    for noun, row in rows:
        entries = (by_allocation if noun == "allocations" else by_transfer)[row["id"]]
        booked = sorted(one["allocated_cents"] for one in entries if one["reverses"] is None)
        _, cents = orders.get(row["id"], (noun, 0))
        if booked != ([cents] if noun == "allocations" else [-cents, cents]):
            yield f"{row['id']} of {cents} cents is booked with {booked}"
    counted = Counter(row["of"] for row in stored.reversals)
    wanted = {each: 1 for each, count in reversed_.items() if count}
    if counted != Counter(wanted):
        yield f"reversed are {len(counted)}, answered were {len(wanted)}"
    if any(count > 1 for count in reversed_.values()):
        yield f"one order was reversed by two calls: {dict(reversed_)}"


def check_overrides(
    stored: Stored, asked: Mapping[str, Sent], answers: Mapping[str, Counter[str]]
) -> Iterator[str]:
    """Each override is asked once and answered by one official at most; entries say the same."""
    if Counter(row["id"] for row in stored.overrides) != Counter(list(asked)):
        yield f"{len(stored.overrides)} overrides are stored, {len(asked)} were answered"
    entries = stored.entries_by("override")
    overridden: dict[str, int] = defaultdict(int)
    for row in stored.overrides:
        yield from _unlike_answers(row, answers.get(row["id"], Counter()))
        left = row["raised_cents"] - row["covered_cents"] - row["returned_cents"]
        booked = sum(one["overridden_cents"] for one in entries[row["id"]])
        overridden[str(row["account_id"])] += left
        if booked > row["raised_cents"] or left < 0:
            yield f"override {row['id']} raised {row['raised_cents']}, entries say {booked}"
    for account in stored.accounts:
        if account["overridden_cents"] != overridden[account["id"]]:
            yield f"{account['id']} is overridden by other than its overrides have left"


def _unlike_answers(row: Mapping[str, Any], taken: Mapping[str, int]) -> Iterator[str]:
    """One official has answered at most, and not who asked; the state is what that one said."""
    if sum(taken.values()) > 1:
        yield f"two officials answered {row['id']}: {taken}"
    if (row["state"] in RAISED) != bool(taken.get("approved")):
        yield f"override {row['id']} is {row['state']}, answered {taken}"
    if row["asked_official_id"] == row["answered_official_id"]:
        yield f"one official asked for {row['id']} and answered it"


def check_audit(stored: Stored, *, verified: int) -> Iterator[str]:
    """Each decision, act, payment, order and answer has its line, and no line stands twice."""
    booked = {row["id"] for row in stored.payments if row["state"] != "refused"}
    # What was refused and is booked by its repeat has a line of either.
    lines = Counter(
        (row["action"], row["resource"])
        for row in stored.audit
        if row["resource"] and not (row["outcome"] in REFUSED and row["resource"] in booked)
    )
    wanted: Counter[tuple[str, str]] = Counter()
    for row in stored.steps:
        if row["number"] == 1:
            wanted["decision.made", row["decision"]] += 1
        elif row["action"] not in {"override", "expire"}:
            wanted[f"decision.{row['action']}", row["decision"]] += 1
    wanted.update(("payment.booked", row["id"]) for row in stored.payments)
    wanted.update(("allocation.made", row["id"]) for row in stored.allocations)
    wanted.update(("allocation-transfer.made", row["id"]) for row in stored.transfers)
    wanted.update(("override.asked", row["id"]) for row in stored.overrides)
    wanted.update(("year.lapsed", row["id"]) for row in stored.lapses)
    kinds = {action for action, _ in wanted}
    for key in {*wanted, *(each for each in lines if each[0] in kinds)}:
        if lines[key] != wanted[key]:
            yield f"{key} has {lines[key]} lines, not {wanted[key]}"
    books = sum(row["action"] == "books.verified" for row in stored.audit)
    if books < verified:
        yield f"{books} lines say that the books were verified, of {verified}"
