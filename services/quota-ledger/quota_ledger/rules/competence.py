"""Who is competent to decide: the municipality responsible on the day (Q1), no own posts (Q2)."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from msgspec import Struct

from kuntavayla.register import CaseSystem, Register
from kuntavayla.service.errors import MunicipalityNotServed
from kuntavayla.values.responsibilities import Responsibility
from quota_ledger.rules.calculating import QuotaTables
from quota_ledger.rules.items import DecisionItem

CompetenceRule = Literal["Q1", "Q2"]


class Competence(Struct, frozen=True, kw_only=True):
    """The municipality is competent, by this rule."""

    is_competent: bool = True
    rule: CompetenceRule = "Q1"
    is_own_post: bool = False


class NotCompetent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another authority decides: the reason as it is answered and stored."""

    code: Literal["responsible_other", "own_post"]
    rule: CompetenceRule
    competent_authority: Literal["te_office", "municipality", "employment_area"]
    te_office_code: str | None = None
    matched_on: Literal["employer.business_id", "service_code"] | None = None


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
    """Say whether the municipality may decide; `versions` are all that is known of the client."""
    raise NotImplementedError
