"""Is the audit what was sealed: lines, roots, chain and signatures computed anew.

The same code serves `POST /audit:verify` and the command line. It trusts the public keys that it is
given and, where there is one, a hash kept outside; everything else is read from the database that
is in question. It answers differences by block and kind, and nothing of what a line says.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from kuntavayla.audit.blocks import NO_HASH, Block, SealKeys, hash_of, header_of
from kuntavayla.audit.merkle import root_of
from kuntavayla.audit.ranges import Ranges, above, count_of, union
from kuntavayla.audit.stored_blocks import (
    Membership,
    count_inserted,
    find_block,
    find_newest,
    list_blocks,
    list_lines_of,
    load_state,
)
from kuntavayla.database import Connection

BLOCKS_MAX = 100
"""Blocks of one call, at most."""
LOWEST = 1 - 2**63
"""The lowest number that a line may be given by hand; the service's own begin at 1."""
LINES_AT_ONCE = 4_000
"""Lines computed at one go, about: other requests of the process wait for no more."""

DifferenceKind = Literal[
    "block_missing",
    "block_changed",
    "block_inconsistent",
    "chain_broken",
    "key_unknown",
    "signature_invalid",
    "lines_missing",
    "lines_changed",
    "lines_inserted",
    "tail_cut",
    "anchor_missing",
    "anchor_differs",
]


class Anchor(Struct, frozen=True):
    """A block's number and hash as they were kept outside of the database."""

    block: int
    hash: bytes


class BlockSpan(Struct, frozen=True):
    """Which blocks to check: from `first`, to `last` or the newest, at most `limit` a call."""

    first: int = 1
    last: int | None = None
    limit: int = BLOCKS_MAX


class Difference(Struct, frozen=True):
    """Something that is not as it was sealed: in which block, of which kind."""

    block: int
    kind: DifferenceKind


class Verification(Struct, frozen=True, kw_only=True):
    """What was checked, what differs, and where the chain ends now.

    `next_block` is where the next call goes on, None where the span is done. A line that no block
    has yet was not checked: `oldest_unsealed_at` is the oldest of those.
    """

    first_block: int
    last_block: int
    block_count: int
    line_count: int
    differences: list[Difference]
    newest_block: int
    newest_hash: bytes
    newest_sealed_at: datetime | None
    oldest_unsealed_at: datetime | None
    next_block: int | None


class _Page(Struct):
    """The blocks of one call with the one before them, and what was found.

    `authentic` are those that are as they were signed, and 0 for the place before the first.
    """

    blocks: dict[int, Block]
    differences: list[Difference] = field(default_factory=list)
    authentic: set[int] = field(default_factory=set)
    line_count: int = 0

    def differs(self, block: int, kind: DifferenceKind) -> None:
        self.differences.append(Difference(block, kind))


async def verify(
    connection: Connection,
    keys: SealKeys,
    span: BlockSpan,
    *,
    source: str,
    expected: Anchor | None = None,
) -> Verification:
    """Compute the blocks of a span anew and return what differs, by block."""
    state = await load_state(connection)
    newest = await find_newest(connection)
    end = 0 if newest is None else newest.number
    wanted = end if span.last is None else span.last
    last = min(wanted, end, span.first + span.limit - 1)
    read = await list_blocks(connection, first=span.first - 1, last=last)
    page = _Page({block.number: block for block in read})
    numbers = range(span.first, last + 1)
    _check_headers(page, numbers, keys=keys, source=source)
    await _check_lines(connection, page, numbers)
    await _check_inserted(connection, page, numbers)
    if expected is not None:
        await _check_anchor(connection, page, expected, end=end, source=source)
    return Verification(
        first_block=span.first,
        last_block=max(last, span.first - 1),
        block_count=sum(number in page.blocks for number in numbers),
        line_count=page.line_count,
        differences=sorted(page.differences, key=lambda one: (one.block, one.kind)),
        newest_block=end,
        newest_hash=NO_HASH if newest is None else newest.hash,
        newest_sealed_at=state.sealed_at,
        oldest_unsealed_at=state.oldest_unsealed_at,
        next_block=last + 1 if last < min(wanted, end) else None,
    )


def _check_headers(page: _Page, numbers: range, *, keys: SealKeys, source: str) -> None:
    """Check each block by itself and against the one before it.

    What is wrong with the block before the first one is no difference of this span.
    """
    faults = {
        number: _fault_of(block, keys=keys, source=source) for number, block in page.blocks.items()
    }
    page.authentic = {0, *(number for number, fault in faults.items() if fault is None)}
    for number in numbers:
        fault = faults.get(number, "block_missing")
        if fault is not None:
            page.differs(number, fault)
        if number in page.blocks:
            _check_place(page, page.blocks[number])


def _fault_of(block: Block, *, keys: SealKeys, source: str) -> DifferenceKind | None:
    """Return what is wrong with a block by itself, None where it is as it was signed."""
    header = header_of(block, source=source)
    if hash_of(header) != block.hash:
        return "block_changed"
    if not keys.knows(block.key_id):
        return "key_unknown"
    return None if keys.has_signed(block, header=header) else "signature_invalid"


def _check_place(page: _Page, block: Block) -> None:
    """Check a block against the one before it, where that one is there."""
    number = block.number
    previous = page.blocks.get(number - 1)
    if previous is None and number > 1:
        return
    if block.previous_hash != (NO_HASH if previous is None else previous.hash):
        page.differs(number, "chain_broken")
    if {number, number - 1} <= page.authentic and not _follows(previous, block):
        page.differs(number, "block_inconsistent")


def _follows(previous: Block | None, block: Block) -> bool:
    """Tell whether a signed block says of itself and its place what a sealer can have said."""
    settled_before = 0 if previous is None else previous.settled_to
    ahead: Ranges = () if previous is None else previous.ahead
    members = block.members
    sealed = union(ahead, members)
    return (
        len(members) > 0
        and count_of(members) == block.line_count
        and count_of(sealed) == count_of(ahead) + count_of(members)
        and (members[0][0], members[-1][1]) == (block.first_audit_id, block.last_audit_id)
        and settled_before <= block.settled_to
        and settled_before < block.first_audit_id
        and block.ahead == above(sealed, block.settled_to)
    )


async def _check_lines(connection: Connection, page: _Page, numbers: range) -> None:
    """Compute the roots of the blocks anew whose own content is authentic."""
    for group in _groups([page.blocks[n] for n in numbers if n in page.authentic]):
        lines = await list_lines_of(
            connection,
            [Membership(b.number, b.first_audit_id, b.last_audit_id, b.members) for b in group],
        )
        for block in group:
            found = lines[block.number]
            page.line_count += len(found)
            if len(found) != block.line_count:
                page.differs(block.number, "lines_missing")
            elif root_of(found) != block.root:
                page.differs(block.number, "lines_changed")


def _groups(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Part blocks into groups of about LINES_AT_ONCE lines."""
    group: list[Block] = []
    count = 0
    for block in blocks:
        group.append(block)
        count += block.line_count
        if count >= LINES_AT_ONCE:
            yield group
            group, count = [], 0
    if group:
        yield group


async def _check_inserted(connection: Connection, page: _Page, numbers: range) -> None:
    """Look for lines where none can have come any more, in no block."""
    spans = [
        Membership(
            number,
            previous.settled_to + 1 if previous else LOWEST,
            page.blocks[number].settled_to,
            union(previous.ahead if previous else (), page.blocks[number].members),
        )
        for number in numbers
        if {number, number - 1} <= page.authentic
        for previous in (page.blocks.get(number - 1),)
    ]
    for number in await count_inserted(connection, spans):
        page.differs(number, "lines_inserted")


async def _check_anchor(
    connection: Connection, page: _Page, expected: Anchor, *, end: int, source: str
) -> None:
    """Hold the chain against a hash that was kept outside."""
    block = page.blocks.get(expected.block) or await find_block(connection, expected.block)
    if block is None:
        page.differs(expected.block, "tail_cut" if expected.block > end else "anchor_missing")
    elif hash_of(header_of(block, source=source)) != expected.hash:
        page.differs(expected.block, "anchor_differs")
