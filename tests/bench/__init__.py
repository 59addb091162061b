"""Measures the product's speed: one module per row of docs/bench.md, each beside its floor."""
