"""Promises about items that are taken: receipts, repeats, successors."""

import asyncio

import httpx

from kuntavayla_sandbox.conformance.receiver import Broken, Receipt
from kuntavayla_sandbox.conformance.samples import Document, bytes_of
from kuntavayla_sandbox.conformance.trying import Trial

TOGETHER = 8
BODY_BYTES_MAX = 65_536
GAP = 500


async def taken(trial: Trial, item: Document) -> Receipt:
    """Put an item that is to be taken now and return its receipt."""
    answer = await trial.receiver.put(item)
    receipt = answer.receipt(sent=bytes_of(item))
    answer.require(httpx.codes.CREATED)
    return receipt


async def new_item(trial: Trial) -> None:
    """A new item is answered 201 with a receipt whose digest is that of the body."""
    item = trial.samples.new()
    answer = await trial.receiver.put(item)
    if answer.status == httpx.codes.ACCEPTED:
        return
    answer.receipt(sent=bytes_of(item))
    answer.require(httpx.codes.CREATED)


async def repeat(trial: Trial) -> None:
    """A repeat is answered 200 with the receipt of the first time, in every member."""
    item = trial.samples.new()
    first = await taken(trial, item)
    answer = await trial.receiver.put(item)
    again = answer.receipt(sent=bytes_of(item))
    answer.require(httpx.codes.OK)
    if again != first:
        raise Broken(expected="the first receipt", found="another receipt")


async def repeats_together(trial: Trial) -> None:
    """Repeats that cross on the way do not make two items of one."""
    item = trial.samples.new()
    answers = await asyncio.gather(*[trial.receiver.put(item) for _ in range(TOGETHER)])
    receipts = {answer.receipt(sent=bytes_of(item)).receipt_id for answer in answers}
    if len(receipts) != 1:
        raise Broken(expected="one receipt", found=f"{len(receipts)} receipts")
    created = sum(answer.status == httpx.codes.CREATED for answer in answers)
    if created != 1:
        raise Broken(expected="201 once, else 200", found=f"201 {created} times")


async def new_members(trial: Trial) -> None:
    """Version 1 may add members."""
    await taken(trial, trial.samples.new(a_later_member={"of": "version 1"}))


async def gaps(trial: Trial) -> None:
    """Numbers may be left out: an item was withdrawn before it was sent."""
    await taken(trial, trial.samples.new())
    item = trial.samples.new()
    await taken(trial, item | {"sequence": item["sequence"] + GAP})


async def no_number(trial: Trial) -> None:
    """A registration may have come without the TE system's own number."""
    item = trial.samples.new()
    await taken(trial, item | {"client": item["client"] | {"client_number": None}})


async def largest_body(trial: Trial) -> None:
    """The bound itself is inside."""
    item = trial.samples.new(a_later_member="")
    room = BODY_BYTES_MAX - len(bytes_of(item))
    await taken(trial, item | {"a_later_member": "x" * room})


async def other_content(trial: Trial) -> None:
    """The content of an id never changes."""
    item = trial.samples.new()
    first = await taken(trial, item)
    answer = await trial.receiver.put(item | {"municipality_code": "205"})
    answer.require_problem(409, "known_with_other_content")
    again = (await trial.receiver.put(item)).receipt(sent=bytes_of(item))
    if again != first:
        raise Broken(expected="the first item with its receipt", found="another receipt")


async def correction(trial: Trial) -> None:
    """A correction names the item that it replaces."""
    original = trial.samples.new()
    await taken(trial, original)
    await taken(trial, trial.samples.successor(original, action="correct"))


async def withdrawal(trial: Trial) -> None:
    """A withdrawal may replace a correction."""
    original = trial.samples.new()
    await taken(trial, original)
    corrected = trial.samples.successor(original, action="correct")
    await taken(trial, corrected)
    await taken(trial, trial.samples.successor(corrected, action="withdraw"))
