"""What the ledger needs to know beside the database: tables of law, register, secrets."""

from msgspec import Struct

from kuntavayla.register import Register
from kuntavayla.values.digests import KeyedDigest


class Law(Struct, frozen=True, kw_only=True):
    """The law of a process, with its settings.

    `binds_persons` says whether persons bind like euros in accounts opened from now on.
    """

    register: Register
    fingerprints: tuple[KeyedDigest, ...]
    binds_persons: bool
