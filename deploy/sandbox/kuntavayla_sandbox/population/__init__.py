"""The synthetic population: real counts per municipality, published proportions, invented persons.

Nobody in it exists: identity codes are test codes (individual numbers 900-999), names come from
Faker. What is statistics and what is assumed: `kuntavayla_sandbox/data/README.md` and
`assumptions.toml`.
"""

from kuntavayla_sandbox.population.generating import NobodyMoves, generate, movers_only
from kuntavayla_sandbox.population.marginals import Marginal, Marginals, marginals_of
from kuntavayla_sandbox.population.plan import full_size

__all__ = [
    "Marginal",
    "Marginals",
    "NobodyMoves",
    "full_size",
    "generate",
    "marginals_of",
    "movers_only",
]
