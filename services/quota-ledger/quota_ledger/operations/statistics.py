"""Monthly figures of quotas."""

from datetime import timedelta

from kuntavayla.database import Connection
from kuntavayla.values.statistics import Disclosure, Month
from quota_ledger.operations import balances
from quota_ledger.operations.balances import BalanceFilter
from quota_ledger.rules.statistics import Cell, cells_of
from quota_ledger.store import statistics


async def figures_of(connection: Connection, month: Month, *, disclosure: Disclosure) -> list[Cell]:
    """Return the rounded figures of a month: accounts at its end, decisions taken in it.

    What counts for a day of the month counts, whenever it was booked.
    """
    last_on = month.next_on - timedelta(days=1)
    shown = await balances.list_of(connection, BalanceFilter(on=last_on))
    first_id, next_id = month.ids()
    decided = await statistics.count_decided(connection, first_id=first_id, next_id=next_id)
    return cells_of([one.balance for one in shown], decided, disclosure=disclosure)
