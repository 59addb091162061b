"""Annotated amounts of the wire: whole cents within bounds that no decision reaches."""

from typing import Annotated

from msgspec import Meta

CENTS_MAX = 100_000_000
"""A million euros in one amount of a decision. Source: sources.md#decision-limits."""
Cents = Annotated[
    int,
    Meta(
        ge=0,
        le=CENTS_MAX,
        title="cents",
        description="Give whole cents, from 0 to 100,000,000.",
    ),
]
CentsAboveZero = Annotated[
    int,
    Meta(
        ge=1,
        le=CENTS_MAX,
        title="cents",
        description="Give whole cents, from 1 to 100,000,000.",
    ),
]
