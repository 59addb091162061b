"""Examine a decoded item against the calendar and itself, before anybody's right to send it.

The decoder has checked form and bounds; here is what it cannot know. All faults are found in one
pass, each with pointer, code and advice, never with the value.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from kuntavayla.errors import Fault
from kuntavayla.values.calendar import legal_day
from kuntavayla.values.identity_codes import holds_identity_code
from statement_relay.rules.kinds import Kinds
from statement_relay.rules.shape import Item, WithdrawalRequest

_encode = msgspec.json.Encoder().encode


class IntakeLimits(Struct, frozen=True, kw_only=True):
    """Bounds of what is taken in; settings of the service.

    `ahead_max` is how far the sender's clock may run before ours.
    """

    ahead_max: timedelta


def examine(item: Item, *, kinds: Kinds, now: datetime, limits: IntakeLimits) -> tuple[Fault, ...]:
    """Return every fault of a new item; none where it may be judged.

    Only an item without faults has a legal day, that of `occurred_at`.
    """
    time_faults = tuple(_time_faults(item, kinds=kinds, latest_at=now + limits.ahead_max))
    if time_faults:
        # The further checks reckon with days, which an instant out of bounds may not have.
        return (*time_faults, *item.facts.faults(), *_text_faults(item))
    return (
        *_day_faults(item, kinds=kinds),
        *item.facts.faults(),
        *item.hearing.faults(now=now),
        *_attachment_faults(item),
        *_text_faults(item),
    )


def examine_new(item: Item) -> tuple[Fault, ...]:
    """Return the fault of a new item that says it replaces another."""
    if item.replaces is None:
        return ()
    return (Fault("/replaces", "not_expected", "Correct an item by the call :correct."),)


def examine_correction(item: Item, *, of: Item, information_id: str) -> tuple[Fault, ...]:
    """Return the faults of a correction: it keeps kind and client of what it stands for."""
    faults = []
    if item.kind != of.kind:
        advice = "A correction keeps the kind: withdraw the item, and send another."
        faults.append(Fault("/kind", "kind_differs", advice))
    if item.client_id != of.client_id:
        advice = "A correction keeps the client: withdraw the item, and send another."
        faults.append(Fault("/client_id", "client_differs", advice))
    if item.replaces not in (None, information_id):
        advice = "Give null, or the item that the call names."
        faults.append(Fault("/replaces", "item_differs", advice))
    return tuple(faults)


def examine_withdrawal(withdrawal: WithdrawalRequest) -> tuple[Fault, ...]:
    """Return the faults of a withdrawal: its texts may hold no identity code."""
    return tuple(_text_faults(withdrawal))


def _time_faults(item: Item, *, kinds: Kinds, latest_at: datetime) -> Iterator[Fault]:
    for pointer, instant in (
        ("/occurred_at", item.occurred_at),
        ("/known_at", item.known_at),
        ("/hearing/requested_at", item.hearing.requested_at),
        ("/hearing/answered_at", item.hearing.answered_at),
    ):
        if instant is None:
            continue
        if instant < kinds.first_at:
            advice = f"Nothing is taken about the time before {kinds.first_on}."
            yield Fault(pointer, "before_pilot", advice)
        elif instant > latest_at:
            yield Fault(pointer, "in_future", "Give an instant that is past.")


def _day_faults(item: Item, *, kinds: Kinds) -> Iterator[Fault]:
    occurred_on = legal_day(item.occurred_at)
    entry, period = kinds.of(item.kind), item.period
    if occurred_on < entry.valid_from:
        advice = f"This kind may have occurred on {entry.valid_from} at the earliest."
        yield Fault("/kind", "kind_not_in_force", advice)
    if item.known_at < item.occurred_at:
        advice = "Give an instant that is not before occurred_at."
        yield Fault("/known_at", "instant_before_another", advice)
    if period.ends_on is not None and period.ends_on < period.starts_on:
        advice = "Give a day that is not before starts_on."
        yield Fault("/period/ends_on", "day_before_another", advice)
    elif occurred_on < period.starts_on or (
        period.ends_on is not None and period.ends_on < occurred_on
    ):
        advice = "What the item tells of occurred within its period, by days in Helsinki."
        yield Fault("/occurred_at", "outside_period", advice)


def _attachment_faults(item: Item) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, attachment in enumerate(item.attachments):
        if attachment.reference in seen:
            advice = "Give each document once."
            yield Fault(f"/attachments/{index}/reference", "reference_repeated", advice)
        seen.add(attachment.reference)


def _text_faults(value: Item | WithdrawalRequest) -> Iterator[Fault]:
    encoded = _encode(value)
    # Nearly no item holds a code, so the whole is looked at first. An escape ends in a letter or
    # digit, which would hide a code behind it from that look.
    if b"\\" not in encoded and not holds_identity_code(encoded.decode()):
        return
    advice = "Give a text that holds no personal identity code."
    for pointer, text in _texts(msgspec.to_builtins(value), pointer=""):
        if holds_identity_code(text):
            yield Fault(pointer, "text_holds_identity_code", advice)


def _texts(value: object, *, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _texts(part, pointer=f"{pointer}/{name}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _texts(part, pointer=f"{pointer}/{index}")
