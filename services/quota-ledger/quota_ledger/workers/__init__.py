"""The other edge of quota-ledger: timed loops, and what it reads from streams."""
