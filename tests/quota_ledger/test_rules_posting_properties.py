"""Whatever is booked in whatever order, an account stays whole and its entries add up."""

from hypothesis import given
from hypothesis import strategies as st

from quota_ledger.rules.balances import NOTHING, Balance, Sums
from quota_ledger.rules.posting import (
    NO_HOLDS,
    Applied,
    Holds,
    Leg,
    Shortage,
    apply,
    legs_of,
)
from quota_ledger.rules.thresholds import level_of, told_after
from tests.quota_ledger.accounts import balance, draw, held_leg, id_of, leg

ACCOUNT = id_of(1)
CLIENTS = [f"0177ec61-3ab9-7893-923f-0824128b2f{number:02x}" for number in range(3)]
amounts = st.integers(min_value=0, max_value=1_000)


class History:
    """One account's life as leg after leg is tried; what does not fit leaves no trace."""

    def __init__(self, *, binds_persons: bool) -> None:
        self.balance = balance(binds_persons=binds_persons)
        self.held: dict[str, Holds] = {}
        self.decisions: dict[str, list[tuple[int, int]]] = {client: [] for client in CLIENTS}
        self.changes: list[Sums] = []

    def try_leg(self, tried: Leg) -> Applied | Shortage:
        held = self.held.get(tried.client_id or "", NO_HOLDS)
        outcome = apply(self.balance, tried, held)
        if isinstance(outcome, Applied):
            self.balance = outcome.balance
            self.changes.append(outcome.change)
            if tried.client_id is not None:
                self.held[tried.client_id] = outcome.holds
        return outcome

    def act(self, what: str, *, cents: int, client: str) -> None:
        match what:
            case "allocate":
                self.try_leg(leg(ACCOUNT, "addition", allocated_cents=cents, allocated_persons=1))
            case "cut":
                self.try_leg(leg(ACCOUNT, "cut", allocated_cents=-cents))
            case "reserve":
                self._reserve(cents, client)
            case "grant":
                self._grant(cents, client)
            case "release":
                self._release(client)
            case "pay":
                self.try_leg(leg(ACCOUNT, "payment", paid_cents=cents, paid_excess_cents=cents))
            case _:
                back = min(cents, self.balance.sums.paid_excess_cents)
                change = {"paid_cents": -back, "paid_excess_cents": -back}
                self.try_leg(leg(ACCOUNT, "recovery", **change))

    def _reserve(self, cents: int, client: str) -> None:
        holds = Holds(reserved=1)
        tried = held_leg(ACCOUNT, "reserve", client_id=client, holds=holds, reserved_cents=cents)
        if isinstance(self.try_leg(tried), Applied):
            self.decisions[client].append((cents, 0))

    def _grant(self, cents: int, client: str) -> None:
        waiting = [one for one in self.decisions[client] if not one[1]]
        if not waiting or not waiting[0][0]:
            return
        reserved, _ = waiting[0]
        granted = max(1, min(cents, reserved))
        self.try_leg(
            held_leg(
                ACCOUNT,
                "grant",
                client_id=client,
                holds=Holds(reserved=-1, committed=1),
                reserved_cents=-reserved,
                committed_cents=granted,
            )
        )
        self.decisions[client].remove(waiting[0])
        self.decisions[client].append((0, granted))

    def _release(self, client: str) -> None:
        if not self.decisions[client]:
            return
        reserved, committed = self.decisions[client].pop(0)
        holds = Holds(committed=-1) if committed else Holds(reserved=-1)
        change = {"reserved_cents": -reserved, "committed_cents": -committed}
        self.try_leg(held_leg(ACCOUNT, "release", client_id=client, holds=holds, **change))


acts = st.lists(
    st.tuples(
        st.sampled_from(["allocate", "cut", "reserve", "grant", "release", "pay", "recover"]),
        amounts,
        st.sampled_from(CLIENTS),
    ),
    max_size=60,
)


@given(acts, st.booleans())
def test_an_account_stays_whole_and_its_entries_add_up(
    tried: list[tuple[str, int, str]],
    binds_persons: bool,  # noqa: FBT001 - drawn
) -> None:
    history = History(binds_persons=binds_persons)
    for what, cents, client in tried:
        history.act(what, cents=cents, client=client)

    sums, total = history.balance.sums, NOTHING
    for change in history.changes:
        total = total.plus(change)

    assert total == sums
    assert history.balance.last_position == len(history.changes)
    assert sums.bound_cents <= sums.limit_cents
    decided = [one for held in history.decisions.values() for one in held]
    assert sums.reserved_cents == sum(reserved for reserved, _ in decided)
    assert sums.committed_cents == sum(committed for _, committed in decided)
    assert sums.bound_persons == sum(1 for held in history.decisions.values() if held)
    assert not binds_persons or sums.bound_persons <= sums.allocated_persons


def years(free: list[int], *, lapsed: list[bool]) -> list[Balance]:
    return [
        balance(number, allocated_cents=cents, is_lapsed=is_lapsed)
        for number, (cents, is_lapsed) in enumerate(zip(free, lapsed, strict=False), 1)
    ]


@given(st.lists(amounts, min_size=1, max_size=4), st.lists(st.booleans(), min_size=4), amounts)
def test_a_draw_takes_exactly_what_it_needs_from_the_oldest_or_nothing(
    free: list[int], lapsed: list[bool], cents: int
) -> None:
    accounts = years(free, lapsed=lapsed)
    usable = [one for one in accounts if not one.is_lapsed]
    account_ids = [one.account_id for one in accounts]

    legs = legs_of(draw(*account_ids, cents=cents), accounts, [NO_HOLDS] * len(accounts))

    if isinstance(legs, Shortage):
        assert not usable or cents > sum(one.sums.free_cents for one in usable)
        return
    assert sum(one.change.reserved_cents for one in legs) == cents
    drawn = {one.account_id: one.change.reserved_cents for one in legs}
    left = [one for one in usable if drawn.get(one.account_id, 0) < one.sums.free_cents]
    # Behind the first year that is not emptied nothing is taken.
    behind = usable[usable.index(left[0]) + 1 :] if left else []
    assert all(one.account_id not in drawn for one in behind)
    assert all(isinstance(apply(_of(accounts, one), one, NO_HOLDS), Applied) for one in legs)


def _of(accounts: list[Balance], one: Leg) -> Balance:
    [found] = [account for account in accounts if account.account_id == one.account_id]
    return found


@given(amounts, amounts, st.sampled_from([0, 80, 90, 100]))
def test_a_threshold_is_told_once_until_the_limit_changes(
    limit_cents: int, used_cents: int, told: int
) -> None:
    sums = Sums(allocated_cents=limit_cents, committed_cents=min(limit_cents, used_cents))
    used_only, of_limit = Sums(committed_cents=1), Sums(allocated_cents=1)

    level = level_of(sums)

    assert told_after(sums, told=told, changed=used_only) == max(level, told)
    assert told_after(sums, told=told, changed=of_limit) == level
    assert (level == 100) == (limit_cents > 0 and sums.free_cents == 0)
