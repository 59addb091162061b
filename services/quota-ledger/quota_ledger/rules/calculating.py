"""Calculate what a decision costs, from its facts and the dated tables of law."""

from datetime import date

from msgspec import Struct

from quota_ledger.rules.calculations import Calculation, CalculationRefused
from quota_ledger.rules.items import DecisionItem


class QuotaTables(Struct, frozen=True, kw_only=True):
    """The tables of law, as read from data at composition."""


def calculate(
    item: DecisionItem, *, tables: QuotaTables, decided_on: date
) -> Calculation | CalculationRefused:
    """Calculate the decision by the rows known on the day it is decided.

    The item is examined (`quota_ledger.rules.intake`). Every month is charged to the item's own
    budget year; see `charged` for a decision that draws from two.
    """
    raise NotImplementedError
