"""What a row measured: rounds of bench and floor, their medians and ranges, one table, one file."""

import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec
import psutil
from msgspec import Struct

BUILD = Path("build")
NOISY_ABOVE = 0.30
"""A floor that varies by more than this share of its median measures the machine, not us."""
ROUNDS_DEFAULT = 5


class Result(Struct, frozen=True, kw_only=True):
    """One line of the table: medians, their ratio, every round, and what else is worth knowing."""

    bench: str
    value: float
    floor: float | None
    ratio: float | None
    unit: str
    rounds: list[dict[str, float | None]]
    notes: list[str]


def rounds_wanted(default: int = ROUNDS_DEFAULT) -> int:
    """Return how many rounds to run: `ROUNDS=`, or the row's own number."""
    return int(os.environ.get("ROUNDS", default))


def result_of(
    bench: str, values: Sequence[float], floors: Sequence[float], *, unit: str, notes: Sequence[str]
) -> Result:
    """Return the result of rounds that took turns; the ratio is the median of each round's own."""
    ratios = [value / floor for value, floor in zip(values, floors, strict=True)]
    return Result(
        bench=bench,
        value=median(values),
        floor=median(floors),
        ratio=median(ratios),
        unit=unit,
        rounds=[
            {"value": value, "floor": floor, "ratio": ratio}
            for value, floor, ratio in zip(values, floors, ratios, strict=True)
        ],
        notes=[*notes, *_noise(floors)],
    )


def _noise(floors: Sequence[float]) -> list[str]:
    spread = (max(floors) - min(floors)) / median(floors)
    return [f"noisy: the floor varies by {spread:.0%}"] if spread > NOISY_ABOVE else []


def write_results(results: Sequence[Result]) -> Path:
    """Write all results as JSON and return where."""
    BUILD.mkdir(exist_ok=True)
    path = BUILD / "bench.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    return path


def table_of(results: Sequence[Result]) -> str:
    """Return the results as one Markdown table; ranges stand in brackets, notes below it."""
    lines = [
        "| bench | value | floor | ratio | unit | rounds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        cells = [_cell(result, name) for name in ("value", "floor", "ratio")]
        lines.append(
            f"| {result.bench} | {' | '.join(cells)} | {result.unit} | {len(result.rounds)} |"
        )
    lines += [f"- {result.bench}: {note}" for result in results for note in result.notes]
    return "\n".join(lines)


def _cell(result: Result, name: str) -> str:
    found = [shown for one in result.rounds if (shown := one[name]) is not None]
    if not found:
        return "-"
    middle = f"{median(found):,.2f}"
    return middle if len(found) == 1 else f"{middle} [{min(found):,.2f}, {max(found):,.2f}]"


def share_of(found: Sequence[float], share: float) -> float:
    """Return the value below which this share of all lies."""
    ordered = sorted(found)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class Spent(Struct, frozen=True):
    """What a process of ours used: processor seconds, and the highest resident memory in MiB."""

    processor_s: float
    peak_mib: int


def spent_here() -> Spent:
    """Return what this process has used so far."""
    return Spent(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def server_processor_s(pid: int) -> float:
    """Return the processor seconds of PostgreSQL with all its processes, also those that ended."""
    main = psutil.Process(pid)
    times = main.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in main.children():
        try:
            own = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += own.user + own.system
    return float(total)
