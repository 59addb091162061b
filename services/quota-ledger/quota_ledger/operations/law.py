"""What the ledger needs to know beside the database: tables of law, register, secrets."""

from msgspec import Struct

from kuntavayla.register import Register
from kuntavayla.values.digests import KeyedDigest
from quota_ledger.rules.law_tables import QuotaTables


class Law(Struct, frozen=True, kw_only=True):
    """The law of a process, with its settings.

    `binds_persons` says whether persons bind like euros in accounts opened from now on. A
    reservation ends so many days behind its decision, and is warned of so many days before.
    """

    register: Register
    tables: QuotaTables
    fingerprints: tuple[KeyedDigest, ...]
    binds_persons: bool
    reservation_days: int
    warning_days: int
