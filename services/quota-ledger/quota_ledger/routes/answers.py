"""Domain values shaped into the wire types of `quota_ledger.schemas`."""

PREFIX = "/quota/v1"
