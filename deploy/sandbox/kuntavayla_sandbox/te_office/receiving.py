"""What a receiver makes of the items that come: one outcome for each, a batch in one transaction.

An item that is known is a repeat: it gets the receipt of the first time. Nothing here knows HTTP.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.values.calendar import legal_day
from kuntavayla_sandbox.te_office import store
from kuntavayla_sandbox.te_office.items import KINDS, UNKNOWN_PREFIX, Item
from kuntavayla_sandbox.te_office.knobs import Answer, Breach, Knobs
from kuntavayla_sandbox.te_office.store import Key, Known, NewItem


class Put(Struct, frozen=True, kw_only=True):
    """One item that came, its bytes and their digest, and the knobs of its receiver just then."""

    receiver_id: str
    item: Item
    body: bytes
    digest: str
    knobs: Knobs

    @property
    def key(self) -> Key:
        """Return what the item is known by."""
        return self.receiver_id, self.item.information_id


class Taken(Struct, frozen=True, kw_only=True):
    """The receiver has the item; `is_new` says that it came for the first time."""

    receipt_id: str
    received_at: datetime
    digest: str
    is_new: bool
    is_waiting: bool


class Refused(Struct, frozen=True, kw_only=True):
    """The receiver does not take the item: status, code, and where in the body."""

    status: int
    code: str
    pointer: str = ""


Outcome = Taken | Refused


class Hand(Struct, frozen=True, kw_only=True):
    """What the receivers draw from outside: the legal time, the machine's time, and receipt ids."""

    clock: Callable[[], datetime]
    machine_clock: Callable[[], datetime]
    draw_id: Callable[[], object]


class Memory(Struct, frozen=True):
    """What is known when a batch is judged, and what the batch adds to it."""

    known: dict[Key, Known]
    replaced: set[Key]
    appended: list[NewItem]
    repeats: Counter[Key]


async def receive(pool: Pool, puts: Sequence[Put], *, hand: Hand) -> list[Outcome]:
    """Take a batch of items in their order; what is answered as taken is kept."""
    async with transaction(pool) as connection:
        memory = await _remember(connection, puts)
        outcomes = [_judge(put, memory, hand=hand) for put in puts]
        if memory.appended:
            await store.append_items(connection, memory.appended)
        if memory.repeats:
            await store.count_repeats(connection, memory.repeats)
    return outcomes


async def _remember(connection: Connection, puts: Sequence[Put]) -> Memory:
    originals = {original for put in puts if (original := _original_of(put)) is not None}
    known = await store.find_known(connection, {put.key for put in puts} | originals)
    replaced = await store.find_replaced(connection, originals) if originals else set[Key]()
    return Memory(known, replaced, [], Counter())


def _original_of(put: Put) -> Key | None:
    replaces = put.item.replaces_information_id
    return None if replaces is None else (put.receiver_id, replaces)


def _judge(put: Put, memory: Memory, *, hand: Hand) -> Outcome:
    known, breaches = memory.known.get(put.key), put.knobs.breaches
    if known is not None:
        if known.digest != put.digest and Breach.TAKES_OTHER_CONTENT not in breaches:
            return Refused(status=409, code="known_with_other_content")
        return _repeat(put, known, memory, hand=hand)
    refused = _refusal_of(put, memory)
    return refused or _take(put, memory, hand=hand)


def _repeat(put: Put, known: Known, memory: Memory, *, hand: Hand) -> Outcome:
    memory.repeats[put.key] += 1
    if known.state == "rejected":
        return Refused(status=422, code=known.rejection_code or "content_invalid")
    is_renewed = Breach.NEW_RECEIPT_EACH_TIME in put.knobs.breaches
    return Taken(
        receipt_id=str(hand.draw_id()) if is_renewed else known.receipt_id,
        received_at=known.received_at,
        digest=put.digest,
        is_new=False,
        is_waiting=known.state == "waiting",
    )


def _refusal_of(put: Put, memory: Memory) -> Refused | None:
    item, knobs = put.item, put.knobs
    if not _is_client_known(put):
        return Refused(status=422, code="client_unknown", pointer="/client/client_number")
    if item.kind not in KINDS and Breach.KNOWS_EVERY_KIND not in knobs.breaches:
        return Refused(status=422, code="kind_unknown", pointer="/kind")
    if item.kind in knobs.rejected_kinds:
        return Refused(status=422, code=knobs.rejected_kinds[item.kind], pointer="/kind")
    if (item.action == "new") is not (item.replaces_information_id is None):
        return Refused(status=422, code="content_invalid", pointer="/replaces_information_id")
    return _refusal_of_original(put, memory)


def _is_client_known(put: Put) -> bool:
    number = put.item.client.client_number
    if number is None or Breach.KNOWS_EVERY_CLIENT in put.knobs.breaches:
        return True
    return not number.startswith(UNKNOWN_PREFIX) and number not in put.knobs.unknown_client_numbers


def _refusal_of_original(put: Put, memory: Memory) -> Refused | None:
    original = _original_of(put)
    if original is None or Breach.KNOWS_EVERY_ORIGINAL in put.knobs.breaches:
        return None
    pointer = "/replaces_information_id"
    known = memory.known.get(original)
    if known is None or known.state == "rejected" or known.client_id != _client_of(put):
        return Refused(status=422, code="original_unknown", pointer=pointer)
    if original in memory.replaced:
        return Refused(status=422, code="original_replaced", pointer=pointer)
    return None


def _client_of(put: Put) -> UUID:
    return put.item.client.client_id


def _take(put: Put, memory: Memory, *, hand: Hand) -> Taken:
    knobs = put.knobs
    received_at = hand.clock() + timedelta(seconds=knobs.clock_skew_s)
    is_waiting = knobs.answer is Answer.RECEIPT_FOLLOWS
    taken = Taken(
        receipt_id=str(hand.draw_id()),
        received_at=received_at,
        digest=put.digest,
        is_new=True,
        is_waiting=is_waiting,
    )
    if Breach.KEEPS_NOTHING in knobs.breaches:
        return taken
    due_at = hand.machine_clock() + timedelta(milliseconds=knobs.receipt_after_ms)
    _keep(put, taken, memory, receipt_due_at=due_at if is_waiting else None)
    return taken


def _keep(put: Put, taken: Taken, memory: Memory, *, receipt_due_at: datetime | None) -> None:
    """Note a new item, so that what comes behind it in the same batch knows of it."""
    item = put.item
    memory.appended.append(
        NewItem(
            receiver_id=put.receiver_id,
            information_id=item.information_id,
            client_id=_client_of(put),
            sequence=item.sequence,
            kind=item.kind,
            action=item.action,
            replaces_information_id=item.replaces_information_id,
            digest=put.digest,
            body=put.body,
            receipt_id=taken.receipt_id,
            received_at=taken.received_at,
            received_on=legal_day(taken.received_at),
            receipt_due_at=receipt_due_at,
        )
    )
    state = "held" if receipt_due_at is None else "waiting"
    memory.known[put.key] = Known(
        _client_of(put), put.digest, taken.receipt_id, taken.received_at, state, None
    )
    original = _original_of(put)
    if original is not None:
        memory.replaced.add(original)
