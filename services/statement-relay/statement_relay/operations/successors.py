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
        self._replaced: dict[str, Submission] = {}

    def take(self, submission: Submission) -> HeldInformation | Refused:
        """Return the original of a successor, or why it may not have that one."""
        told = submission.told
        assert told.replaces is not None, "only a successor has an original"
        held = self._held.get(told.replaces)
        if held is None or held.organisation != submission.call.organisation:
            return InformationNotFound()
        successor = self._replaced.get(held.information_id)
        version = held.version if successor is None else held.version + 1
        if told.versions is not None and version not in told.versions:
            return Stale(version)
        if self._has_ended(held):
            return InformationEnded(state=held.state)
        replaced_by = successor.information_id if successor is not None else held.replaced_by
        if replaced_by is not None:
            return AlreadyReplaced(information_id=replaced_by)
        if told.item is not None:
            faults = examine_correction(
                told.item, of=held.content.item, information_id=held.information_id
            )
            if faults:
                return InvalidContent(faults)
        return held

    def _has_ended(self, held: HeldInformation) -> bool:
        """Say whether an item is a withdrawal, withdrawn, or went to nobody: none follows it."""
        successor = self._replaced.get(held.information_id)
        if held.action == "withdraw" or held.is_withdrawn:
            return True
        if successor is not None and successor.told.action == "withdraw":
            return True
        return held.state in SETTLED and held.state != "delivered"

    def replace(self, held: HeldInformation, *, by: Submission) -> None:
        """Note that an item has its successor by this batch."""
        self._replaced[held.information_id] = by

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
