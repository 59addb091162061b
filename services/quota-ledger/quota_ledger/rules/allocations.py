"""Allocations: what an account may spend, as the ELY centre or the ministry sets it."""

from typing import Literal

AllocationKind = Literal["initial", "addition", "cut"]
AllocationStatus = Literal["indicative", "confirmed"]
"""An indicative allocation is shown and never spent."""
