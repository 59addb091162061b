"""Corrections and withdrawals: whether an item may have a successor, and where that goes."""

from collections.abc import Mapping

from msgspec import Struct

from kuntavayla.errors import InvalidContent
from statement_relay.errors import AlreadyReplaced, InformationEnded, InformationNotFound
from statement_relay.operations.submissions import Submission
from statement_relay.rules.contents import Content
from statement_relay.rules.intake import examine_correction
from statement_relay.rules.states import SETTLED
from statement_relay.store.information import HeldInformation
from statement_relay.store.queues import Queue


class Stale(Struct, frozen=True):
    """If-Match names another version than the one that stands."""

    version: int
    is_replay: bool = False


Refused = InformationNotFound | AlreadyReplaced | InformationEnded | InvalidContent | Stale


class Originals:
    """The items that a batch corrects or withdraws, locked; each may be replaced once.

    A successor that was rejected or refused counts as none.
    """

    def __init__(self, held: Mapping[str, HeldInformation], leased: Mapping[Queue, bool]) -> None:
        self._held = held
        self._leased = leased
        self._replaced: set[str] = set()

    def take(self, submission: Submission) -> HeldInformation | Refused:
        """Return the original of a successor, or why it may not have that one."""
        told = submission.told
        assert told.replaces is not None, "only a successor has an original"
        held = self._held.get(told.replaces)
        if held is None or held.organisation != submission.call.organisation:
            return InformationNotFound()
        is_replaced = held.replaced_by is not None or held.information_id in self._replaced
        version = held.version if held.information_id not in self._replaced else held.version + 1
        if told.versions is not None and version not in told.versions:
            return Stale(version)
        if is_replaced:
            return AlreadyReplaced()
        if held.action == "withdraw" or (held.state in SETTLED and held.state != "delivered"):
            return InformationEnded(state=held.state)
        if told.item is not None:
            faults = examine_correction(
                told.item, of=held.content.item, information_id=held.information_id
            )
            if faults:
                return InvalidContent(faults)
        return held

    def replace(self, held: HeldInformation) -> None:
        """Note that an item has its successor by this batch."""
        self._replaced.add(held.information_id)

    def was_never_sent(self, held: HeldInformation) -> bool:
        """Say whether nobody can have got an item, nor one that it corrects."""
        if held.action != "new" or held.attempts > 0:
            return False
        if held.state == "waiting_for_client":
            return True
        assert held.receiver_id is not None, "what waits in a queue has its receiver"
        queue = Queue(held.receiver_id, held.client_id)
        return held.state == "waiting" and not self._leased.get(queue, False)


def content_of_successor(submission: Submission, held: HeldInformation) -> Content:
    """Return what a successor holds: the corrected item, or the item withdrawn, and why."""
    told = submission.told
    if told.item is not None:
        return Content(told.item)
    return Content(held.content.item, told.withdrawn)
