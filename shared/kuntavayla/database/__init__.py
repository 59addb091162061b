"""PostgreSQL: pool, transaction, migrations under a lock, roles, and the embedded server.

What belongs here: everything that opens, begins, commits or closes. What does not: statements about
the business, which stand in each service's `store`.
"""

from kuntavayla.database.connections import (
    AGAIN,
    AWAY,
    BUSY,
    Connection,
    LostRace,
    Pool,
    open_pool,
    transaction,
)

__all__ = ["AGAIN", "AWAY", "BUSY", "Connection", "LostRace", "Pool", "open_pool", "transaction"]
