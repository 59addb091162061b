"""Balances of any day, and statements of account."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import (
    CURSOR_MALFORMED,
    NEXT_CURSOR,
    AlsoCsv,
    Headed,
    caller_of,
    csv_answer,
    described,
    json_answer,
    secured_router,
)
from kuntavayla.service.routes.pages import (
    LIMIT_DEFAULT,
    After,
    Limit,
    next_cursor,
    page_of,
    place_of_number,
)
from quota_ledger.errors import AccountNotFound, AreaNotYours
from quota_ledger.operations import balances as operations
from quota_ledger.operations.balances import Statement
from quota_ledger.routes.answers import (
    PREFIX,
    balance_answer,
    entry_answer,
    listed_balance_answer,
)
from quota_ledger.routes.desk import desk_of
from quota_ledger.routes.questions import (
    AskedArea,
    AskedDay,
    AskedInstant,
    AskedInstrument,
    AskedThreshold,
    AskedYear,
)
from quota_ledger.routes.rights import READERS, narrowed, seen_areas
from quota_ledger.routes.sheets import SHEET, sheet_of
from quota_ledger.schemas.balances import BalanceList, EntryList

router = secured_router(PREFIX)
Format = Literal["json", "csv"]


@router.get(
    "/balances",
    openapi_extra=described(answers={200: BalanceList}, problems=(CURSOR_MALFORMED, AreaNotYours)),
)
async def list_balances(  # noqa: PLR0913 - one parameter per question
    request: Request,
    *,
    area: AskedArea = None,
    instrument: AskedInstrument = None,
    budget_year: AskedYear = None,
    on: AskedDay = None,
    known_at: AskedInstant = None,
    threshold: AskedThreshold = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """Return what is allocated, promised, paid and free, of now or of any day.

    `on` counts entries by the day for which they count, `known_at` by when they were booked; both
    together give a balance as it would have been shown then. Without them all that is booked
    counts. An ELY centre and a case system see the accounts of their areas.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    _require_offset(known_at)
    query = operations.BalanceFilter(
        area_codes=narrowed(seen_areas(caller, desk=desk), area=area),
        instrument=instrument,
        budget_year=budget_year,
        threshold_per_cent=threshold,
        on=on,
        known_at=known_at,
    )
    async with desk.transaction() as connection:
        found = await operations.list_of(connection, query)
    keys = ["/".join(map(str, _key_of(one))) for one in found]
    page, cursor = page_of(found, keys, after=after, limit=limit)
    day = on or desk.moment().today
    return json_answer(BalanceList([listed_balance_answer(one, on=day) for one in page], cursor))


@router.get(
    "/accounts/{account_id}/entries",
    openapi_extra=described(
        answers={200: Headed(AlsoCsv(EntryList), (NEXT_CURSOR,))},
        problems=(CURSOR_MALFORMED, AccountNotFound),
    ),
)
async def list_entries(
    request: Request,
    account_id: UUID,
    *,
    format_: Annotated[
        Format, Query(alias="format", description="`json`, or `csv` for a spreadsheet.")
    ] = "json",
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """Return the statement of an account, entry by entry, as JSON or CSV.

    Nobody is named in it: a decision stands by its id. The header `Next-Cursor` leads to the next
    page of either form.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    async with desk.transaction() as connection:
        statement = await operations.load_statement(
            connection,
            str(account_id),
            area_codes=seen_areas(caller, desk=desk),
            after=place_of_number(after),
            limit=limit,
        )
    cursor = next_cursor([str(one.position) for one in statement.entries], limit=limit)
    headers = {"Next-Cursor": cursor} if cursor else {}
    if format_ == "csv":
        return csv_answer(SHEET, sheet_of(statement.entries), headers=headers)
    return json_answer(
        _statement_answer(statement, cursor, on=desk.moment().today), headers=headers
    )


def _require_offset(known_at: datetime | None) -> None:
    """Refuse an instant that does not say by which clock."""
    if known_at is not None and known_at.tzinfo is None:
        advice = "Give an RFC 3339 instant with its offset from UTC."
        raise InvalidContent((Fault("/known_at", "instant_without_offset", advice),))


def _statement_answer(statement: Statement, cursor: str | None, *, on: date) -> EntryList:
    balance = statement.balance
    return EntryList(
        account_id=balance.account_id,
        balance=balance_answer(balance, on=on),
        items=[entry_answer(one) for one in statement.entries],
        next_cursor=cursor,
    )


def _key_of(one: operations.ShownBalance) -> tuple[str, str, str, int]:
    key = one.balance.key
    return key.area_code, key.municipality_code, key.instrument, key.budget_year
