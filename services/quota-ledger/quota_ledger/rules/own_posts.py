"""Employers that are a municipality itself: business ids of municipalities and of their bodies."""

from collections.abc import Iterator
from datetime import date
from importlib.resources.abc import Traversable

from msgspec import Struct

from kuntavayla.values.business_ids import is_valid
from kuntavayla.values.periods import Period
from kuntavayla.values.tables import TableFault, period_of, read_rows, refuse_overlaps
from quota_ledger.rules.dated import FIRST_ON

_MUNICIPALITY_COLUMNS = ("municipality_code", "name_fi", "business_id", "source", "sureness")
_BODIES = "controlled_bodies.csv"
_BODY_COLUMNS = (
    "business_id",
    "name",
    "municipality_code",
    "valid_from",
    "valid_to",
    "source",
    "sureness",
)


class OwnEmployer(Struct, frozen=True, kw_only=True):
    """A municipality as an employer, or a body that it controls."""

    business_id: str
    municipality_code: str
    period: Period
    source: str
    sureness: str


class OwnPosts:
    """Employers whose posts are a municipality's own; checked at loading."""

    def __init__(self, employers: tuple[OwnEmployer, ...]) -> None:
        self.employers = employers
        self._by_id: dict[str, list[OwnEmployer]] = {}
        for employer in employers:
            if not is_valid(employer.business_id):
                raise TableFault(_BODIES, f"{employer.business_id} is no business id.")
            self._by_id.setdefault(employer.business_id, []).append(employer)
        for business_id, of_one in self._by_id.items():
            periods = [employer.period for employer in of_one]
            refuse_overlaps(periods, table=_BODIES, of=business_id)

    def is_own(self, business_id: str, *, on: date) -> bool:
        """Say whether the employer is a municipality, or a body that one controls, on the day.

        Source: sources.md#own-posts.
        """
        of_id = self._by_id.get(business_id)
        if of_id is None:
            return False
        return any(employer.period.contains(on) for employer in of_id)


def load_own_posts(municipalities: Traversable, bodies: Traversable) -> OwnPosts:
    """Read both tables; raises TableFault where they are not in order."""
    return OwnPosts((*_municipalities(municipalities), *_bodies(bodies)))


def _municipalities(source: Traversable) -> Iterator[OwnEmployer]:
    for cells in read_rows(source, columns=_MUNICIPALITY_COLUMNS):
        if not cells["business_id"]:
            continue
        yield OwnEmployer(
            business_id=cells["business_id"],
            municipality_code=cells["municipality_code"],
            period=Period(FIRST_ON),
            source=cells["source"],
            sureness=cells["sureness"],
        )


def _bodies(source: Traversable) -> Iterator[OwnEmployer]:
    for cells in read_rows(source, columns=_BODY_COLUMNS):
        yield OwnEmployer(
            business_id=cells["business_id"],
            municipality_code=cells["municipality_code"],
            period=period_of(cells, table=_BODIES),
            source=cells["source"],
            sureness=cells["sureness"],
        )
