"""What the relay's events tell a case system about its information."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from kuntavayla.inbox import IncomingEvent
from kuntavayla_sandbox.case_systems.information.store import Answered, Outcome

PREFIX = "fi.kuntavayla.information."
DELIVERED, REJECTED, PARKED, REFUSED, DELAYED, OVERDUE, ACCEPTED = (
    f"{PREFIX}{name}.v1"
    for name in ("delivered", "rejected", "parked", "refused", "delayed", "overdue", "accepted")
)


class About(Struct, frozen=True):
    """The part of an event about one item that a case system reads."""

    municipal_id: str | None = None
    code: str | None = None
    codes: tuple[str, ...] = ()
    receipt_id: str | None = None
    digest: str | None = None
    state: str | None = None
    information_id: str | None = None
    receiver_id: str | None = None


class News(Struct, frozen=True):
    """What a batch tells: answers in order, the newest outcome of each item, and which are late."""

    answers: dict[str, Answered]
    outcomes: dict[str, Outcome]
    late: dict[str, bool]


_decode = msgspec.json.Decoder(About).decode
OUTCOMES = {DELIVERED: "delivered", REJECTED: "rejected", PARKED: "parked", REFUSED: "refused"}


def news_of(events: Sequence[IncomingEvent]) -> News:
    """Return what the events tell; types that this reader does not know tell nothing."""
    news = News({}, {}, {})
    for event in events:
        if not event.type.startswith(PREFIX):
            continue
        about = _decode(event.data)
        if about.municipal_id is None:
            continue
        if event.type in {ACCEPTED, REFUSED}:
            news.answers.pop(about.municipal_id, None)
            news.answers[about.municipal_id] = _answered(about.municipal_id, event.type, about)
        if event.type in OUTCOMES:
            news.outcomes[about.municipal_id] = _outcome(about.municipal_id, event.type, about)
        elif event.type == ACCEPTED and about.state == "withdrawn":
            news.outcomes[about.municipal_id] = Outcome(
                municipal_id=about.municipal_id, outcome="withdrawn"
            )
        elif event.type in {DELAYED, OVERDUE}:
            is_overdue = event.type == OVERDUE
            news.late[about.municipal_id] = news.late.get(about.municipal_id, False) or is_overdue
    return news


def _answered(municipal_id: str, kind: str, about: About) -> Answered:
    """Return what an item was answered, as it counts for one that went by the topic."""
    if kind == REFUSED:
        code = about.codes[0] if about.codes else "unknown"
        return Answered(municipal_id=municipal_id, problem_code=code)
    return Answered(
        municipal_id=municipal_id,
        information_id=about.information_id,
        state=about.state,
        receiver_id=about.receiver_id,
        digest=about.digest,
    )


def _outcome(municipal_id: str, kind: str, about: About) -> Outcome:
    return Outcome(
        municipal_id=municipal_id,
        outcome=OUTCOMES[kind],
        code=about.code or (about.codes[0] if about.codes else None),
        receipt_id=about.receipt_id,
        digest=about.digest,
    )
