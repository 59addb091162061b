"""Damages to what the ledger holds, one of each kind that the checker must find."""

from collections.abc import Callable
from typing import Any

from tests.faults.quota_stored import Rows, Stored


def _of(rows: Rows, **members: object) -> dict[str, Any]:
    return next(row for row in rows if all(row[name] == each for name, each in members.items()))


def _booked(stored: Stored) -> dict[str, Any]:
    return next(row for row in stored.payments if row["state"] != "refused")


def _event(stored: Stored, kind: str) -> dict[str, Any]:
    return next(row for row in stored.outbox if f"{kind}.v1" in row["body"])


def _bound(stored: Stored) -> dict[str, Any]:
    return next(row for row in stored.accounts if row["committed_cents"])


def _silence(stored: Stored) -> None:
    """Let a grant not be told, with no hole where it stood."""
    stored.outbox.remove(_event(stored, "decision.granted"))
    for position, row in enumerate(stored.outbox, 1):
        row["position"] = position
    stored.head[0]["position"] = len(stored.outbox)


def _change(rows: Rows, **changes: Any) -> Callable[[], None]:  # noqa: ANN401 - of any type
    def change() -> None:
        rows[-1].update(changes)

    return change


def _double(rows: Rows) -> None:
    rows.append(dict(rows[-1]))


def _add(row: dict[str, Any], name: str, cents: int = 1) -> None:
    row[name] += cents


def _release(stored: Stored) -> None:
    """Let a decision hold nothing any more, and its account bind so much less: both agree."""
    draw = next(row for row in stored.draws if row["committed_cents"] > row["paid_cents"])
    account = _of(stored.accounts, id=draw["account"])
    left = draw["committed_cents"] - draw["paid_cents"]
    _add(account, "committed_cents", -left)
    _add(draw, "committed_cents", -left)


def _answer_otherwise(stored: Stored) -> None:
    row = stored.overrides[-1]
    row["state"] = "refused" if row["raised_cents"] else "approved"


def _spend_twice(stored: Stored) -> None:
    """Let an account have bound more than it had, on the way, in all of its books."""
    entry = stored.entries[0]
    _add(entry, "reserved_cents", 10**9)
    for row in stored.entries:
        if row["account"] == entry["account"]:
            _add(row, "reserved_cents_after", 10**9)


DAMAGES: dict[str, Callable[[Stored], None]] = {
    "a decision is lost": lambda stored: _none(stored.decisions.pop()),
    "a decision is doubled": lambda stored: _double(stored.decisions),
    "a decision is another's": lambda stored: _change(stored.decisions, organisation="cs-x")(),
    "a decision has another id": lambda stored: _change(stored.decisions, id="x")(),
    "a decision has another state": lambda stored: _change(stored.decisions, state="ended")(),
    "a decision has another version": lambda stored: _add(stored.decisions[0], "version"),
    "a step is lost": lambda stored: _none(stored.steps.pop()),
    "a step is doubled": lambda stored: _double(stored.steps),
    "an act was taken twice": lambda stored: stored.steps.append(
        stored.steps[-1] | {"number": stored.steps[-1]["number"] + 1, "action": "change"}
    ),
    "an entry is lost": lambda stored: _none(stored.entries.pop(0)),
    "an entry is doubled": lambda stored: _double(stored.entries),
    "an entry has a cent more": lambda stored: _add(stored.entries[-1], "allocated_cents"),
    "a balance behind an entry is wrong": lambda stored: _add(
        stored.entries[-1], "paid_cents_after"
    ),
    "a balance has a cent more": lambda stored: _add(_bound(stored), "committed_cents"),
    "a balance has a person more": lambda stored: _add(_bound(stored), "committed_persons"),
    "a client is counted twice": lambda stored: _add(stored.holds[-1], "committed_holds"),
    "a decision holds a cent more": lambda stored: _add(stored.draws[-1], "committed_cents"),
    "a decision was released by nobody": _release,
    "an account was spent twice": _spend_twice,
    "a year is not closed": lambda stored: _of(stored.accounts, is_lapsed=True).update(
        is_lapsed=False
    ),
    "a lapse is doubled": lambda stored: stored.lapses.append({"id": "x", "budget_year": 2021}),
    "a payment is lost": lambda stored: stored.payments.remove(_booked(stored)),
    "a payment is doubled": lambda stored: stored.payments.append(dict(_booked(stored))),
    "a payment has a cent more": lambda stored: _add(_booked(stored), "amount_cents"),
    "a payment is of another decision": lambda stored: _booked(stored).update(decision="x"),
    "a payment is refused in the books": lambda stored: _booked(stored).update(state="refused"),
    "a decision is paid a cent more": lambda stored: _add(stored.decisions[0], "paid_cents"),
    "an order is lost": lambda stored: _none(stored.allocations.pop()),
    "an order is doubled": lambda stored: _double(stored.allocations),
    "a transfer is lost": lambda stored: _none(stored.transfers.pop()),
    "a reversal is lost": lambda stored: _none(stored.reversals.pop()),
    "a reversal is doubled": lambda stored: _double(stored.reversals),
    "an override is lost": lambda stored: _none(stored.overrides.pop()),
    "an override was answered otherwise": _answer_otherwise,
    "an override raised a cent more": lambda stored: _add(stored.overrides[-1], "raised_cents"),
    "who asked has answered": lambda stored: stored.overrides[-1].update(
        asked_official_id="x", answered_official_id="x"
    ),
    "an event is lost": lambda stored: _none(stored.outbox.pop(3)),
    "an event is doubled": lambda stored: _double(stored.outbox),
    "a grant is not told": _silence,
    "an event goes to another": lambda stored: _event(stored, "decision.reserved").update(
        recipient="cs-x"
    ),
    "a ban is not kept": lambda stored: [
        row.update(channel="common") for row in stored.outbox
    ].clear(),
    "a line of the audit is lost": lambda stored: stored.audit.remove(
        _of(stored.audit, action="payment.booked")
    ),
    "a line of the audit is doubled": lambda stored: stored.audit.append(
        _of(stored.audit, action="decision.made")
    ),
}


def _none(_: object) -> None:
    return None
