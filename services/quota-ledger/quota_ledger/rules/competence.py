"""Who is competent to decide: the municipality responsible on the day (Q1), no own posts (Q2)."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from msgspec import Struct

from kuntavayla.register import CaseSystem, Register
from kuntavayla.service.errors import MunicipalityNotServed
from kuntavayla.values.responsibilities import Responsibility, responsible_on
from quota_ledger.rules.items import DecisionItem, PaySubsidyItem
from quota_ledger.rules.law_tables import QuotaTables

CompetenceRule = Literal["Q1", "Q2"]
OtherCode = Literal["responsible_other", "own_post"]
MatchedOn = Literal["employer.business_id", "service_code"]


class Competence(Struct, frozen=True, kw_only=True):
    """The municipality is competent, by this rule."""

    is_competent: bool = True
    rule: CompetenceRule = "Q1"
    is_own_post: bool = False


class NotCompetent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another authority decides: the reason as it is answered and stored."""

    code: OtherCode
    rule: CompetenceRule
    competent_authority: Literal["te_office", "municipality", "employment_area"]
    te_office_code: str | None = None
    matched_on: MatchedOn | None = None


class ClientNotKnown(Struct, frozen=True):
    """Nothing is known of the client yet: the caller tries again."""


Judgement = Competence | NotCompetent | ClientNotKnown | MunicipalityNotServed


class Circumstances(Struct, frozen=True, kw_only=True):
    """What is judged by, beside the item: the law, the register, the client's responsibilities."""

    tables: QuotaTables
    register: Register
    sender: CaseSystem
    versions: Sequence[Responsibility]


def judge(item: DecisionItem, *, circumstances: Circumstances, decided_on: date) -> Judgement:
    """Say whether the municipality may decide; `versions` are all that is known of the client.

    Q1: it is responsible for the client on the day decided, and the sender serves it that day. Q2:
    a post of its own, or of a body it controls, is for the TE office. The item is examined.
    Source: sources.md#competence-of-the-quota.
    """
    versions = circumstances.versions
    if not circumstances.sender.serves(item.municipality_code, on=decided_on):
        return MunicipalityNotServed(municipality_code=item.municipality_code)
    if not versions:
        return ClientNotKnown()
    responsible = responsible_on(versions, decided_on)
    if responsible is None or not _is_responsible(responsible, item.municipality_code):
        return _other(responsible, item, register=circumstances.register, on=decided_on)
    matched_on = own_post_by(item, tables=circumstances.tables, decided_on=decided_on)
    if matched_on is None:
        return Competence()
    office = circumstances.register.te_office_of(item.municipality_code, on=decided_on)
    return NotCompetent(
        code="own_post",
        rule="Q2",
        competent_authority="employment_area" if office is None else "te_office",
        te_office_code=office,
        matched_on=matched_on,
    )


def own_post_by(item: DecisionItem, *, tables: QuotaTables, decided_on: date) -> MatchedOn | None:
    """Return what shows that the post is a municipality's own; None where it is not.

    Source: sources.md#own-posts.
    """
    if not isinstance(item, PaySubsidyItem):
        return None
    if tables.own_posts.is_own(item.employer.business_id, on=decided_on):
        return "employer.business_id"
    row = tables.service_codes.find(item.service_code, on=decided_on)
    return "service_code" if row is not None and row.is_own_post else None


def _is_responsible(responsible: Responsibility, municipality_code: str) -> bool:
    is_municipality = responsible.authority == "municipality"
    return is_municipality and responsible.municipality_code == municipality_code


def _other(
    responsible: Responsibility | None, item: DecisionItem, *, register: Register, on: date
) -> NotCompetent:
    """Name who is responsible instead; another municipality only as such, not by its name."""
    if responsible is not None and responsible.authority == "municipality":
        return NotCompetent(code="responsible_other", rule="Q1", competent_authority="municipality")
    office = (
        register.te_office_of(item.municipality_code, on=on)
        if responsible is None
        else responsible.te_office_code
    )
    return NotCompetent(
        code="responsible_other",
        rule="Q1",
        competent_authority="employment_area" if office is None else "te_office",
        te_office_code=office,
    )
