"""How much an area may spend of its first appropriations.

Clients moved x past participation x unit cost: K2019, domain.md section 5.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from kuntavayla.register import Area, Register
from kuntavayla_sandbox.quota_year.assumptions import Assumptions

PER_MILLE = 1_000
Order = dict[str, Any]


def participants(clients: int, *, per_mille: int) -> int:
    """Return how many of so many clients take part, half up."""
    return (2 * clients * per_mille + PER_MILLE) // (2 * PER_MILLE)


def allocations(
    clients_by_area: Mapping[str, int], *, budget_year: int, assumed: Assumptions, decided_on: date
) -> Iterator[Order]:
    """Yield the initial allocations of a year by area and instrument; none where nobody takes part.

    The persons of all appropriations together are those of the formula.
    """
    for area_code, clients in sorted(clients_by_area.items()):
        for instrument in sorted(assumed.instruments):
            rates = assumed.instruments[instrument]
            in_all = participants(clients, per_mille=rates.past_participation_per_mille)
            persons = share_of(in_all, budget_year=budget_year, assumed=assumed)
            if persons:
                order = _common(area_code, instrument, budget_year, decided_on=decided_on)
                yield {
                    **order,
                    "amount_cents": persons * rates.unit_cost_cents,
                    "persons": persons,
                    "basis": _basis(clients, instrument=instrument, assumed=assumed),
                }


def share_of(persons: int, *, budget_year: int, assumed: Assumptions) -> int:
    """Return how many of the persons sized are those of one appropriation, without a rest."""
    given = per_mille = 0
    for one in assumed.appropriations:
        per_mille += one.share_per_mille
        upper = participants(persons, per_mille=per_mille)
        if one.budget_year == budget_year:
            return upper - given
        given = upper
    return 0


def _basis(clients: int, *, instrument: str, assumed: Assumptions) -> Order:
    rates, period = assumed.instruments[instrument], assumed.reference_period
    return {
        "clients_moved": clients,
        "past_participation_per_mille": rates.past_participation_per_mille,
        "unit_cost_cents": rates.unit_cost_cents,
        "reference_period": {
            "starts_on": period.starts_on.isoformat(),
            "ends_on": period.ends_on.isoformat(),
        },
        "own_posts_excluded": True,
    }


def _common(area_code: str, instrument: str, budget_year: int, *, decided_on: date) -> Order:
    return {
        "area_code": area_code,
        "instrument": instrument,
        "budget_year": budget_year,
        "kind": "initial",
        "status": "confirmed",
        "valid_from_on": decided_on.isoformat(),
        "document": document_of(f"{budget_year}/{area_code}/{instrument}", decided_on=decided_on),
        "reason": "sized by clients moved, past participation and unit cost",
    }


def document_of(name: str, *, decided_on: date) -> Order:
    """Return the document by which an ELY centre of the sandbox decides."""
    return {
        "register_number": f"SANDBOX/{name}",
        "decided_on": decided_on.isoformat(),
        "decided_by": "sandbox",
    }


def ely_of(register: Register, area: Area) -> str:
    """Return the ELY centre that most inhabitants of an area belong to."""
    inhabitants: dict[str, int] = {}
    for code in area.municipality_codes:
        municipality = register.municipality(code)
        assert municipality is not None, "an area holds municipalities of the register"
        before = inhabitants.get(municipality.ely_code, 0)
        inhabitants[municipality.ely_code] = before + municipality.population_2020
    return f"ely-{max(inhabitants, key=lambda code: (inhabitants[code], code))}"
