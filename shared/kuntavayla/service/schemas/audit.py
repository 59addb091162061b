"""The audit: its lines and its seal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from kuntavayla.audit import Difference, StoredLine
from kuntavayla.audit.verifying import BLOCKS_MAX

BlockNumber = Annotated[int, Meta(ge=1, le=9_007_199_254_740_991)]


class AuditList(Struct, frozen=True):
    """A page of the audit."""

    items: Sequence[StoredLine]
    next_cursor: str | None


class ExpectedBlock(Struct, frozen=True, forbid_unknown_fields=True):
    """A block's number and hash as the caller has kept them, from `audit.sealed` or an answer."""

    block: BlockNumber
    hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256, hexadecimal.")]


class VerifyRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which blocks to verify, all where nothing is said, and against which hash kept outside."""

    from_block: BlockNumber = 1
    to_block: BlockNumber | None = None
    limit: Annotated[int, Meta(ge=1, le=BLOCKS_MAX, description="Blocks of one call.")] = BLOCKS_MAX
    after: Annotated[str, Meta(max_length=200)] | None = None
    expected: ExpectedBlock | None = None


class VerifyResponse(Struct, frozen=True, kw_only=True):
    """What was checked and what differs, by block and kind; lines without a block were not."""

    is_intact: bool
    first_block: int
    last_block: int
    block_count: int
    line_count: int
    differences: Sequence[Difference]
    newest_block: int
    newest_hash: str
    newest_sealed_at: datetime | None
    oldest_unsealed_at: datetime | None
    next_cursor: str | None


class SealKeyResponse(Struct, frozen=True, kw_only=True):
    """A public key of the audit's blocks, in base64."""

    key_id: str
    algorithm: str
    public_key: str
    is_in_use: bool


class SealKeyList(Struct, frozen=True):
    """Every public key that may have signed a block, and the source that all blocks name."""

    items: Sequence[SealKeyResponse]
    source: str
    next_cursor: None
