"""The tables of the inbox, which every consumer adds to its own."""

import sqlalchemy as sa


def add_table(metadata: sa.MetaData) -> None:
    """Add the consumer positions to a service's tables."""
    sa.Table(
        "inbox_positions",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("sequence", sa.Text, nullable=False),
    )
