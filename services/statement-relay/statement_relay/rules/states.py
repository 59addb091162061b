"""The states that an item of information, its queue and its receiver can be in."""

from typing import Literal

Action = Literal["new", "correct", "withdraw"]
InformationState = Literal[
    "waiting_for_client",
    "waiting",
    "delivering",
    "awaiting_receipt",
    "delivered",
    "rejected",
    "parked",
    "refused",
    "not_relayed",
    "withdrawn",
]
"""What is stored; a waiting item with nothing before it is told to callers as `accepted`."""
DeliveryState = Literal["waiting", "delivering", "awaiting_receipt", "parked"]
"""The states of an item that has a place in a queue and has not ended."""
AcceptedState = Literal["accepted", "waiting", "waiting_for_client", "not_relayed", "withdrawn"]
"""What the answer to an acceptance says, and every repeat of it."""
NoteAction = Literal["retried", "skipped", "resent", "received", "rejected", "parked"]
"""What somebody other than a courier did to a delivery."""
BreakerState = Literal["closed", "open", "half_open"]
SKIPPED = "skipped"
"""Why an item is rejected that an operator gave up."""
SETTLED: frozenset[InformationState] = frozenset(
    {"delivered", "rejected", "refused", "not_relayed", "withdrawn"}
)
"""States after which nothing more happens to an item by itself.

What was lost is sent again by an operator, and what was skipped may turn out to be delivered.
"""
