"""The other edge of routing-api: timed loops, and what it reads from topics; one file per noun."""

from routing_api.workers.acknowledgements import (
    INBOUND,
    AcknowledgementDesk,
)
from routing_api.workers.figures import FigureGauges, keep_fresh
from routing_api.workers.overdue import OVERDUE_INTERVAL_S, tell_all_overdue

__all__ = [
    "INBOUND",
    "OVERDUE_INTERVAL_S",
    "AcknowledgementDesk",
    "FigureGauges",
    "keep_fresh",
    "tell_all_overdue",
]
