"""What the database takes for a closed list, against the lists of the code."""

import re
from typing import Any, get_args

from kuntavayla.events import Channel
from kuntavayla.values.officials import Purpose, Role
from kuntavayla.values.responsibilities import Authority
from statement_relay.rules.issuers import IssuerAuthority
from statement_relay.rules.states import (
    SETTLED,
    AcceptedState,
    Action,
    BreakerState,
    InformationState,
)
from tests.statement_relay.service import Relay

LISTS: dict[tuple[str, str], Any] = {
    ("audit", "official_role"): Role,
    ("audit", "purpose"): Purpose,
    ("information", "action"): Action,
    ("information", "state"): InformationState,
    ("information", "accepted_state"): AcceptedState,
    ("information", "issuer_authority"): IssuerAuthority,
    ("receivers", "breaker_state"): BreakerState,
    ("responsibilities", "authority"): Authority,
}
CHECKS = """
SELECT conrelid::regclass::text AS of_table, conname, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE contype = 'c' AND conname LIKE 'ck_%_known_%'
  AND conrelid::regclass::text = ANY($1::text[])
"""
SETTLED_CHECK = """
SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
WHERE conname = 'ck_information_settled_has_time'
"""


async def test_the_database_takes_exactly_the_lists_of_the_code(relay: Relay) -> None:
    tables = sorted({table for table, _ in LISTS} | {"outbox"})

    checks = await relay.fetch(CHECKS, tables)

    taken = {
        (row["of_table"], row["conname"].partition("_known_")[2]): texts_in(row["definition"])
        for row in checks
    }
    listed = {place: set(get_args(kind)) for place, kind in LISTS.items()}
    assert taken == {**listed, ("outbox", "channel"): {channel.value for channel in Channel}}


async def test_the_database_knows_the_same_last_states_as_the_code(relay: Relay) -> None:
    [row] = await relay.fetch(SETTLED_CHECK)

    assert texts_in(row["definition"]) == SETTLED


def texts_in(definition: str) -> set[str]:
    return set(re.findall(r"'([^']*)'", definition))
