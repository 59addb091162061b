"""The synthetic population: real counts per municipality, published proportions, invented persons.

Nobody in it exists: identity codes are test codes (individual numbers 900-999), names come from
Faker. What is statistics and what is assumed: `kuntavayla_sandbox/data/README.md` and
`assumptions.toml`.
"""

from kuntavayla_sandbox.population.generating import NobodyMoves, generate, movers_only

__all__ = ["NobodyMoves", "generate", "movers_only"]
