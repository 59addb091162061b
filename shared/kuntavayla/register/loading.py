"""From the register's files to a register: read, judge the lines together, and only then build."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from kuntavayla.register.checking import (
    periods_by,
    refuse_contradictions,
    refuse_duplicates,
    refuse_gaps,
    refuse_overlaps,
    refuse_uncovered,
    refuse_unknown,
)
from kuntavayla.register.content import Content, MembershipEntry
from kuntavayla.register.entries import (
    CaseSystem,
    MembershipKind,
    Municipality,
    Organisation,
    OrganisationKind,
    ServedMunicipality,
    TeOffice,
)
from kuntavayla.register.lookups import Register
from kuntavayla.register.reading import (
    CaseSystemLine,
    Line,
    MembershipLine,
    MunicipalityLine,
    OrganisationLine,
    ServiceLine,
    TeOfficeLine,
    read_lines,
    read_release,
)

_MEMBERSHIP_FILES: tuple[tuple[str, MembershipKind, frozenset[str]], ...] = (
    ("area_members.csv", "pilot", frozenset({"confirmed", "compiled", "unconfirmed"})),
    ("employment_area_members.csv", "employment_area", frozenset({"official"})),
)
"""Each file of memberships with the kind that it holds and the statuses that it may use."""


@cache
def load_register() -> Register:
    """Return the register of the package's own data, read once in a process.

    Raises RegisterFault where it is at fault.
    """
    return parse_register(files("kuntavayla") / "data")


def parse_register(folder: Traversable) -> Register:
    """Return the register of a folder with the package's file names.

    Raises RegisterFault, which names file, line and reason, where the data cannot be used.
    """
    municipalities = _municipalities_of(folder)
    memberships = _memberships_of(folder, municipalities)
    te_offices = _te_offices_of(folder, municipalities)
    _refuse_pilots_without_office(memberships, municipalities, te_offices=te_offices)
    case_systems = _case_systems_of(folder, memberships)
    offices = tuple(line.value for line in te_offices)
    entries = tuple(line.value for line in memberships)
    return Register(
        Content(
            base_version=read_release(folder).base_version,
            municipalities=tuple(line.value for line in municipalities),
            memberships=entries,
            case_systems=case_systems,
            te_offices=offices,
            organisations=_organisations_of(
                folder, _derived_organisations(offices, case_systems, entries=entries)
            ),
        )
    )


def _municipalities_of(folder: Traversable) -> tuple[Line[Municipality], ...]:
    lines = read_lines(folder, "municipalities.csv", kind=MunicipalityLine)
    refuse_duplicates(lines, key=lambda line: line.code)
    refuse_unknown(
        lines, code=lambda line: line.successor_code, known={line.value.code for line in lines}
    )
    return tuple(line.of(_municipality(line.value)) for line in lines)


def _municipality(line: MunicipalityLine) -> Municipality:
    return Municipality(
        code=line.code,
        name_fi=line.name_fi,
        name_sv=line.name_sv,
        name_en=line.name_en,
        region_code=line.region_code,
        region_fi=line.region_fi,
        ely_code=line.ely_code,
        ely_fi=line.ely_fi,
        avi_code=line.avi_code,
        avi_fi=line.avi_fi,
        language_status=line.language_status,
        population_2020=line.population_2020,
        period=line.period,
        successor_code=line.successor_code,
    )


def _memberships_of(
    folder: Traversable, municipalities: Sequence[Line[Municipality]]
) -> tuple[Line[MembershipEntry], ...]:
    lines = []
    for file, kind, statuses in _MEMBERSHIP_FILES:
        for line in read_lines(folder, file, kind=MembershipLine):
            if line.value.status not in statuses:
                raise line.fault(f"The status {line.value.status} does not belong here.")
            lines.append(line.of(_membership(line.value, kind)))
    existence = periods_by(municipalities, key=lambda municipality: municipality.code)
    refuse_unknown(lines, code=lambda entry: entry.municipality_code, known=existence)
    refuse_overlaps(lines, key=lambda entry: entry.municipality_code)
    refuse_gaps(lines, key=lambda entry: f"{entry.municipality_code} ({entry.kind})")
    refuse_uncovered(
        lines,
        key=lambda entry: entry.municipality_code,
        covers=existence,
        missing="existing municipality",
    )
    refuse_contradictions(
        lines,
        key=lambda entry: entry.area_code,
        facts=lambda entry: (
            entry.kind,
            entry.area_name_fi,
            entry.area_name_sv,
            entry.area_name_en,
        ),
    )
    return tuple(lines)


def _membership(line: MembershipLine, kind: MembershipKind) -> MembershipEntry:
    return MembershipEntry(
        municipality_code=line.municipality_code,
        area_code=line.area_code,
        area_name_fi=line.area_name_fi,
        area_name_sv=line.area_name_sv,
        area_name_en=line.area_name_en,
        status=line.status,
        kind=kind,
        period=line.period,
    )


def _te_offices_of(
    folder: Traversable, municipalities: Sequence[Line[Municipality]]
) -> tuple[Line[TeOffice], ...]:
    lines = read_lines(folder, "te_offices.csv", kind=TeOfficeLine)
    refuse_duplicates(lines, key=lambda line: line.te_office_code)
    refuse_unknown(
        lines,
        code=lambda line: line.ely_code,
        known={line.value.ely_code for line in municipalities},
    )
    refuse_overlaps(lines, key=lambda line: f"The ELY area {line.ely_code}")
    return tuple(
        line.of(
            TeOffice(
                code=line.value.te_office_code,
                ely_code=line.value.ely_code,
                name_fi=line.value.name_fi,
                name_sv=line.value.name_sv,
                contact_point=line.value.contact_point,
                period=line.value.period,
            )
        )
        for line in lines
    )


def _refuse_pilots_without_office(
    memberships: Sequence[Line[MembershipEntry]],
    municipalities: Sequence[Line[Municipality]],
    *,
    te_offices: Sequence[Line[TeOffice]],
) -> None:
    """An open review leaves the TE office responsible, so a pilot needs one on every day."""
    by_ely = periods_by(te_offices, key=lambda office: office.ely_code)
    refuse_uncovered(
        [line for line in memberships if line.value.kind == "pilot"],
        key=lambda entry: entry.municipality_code,
        covers={line.value.code: by_ely.get(line.value.ely_code, []) for line in municipalities},
        missing="TE office",
    )


def _case_systems_of(
    folder: Traversable, memberships: Sequence[Line[MembershipEntry]]
) -> tuple[CaseSystem, ...]:
    lines = read_lines(folder, "case_systems.csv", kind=CaseSystemLine)
    refuse_duplicates(lines, key=lambda line: line.case_system_id)
    served = _served_by_case_system(folder, lines, memberships=memberships)
    for line in lines:
        if line.value.case_system_id not in served:
            raise line.fault(f"{line.value.case_system_id} serves no municipality.")
    return tuple(
        CaseSystem(
            case_system_id=line.value.case_system_id,
            name_fi=line.value.name_fi,
            name_sv=line.value.name_sv,
            contact_point=line.value.contact_point,
            served=tuple(
                sorted(
                    served[line.value.case_system_id],
                    key=lambda entry: (entry.municipality_code, entry.period.starts_on),
                )
            ),
        )
        for line in lines
    )


def _served_by_case_system(
    folder: Traversable,
    case_systems: Sequence[Line[CaseSystemLine]],
    *,
    memberships: Sequence[Line[MembershipEntry]],
) -> dict[str, list[ServedMunicipality]]:
    """Each day of a membership has one case system, and a case system serves only members."""
    lines = read_lines(folder, "case_system_members.csv", kind=ServiceLine)
    refuse_unknown(
        lines,
        code=lambda line: line.case_system_id,
        known={line.value.case_system_id for line in case_systems},
    )
    members = periods_by(memberships, key=lambda entry: entry.municipality_code)
    refuse_unknown(lines, code=lambda line: line.municipality_code, known=members)
    refuse_overlaps(lines, key=lambda line: line.municipality_code)
    refuse_uncovered(
        lines, key=lambda line: line.municipality_code, covers=members, missing="membership"
    )
    refuse_uncovered(
        memberships,
        key=lambda entry: entry.municipality_code,
        covers=periods_by(lines, key=lambda line: line.municipality_code),
        missing="case system",
    )
    served: dict[str, list[ServedMunicipality]] = defaultdict(list)
    for line in lines:
        served[line.value.case_system_id].append(
            ServedMunicipality(line.value.municipality_code, line.value.period)
        )
    return served


def _derived_organisations(
    te_offices: Sequence[TeOffice],
    case_systems: Sequence[CaseSystem],
    *,
    entries: Sequence[MembershipEntry],
) -> tuple[Organisation, ...]:
    offices = {office.code: (office.name_fi, office.name_sv) for office in te_offices}
    offices |= {
        entry.area_code: (entry.area_name_fi, entry.area_name_sv)
        for entry in entries
        if entry.kind == "employment_area"
    }
    return (
        *(
            Organisation(code, OrganisationKind.TE_OFFICE, *names)
            for code, names in offices.items()
        ),
        *(
            Organisation(
                system.case_system_id, OrganisationKind.CASE_SYSTEM, system.name_fi, system.name_sv
            )
            for system in case_systems
        ),
    )


def _organisations_of(
    folder: Traversable, derived: Sequence[Organisation]
) -> tuple[Organisation, ...]:
    lines = read_lines(folder, "organisations.csv", kind=OrganisationLine)
    refuse_duplicates(lines, key=lambda line: line.organisation_id)
    taken = {organisation.organisation_id for organisation in derived}
    for line in lines:
        if line.value.organisation_id in taken:
            raise line.fault(f"{line.value.organisation_id} is an office or a case system.")
    listed = (
        Organisation(
            line.value.organisation_id, line.value.kind, line.value.name_fi, line.value.name_sv
        )
        for line in lines
    )
    return (*derived, *listed)
