"""What the database takes for a closed list, against the lists of the code."""

import re
from typing import Any, get_args

from kuntavayla.events import Channel
from kuntavayla.register import ChangeKind
from kuntavayla.values.officials import Purpose, Role
from routing_api.rules.clienthoods import Authority, DecisionCause
from routing_api.rules.judging import Outcome, ReviewReason
from routing_api.rules.reviews import ReviewState
from routing_api.rules.transfers import NoticeChannel, TransferCause, TransferState
from tests.routing_api.service import Routing

LISTS: dict[tuple[str, str], Any] = {
    ("audit", "official_role"): Role,
    ("audit", "purpose"): Purpose,
    ("clients", "authority"): Authority,
    ("clienthoods", "authority"): Authority,
    ("decisions", "authority"): Authority,
    ("decisions", "cause"): DecisionCause,
    ("decisions", "outcome"): Outcome,
    ("decisions", "review_reason"): ReviewReason,
    ("register_changes", "kind"): ChangeKind,
    ("reviews", "outcome"): Outcome,
    ("reviews", "reason"): ReviewReason,
    ("reviews", "state"): ReviewState,
    ("transfers", "cause"): TransferCause,
    ("transfers", "notice_channel"): NoticeChannel,
    ("transfers", "state"): TransferState,
}
CHECKS = """
SELECT conrelid::regclass::text AS of_table, conname, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE contype = 'c' AND conname LIKE 'ck_%_known_%'
  AND conrelid::regclass::text = ANY($1::text[])
"""


async def test_the_database_takes_exactly_the_lists_of_the_code(routing: Routing) -> None:
    tables = sorted({table for table, _ in LISTS} | {"outbox"})

    checks = await routing.fetch(CHECKS, tables)

    taken = {
        (row["of_table"], row["conname"].partition("_known_")[2]): set(
            re.findall(r"'([^']*)'", row["definition"])
        )
        for row in checks
    }
    listed = {place: set(get_args(kind)) for place, kind in LISTS.items()}
    assert taken == {**listed, ("outbox", "channel"): {channel.value for channel in Channel}}
