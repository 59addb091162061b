import functools
from collections.abc import AsyncIterator, Callable, Sequence
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
from kuntavayla_sandbox.demo.reconciling import Answer, Reconciled
from kuntavayla_sandbox.expectation import Confirmation, expect, load_memberships
from kuntavayla_sandbox.population import generate
from kuntavayla_sandbox.population_file import marginals_table, write_population
from kuntavayla_sandbox.send import Tally, plan_parts

MARCH_1 = date(2021, 3, 1)
MEMBERSHIPS = load_memberships(confirmed=Confirmation.ALL)
Holdings = dict[str, list[HeldClient]]


@functools.cache
def few_lines() -> Sequence[bytes]:
    return tuple(generate(400, seed=7, legal_date=MARCH_1))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("closing") / "day-one.ndjson"
    path.write_bytes(b"".join(line + b"\n" for line in few_lines()))
    return path


def right_answers() -> list[Answered | None]:
    expected = [expect(line, memberships=MEMBERSHIPS) for line in few_lines()]
    return [
        Answered(
            each.outcome, each.decided_by, f"client-{number}" if each.municipality_code else ""
        )
        for number, each in enumerate(expected)
    ]


def right_holdings() -> Holdings:
    holdings: Holdings = {"cs-lahti": [], "cs-kuhmo": []}
    for number, line in enumerate(few_lines()):
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


def move_one_within_its_system(holdings: Holdings) -> None:
    clients = holdings["cs-pirkanmaa"]
    other = next(
        c.municipality_code for c in clients if c.municipality_code != clients[0].municipality_code
    )
    clients[0] = replace(clients[0], municipality_code=other)


def send_one_to_nowhere(holdings: Holdings) -> None:
    clients = some_system(holdings)
    clients[0] = replace(clients[0], municipality_code="999")


def swap_two(holdings: Holdings) -> None:
    clients = some_system(holdings)
    first, second = clients[:2]
    clients[:2] = [
        replace(first, client_id=second.client_id),
        replace(second, client_id=first.client_id),
    ]


def rename_one(holdings: Holdings) -> None:
    clients = some_system(holdings)
    clients[0] = replace(clients[0], client_id="somebody")


def end_one_elsewhere(holdings: Holdings) -> None:
    client = replace(some_system(holdings)[0], transfer_id="earlier", state="ended")
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
        (move_one_within_its_system, None),
        (send_one_to_nowhere, "999"),
        (swap_two, None),
        (rename_one, "nobody's"),
        (end_one_elsewhere, "ended"),
        (invent_one, "acknowledged"),
        (forget_one, "fetched"),
        (expose_one, "restricted"),
    ],
)
async def test_one_client_out_of_place_fails_the_check(
    file: Path, spoil: Callable[[Holdings], None], what: str | None
) -> None:
    holdings = right_holdings()
    spoil(holdings)

    verdict = await check(file, right_answers(), holdings)

    assert not verdict.is_right
    assert what is None or what in {difference.found for difference in verdict.shown}


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

    assert (verdict.is_right, verdict.lines_compared) == (True, len(few_lines()))


def a_moved_line() -> int:
    return next(i for i, each in enumerate(right_answers()) if each is not None and each.client_id)


@pytest.mark.parametrize("client_id", ["", "client-of-another-line"])
async def test_a_line_answered_with_another_client_or_none_fails_the_check(
    file: Path, client_id: str
) -> None:
    answers, number = right_answers(), a_moved_line()
    right = answers[number]
    assert right is not None
    answers[number] = replace(right, client_id=client_id)

    verdict = await check(file, answers, right_holdings())

    assert {(each.what, each.line) for each in verdict.shown} == {("client id", number + 1)}


async def test_two_lines_answered_with_one_client_fail_the_check(file: Path) -> None:
    answers = right_answers()
    moved = [i for i, each in enumerate(answers) if each is not None and each.client_id]
    first, second = answers[moved[0]], answers[moved[1]]
    assert first is not None
    assert second is not None
    answers[moved[1]] = replace(second, client_id=first.client_id)

    assert not (await check(file, answers, right_holdings())).is_right


def test_clients_of_a_municipality_of_no_area_are_shown_as_such() -> None:
    screen = StringIO()
    table = closing.areas_table({"765": 2, "999": 1}, register=load_register(), on=MARCH_1)

    Console(file=screen, width=140).print(table)

    assert "unknown municipality" in screen.getvalue()


async def test_the_closing_table_tells_the_day_and_marks_fitted_figures(
    file: Path, tmp_path: Path
) -> None:
    day = Day(
        file=plan_parts(file),
        answers=right_answers(),
        tally=Tally(lines=len(few_lines()), created=len(few_lines())),
        stages=(Stage("sent and decided", len(few_lines()), 1000.0, 1002.0),),
        seconds=2.0,
    )
    checker = Checker(MEMBERSHIPS)
    checker.read_file(file, answers=day.answers)
    for case_system_id, clients in right_holdings().items():
        await checker.read_holdings(case_system_id, each(clients))
    with (tmp_path / "again.ndjson").open("wb") as out:
        marginals = write_population(few_lines(), out, on=MARCH_1)
    screen = StringIO()
    shown = Console(file=screen, width=140)

    closing.print_closing(
        shown,
        closing.stages_table(day),
        closing.decisions_table(day),
        closing.areas_table(checker.by_municipality, register=load_register(), on=MARCH_1),
        closing.memory_table({}),
        marginals_table(marginals),
        closing.sanity_line(checker.unemployed_moved, marginals=marginals),
        *closing.verdict_lines(checker.finish()),
    )

    text = screen.getvalue()
    for part in ("200", "municipality", "Kainuu", "fitted", "rescaled", "162,100", "exactly once"):
        assert part in text


def test_lists_that_differ_are_named_in_the_closing_and_equal_ones_are_counted() -> None:
    equal, differing = Reconciled(), Reconciled()
    equal.add("cs-lahti", Answer(is_equal=True, your_count=1_200, our_count=1_200))
    differing.add("cs-lahti", Answer(is_equal=True, your_count=3, our_count=3))
    differing.add("cs-kuhmo", Answer(is_equal=False, your_count=1, our_count=2))

    told = [closing.reconciled_line(each) for each in (equal, differing)]

    assert (equal.is_equal, differing.is_equal) == (True, False)
    assert "no difference" in told[0]
    assert "1,200 clients there, 1,200 in the service" in told[0]
    assert "the lists of cs-kuhmo" in told[1]
    assert "4 clients there, 5 in the service" in told[1]
