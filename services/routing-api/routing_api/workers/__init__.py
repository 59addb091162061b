"""The other edge of routing-api: timed loops, and what it reads from topics; one file per noun."""

from routing_api.workers.acknowledgements import AcknowledgementDesk
from routing_api.workers.figures import FigureGauges, keep_fresh

__all__ = ["AcknowledgementDesk", "FigureGauges", "keep_fresh"]
