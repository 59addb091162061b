"""The row growth: day-one at several sizes, each on empty databases, without a floor.

In place of a floor stands what the smallest size would take if time grew linearly: the ratio is
at most one where it does. Peak memory stands beside each size.
"""

import os

from tests.bench.day_one import Day, check_day, live_day
from tests.bench.people import people_file
from tests.bench.results import Result, result_of
from tests.bench.stand import Stand, standing

SIZES_DEFAULT = "23000,230000,1150000"


def sizes_wanted() -> list[int]:
    """Return the numbers of registrations, smallest first: `SIZES=`, joined by commas."""
    return sorted(int(size) for size in os.environ.get("SIZES", SIZES_DEFAULT).split(","))


async def run() -> list[Result]:
    """Run the row and return its result."""
    days: dict[int, Day] = {}
    async with standing() as stand:
        for size in sizes_wanted():
            days[size] = await _day(stand, size)
            print(f"growth {_note_of(size, days[size])}", flush=True)
    smallest, largest = min(days), max(days)
    return [
        result_of(
            "growth",
            [days[largest].seconds],
            [days[smallest].seconds * largest / smallest],
            unit=f"s for {largest} registrations, beside {largest // smallest} times {smallest}",
            notes=[_note_of(size, day) for size, day in days.items()],
        )
    ]


async def _day(stand: Stand, size: int) -> Day:
    path = str(people_file(size))
    async with stand.database() as database, stand.case_database() as case_database:
        async with (
            stand.routing(database) as routing,
            stand.case_systems(routing, database=case_database) as systems,
        ):
            day = await live_day(stand, routing, systems, path=path, count=size)
        await check_day(database, systems, count=size)
    return day


def _note_of(size: int, day: Day) -> str:
    """Return what a size took: seconds, processor time of each registration, peaks."""
    used = 1e6 * sum(day.processor_s.values()) / size
    peaks = ", ".join(f"{name} {peak}" for name, peak in day.peak_mib.items())
    return (
        f"{size:,}: {day.seconds:.1f} s, {used:.0f} processor µs per registration,"
        f" peak MiB: {peaks}"
    )
