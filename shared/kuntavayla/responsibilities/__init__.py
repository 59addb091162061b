"""Who is responsible for clients, as routing-api tells it: a projection that services keep.

A service adds the table to its own. What is known is changed under a lock, and gone by under its
shared form. The values are `kuntavayla.values.responsibilities`.
"""

from kuntavayla.responsibilities.storing import (
    keep,
    list_by_client,
    lock_against_change,
    lock_for_change,
)
from kuntavayla.responsibilities.tables import MUTABLE, add_table

__all__ = [
    "MUTABLE",
    "add_table",
    "keep",
    "list_by_client",
    "lock_against_change",
    "lock_for_change",
]
