"""The closed lists that everybody may read, explained in three languages."""

from collections.abc import Mapping
from typing import get_args

from quota_ledger.rules.accounts import Instrument
from quota_ledger.rules.allocations import AllocationKind, AllocationStatus
from quota_ledger.rules.calculations import RefusalCode
from quota_ledger.rules.competence import OtherCode
from quota_ledger.rules.entries import EntryKind
from quota_ledger.rules.facts import AidScheme, EmployerKind
from quota_ledger.rules.forecasts import Reason as NoForecast
from quota_ledger.rules.posting import Limit
from quota_ledger.rules.reconciliations import DifferenceKind as MonthDifferenceKind
from quota_ledger.rules.states import (
    DecisionState,
    Outcome,
    OverrideState,
    PaymentKind,
    PaymentState,
    StepAction,
)
from quota_ledger.rules.step_requests import ReasonCode
from quota_ledger.rules.verdicts import EXHAUSTED
from quota_ledger.rules.verifying import DifferenceKind

CLOSED_LISTS: Mapping[str, tuple[str, ...]] = {
    "instruments": get_args(Instrument),
    "outcomes": get_args(Outcome),
    "reasons": (EXHAUSTED, *get_args(OtherCode), *get_args(RefusalCode)),
    "limits": get_args(Limit),
    "decision-states": get_args(DecisionState),
    "actions": get_args(StepAction),
    "action-reasons": get_args(ReasonCode),
    "allocation-kinds": get_args(AllocationKind),
    "allocation-statuses": get_args(AllocationStatus),
    "entry-kinds": get_args(EntryKind),
    "employer-kinds": get_args(EmployerKind),
    "aid-schemes": get_args(AidScheme),
    "payment-kinds": get_args(PaymentKind),
    "payment-states": get_args(PaymentState),
    "override-states": get_args(OverrideState),
    "forecast-reasons": get_args(NoForecast),
    "verification-differences": get_args(DifferenceKind),
    "reconciliation-differences": get_args(MonthDifferenceKind),
}
