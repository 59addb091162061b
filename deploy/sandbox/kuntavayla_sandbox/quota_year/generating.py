"""A year of decisions: who, when, what, and what becomes of each; the same by the same seed."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.register import Register
from kuntavayla_sandbox.quota_year import facts
from kuntavayla_sandbox.quota_year.assumptions import Assumptions
from kuntavayla_sandbox.quota_year.sizing import PER_MILLE, participants

Fate = Literal[
    "granted",
    "granted_less",
    "refused",
    "forgotten",
    "cancelled",
    "ended",
    "shortened",
    "prolonged",
    "corrected",
    "corrected_before_grant",
    "interrupted",
    "interrupted_for_good",
]
"""What a municipality does to what was reserved for it."""
CONTINUED_DAYS_BEFORE = 14


class YearClient(Struct, frozen=True):
    """A client as far as the year needs to know."""

    client_id: str
    municipality_code: str
    area_code: str
    case_system_id: str


class Planned(Struct, frozen=True):
    """A decision as it will be sent, by whom, and what becomes of it if money is reserved.

    `newest_year` is the newest appropriation; `follows` the decision that it goes on with, without
    which it is not sent. One that `is_beyond` asks for more months than there are.
    """

    case_system_id: str
    area_code: str
    decided_on: date
    fate: Fate
    document: dict[str, Any]
    newest_year: int
    prolonged_to: str = ""
    follows: str = ""
    is_beyond: bool = False


def counts(
    clients_by_area: Mapping[str, int], *, decisions: int, assumed: Assumptions
) -> dict[tuple[str, str], int]:
    """Return how many decisions are made by area and instrument, about so many in all.

    Where the money is to end it is so much more than was sized; the others share the rest, and
    never decide more than was sized.
    """
    sized = {
        (area, instrument): participants(clients, per_mille=rates.past_participation_per_mille)
        for area, clients in sorted(clients_by_area.items())
        for instrument, rates in sorted(assumed.instruments.items())
    }
    dry = {key for key in sized if key[0] in assumed.demand.dry_areas}
    found = {key: -(-sized[key] * assumed.demand.dry_per_cent // 100) for key in dry}
    rest = sum(count for key, count in sized.items() if key not in dry)
    left = min(max(decisions - sum(found.values()), 0), rest)
    seen = given = 0
    for key in sized.keys() - dry if rest == 0 else sorted(sized.keys() - dry):
        seen += sized[key]
        upper = left * seen // rest if rest else 0
        found[key], given = upper - given, upper
    return dict(sorted(found.items()))


def generate_year(
    clients: Sequence[YearClient],
    *,
    decisions: int,
    seed: int,
    assumed: Assumptions,
    register: Register,
) -> list[Planned]:
    """Return the year's decisions by area and day, about so many in all."""
    by_area: dict[str, list[YearClient]] = {}
    for client in sorted(clients, key=lambda each: each.client_id):
        by_area.setdefault(client.area_code, []).append(client)
    wanted = counts(
        {area: len(held) for area, held in by_area.items()}, decisions=decisions, assumed=assumed
    )
    planned: list[Planned] = []
    for (area, instrument), count in wanted.items():
        random = Random(f"{seed}/{area}/{instrument}")
        for number in range(count):
            client = random.choice(by_area[area])
            name = f"{seed}-{area}-{instrument}-{number:06}"
            one = _plan(client, instrument, name, random=random, assumed=assumed, register=register)
            planned += (one, *_following(one, random=random, assumed=assumed))
    return sorted(planned, key=lambda one: (one.area_code, one.decided_on, _name(one)))


def _name(one: Planned) -> str:
    return str(one.document["municipal_id"])


def _plan(
    client: YearClient,
    instrument: str,
    name: str,
    *,
    random: Random,
    assumed: Assumptions,
    register: Register,
) -> Planned:
    decided_on = _day(assumed, random=random)
    document = {
        "municipal_id": name,
        "instrument": instrument,
        "client_id": client.client_id,
        "municipality_code": client.municipality_code,
        "area_code": client.area_code,
        "budget_year": decided_on.year,
        "decided_on": decided_on.isoformat(),
        "acting_official": decider_of(client.municipality_code),
        **_facts(client, instrument, decided_on, random=random, assumed=assumed, register=register),
    }
    fate = _fate(decided_on, instrument, assumed=assumed, random=random)
    prolonged_to = ""
    if fate == "prolonged":
        # What is prolonged later was decided for the first half alone.
        prolonged_to, period = document["period"]["ends_on"], document["period"]
        document["period"] = {**period, "ends_on": middle_of(document).isoformat()}
    return Planned(
        client.case_system_id,
        client.area_code,
        decided_on,
        fate,
        document,
        newest_year=assumed.appropriations[-1].budget_year,
        prolonged_to=prolonged_to,
    )


def middle_of(document: Mapping[str, Any]) -> date:
    """Return the day in the middle of a decision's period."""
    period = document["period"]
    starts_on, ends_on = (date.fromisoformat(period[name]) for name in ("starts_on", "ends_on"))
    return starts_on + timedelta(days=(ends_on - starts_on).days // 2)


def _following(one: Planned, *, random: Random, assumed: Assumptions) -> list[Planned]:
    """Return what follows a start-up grant: another within the limits of the law, or beyond them.

    Only within the year, and where the first goes on as it was granted.
    """
    if one.document["instrument"] != "START_UP_GRANT" or one.fate != "granted":
        return []
    drawn, decided = random.randrange(PER_MILLE), assumed.decided
    ends_on = date.fromisoformat(one.document["period"]["ends_on"])
    decided_on = ends_on - timedelta(days=CONTINUED_DAYS_BEFORE)
    is_beyond = decided.continued <= drawn < decided.continued + decided.beyond
    is_within = decided_on <= assumed.year.last_on
    if not is_within or drawn >= decided.continued + decided.beyond:
        return []
    making = facts.grant_beyond if is_beyond else facts.continued_grant
    document = {
        **one.document,
        **making(one.document, random=random),
        "municipal_id": f"{one.document['municipal_id']}-2",
        "budget_year": decided_on.year,
        "decided_on": decided_on.isoformat(),
    }
    return [
        replace(
            one, decided_on=decided_on, document=document, follows=_name(one), is_beyond=is_beyond
        )
    ]


def decider_of(municipality_code: str) -> dict[str, str]:
    """Return the official who decides in a municipality."""
    return {
        "official_id": f"sandbox:u-{municipality_code}",
        "role": "decider",
        "municipality_code": municipality_code,
    }


def _day(assumed: Assumptions, *, random: Random) -> date:
    days = (assumed.year.last_on - assumed.year.first_on).days
    return assumed.year.first_on + timedelta(days=random.randint(0, days))


def _facts(
    client: YearClient,
    instrument: str,
    decided_on: date,
    *,
    random: Random,
    assumed: Assumptions,
    register: Register,
) -> dict[str, Any]:
    if instrument == "PAY_SUBSIDY":
        is_own_post = random.randrange(PER_MILLE) < assumed.decided.own_posts
        return facts.pay_subsidy(decided_on, is_own_post=is_own_post, random=random)
    if instrument == "START_UP_GRANT":
        return facts.start_up_grant(decided_on, random=random)
    municipality = register.municipality(client.municipality_code)
    assert municipality is not None, "clients live in municipalities of the register"
    place = facts.PLACES[instrument]
    return place(decided_on, ely_code=municipality.ely_code, random=random)


def _fate(decided_on: date, instrument: str, *, assumed: Assumptions, random: Random) -> Fate:
    decided, drawn = assumed.decided, random.randrange(PER_MILLE)
    if drawn < decided.refused:
        return "refused"
    is_first_month = decided_on <= assumed.year.month_ends[0]
    if drawn < decided.refused + decided.forgotten_in_first_month and is_first_month:
        return "forgotten"
    return _granted_fate(instrument, assumed=assumed, drawn=random.randrange(PER_MILLE))


def _granted_fate(instrument: str, *, assumed: Assumptions, drawn: int) -> Fate:
    """Return what becomes of one of those that are granted."""
    decided = assumed.decided
    of_all: dict[Fate, int] = {
        "cancelled": decided.cancelled,
        "corrected": decided.corrected,
        "corrected_before_grant": decided.corrected_before_grant,
    }
    of_periods: dict[Fate, int] = {
        "ended": decided.ended,
        "shortened": decided.shortened,
        "prolonged": decided.prolonged,
        "interrupted": decided.interrupted,
        "interrupted_for_good": decided.interrupted_for_good,
    }
    of_places: dict[Fate, int] = {"granted_less": decided.granted_less}
    upper = 0
    for fate, per_mille in (
        of_all | (of_places if instrument in facts.PLACES else of_periods)
    ).items():
        upper += per_mille
        if drawn < upper:
            return fate
    return "granted"
