"""Promises about items that are rejected for good: 422 with a code, the same on every repeat."""

from kuntavayla_sandbox.conformance.samples import Document, draw_id
from kuntavayla_sandbox.conformance.taking import taken
from kuntavayla_sandbox.conformance.trying import Trial


async def _rejected(trial: Trial, item: Document, code: str) -> None:
    """Put an item twice; both times it is rejected by this code."""
    for _ in range(2):
        (await trial.receiver.put(item)).require_problem(422, code)


async def client_unknown(trial: Trial) -> None:
    """Nobody is found by this number."""
    await _rejected(
        trial, trial.samples.about(trial.samples.client.unknown_number), "client_unknown"
    )


async def kind_unknown(trial: Trial) -> None:
    """A kind of a later version is rejected by its name, not by a fault."""
    await _rejected(trial, trial.samples.new(kind="SEEN_ON_THE_MOON"), "kind_unknown")


async def content_invalid(trial: Trial) -> None:
    """An item without what version 1 requires is no item."""
    item = trial.samples.new()
    del item["client"]
    await _rejected(trial, item, "content_invalid")


async def original_unknown(trial: Trial) -> None:
    """A correction or a withdrawal of nothing."""
    for action in ("correct", "withdraw"):
        item = trial.samples.new(action=action, replaces_information_id=draw_id())
        await _rejected(trial, item, "original_unknown")


async def original_replaced(trial: Trial) -> None:
    """An item has one successor."""
    original = trial.samples.new()
    await taken(trial, original)
    await taken(trial, trial.samples.successor(original, action="correct"))
    await _rejected(
        trial, trial.samples.successor(original, action="withdraw"), "original_replaced"
    )
