"""A week of municipal information, made up: what case systems tell about the clients they hold.

The same seed and the same clients give the same week. Nothing here knows the relay: the items are
written from the agreed examples, and what becomes of them is for others to compare.
"""

from kuntavayla_sandbox.week.generating import Entry, Week, WeekClient, generate_week, shares

__all__ = ["Entry", "Week", "WeekClient", "generate_week", "shares"]
