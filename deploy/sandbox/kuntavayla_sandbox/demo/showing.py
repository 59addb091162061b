"""One item's whole story in the words of a clerk, from what the service answers."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kuntavayla_sandbox.clock import HELSINKI


def story_lines(story: dict[str, Any]) -> Iterator[str]:
    """Yield what was told, who issues, every attempt with its answer, and the proof."""
    yield (
        f"told by {story['organisation']}: {story['kind']} of {story['item']['occurred_at'][:10]},"
        f" accepted {when(story['accepted_at'])}, due {when(story['deliver_by_at'])}"
    )
    issuer = story["issuer"]
    yield (
        f"the statement is the {issuer['authority']}'s by {issuer['rule']} since"
        f" {issuer['from_on']}; receiver {story['receiver_id']}, number {story['sequence']} of"
        " this client"
    )
    yield f"the bytes, made once: {story['digest']}"
    for each in story["attempts"]:
        answer = each["status"] or "no answer"
        code = f", {each['code']}" if each["code"] else ""
        yield (
            f"attempt {each['attempt']}, {when(each['started_at'])}: {answer},"
            f" {each['outcome']}{code}"
        )
    receipt = story["receipt"]
    if receipt is None:
        yield f"no receipt: {story['state']}"
        return
    is_same = receipt["digest"] == story["digest"]
    yield (
        f"receipt {receipt['receipt_id']} of {when(receipt['received_at'])}:"
        f" {receipt['digest']}, {'the same bytes' if is_same else 'other bytes'}"
    )


def when(instant: datetime | str) -> str:
    """Return an instant as it is read in Helsinki."""
    at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return f"{at.astimezone(HELSINKI):%d.%m.%Y %H:%M:%S}"
