"""The kinds of entries, and of what they came."""

from typing import Literal

EntryKind = Literal[
    "initial",
    "addition",
    "cut",
    "transfer_in",
    "transfer_out",
    "reserve",
    "grant",
    "change",
    "release",
    "expire",
    "payment",
    "recovery",
    "override",
    "override_end",
    "lapse",
    "reversal",
]
"""`release` is of a decision interrupted, ended, cancelled or refused; its step says which."""
