"""Balances of any day, and statements of account."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Caller, require_kind
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
from kuntavayla.register import OrganisationKind
from kuntavayla.service.routes.desk import RESTRICTED
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
from quota_ledger.routes.desk import Desk, desk_of
from quota_ledger.routes.questions import (
    AskedArea,
    AskedDay,
    AskedFirstDay,
    AskedFormat,
    AskedInstant,
    AskedInstrument,
    AskedLastDay,
    AskedThreshold,
    AskedYear,
)
from quota_ledger.routes.rights import READERS, narrowed, seen_areas, served_codes
from quota_ledger.routes.sheets import BALANCES, SHEET, balances_of, opening_of, sheet_of
from quota_ledger.rules.statements import Reader, StatementPeriod
from quota_ledger.schemas.balances import BalanceList, EntryList

router = secured_router(PREFIX)
_OVERSEERS = (OrganisationKind.ELY, OrganisationKind.OPERATOR)


@router.get(
    "/balances",
    openapi_extra=described(
        answers={200: Headed(AlsoCsv(BalanceList), (NEXT_CURSOR,))},
        problems=(CURSOR_MALFORMED, AreaNotYours),
    ),
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
    format_: AskedFormat = "json",
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """Return what is allocated, promised, paid and free, of now or of any day, as JSON or CSV.

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
    headers = {"Next-Cursor": cursor} if cursor else {}
    if format_ == "csv":
        return csv_answer(BALANCES, balances_of(page, on=day), headers=headers)
    told = [listed_balance_answer(one, on=day) for one in page]
    return json_answer(BalanceList(told, cursor), headers=headers)


@router.get(
    "/accounts/{account_id}/entries",
    openapi_extra=described(
        answers={200: Headed(AlsoCsv(EntryList), (NEXT_CURSOR,))},
        problems=(CURSOR_MALFORMED, AccountNotFound),
    ),
)
async def list_entries(  # noqa: PLR0913 - one parameter per question
    request: Request,
    account_id: UUID,
    *,
    first_on: AskedFirstDay = None,
    last_on: AskedLastDay = None,
    format_: AskedFormat = "json",
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """Return the statement of an account, entry by entry in the order of booking, as JSON or CSV.

    `from` and `to` ask for entries by the day for which they count; `opening` is then the account
    before that, in CSV the first line of the first page. A decision, its payments and overrides,
    reasons and officials are named where the decision is the caller's own; to the operator and the
    ELY centre unless the client has a ban. The header `Next-Cursor` leads to the next page.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    query = operations.StatementFilter(
        area_codes=seen_areas(caller, desk=desk),
        reader=_reader(caller, desk=desk),
        period=_period(first_on, last_on),
        after=place_of_number(after),
        limit=limit,
    )
    async with desk.transaction() as connection:
        statement = await operations.load_statement(connection, str(account_id), query=query)
    cursor = next_cursor([str(one.position) for one in statement.entries], limit=limit)
    headers = {"Next-Cursor": cursor} if cursor else {}
    if format_ == "csv":
        return csv_answer(SHEET, _lines(statement, query), headers=headers)
    answer = _statement_answer(statement, cursor, query=query, on=desk.moment().today)
    return json_answer(answer, headers=headers)


def _reader(caller: Caller, *, desk: Desk) -> Reader:
    return Reader(
        organisation=caller.organisation,
        oversees=caller.kind in _OVERSEERS,
        may_see_restricted=RESTRICTED in caller.scopes,
        municipality_codes=tuple(served_codes(caller, desk=desk)),
    )


def _period(first_on: date | None, last_on: date | None) -> StatementPeriod:
    """Return the days that are asked for, in order."""
    if first_on is not None and last_on is not None and first_on > last_on:
        advice = "Give a last day that is not before the first."
        raise InvalidContent((Fault("/query/to", "days_reversed", advice),))
    return StatementPeriod(first_on=first_on, last_on=last_on)


def _lines(statement: Statement, query: operations.StatementFilter) -> Iterator[Sequence[object]]:
    """Yield the opening, on the first page, and the entries."""
    opening, first_on = statement.opening, query.period.first_on
    if opening is not None and first_on is not None and not query.after:
        yield opening_of(opening, on=first_on - timedelta(days=1))
    yield from sheet_of(statement.entries)


def _require_offset(known_at: datetime | None) -> None:
    """Refuse an instant that does not say by which clock."""
    if known_at is not None and known_at.tzinfo is None:
        advice = "Give an RFC 3339 instant with its offset from UTC."
        raise InvalidContent((Fault("/known_at", "instant_without_offset", advice),))


def _statement_answer(
    statement: Statement, cursor: str | None, *, query: operations.StatementFilter, on: date
) -> EntryList:
    balance, opening = statement.balance, statement.opening
    first_on = query.period.first_on
    told = None
    if opening is not None and first_on is not None:
        told = balance_answer(opening, on=first_on - timedelta(days=1))
    return EntryList(
        account_id=balance.account_id,
        opening=told,
        balance=balance_answer(balance, on=on),
        items=[entry_answer(one) for one in statement.entries],
        next_cursor=cursor,
    )


def _key_of(one: operations.ShownBalance) -> tuple[str, str, str, int]:
    key = one.balance.key
    return key.area_code, key.municipality_code, key.instrument, key.budget_year
