"""Damages to what the relay and its receivers hold, one of each kind that the checker must find."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.faults.relay_checking import Rows, Stored
from tests.faults.relay_items import Standing, clients
from tests.faults.relay_site import SKEWS_S


def _delivered(stored: Stored) -> dict[str, Any]:
    return next(row for row in reversed(stored.items) if row["state"] == "delivered")


def _event(stored: Stored, kind: str) -> dict[str, Any]:
    return next(row for row in reversed(stored.outbox) if f"information.{kind}.v1" in row["body"])


def _two_of_one_client(stored: Stored) -> tuple[dict[str, Any], dict[str, Any]]:
    last: dict[str, dict[str, Any]] = {}
    for row in stored.held:
        if row["client_id"] in last:
            return last[row["client_id"]], row
        last[row["client_id"]] = row
    raise AssertionError("no client has two items")


def _swap_reception(stored: Stored) -> None:
    first, second = _two_of_one_client(stored)
    here, there = stored.held.index(first), stored.held.index(second)
    stored.held[here], stored.held[there] = second, first


def _swap_resent(stored: Stored) -> None:
    """Of what was sent again together, two items of a client have changed places."""
    resent = stored.resent_at()
    last: dict[tuple[str, datetime], dict[str, Any]] = {}
    for row in (each for each in stored.held if each["information_id"] in resent):
        together = (row["client_id"], resent[row["information_id"]])
        if together in last:
            here, there = stored.held.index(last[together]), stored.held.index(row)
            stored.held[here], stored.held[there] = row, last[together]
            return
        last[together] = row
    raise AssertionError("no client was sent two items again together")


def _swap_places(stored: Stored) -> None:
    one, other = stored.items[0], stored.items[-1]
    one["number"], other["number"] = 9_999, 9_998


def _lose_cut_off(stored: Stored) -> None:
    stored.attempts.remove(next(row for row in stored.attempts if row["outcome"] == "cut_off"))


def _double(rows: Rows) -> None:
    rows.append(dict(rows[-1]))


def _end_as_open(stored: Stored) -> None:
    _delivered(stored).update(state="waiting", settled_at=None)


def _tear_bytes(stored: Stored) -> None:
    stored.held[-1]["body"] += b" "


def _make_hole(stored: Stored) -> None:
    del stored.outbox[3]


def _silence(stored: Stored) -> None:
    stored.outbox.remove(_event(stored, "delivered"))
    for position, row in enumerate(stored.outbox, 1):
        row["position"] = position
    stored.head[0]["position"] = len(stored.outbox)


def _tell_another(stored: Stored) -> None:
    _event(stored, "accepted")["recipient"] = "cs-other"


def _reject_wrongly(stored: Stored) -> None:
    _delivered(stored)["state"] = "rejected"


def _lose_proof(stored: Stored) -> None:
    item = _delivered(stored)
    gone = item["information_id"]
    stored.attempts = [row for row in stored.attempts if row["information_id"] != gone]
    stored.notes = [row for row in stored.notes if row["information_id"] != gone]


def _ids_of(standing: Standing) -> set[str]:
    return {each.client_id for each in clients() if each.standing == standing}


def _tell_in_common(standing: Standing) -> Callable[[Stored], None]:
    """Return a damage: what was told of such clients is told in the common feed."""

    def damage(stored: Stored) -> None:
        hidden = _ids_of(standing)
        for row in stored.outbox:
            if any(each in row["body"] for each in hidden):
                row["channel"] = "common"

    return damage


def _hide_known(stored: Stored) -> None:
    known = min(_ids_of("known"))
    next(row for row in stored.outbox if known in row["body"])["channel"] = "restricted"


def _name_banned(stored: Stored) -> None:
    row = next(row for row in stored.outbox if row["channel"] == "common")
    row["body"] = row["body"].replace("{", f'{{"x":"{min(_ids_of("restricted"))}",', 1)


def _wait_for_ever(stored: Stored) -> None:
    never = _ids_of("never")
    row = next(row for row in stored.items if row["client_id"] in never)
    row.update(state="waiting_for_client", settled_at=None)


def _resent(stored: Stored) -> dict[str, Any]:
    return next(row for row in stored.audit if row["action"] == "delivery.resent")


def _mend_clock(stored: Stored) -> None:
    """The time of a receipt is that of the relay's clock, on both sides."""
    known = {row["information_id"]: row for row in stored.items}
    for row in (each for each in stored.held if each["receiver_id"] in SKEWS_S):
        skew = timedelta(seconds=SKEWS_S[row["receiver_id"]])
        row["received_at"] -= skew
        if known[row["information_id"]]["received_at"] is not None:
            known[row["information_id"]]["received_at"] -= skew


def _redelivered(stored: Stored) -> dict[str, Any]:
    return next(row for row in stored.outbox if row["redelivery_id"] is not None)


DAMAGES: dict[str, Callable[[Stored], None]] = {
    "an item is lost": lambda stored: stored.items.remove(_delivered(stored)),
    "an item is doubled": lambda stored: _double(stored.items),
    "an item is another's": lambda stored: stored.items[-1].update(organisation="cs-other"),
    "an item has another id": lambda stored: stored.items[-1].update(information_id="another"),
    "an item has not ended": _end_as_open,
    "an item is rejected wrongly": _reject_wrongly,
    "places of a queue differ": _swap_places,
    "an effect is lost": lambda stored: _none(stored.held.pop()),
    "an effect is doubled": lambda stored: _double(stored.held),
    "effects change places": _swap_reception,
    "what is sent again changes places": _swap_resent,
    "an effect has other bytes": _tear_bytes,
    "an effect has another digest": lambda stored: stored.held[-1].update(digest="another"),
    "an effect stands with another": lambda stored: stored.held[-1].update(receiver_id="te-hame"),
    "an effect came too often": lambda stored: stored.held[-1].update(repeats=999),
    "an effect waits for its receipt": lambda stored: stored.held[-1].update(state="waiting"),
    "a receipt is another": lambda stored: _delivered(stored).update(receipt_id="another"),
    "a receipt has no time": lambda stored: _delivered(stored).update(received_at=None),
    "the digest of a receipt differs": lambda stored: _delivered(stored).update(receipt_digest=""),
    "the proof of a delivery is lost": _lose_proof,
    "a call is not on record": lambda stored: _none(stored.attempts.pop()),
    "a call that was cut off is not on record": _lose_cut_off,
    "a call is doubled": lambda stored: _double(stored.attempts),
    "a queue is leased for ever": lambda stored: stored.queues[0].update(lease_token="somebody"),
    "an event is lost": _make_hole,
    "a delivery is not told": _silence,
    "an event is told twice": lambda stored: _double(stored.outbox),
    "an event goes to another": _tell_another,
    "a ban is not kept": _tell_in_common("restricted"),
    "a ban of a while is not kept": _tell_in_common("banned"),
    "who is not known yet is told of": _tell_in_common("late"),
    "who has no ban is hidden": _hide_known,
    "who has a ban is named": _name_banned,
    "an item waits for ever": _wait_for_ever,
    "what was lost is not sent again": lambda stored: stored.audit.remove(_resent(stored)),
    "sent again is what was not lost": lambda stored: _resent(stored).update(resource_id="x"),
    "an event goes to another again": lambda stored: _redelivered(stored).update(recipient="x"),
    "an event sent again has other bytes": lambda stored: _redelivered(stored).update(
        body=_redelivered(stored)["body"].replace("{", '{"x":1,', 1)
    ),
    "a receipt has the relay's time": _mend_clock,
    "a line of the audit is lost": lambda stored: stored.audit.remove(_line(stored)),
    "a line of the audit is doubled": lambda stored: stored.audit.append(_line(stored)),
}


def _line(stored: Stored) -> dict[str, Any]:
    return next(row for row in stored.audit if row["action"] == "information.accepted")


def _none(_: object) -> None:
    return None
