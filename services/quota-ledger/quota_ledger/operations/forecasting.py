"""When the accounts of an area run out."""

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from kuntavayla.database import Connection
from quota_ledger.rules.balances import Balance
from quota_ledger.rules.forecasts import WEEKS_MAX, Forecast, forecast, full_weeks, this_monday
from quota_ledger.store import accounts
from quota_ledger.store import forecasts as store


class Forecasted(Struct, frozen=True):
    """An account as it stands, and when it runs out."""

    balance: Balance
    forecast: Forecast


async def list_of(
    connection: Connection, *, area_codes: Sequence[str] | None, today: date
) -> list[Forecasted]:
    """Return forecasts of accounts that have not lapsed, in order of their keys."""
    found = [
        one
        for one in await accounts.list_balances(connection, area_codes=area_codes)
        if not one.is_lapsed
    ]
    ids = [one.account_id for one in found]
    monday = this_monday(today)
    since = monday - timedelta(weeks=WEEKS_MAX)
    opened_on = await store.list_opened_on(connection, ids)
    net = await store.list_net_use(connection, ids, since=since, before=monday)
    return [
        Forecasted(
            one,
            forecast(
                full_weeks(
                    opened_on.get(one.account_id, today),
                    today=today,
                    net=net.get(one.account_id, {}),
                ),
                free_cents=one.sums.free_cents,
                today=today,
            ),
        )
        for one in found
    ]
