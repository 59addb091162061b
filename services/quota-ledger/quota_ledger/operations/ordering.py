"""What a single call that orders money is made with."""

from msgspec import Struct

from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.idempotency import KeyUse
from kuntavayla.service.moments import Call, Moment
from quota_ledger.errors import AllocationCutBelowBound, YearLapsed
from quota_ledger.operations.law import Law
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.allocations import PERSONS_OF_ACCOUNT_MAX
from quota_ledger.rules.balances import NOTHING, Balance
from quota_ledger.rules.posting import Shortage
from quota_ledger.rules.years import may_lapse


class OrderDesk(Struct, frozen=True, kw_only=True):
    """What an order is made with; `use.result_id` is the id that it gets."""

    use: KeyUse
    call: Call
    law: Law
    moment: Moment

    @property
    def official_id(self) -> str:
        """Return the official who orders; the edge has seen to it that there is one."""
        assert self.call.official_id is not None, "an order names its official"
        return self.call.official_id


def require_not_over(budget_year: int, *, desk: OrderDesk) -> None:
    """Raise YearLapsed where the second of a year's two years is over, closed already or not."""
    if may_lapse(budget_year, today=desk.moment.today):
        raise YearLapsed(budget_year=budget_year)


def require_countable(balance: Balance) -> None:
    """Raise InvalidContent where an account would have more persons than it can count."""
    if balance.sums.allocated_persons > PERSONS_OF_ACCOUNT_MAX:
        advice = "Give so few that the account has at most 2,000,000,000 in all."
        raise InvalidContent((Fault("/persons", "too_large", advice),))


def failure_of(shortage: Shortage, *, balance: Balance) -> AllocationCutBelowBound | YearLapsed:
    """Return why an order does not fit into an account, with what is bound in it."""
    if shortage.limit == "lapsed":
        return YearLapsed(budget_year=balance.key.budget_year)
    sums = balance.sums
    return AllocationCutBelowBound(
        limit=shortage.limit,
        bound_cents=sums.used_cents,
        allocated_cents=sums.allocated_cents,
        bound_persons=sums.bound_persons,
        allocated_persons=sums.allocated_persons,
        needed=shortage.needed,
        available=shortage.available,
    )


def empty_account(key: AccountKey, *, desk: OrderDesk) -> Balance:
    """Return an account as it would be opened."""
    return Balance(
        account_id=desk.moment.new_id(),
        key=key,
        sums=NOTHING,
        binds_persons=desk.law.binds_persons,
        is_lapsed=may_lapse(key.budget_year, today=desk.moment.today),
        last_position=0,
        threshold_told=0,
    )
