"""A register whose data contradict themselves is refused, with file, line and reason."""

from importlib.resources import as_file, files
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

import pytest

from kuntavayla.register import RegisterFault, load_register, parse_register

SOTKAMO_PILOT = "kainuu,Kainuu,Kajanaland,765,Sotkamo,2021-03-01,2024-12-31,confirmed"
SOTKAMO_SERVED = "cs-sotkamo,765,2021-03-01,2024-12-31"
KAINUU_OFFICE = (
    "te-kainuu,14,Kainuun TE-toimisto,Kajanalands TE-byrå,te-kainuu-asiakaspalvelu,"
    "2013-01-01,2024-12-31"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with as_file(files("kuntavayla") / "data") as published:
        return Path(copytree(published, tmp_path / "data"))


class Damage(NamedTuple):
    """A text that stands once in a file, and what stands there instead."""

    file: str
    old: str
    new: str


def do(damage: Damage, folder: Path) -> None:
    path = folder / damage.file
    text = path.read_text(encoding="utf-8")
    assert text.count(damage.old) == 1
    path.write_text(text.replace(damage.old, damage.new), encoding="utf-8")


def test_the_published_data_are_accepted_from_any_folder(folder: Path) -> None:
    register = parse_register(folder)

    assert register.version == load_register().version == "2021-03-01.0"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(
            Damage("area_members.csv", SOTKAMO_PILOT, f"{SOTKAMO_PILOT}\n{SOTKAMO_PILOT}"),
            "overlaps",
            id="a membership twice",
        ),
        pytest.param(
            Damage(
                "area_members.csv",
                SOTKAMO_PILOT,
                SOTKAMO_PILOT + "\noulu,Oulun seutu,Uleåborgsregionen,765,Sotkamo,"
                "2024-12-31,2024-12-31,confirmed",
            ),
            "overlaps",
            id="two areas on one day",
        ),
        pytest.param(
            Damage(
                "area_members.csv", SOTKAMO_PILOT, SOTKAMO_PILOT.replace("2024-12-31", "2025-01-01")
            ),
            "overlaps",
            id="a pilot that reaches into the employment areas",
        ),
        pytest.param(
            Damage(
                "area_members.csv",
                SOTKAMO_PILOT,
                "kainuu,Kainuu,Kajanaland,765,Sotkamo,2021-03-01,2022-06-30,confirmed\n"
                "kainuu,Kainuu,Kajanaland,765,Sotkamo,2022-07-02,2024-12-31,confirmed",
            ),
            "gap",
            id="a gap of one day",
        ),
        pytest.param(
            Damage("area_members.csv", ",765,", ",998,"),
            "998 is unknown",
            id="unknown municipality",
        ),
        pytest.param(
            Damage(
                "area_members.csv", SOTKAMO_PILOT, SOTKAMO_PILOT.replace("confirmed", "official")
            ),
            "does not belong here",
            id="a status of the other kind",
        ),
        pytest.param(
            Damage(
                "area_members.csv", SOTKAMO_PILOT, SOTKAMO_PILOT.replace("confirmed", "guessed")
            ),
            "Invalid enum value",
            id="unknown status",
        ),
        pytest.param(
            Damage(
                "area_members.csv", SOTKAMO_PILOT, SOTKAMO_PILOT.replace("Kajanaland", "Kajana")
            ),
            "differs from line",
            id="an area with two names",
        ),
        pytest.param(
            Damage(
                "area_members.csv", SOTKAMO_PILOT, SOTKAMO_PILOT.replace("2021-03-01", "2025-03-01")
            ),
            "end before",
            id="ends before it starts",
        ),
        pytest.param(
            Damage(
                "area_members.csv", SOTKAMO_PILOT, SOTKAMO_PILOT.replace("2021-03-01", "1.3.2021")
            ),
            "valid_from",
            id="a date in another form",
        ),
        pytest.param(
            Damage("area_members.csv", SOTKAMO_PILOT, SOTKAMO_PILOT.replace("2021-03-01", "")),
            "valid_from",
            id="no first day",
        ),
        pytest.param(
            Damage("area_members.csv", SOTKAMO_PILOT, SOTKAMO_PILOT + ","),
            "as long as the header",
            id="a cell too many",
        ),
        pytest.param(
            Damage("area_members.csv", "area_code,", "area,"), "unknown field", id="unknown column"
        ),
        pytest.param(
            Damage(
                "employment_area_members.csv",
                ",765,Sotkamo,2025-01-01,",
                ",588,Pertunmaa,2025-01-01,",
            ),
            "no existing municipality",
            id="a municipality that has ended",
        ),
        pytest.param(
            Damage(
                "employment_area_members.csv",
                ",765,Sotkamo,2025-01-01,,official",
                ",765,Sotkamo,2025-01-01,,confirmed",
            ),
            "does not belong here",
            id="a pilot's status",
        ),
        pytest.param(
            Damage("municipalities.csv", "009,Alavieska", "005,Alavieska"),
            "twice",
            id="a municipality twice",
        ),
        pytest.param(
            Damage("municipalities.csv", "009,Alavieska", "9,Alavieska"),
            "code",
            id="lost leading zeros",
        ),
        pytest.param(
            Damage("municipalities.csv", "2024-12-31,491", "2024-12-31,499x"),
            "successor_code",
            id="malformed successor",
        ),
        pytest.param(
            Damage("municipalities.csv", "2024-12-31,491", "2024-12-31,998"),
            "998 is unknown",
            id="unknown successor",
        ),
        pytest.param(
            Damage("case_system_members.csv", SOTKAMO_SERVED + "\n", ""),
            "no case system on 2021-03-01",
            id="no case system at all",
        ),
        pytest.param(
            Damage(
                "case_system_members.csv", SOTKAMO_SERVED, "cs-sotkamo,765,2021-03-01,2024-12-30"
            ),
            "no case system on 2024-12-31",
            id="no case system on the last day",
        ),
        pytest.param(
            Damage(
                "case_system_members.csv",
                SOTKAMO_SERVED,
                "cs-sotkamo,765,2021-03-01,2022-01-31\ncs-kuhmo,765,2022-02-02,2024-12-31",
            ),
            "no case system on 2022-02-01",
            id="no case system between two",
        ),
        pytest.param(
            Damage(
                "case_system_members.csv",
                SOTKAMO_SERVED,
                f"{SOTKAMO_SERVED}\ncs-kuhmo,765,2022-02-02,2022-02-02",
            ),
            "overlaps",
            id="two case systems at once",
        ),
        pytest.param(
            Damage(
                "case_system_members.csv", SOTKAMO_SERVED, "cs-sotkamo,765,2021-02-28,2024-12-31"
            ),
            "no membership on 2021-02-28",
            id="served before it is a member",
        ),
        pytest.param(
            Damage(
                "case_system_members.csv",
                SOTKAMO_SERVED,
                SOTKAMO_SERVED.replace("cs-sotkamo", "cs-nowhere"),
            ),
            "cs-nowhere is unknown",
            id="unknown case system",
        ),
        pytest.param(
            Damage("case_systems.csv", "cs-sotkamo,", "cs-nowhere,X,X,x\ncs-sotkamo,"),
            "serves no municipality",
            id="a case system that serves nobody",
        ),
        pytest.param(
            Damage("case_systems.csv", "cs-sotkamo,", "cs-sotkamo,X,X,x\ncs-sotkamo,"),
            "twice",
            id="a case system twice",
        ),
        pytest.param(
            Damage("te_offices.csv", KAINUU_OFFICE + "\n", ""),
            "no TE office on 2021-03-01",
            id="a pilot without its TE office",
        ),
        pytest.param(
            Damage("te_offices.csv", KAINUU_OFFICE, KAINUU_OFFICE.replace(",14,", ",13,")),
            "overlaps",
            id="two offices of one ELY area",
        ),
        pytest.param(
            Damage("te_offices.csv", KAINUU_OFFICE, KAINUU_OFFICE.replace(",14,", ",44,")),
            "44 is unknown",
            id="unknown ELY area",
        ),
        pytest.param(
            Damage("organisations.csv", "keha,keha", "te-kainuu,keha"),
            "is an office",
            id="an id taken",
        ),
        pytest.param(
            Damage("organisations.csv", "auditor,auditor", "keha,auditor"),
            "twice",
            id="an id twice",
        ),
        pytest.param(
            Damage("organisations.csv", "keha,keha", "keha,bank"), "kind", id="unknown kind"
        ),
        pytest.param(
            Damage("release.toml", '= "2021-03-01"', '= "spring"'),
            "base_version",
            id="no release date",
        ),
        pytest.param(
            Damage("release.toml", "base_version", "version"), "version", id="unknown key"
        ),
    ],
)
def test_a_register_at_fault_is_refused(folder: Path, damage: Damage, reason: str) -> None:
    do(damage, folder)

    with pytest.raises(RegisterFault, match=reason):
        parse_register(folder)


def test_a_refusal_names_file_and_line(folder: Path) -> None:
    do(Damage("case_systems.csv", "cs-espoo,", "cs-espoo,,"), folder)

    with pytest.raises(RegisterFault) as refused:
        parse_register(folder)

    assert (refused.value.file, refused.value.line) == ("case_systems.csv", 3)


@pytest.mark.parametrize("text", ["", "# only a note\n", "area_code,valid_from\n"])
def test_a_file_without_lines_is_refused(folder: Path, text: str) -> None:
    (folder / "area_members.csv").write_text(text, encoding="utf-8")

    with pytest.raises(RegisterFault, match=r"There (is|are) no"):
        parse_register(folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "te_offices.csv").unlink()

    with pytest.raises(RegisterFault, match="missing"):
        parse_register(folder)
