"""What municipalities do to what was reserved for them: act by act, with the day it is due."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from kuntavayla_sandbox.quota_year import facts
from kuntavayla_sandbox.quota_year.generating import (
    Fate,
    Planned,
    decider_of,
    middle_of,
)

PAUSE_DAYS = 30
CHEAPER_PER_CENT = 90
Document = dict[str, Any]


Made = tuple[str, Document]
"""An action, and what is sent."""
Making = Callable[[Planned, date], Made]


def due_on(planned: Planned, number: int) -> date | None:
    """Return the day from which the so-many-eth act on a decision is due; None behind the last."""
    acts = ACTS[planned.fate]
    if number >= len(acts):
        return None
    days, _ = acts[number]
    return planned.decided_on if days is None else middle_of(planned.document) + timedelta(days)


def act_of(planned: Planned, number: int, *, on: date) -> Made:
    """Return the so-many-eth act on a decision as it is sent on a day."""
    _, make = ACTS[planned.fate][number]
    action, body = make(planned, on)
    official = {"acting_official": decider_of(planned.document["municipality_code"])}
    return action, {**body, **official}


def _days(document: Mapping[str, Any]) -> tuple[date, date]:
    starts_on, ends_on = (document["period"][name] for name in ("starts_on", "ends_on"))
    return date.fromisoformat(starts_on), date.fromisoformat(ends_on)


def _grant(_planned: Planned, _on: date) -> Made:
    return "grant", {}


def _grant_less(planned: Planned, _on: date) -> Made:
    cents = planned.document["places"] * planned.document["unit_cost_cents"]
    return "grant", {"amount_cents": cents * CHEAPER_PER_CENT // 100}


def _refuse(_planned: Planned, _on: date) -> Made:
    return "refuse", {"reason_code": "conditions_not_met"}


def _cancel(_planned: Planned, _on: date) -> Made:
    return "cancel", {"reason_code": "applicant_withdrew"}


def _end(planned: Planned, _on: date) -> Made:
    return "end", {
        "last_on": middle_of(planned.document).isoformat(),
        "reason_code": "employment_ended",
    }


def _interrupt(planned: Planned, _on: date) -> Made:
    return "interrupt", {
        "last_on": middle_of(planned.document).isoformat(),
        "reason_code": "absence",
    }


def _resume(planned: Planned, on: date) -> Made:
    """Let it go on from this day, unless its last has come: then it has ended with the pause."""
    _, ends_on = _days(planned.document)
    if on >= ends_on:
        return _end(planned, on)
    return _changed(planned, on, planned.document, reason="absence")


def _shorten(planned: Planned, on: date) -> Made:
    return _with_last_day(planned, on, middle_of(planned.document).isoformat(), reason="other")


def _prolong(planned: Planned, on: date) -> Made:
    return _with_last_day(planned, on, planned.prolonged_to, reason="prolonged")


def _correct(planned: Planned, on: date) -> Made:
    random = Random(planned.document["municipal_id"])
    corrected = facts.corrected(planned.document, random=random)
    return _changed(planned, on, corrected, reason="facts_corrected")


def _with_last_day(planned: Planned, on: date, ends_on: str, *, reason: str) -> Made:
    period = {**planned.document["period"], "ends_on": ends_on}
    return _changed(planned, on, {**planned.document, "period": period}, reason=reason)


def _changed(planned: Planned, on: date, document: Document, *, reason: str) -> Made:
    """Return a decision as it is from a day on; what it needs besides may come of a newer year."""
    newest = max(planned.document["budget_year"], min(on.year, planned.newest_year))
    decision = {**document, "decided_on": on.isoformat(), "budget_year": newest}
    return "change", {"decision": decision, "reason_code": reason}


_AT_ONCE, _IN_THE_MIDDLE = None, 0
_GRANT: tuple[int | None, Making] = (_AT_ONCE, _grant)
ACTS: Mapping[Fate, Sequence[tuple[int | None, Making]]] = {
    "forgotten": [],
    "refused": [(_AT_ONCE, _refuse)],
    "granted": [_GRANT],
    "granted_less": [(_AT_ONCE, _grant_less)],
    "cancelled": [_GRANT, (_IN_THE_MIDDLE, _cancel)],
    "ended": [_GRANT, (_IN_THE_MIDDLE, _end)],
    "shortened": [_GRANT, (_IN_THE_MIDDLE, _shorten)],
    "prolonged": [_GRANT, (_IN_THE_MIDDLE, _prolong)],
    "corrected": [_GRANT, (_IN_THE_MIDDLE, _correct)],
    "corrected_before_grant": [(_AT_ONCE, _correct), _GRANT],
    "interrupted": [_GRANT, (_IN_THE_MIDDLE, _interrupt), (PAUSE_DAYS, _resume)],
    "interrupted_for_good": [_GRANT, (_IN_THE_MIDDLE, _interrupt), (PAUSE_DAYS, _end)],
}
"""What is done by fate: so many days behind the middle of the period, or at once."""
