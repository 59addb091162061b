"""The week itself: which client, which day, which kind, and what is corrected or withdrawn later.

Items stand in the order in which they are sent. A correction or a withdrawal stands behind
everything that was told for the first time, as caseworkers mend on a later day.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from kuntavayla_sandbox.week import facts, life
from kuntavayla_sandbox.week.facts import Draw, KindOfWeek

Action = Literal["new", "correct", "withdraw"]
Document = dict[str, Any]

KINDS: Mapping[str, KindOfWeek] = {**facts.KINDS, **life.KINDS}
CORRECTED_PER_MILLE = 30
WITHDRAWN_PER_MILLE = 15
SEVERAL_WEIGHTS = (60, 25, 10, 5)
"""How many things are told about a client in the week: one, two, three, four."""
WORKING_DAYS = 5
OPENING_H, CLOSING_H = 6, 13
"""Office hours in UTC, in winter."""
ATTACHED_PER_MILLE = 80
DIGEST_BYTES = 32
WITHDRAWAL_REASONS = ("entered_in_error", "wrong_client", "wrong_kind", "sent_twice", "other")


class WeekClient(Struct, frozen=True):
    """A client as far as a week needs to know: the pseudonym, and whose client it is."""

    client_id: str
    municipality_code: str


class Entry(Struct, frozen=True, kw_only=True):
    """One thing that a case system sends: `document` is the item, or the withdrawal's content."""

    municipal_id: str
    client_id: str
    kind: str
    action: Action
    replaces_municipal_id: str | None
    document: Document


class Week(Struct, frozen=True, kw_only=True):
    """Which week: its Monday, how many entries in all, and the seed."""

    starts_on: date
    items: Annotated[int, Meta(ge=0, le=1_000_000)]
    seed: int


def shares(clients: Mapping[str, int], *, items: int) -> dict[str, int]:
    """Divide so many items among case systems by their clients, none lost by rounding."""
    total = sum(clients.values())
    if total == 0:
        return dict.fromkeys(clients, 0)
    bounds, share, seen = 0, {}, 0
    for name in sorted(clients):
        seen += clients[name]
        upper = items * seen // total
        share[name] = upper - bounds
        bounds = upper
    return share


def generate_week(case_system_id: str, clients: Sequence[WeekClient], *, week: Week) -> list[Entry]:
    """Return what one case system sends of `week.items` things about these clients."""
    if not clients or week.items == 0:
        return []
    random = Random(f"{week.seed}/{case_system_id}/{week.starts_on}")
    corrections = week.items * CORRECTED_PER_MILLE // 1_000
    withdrawals = week.items * WITHDRAWN_PER_MILLE // 1_000
    first = _told_first(
        sorted(clients, key=lambda client: client.client_id),
        count=week.items - corrections - withdrawals,
        starts_on=week.starts_on,
        random=random,
    )
    numbered = [
        entry | {"municipal_id": f"{case_system_id}-{week.starts_on}-{number:06d}"}
        for number, entry in enumerate(first, start=1)
    ]
    entries = [_entry_of(document) for document in numbered]
    mended = list(_mended(entries, corrections=corrections, withdrawals=withdrawals, random=random))
    return entries + mended


def _told_first(
    clients: Sequence[WeekClient], *, count: int, starts_on: date, random: Random
) -> list[Document]:
    documents: list[Document] = []
    while len(documents) < count:
        client = random.choice(clients)
        [times] = random.choices(range(1, 5), SEVERAL_WEIGHTS)
        documents += [
            _item(client, starts_on=starts_on, random=random)
            for _ in range(min(times, count - len(documents)))
        ]
    return sorted(documents, key=lambda item: (item["known_at"], item["client_id"], item["kind"]))


def _item(client: WeekClient, *, starts_on: date, random: Random) -> Document:
    [name] = random.choices(list(KINDS), [kind.per_mille for kind in KINDS.values()])
    kind = KINDS[name]
    on = starts_on + timedelta(days=random.randrange(WORKING_DAYS))
    occurred_at = datetime(
        on.year, on.month, on.day, random.randint(OPENING_H, CLOSING_H), tzinfo=UTC
    ) + timedelta(seconds=random.randrange(3_600))
    known_at = occurred_at + timedelta(minutes=random.randint(0, 60))
    return {
        "municipal_id": "",
        "client_id": client.client_id,
        "municipality_code": client.municipality_code,
        "kind": name,
        "period": {"starts_on": on.isoformat(), "ends_on": on.isoformat()},
        "facts": kind.make(Draw(on, random)),
        "hearing": _hearing(known_at, is_heard=kind.is_heard),
        "occurred_at": _text(occurred_at),
        "known_at": _text(known_at),
        "author": {"official_id": f"u-{random.randint(1, 400):04d}", "role": "caseworker"},
        "attachments": _attachments(random),
        "replaces": None,
    }


def _hearing(known_at: datetime, *, is_heard: object) -> Document:
    if not is_heard:
        return {"state": "not_needed", "requested_at": None, "due_on": None, "answered_at": None}
    due_on = (known_at + timedelta(days=7)).date()
    return {
        "state": "requested",
        "requested_at": _text(known_at),
        "due_on": due_on.isoformat(),
        "answered_at": None,
    }


def _attachments(random: Random) -> list[Document]:
    if random.randrange(1_000) >= ATTACHED_PER_MILLE:
        return []
    digest = base64.b64encode(random.randbytes(DIGEST_BYTES)).decode()
    return [
        {
            "reference": f"DOC-{random.randrange(10**6):06d}",
            "kind": random.choice(("client_explanation", "service_provider_report", "other")),
            "digest": f"sha-256=:{digest}:",
        }
    ]


def _mended(
    entries: Sequence[Entry], *, corrections: int, withdrawals: int, random: Random
) -> Iterator[Entry]:
    """Yield corrections, then withdrawals; some withdraw a correction."""
    corrected = [
        _correction(original, number=number, random=random)
        for number, original in enumerate(random.sample(entries, corrections), start=1)
    ]
    yield from corrected
    replaced = {entry.replaces_municipal_id for entry in corrected}
    standing = [entry for entry in (*entries, *corrected) if entry.municipal_id not in replaced]
    for number, original in enumerate(random.sample(standing, withdrawals), start=1):
        yield _withdrawal(original, number=number, random=random)


def _correction(original: Entry, *, number: int, random: Random) -> Entry:
    municipal_id = f"{original.municipal_id}-c{number}"
    known_at = datetime.fromisoformat(original.document["known_at"])
    later_at = known_at + timedelta(minutes=random.randint(1, 600))
    document = original.document | {"municipal_id": municipal_id, "known_at": _text(later_at)}
    document["facts"] = KINDS[original.kind].make(
        Draw(date.fromisoformat(document["period"]["starts_on"]), random)
    )
    return _entry_of(document, action="correct", replaces=original.municipal_id)


def _withdrawal(original: Entry, *, number: int, random: Random) -> Entry:
    return Entry(
        municipal_id=f"{original.municipal_id}-w{number}",
        client_id=original.client_id,
        kind=original.kind,
        action="withdraw",
        replaces_municipal_id=original.municipal_id,
        document={
            "municipal_id": f"{original.municipal_id}-w{number}",
            "reason_code": random.choice(WITHDRAWAL_REASONS),
            "reason": "Kirjattu virheellisesti.",
        },
    )


def _entry_of(document: Document, *, action: Action = "new", replaces: str | None = None) -> Entry:
    return Entry(
        municipal_id=document["municipal_id"],
        client_id=document["client_id"],
        kind=document["kind"],
        action=action,
        replaces_municipal_id=replaces,
        document=document,
    )


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
