"""What a recorded change does to the register's content; the content itself is never altered."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from msgspec import structs

from kuntavayla.register.changes import RegisterChange
from kuntavayla.register.content import Content, MembershipEntry
from kuntavayla.register.faults import RegisterFault


def content_with(content: Content, changes: Sequence[RegisterChange]) -> Content:
    """Return the content with the changes taken one after the other.

    Raises RegisterFault for a change that cannot be taken.
    """
    return reduce(_with_change, changes, content)


def _with_change(content: Content, change: RegisterChange) -> Content:
    if any(earlier.change_id == change.change_id for earlier in content.changes):
        raise _fault(change, "The change has already been taken.")
    wanted = set(change.municipality_codes)
    if not wanted:
        raise _fault(change, "The change names no municipality.")
    waiting = {
        entry.municipality_code for entry in content.memberships if entry.status == "unconfirmed"
    }
    if not wanted <= waiting:
        raise _fault(change, f"Nothing waits to be confirmed for {sorted(wanted - waiting)}.")
    return replace(
        content,
        memberships=tuple(_confirmed(entry, wanted) for entry in content.memberships),
        changes=(*content.changes, change),
    )


def _confirmed(entry: MembershipEntry, codes: set[str]) -> MembershipEntry:
    if entry.status == "unconfirmed" and entry.municipality_code in codes:
        return structs.replace(entry, status="confirmed")
    return entry


def _fault(change: RegisterChange, reason: str) -> RegisterFault:
    return RegisterFault(file=f"change {change.change_id}", line=0, reason=reason)
