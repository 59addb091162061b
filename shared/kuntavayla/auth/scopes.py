"""Scope tables: every call names one scope, or is open without a token."""

from collections.abc import Mapping
from enum import Enum


class Open(Enum):
    """The mark of a call that needs no token."""

    OPEN = "open"


OPEN = Open.OPEN

ScopeTable = Mapping[tuple[str, str], str | Open]
"""From method and route template below the service's prefix to the scope, or OPEN.

For example `{("POST", "/registrations"): "registrations.write"}`.
"""
