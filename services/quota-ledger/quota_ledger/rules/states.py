"""The states of decisions, payments and overrides, and what is done to a decision."""

from typing import Literal

Outcome = Literal["reserved", "refused", "not_competent"]
DecisionState = Literal[
    "reserved", "granted", "interrupted", "ended", "cancelled", "refused", "expired"
]
StepAction = Literal[
    "reserve",
    "refuse",
    "grant",
    "change",
    "interrupt",
    "end",
    "cancel",
    "expire",
    "override",
]
PaymentKind = Literal["payment", "recovery"]
PaymentState = Literal["booked", "exceeds_commitment", "refused"]
OverrideState = Literal[
    "asked",
    "approved",
    "refused",
    "partly_covered",
    "covered",
    "returned",
    "expired",
    "uncovered",
]
