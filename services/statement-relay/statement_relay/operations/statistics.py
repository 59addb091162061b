"""Monthly figures of information."""

from kuntavayla.database import Connection
from kuntavayla.register import Register
from kuntavayla.values.statistics import Disclosure, Month
from statement_relay.rules.statistics import Cell, cells_of
from statement_relay.store import statistics


async def figures_of(
    connection: Connection, month: Month, *, register: Register, disclosure: Disclosure
) -> list[Cell]:
    """Return the rounded figures of the items accepted in a month, with the areas of its first day.

    What has come of an item is what has by now.
    """
    first_id, next_id = month.ids()
    area_of = {
        code: area.code
        for area in register.areas(on=month.first_on)
        for code in area.municipality_codes
    }
    tallies = await statistics.list_tallies(
        connection, first_id=first_id, next_id=next_id, area_of=area_of
    )
    return cells_of(tallies, disclosure=disclosure)
