"""The published statistics behind the population, and the benchmarks of the whole country.

Only reading and joining the CSV files of `kuntavayla_sandbox/data` belongs here.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

EMPLOYMENT_AREAS_FROM_ON = date(2025, 1, 1)
"""Employment areas follow the pilots. Source: Act 380/2023."""
UUSIMAA_ELY_CODE = "01"

# Source: domain.md, section 1. Åland has no TE office of its own; its people register with the
# nearest one.
TE_OFFICES_BY_ELY = {
    "01": "te-uusimaa",
    "02": "te-varsinais-suomi",
    "03": "te-satakunta",
    "04": "te-hame",
    "05": "te-pirkanmaa",
    "06": "te-kaakkois-suomi",
    "07": "te-etela-savo",
    "08": "te-pohjois-savo",
    "09": "te-pohjois-karjala",
    "10": "te-keski-suomi",
    "11": "te-etela-pohjanmaa",
    "12": "te-pohjanmaa",
    "13": "te-pohjois-pohjanmaa",
    "14": "te-kainuu",
    "15": "te-lappi",
    "16": "te-varsinais-suomi",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """One municipality: its real count of unemployed and its proportions in 2026."""

    code: str
    name_fi: str
    name_sv: str
    ely_code: str
    is_finnish_only: bool
    is_swedish_first: bool
    unemployed: int
    structure: dict[str, int | None]
    swedish_per_mille: int
    postal_codes: tuple[str, ...]
    pilot_area_code: str | None
    employment_area_code: str | None


def read_rows(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one of the sandbox's CSV files by its name without ending."""
    text = files("kuntavayla_sandbox").joinpath(f"data/{name}.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


@cache
def load_figures() -> tuple[Figures, ...]:
    """Return the municipalities of 2021 in the order of their codes."""
    unemployed = {
        row["code"]: int(row["unemployed_2021_02"])
        for row in read_rows("unemployed_by_municipality_snapshot")
    }
    structure = {row["code"]: _counts(row) for row in read_rows("unemployed_structure_2026_06")}
    swedish = {
        row["code"]: round(float(row["share_swedish_speakers_pct_2021"] or 0) * 10)
        for row in read_rows("municipal_key_figures_2020_2021")
    }
    postal_codes: dict[str, list[str]] = defaultdict(list)
    for row in read_rows("postal_codes_2020"):
        postal_codes[row["municipality_code_2021"]].append(row["postal_code"])
    pilots = _areas("area_members")
    employment_areas = _areas("employment_area_members")
    return tuple(
        Figures(
            code=row["code"],
            name_fi=row["name_fi"],
            name_sv=row["name_sv"],
            ely_code=row["ely_code"],
            is_finnish_only=row["language_status"] == "0",
            is_swedish_first=row["language_status"] in {"2", "3"},
            unemployed=unemployed[row["code"]],
            structure=structure.get(row["code"], {}),
            swedish_per_mille=swedish[row["code"]],
            postal_codes=tuple(sorted(postal_codes[row["code"]])),
            pilot_area_code=pilots.get(row["code"]),
            employment_area_code=employment_areas.get(row["code"]),
        )
        for row in sorted(read_rows("municipalities"), key=lambda row: row["code"])
    )


@cache
def load_benchmarks() -> dict[tuple[str, str, str], int]:
    """Return the published totals by area, month and group."""
    return {
        (row["area"], row["month"], row["group"]): int(row["value"])
        for row in read_rows("unemployed_benchmarks_2020_2021")
    }


def office_of(figures: Figures, *, on: date) -> str:
    """Return the office that registers the municipality's people: from 2025 an area."""
    if on < EMPLOYMENT_AREAS_FROM_ON:
        return TE_OFFICES_BY_ELY[figures.ely_code]
    return figures.employment_area_code or _nearest_area(figures.ely_code)


@cache
def _nearest_area(ely_code: str) -> str:
    same = [row for row in load_figures() if row.ely_code == ely_code and row.employment_area_code]
    every = [row for row in load_figures() if row.employment_area_code]
    biggest = max(same or every, key=lambda row: row.unemployed)
    assert biggest.employment_area_code is not None
    return biggest.employment_area_code


def _areas(name: str) -> dict[str, str]:
    return {row["municipality_code"]: row["area_code"] for row in read_rows(name)}


def _counts(row: dict[str, str]) -> dict[str, int | None]:
    return {
        column: int(text) if text else None
        for column, text in row.items()
        if column not in {"code", "name_fi", "month", "unemployed_share_pct"}
    }
