"""Examine a decoded decision against the calendar, the register and the tables of law.

The decoder has checked form and bounds; here is what it cannot know. All faults are found in one
pass, each with pointer, code and advice, never with the value.
"""

from datetime import date

from kuntavayla.errors import Fault
from kuntavayla.register import Register
from quota_ledger.rules.calculating import QuotaTables
from quota_ledger.rules.items import DecisionItem


def examine(
    item: DecisionItem, *, tables: QuotaTables, register: Register, today: date
) -> tuple[Fault, ...]:
    """Return every fault of a decision; none where it may be judged and calculated.

    `today` is the Helsinki day on which the ledger got it, and the day decided on where the item
    names none.
    """
    raise NotImplementedError
