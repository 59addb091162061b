"""What must have become of the lines sent, by the sandbox's independent judge and nothing else."""

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla_sandbox.expectation import Expected, expect
from tests.faults.persons import MEMBERSHIPS, Line


class Holding(Struct, frozen=True):
    """One transfer: the version that it began, whose it is, and whether it was withdrawn again.

    `updates` counts what was told about it in the feeds, `feed_changes` how often the feed changed
    in which it is told: where never, its order is certain.
    """

    version: int
    case_system_id: str
    municipality_code: str
    is_withdrawn: bool
    updates: int
    feed_changes: int

    @property
    def is_in_one_feed(self) -> bool:
        """Say whether all was told in the feed in which it was offered."""
        return self.feed_changes == 0


class Client(Struct, frozen=True):
    """One person: what was sent, how it had to be judged, and the transfers that had to follow."""

    lines: list[Line]
    judged: list[Expected]
    holdings: list[Holding]


def clients_of(lines: Iterable[Line]) -> dict[int, Client]:
    """Return every person sent, by number."""
    by_person: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        by_person[line.person].append(line)
    clients = {}
    for person, sent in by_person.items():
        in_order = sorted(sent, key=lambda line: line.step)
        judged = [expect(line.body, memberships=MEMBERSHIPS) for line in in_order]
        clients[person] = Client(in_order, judged, _holdings(in_order, judged))
    return clients


def _holdings(lines: list[Line], judged: list[Expected]) -> list[Holding]:
    """Return the transfers: a move begins one and ends the one before, all else updates it."""
    if judged[0].case_system_id is None:
        assert len(lines) == 1, "only clients of a municipality are registered again"
        return []
    holdings: list[Holding] = []
    was_restricted = judged[0].is_restricted
    for line, found in zip(lines, judged, strict=True):
        assert found.case_system_id is not None, "who has become a client stays one"
        assert found.municipality_code is not None
        if line.change in ("first", "move"):
            holdings = [replace(each, is_withdrawn=True) for each in holdings]
            holdings.append(
                Holding(
                    len(holdings) + 1,
                    found.case_system_id,
                    found.municipality_code,
                    is_withdrawn=False,
                    updates=0,
                    feed_changes=0,
                )
            )
        else:
            # A ban set or lifted is told in both feeds as a change of channel, beside the new
            # address.
            is_other_channel = found.is_restricted != was_restricted
            updates = 3 if is_other_channel else 1
            newest = holdings[-1]
            holdings[-1] = replace(
                newest,
                updates=newest.updates + updates,
                feed_changes=newest.feed_changes + is_other_channel,
            )
        was_restricted = found.is_restricted
    return holdings
