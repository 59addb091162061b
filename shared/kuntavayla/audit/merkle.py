"""The Merkle tree over the lines of a block, as in RFC 6962, section 2.1; pure.

A leaf and a node are hashed under different first bytes, so that no node can pass for a line, and
no list of lines for another one with the same root. The root covers the lines, their order and
their count.
"""

from collections.abc import Iterable
from hashlib import sha256

HASH_BYTES = 32
_LEAF = b"\x00"
_NODE = b"\x01"


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over the leaves in their order; that of none is the hash of nothing.

    Joining neighbours level by level, and lifting the one that is left over, gives the same tree
    as splitting at the largest power of two.
    """
    level = [sha256(_LEAF + leaf).digest() for leaf in leaves]
    if not level:
        return sha256().digest()
    while len(level) > 1:
        joined = [
            sha256(_NODE + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        level = joined + level[len(joined) * 2 :]
    return level[0]
