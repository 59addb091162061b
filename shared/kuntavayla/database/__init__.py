"""PostgreSQL: the pool, the one `transaction()`, migrations under a lock, roles, and the embedded server for local runs.

What belongs here: everything that opens, begins, commits or closes. What does not: statements about the business, which
stand in each service's `store`.
"""

from kuntavayla.database.connections import (
    AGAIN,
    AWAY,
    Connection,
    LostRace,
    Pool,
    open_pool,
    transaction,
)

__all__ = ["AGAIN", "AWAY", "Connection", "LostRace", "Pool", "open_pool", "transaction"]
