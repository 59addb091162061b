from collections.abc import AsyncIterator, Callable
from datetime import date
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from kuntavayla.register import load_register
from kuntavayla_sandbox import closing
from kuntavayla_sandbox.case_systems.store import HeldClient
from kuntavayla_sandbox.demo.checking import Checker, Verdict
from kuntavayla_sandbox.demo.day_one import Answered, Day, Stage
from kuntavayla_sandbox.expectation import Confirmation, expect, load_memberships
from kuntavayla_sandbox.population import generate
from kuntavayla_sandbox.population_file import marginals_table, write_population
from kuntavayla_sandbox.send import Tally, plan_parts

MARCH_1 = date(2021, 3, 1)
MEMBERSHIPS = load_memberships(confirmed=Confirmation.ALL)
LINES = list(generate(400, seed=7, legal_date=MARCH_1))
Holdings = dict[str, list[HeldClient]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("closing") / "day-one.ndjson"
    path.write_bytes(b"".join(line + b"\n" for line in LINES))
    return path


def right_answers() -> list[Answered | None]:
    expected = [expect(line, memberships=MEMBERSHIPS) for line in LINES]
    return [Answered(each.outcome, each.decided_by) for each in expected]


def right_holdings() -> Holdings:
    holdings: Holdings = {"cs-lahti": [], "cs-kuhmo": []}
    for number, line in enumerate(LINES):
        expected = expect(line, memberships=MEMBERSHIPS)
        if expected.case_system_id is None or expected.municipality_code is None:
            continue
        client = HeldClient(
            transfer_id=f"transfer-{number}",
            client_id=f"client-{number}",
            clienthood_version=1,
            municipality_code=expected.municipality_code,
            state="acknowledged",
            channel="restricted" if expected.is_restricted else "common",
            is_notified=False,
            identity_code=msgspec.json.decode(line)["person"]["identity_code"],
            source_client_number=None,
        )
        holdings.setdefault(expected.case_system_id, []).append(client)
    return holdings


async def each(clients: list[HeldClient]) -> AsyncIterator[HeldClient]:
    for client in clients:
        yield client


async def check(file: Path, answers: list[Answered | None], holdings: Holdings) -> Verdict:
    checker = Checker(MEMBERSHIPS)
    checker.read_file(file, answers=answers)
    for case_system_id, clients in holdings.items():
        await checker.read_holdings(case_system_id, each(clients))
    return checker.finish()


def some_system(holdings: Holdings) -> list[HeldClient]:
    return max(holdings.values(), key=len)


def lose_one(holdings: Holdings) -> None:
    some_system(holdings).pop()


def double_one(holdings: Holdings) -> None:
    clients = some_system(holdings)
    clients.append(replace(clients[0], transfer_id="again"))


def misplace_one(holdings: Holdings) -> None:
    client = some_system(holdings).pop()
    min(holdings.values(), key=len).append(client)


def invent_one(holdings: Holdings) -> None:
    clients = some_system(holdings)
    clients.append(replace(clients[0], identity_code="010190-9999"))


def forget_one(holdings: Holdings) -> None:
    clients = some_system(holdings)
    clients[0] = replace(clients[0], state="fetched")


def expose_one(holdings: Holdings) -> None:
    clients = some_system(holdings)
    clients[0] = replace(clients[0], channel="restricted")


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lose_one, "missing"),
        (double_one, "2 times"),
        (misplace_one, "missing"),
        (invent_one, "acknowledged"),
        (forget_one, "fetched"),
        (expose_one, "restricted"),
    ],
)
async def test_one_client_out_of_place_fails_the_check(
    file: Path, spoil: Callable[[Holdings], None], what: str
) -> None:
    holdings = right_holdings()
    spoil(holdings)

    verdict = await check(file, right_answers(), holdings)

    assert not verdict.is_right
    assert what in {difference.found for difference in verdict.shown}


@pytest.mark.parametrize("answer", [None, Answered("te_office", "R1"), Answered("refused", "x")])
async def test_one_wrong_or_missing_decision_fails_the_check(
    file: Path, answer: Answered | None
) -> None:
    answers = right_answers()
    answers[17] = answer

    verdict = await check(file, answers, right_holdings())

    assert [difference.line for difference in verdict.shown] == [18]


async def test_where_everybody_is_in_place_the_check_holds(file: Path) -> None:
    verdict = await check(file, right_answers(), right_holdings())

    assert (verdict.is_right, verdict.lines_compared) == (True, len(LINES))


async def test_an_ended_client_is_not_held(file: Path) -> None:
    holdings = right_holdings()
    clients = some_system(holdings)
    clients.append(replace(clients[0], transfer_id="earlier", state="ended"))

    assert (await check(file, right_answers(), holdings)).is_right


async def test_the_closing_table_tells_the_day_and_marks_fitted_figures(
    file: Path, tmp_path: Path
) -> None:
    day = Day(
        file=plan_parts(file),
        answers=right_answers(),
        tally=Tally(lines=len(LINES), created=len(LINES)),
        stages=(Stage("sent and decided", len(LINES), 1000.0, 1002.0),),
        seconds=2.0,
    )
    checker = Checker(MEMBERSHIPS)
    checker.read_file(file, answers=day.answers)
    for case_system_id, clients in right_holdings().items():
        await checker.read_holdings(case_system_id, each(clients))
    with (tmp_path / "again.ndjson").open("wb") as out:
        marginals = write_population(LINES, out)
    screen = StringIO()
    shown = Console(file=screen, width=140)

    closing.print_closing(
        shown,
        closing.stages_table(day),
        closing.decisions_table(day),
        closing.areas_table(checker.by_municipality, register=load_register(), on=MARCH_1),
        closing.memory_table({}),
        marginals_table(marginals),
        closing.sanity_line(marginals),
        *closing.verdict_lines(checker.finish()),
    )

    text = screen.getvalue()
    for part in ("200", "municipality", "Kainuu", "fitted", "162,100", "exactly once"):
        assert part in text
