from collections import Counter
from datetime import date
from hashlib import sha256
from pathlib import Path
from random import Random
from subprocess import PIPE, Popen
from sys import executable

import msgspec
import pytest
from stdnum.fi import hetu

import kuntavayla_sandbox
from kuntavayla_sandbox.expectation import Confirmation, expect, load_memberships
from kuntavayla_sandbox.population import NobodyMoves, full_size, generate, movers_only
from kuntavayla_sandbox.population.identities import IdentityCodes, IdentityCodesExhausted
from kuntavayla_sandbox.population.names import latin, names_of
from kuntavayla_sandbox.population.plan import kinds_per_place, largest_remainder, planned
from kuntavayla_sandbox.population.statistics import load_figures
from kuntavayla_sandbox.population.structure import CELLS
from routing_api.rules.registrations import Registration

DAY_ONE = date(2021, 3, 1)
DECODER = msgspec.json.Decoder(Registration)
DIGEST = (
    "from datetime import date; from hashlib import sha256;"
    "from kuntavayla_sandbox.population import generate;"
    "print(sha256(b''.join(generate(500, seed=7, legal_date=date(2021, 3, 1)))).hexdigest())"
)


def registrations(count: int, *, seed: int = 1, legal_date: date = DAY_ONE) -> list[Registration]:
    return [DECODER.decode(line) for line in generate(count, seed=seed, legal_date=legal_date)]


@pytest.fixture(scope="module")
def many() -> list[Registration]:
    """A tenth of the real population."""
    return registrations(45_000)


def digests_in_new_processes(*hash_seeds: str) -> set[str]:
    processes = [
        Popen(  # noqa: S603 - our own interpreter and text
            [executable, "-c", DIGEST], env={"PYTHONHASHSEED": seed}, stdout=PIPE, text=True
        )
        for seed in hash_seeds
    ]
    return {process.communicate()[0].strip() for process in processes}


def test_nobody_can_be_moved_before_the_pilots() -> None:
    with pytest.raises(NobodyMoves):
        next(movers_only(1, seed=1, legal_date=date(2021, 2, 28)))


def test_identity_codes_run_out_loudly_and_never_repeat() -> None:
    day = date(1990, 5, 24).toordinal()
    codes = IdentityCodes(first_ordinal=day, last_ordinal=day)

    taken = {codes.take(day, parity=1) for _ in range(300)}

    assert len(taken) == 300
    with pytest.raises(IdentityCodesExhausted):
        codes.take(day, parity=1)


def test_the_full_size_is_the_unemployed_of_the_country_and_about_120_000_others() -> None:
    assert full_size() == 450_000


def test_at_full_size_every_municipality_has_its_real_number_of_unemployed() -> None:
    kinds = kinds_per_place()
    plan = planned(full_size(), rng=Random(1))  # noqa: S311 - chance, not secrecy
    unemployed = Counter(number // kinds for number in plan if number % kinds < CELLS)

    real = [row.unemployed for row in load_figures()]
    assert [unemployed[index] for index in range(len(real))] == real
    assert sum(unemployed.values()) == 327_130


@pytest.mark.parametrize("legal_date", [DAY_ONE, date(2024, 2, 29), date(2025, 1, 1)], ids=str)
def test_every_line_is_a_registration_of_another_person(legal_date: date) -> None:
    population = registrations(4_000, legal_date=legal_date)

    assert len({row.person.identity_code for row in population}) == 4_000
    assert len({row.source.registration_id for row in population}) == 4_000
    assert len({row.source.client_number for row in population}) == 4_000
    assert {row.effective_on for row in population} == {legal_date}


def test_every_identity_code_is_a_valid_test_code() -> None:
    for row in registrations(3_000):
        code = row.person.identity_code

        assert 900 <= int(code[7:10]) <= 999
        sign = "-" if code[6] in "-YXWVU" else "A"
        assert hetu.is_valid(code[:6] + sign + code[7:], allow_temporary=True)


def test_some_codes_differ_only_in_the_century_sign(many: list[Registration]) -> None:
    codes = Counter(row.person.identity_code[:6] + row.person.identity_code[7:] for row in many)

    assert max(codes.values()) == 2


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    here = sha256(b"".join(generate(500, seed=7, legal_date=DAY_ONE))).hexdigest()

    assert digests_in_new_processes("0", "4711") == {here}


def test_another_seed_gives_other_persons_under_other_ids() -> None:
    one, other = registrations(300, seed=1), registrations(300, seed=2)

    assert not {row.source for row in one} & {row.source for row in other}
    assert [row.person for row in one] != [row.person for row in other]


@pytest.mark.parametrize("count", [1, 17, 309, 4_500])
def test_any_count_gives_exactly_that_many_lines(count: int) -> None:
    assert sum(1 for _ in generate(count, seed=1, legal_date=DAY_ONE)) == count


def test_largest_remainder_adds_up_and_is_proportional() -> None:
    assert largest_remainder(10, weights=[1, 1, 1]) == [4, 3, 3]
    assert largest_remainder(5, weights=[0, 3, 7]) == [0, 2, 3]
    assert sum(largest_remainder(45_000, weights=range(1, 310))) == 45_000


def test_persons_of_a_municipality_are_spread_over_the_file() -> None:
    homes = [row.person.home_municipality_code for row in registrations(10_000)]

    quarters = [homes[start : start + 2_500].count("091") for start in range(0, 10_000, 2_500)]

    assert min(quarters) > 0.7 * max(quarters)


def test_the_address_is_in_the_municipality_of_residence() -> None:
    codes = {row.code: row.postal_codes for row in load_figures()}
    living = [row.person for row in registrations(3_000) if row.person.residence_municipality_code]

    for person in living:
        address = person.contact.address
        if address is not None:
            assert address.postal_code in codes[person.residence_municipality_code or ""]


def test_a_security_ban_leaves_only_a_contact_address(many: list[Registration]) -> None:
    banned = [row.person for row in many if row.person.has_security_ban]

    assert {person.home_municipality_basis for person in banned} == {
        "protected",
        "population_register",
    }
    for person in banned:
        assert person.contact.email is None
        assert person.residence_municipality_code is None


def test_the_population_has_every_kind_of_case(many: list[Registration]) -> None:
    situations = {row.situation.employment_code for row in many}
    tongues = {row.person.mother_tongue_code for row in many}
    homes = {row.person.home_municipality_code for row in many}
    entitlements = {row.situation.earnings_related_entitlement for row in many}
    citizenships = {row.person.citizenship_codes for row in many}

    assert situations == {"00", "01", "02", "03", "04", "05", "07", "08", "09"}
    assert tongues >= {"fi", "sv", "ru", "et", "ar", "so", "en", "se", "zz", "yy"}
    assert homes >= {None, "197", "198", "200", "478"}
    assert entitlements == {"entitled", "not_entitled", "unknown"}
    assert citizenships >= {("246",), ("643",), ("999",), ("zzz",), ()}
    assert any(row.person.has_interpreter_need for row in many)
    assert any(row.open_matters for row in many)


def test_offices_are_employment_areas_from_2025() -> None:
    offices = {row.te_office_code for row in registrations(2_000, legal_date=date(2025, 1, 1))}

    assert all(office.startswith("ta") for office in offices)


@pytest.mark.parametrize("legal_date", [DAY_ONE, date(2025, 1, 1)], ids=str)
def test_movers_are_all_moved_and_as_many_as_asked(legal_date: date) -> None:
    memberships = load_memberships(confirmed=Confirmation.ALL)

    lines = list(movers_only(3_000, seed=1, legal_date=legal_date))

    outcomes = Counter(expect(line, memberships=memberships).outcome for line in lines)
    assert outcomes == {"municipality": 3_000}
    assert len({DECODER.decode(line).person.identity_code for line in lines}) == 3_000


def test_names_are_latin_and_safe_inside_json() -> None:
    assert latin("Щукина Юлия") == "Štšukina Julija"
    for locale in ("fi_FI", "ru_RU", "zh_CN"):
        for name in names_of(locale).family[0]:
            assert '"' not in name.text.replace('\\"', "")
            assert name.mailbox.isascii()


def test_the_sandbox_keeps_its_data_with_source_and_licence() -> None:
    folder = Path(kuntavayla_sandbox.__file__).parent / "data"
    told = (folder / "README.md").read_text(encoding="utf-8")

    assert {path.name for path in folder.iterdir()} - {"README.md"} == {
        path.name for path in folder.iterdir() if path.name in told
    }
