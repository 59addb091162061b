"""The other edge of statement-relay: timed loops, deliveries, and what it reads from streams."""
