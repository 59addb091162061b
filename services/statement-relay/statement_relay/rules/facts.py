"""What the facts of every kind have in common: days in order, and faults of one's own members."""

from collections.abc import Iterator
from datetime import date
from typing import ClassVar

from msgspec import Struct

from kuntavayla.errors import Fault


class Facts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The coded facts of one kind; `day_order` names pairs of days, the earlier one first."""

    day_order: ClassVar[tuple[tuple[str, str], ...]] = ()

    def faults(self) -> Iterator[Fault]:
        """Yield what the facts say against each other, with the pointer of the later member."""
        for earlier, later in self.day_order:
            first: date | None = getattr(self, earlier)
            second: date | None = getattr(self, later)
            if first is not None and second is not None and second < first:
                advice = f"Give a day that is not before {earlier}."
                yield Fault(f"/facts/{later}", "day_before_another", advice)
