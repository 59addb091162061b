"""Verify the books: everything computed anew from entries, seals held against them.

The service works on meanwhile: a verification sees one moment and locks nothing.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from kuntavayla import audit
from kuntavayla.audit import BlockSpan, SealKeys
from kuntavayla.database import Connection
from kuntavayla.idempotency import fingerprints_of
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.values.digests import KeyedDigest
from quota_ledger.rules.seals import Sealed
from quota_ledger.rules.verifying import AccountBook, Difference, StoredAccount
from quota_ledger.store import verifying as store

TOLD_MAX = 1_000
"""Differences that an answer lists, at most; all are counted."""


class Keys(Struct, frozen=True):
    """By what the audit is sealed, and by what reported payments are fingerprinted."""

    seals: SealKeys
    fingerprints: Sequence[KeyedDigest]


class Verified(Struct, frozen=True, kw_only=True):
    """What was verified, and what differs; `difference_count` counts also what is not listed."""

    counts: dict[str, int]
    differences: Sequence[Difference]
    difference_count: int
    newest_block: int
    newest_hash: str
    oldest_unsealed_at: datetime | None


class _Found:
    """Differences as they are found: all are counted, the first are kept."""

    def __init__(self) -> None:
        self.kept: list[Difference] = []
        self.count = 0

    def add(self, differences: Iterator[Difference] | Sequence[Difference]) -> None:
        for one in differences:
            self.count += 1
            if len(self.kept) < TOLD_MAX:
                self.kept.append(one)


async def verify(connection: Connection, *, keys: Keys, call: Call, moment: Moment) -> Verified:
    """Compute all balances anew and return what differs; the transaction begins with this.

    Sees one moment (REPEATABLE READ). Stores nothing but a line of the audit.
    """
    await store.hold_still(connection)
    found = _Found()
    await _verify_entries(connection, found)
    for kind in store.CHECKS:
        found.add(await store.list_differences(connection, kind))
    await _verify_reported(connection, found, by=keys.fingerprints)
    chain = await _verify_audit(connection, found, keys=keys.seals, source=moment.source)
    counts = await store.count_all(connection)
    outcome = "differs" if found.count else "intact"
    await witness(connection, call, action="books.verified", outcome=outcome, moment=moment)
    return Verified(
        counts=counts,
        differences=found.kept,
        difference_count=found.count,
        newest_block=chain.newest_block,
        newest_hash=chain.newest_hash.hex(),
        oldest_unsealed_at=chain.oldest_unsealed_at,
    )


async def _verify_entries(connection: Connection, found: _Found) -> None:
    """Take all entries in order, each account against its seals and its stored balance."""
    accounts = await store.list_accounts(connection)
    seals = _SealsInOrder(store.each_seal(connection))
    book: AccountBook | None = None
    account_id = ""
    async for entry in store.each_entry(connection):
        if book is None or entry.account_id != account_id:
            if book is not None:
                found.add(book.end(accounts.pop(account_id, None)))
            account_id = entry.account_id
            found.add(await _without_entries(seals, accounts, before=account_id))
            book = AccountBook(account_id, await seals.of(account_id))
        found.add(book.take(entry))
    if book is not None:
        found.add(book.end(accounts.pop(account_id, None)))
    found.add(await _without_entries(seals, accounts, before=None))
    for account in accounts.values():
        found.add(AccountBook(account.account_id, ()).end(account))


async def _without_entries(
    seals: "_SealsInOrder", accounts: dict[str, StoredAccount], *, before: str | None
) -> list[Difference]:
    """Return what is wrong with accounts that seals speak of and that have no entry at all."""
    differences: list[Difference] = []
    for account_id, sealed in await seals.skip(before):
        book = AccountBook(account_id, sealed)
        differences += book.end(accounts.pop(account_id, None))
    return differences


class _SealsInOrder:
    """The seals of all accounts, taken account by account."""

    def __init__(self, seals: AsyncIterator[Sealed]) -> None:
        self._seals = seals
        self._next: Sealed | None = None

    async def of(self, account_id: str) -> list[Sealed]:
        """Return the seals of an account, of which those before were taken."""
        taken: list[Sealed] = []
        while (seal := await self._peek()) is not None and seal.account_id == account_id:
            taken.append(seal)
            self._next = None
        return taken

    async def skip(self, before: str | None) -> list[tuple[str, list[Sealed]]]:
        """Return the seals of all accounts before one, or of all that are left."""
        skipped: list[tuple[str, list[Sealed]]] = []
        while (seal := await self._peek()) is not None:
            if before is not None and seal.account_id >= before:
                break
            skipped.append((seal.account_id, await self.of(seal.account_id)))
        return skipped

    async def _peek(self) -> Sealed | None:
        if self._next is None:
            self._next = await anext(self._seals, None)
        return self._next


async def _verify_reported(
    connection: Connection, found: _Found, *, by: Sequence[KeyedDigest]
) -> None:
    """Hold each payment, with its month, against the fingerprint of what was reported."""
    async for item, fingerprint in store.each_reported(connection):
        if fingerprint not in fingerprints_of(item, by=by):
            found.add([Difference(kind="payment_differs", decision_id=item.decision_id)])


async def _verify_audit(
    connection: Connection, found: _Found, *, keys: SealKeys, source: str
) -> audit.Verification:
    """Verify all blocks of the audit, which carry the seals of entries."""
    first = 1
    while True:
        chain = await audit.verify(connection, keys, BlockSpan(first), source=source)
        found.add([Difference(kind="audit_differs", block=one.block) for one in chain.differences])
        if chain.next_block is None:
            return chain
        first = chain.next_block
