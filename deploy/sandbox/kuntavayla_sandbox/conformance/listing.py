"""Promises about the list of a day: what was taken stands in it, once, with its proof."""

from collections import Counter

from kuntavayla.values.calendar import legal_day
from kuntavayla_sandbox.conformance.receiver import Broken, Listed, Receipt
from kuntavayla_sandbox.conformance.samples import Document
from kuntavayla_sandbox.conformance.taking import taken
from kuntavayla_sandbox.conformance.trying import Trial

ITEMS = 5
PAGE = 2
PAGES_MAX = 10_000


async def _list_all(trial: Trial, day: str, *, limit: int) -> list[Listed]:
    """Read the list of a day to its end; raises Broken where a page is too long or none ends it."""
    items: list[Listed] = []
    parameters = {"received_on": day, "limit": str(limit)}
    for _ in range(PAGES_MAX):
        page = (await trial.receiver.list_day(parameters)).page()
        if len(page.items) > limit:
            raise Broken(expected=f"at most {limit} items a page", found=f"{len(page.items)}")
        items += page.items
        if page.next_cursor is None:
            return items
        parameters["after"] = page.next_cursor
    raise Broken(expected="an end of the list", found=f"{PAGES_MAX} pages")


async def _take_some(trial: Trial) -> dict[str, Receipt]:
    items: list[Document] = [trial.samples.new() for _ in range(ITEMS)]
    return {item["information_id"]: await taken(trial, item) for item in items}


def _days_of(receipts: dict[str, Receipt]) -> list[str]:
    return sorted({legal_day(receipt.received_at).isoformat() for receipt in receipts.values()})


async def listed(trial: Trial) -> None:
    """Every item stands in the list of its day in Helsinki, with receipt and digest."""
    receipts = await _take_some(trial)
    found: Counter[str] = Counter()
    for day in _days_of(receipts):
        for item in await _list_all(trial, day, limit=1_000):
            receipt = receipts.get(item.information_id)
            if receipt is None:
                continue
            found[item.information_id] += 1
            if Receipt(item.receipt_id, item.received_at, item.digest) != receipt:
                raise Broken(expected="receipt and digest as answered", found="others")
    missing = len(receipts) - len(found)
    if missing:
        raise Broken(expected=f"{len(receipts)} items", found=f"{missing} of them missing")
    if max(found.values()) > 1:
        raise Broken(expected="each item once", found="one of them again")


async def rejected_not_listed(trial: Trial) -> None:
    """What was rejected is not held."""
    receipts = await _take_some(trial)
    rejected = trial.samples.about(trial.samples.client.unknown_number)
    (await trial.receiver.put(rejected)).require_problem(422, "client_unknown")
    for day in _days_of(receipts):
        for item in await _list_all(trial, day, limit=1_000):
            if item.information_id == rejected["information_id"]:
                raise Broken(expected="no rejected item", found="one")


async def pages(trial: Trial) -> None:
    """Small pages together hold what one large page holds."""
    receipts = await _take_some(trial)
    for day in _days_of(receipts):
        whole = await _list_all(trial, day, limit=1_000)
        tail = [item.information_id for item in whole][-ITEMS:]
        first = (await trial.receiver.list_day({"received_on": day, "limit": str(PAGE)})).page()
        if len(first.items) > PAGE:
            raise Broken(expected=f"at most {PAGE} items a page", found=f"{len(first.items)}")
        small = await _list_all(trial, day, limit=max(PAGE, len(whole) // ITEMS))
        if [item.information_id for item in small][-ITEMS:] != tail:
            raise Broken(expected="the same items in the same order", found="others")


async def day_malformed(trial: Trial) -> None:
    """A day that is no day, or none at all."""
    queries: list[dict[str, str]] = [{"received_on": "yesterday"}, {}]
    for parameters in queries:
        (await trial.receiver.list_day(parameters)).require_problem(400, "query_malformed")
