"""What the ledger promises, without a database and one act at a time.

One area with one instrument: its own accounts and those of one municipality, by year. Every act
returns what the service must answer: a word where it is done, or the code of the problem.
"""

from collections import Counter
from dataclasses import dataclass, field

LAST_YEAR = 2022
"""The budget year that every decision names; it may draw from the year before as well."""
Key = tuple[str, int]
"""An account: the municipality, or nothing for the area's own; and the year."""


@dataclass
class Account:
    """One account: sums in cents, what decisions hold of it by client, and its entries."""

    sums: Counter[str] = field(default_factory=Counter)
    holds: Counter[tuple[str, str]] = field(default_factory=Counter)
    entries: int = 0
    is_lapsed: bool = False

    @property
    def free(self) -> int:
        sums = self.sums
        return sums["allocated"] - sums["reserved"] - sums["committed"] - sums["excess"]

    def change(self, **change: int) -> None:
        """Book one entry; what is freed behind the lapse lapses, once debts are made good."""
        before = self.free
        self.sums.update(change)
        freed = min(self.free - before, self.free)
        if self.is_lapsed and freed > 0:
            self.sums.update(allocated=-freed, lapsed=freed)
        self.entries += 1

    def persons(self, kind: str) -> int:
        committed = {client for (held, client), n in self.holds.items() if held == "c" and n}
        reserved = {client for (held, client), n in self.holds.items() if held == "r" and n}
        return len(committed) if kind == "committed" else len(reserved - committed)


@dataclass
class Decision:
    """One decision: what it holds of which account, and what was paid of it there."""

    client: str
    decided_year: int
    state: str = "reserved"
    version: int = 1
    draws: dict[Key, Counter[str]] = field(default_factory=dict)

    def total(self, *names: str) -> int:
        return sum(draw[name] for draw in self.draws.values() for name in names)


@dataclass
class Made:
    """An order or a payment that was booked: what it changed of which account, until reversed."""

    changes: dict[Key, Counter[str]]
    of: str = ""
    is_payment: bool = False
    is_reversed: bool = False


class Model:
    """The accounts and the decisions of one area."""

    def __init__(self) -> None:
        self.orders: list[Made] = []
        self.payments: list[Made] = []
        self.accounts: dict[Key, Account] = {}
        self.decisions: dict[str, Decision] = {}
        self.events: Counter[str] = Counter()

    def allocate(self, year: int, cents: int) -> str:
        account = self.accounts.setdefault(("", year), Account())
        return self._ordered(self._allocated(account, cents), {("", year): cents})

    def cut(self, year: int, cents: int) -> str:
        account = self.accounts.get(("", year), Account())
        return self._ordered(self._allocated(account, -cents), {("", year): -cents})

    def transfer(self, year: int, cents: int) -> str:
        account = self.accounts.get(("", year), Account())
        done = self._allocated(account, -cents)
        if done == "done":
            self._allocated(self.accounts.setdefault(("765", year), Account()), cents)
        return self._ordered(done, {("", year): -cents, ("765", year): cents})

    def _ordered(self, done: str, cents: dict[Key, int]) -> str:
        if done == "done":
            changes = {key: Counter(allocated=each) for key, each in cents.items()}
            self.orders.append(Made(changes))
        return done

    def reverse(self, number: int) -> str:
        """Take back an order: in all of its accounts or in none."""
        order = self.orders[number]
        if order.is_reversed:
            return "already_reversed"
        back = {key: -each["allocated"] for key, each in order.changes.items()}
        if any(self.accounts[key].is_lapsed for key in back):
            return "year_lapsed"
        if any(-cents > max(0, self.accounts[key].free) for key, cents in back.items()):
            return "allocation_cut_below_bound"
        for key, cents in back.items():
            self._allocated(self.accounts[key], cents)
        order.is_reversed = True
        return "done"

    def _allocated(self, account: Account, cents: int) -> str:
        if account.is_lapsed:
            return "year_lapsed"
        if -cents > max(0, account.free):
            return "allocation_cut_below_bound"
        account.change(allocated=cents)
        self.events["allocation.changed"] += 1
        return "done"

    def reserve(self, name: str, client: str, cents: int, *, on_year: int) -> str:
        decision = Decision(client, on_year)
        self.decisions[name] = decision
        taken = self._draw(decision, cents)
        outcome = "refused" if taken is None else "reserved"
        self._move(decision, taken or {})
        decision.state = outcome
        self.events[f"decision.{outcome}"] += 1
        return outcome

    def _draw(self, decision: Decision, cents: int) -> dict[Key, Counter[str]] | None:
        """Return what is reserved of which account, the oldest first; None where it is short."""
        after = {key: Counter(draw) for key, draw in decision.draws.items()}
        name = "committed" if decision.state == "granted" else "reserved"
        for year in (year for year in (decision.decided_year - 1, decision.decided_year)):
            key = ("765", year) if ("765", year) in self.accounts else ("", year)
            account = self.accounts.get(key)
            if year > LAST_YEAR or account is None or account.is_lapsed:
                continue
            taken = min(cents, max(0, account.free))
            cents -= taken
            if taken:
                after.setdefault(key, Counter())[name] += taken
        return None if cents else after

    def _move(self, decision: Decision, after: dict[Key, Counter[str]]) -> None:
        """Book the way from what a decision holds to what it shall hold."""
        for key, new in after.items():
            old = decision.draws.get(key, Counter())
            change = {name: new[name] - old[name] for name in ("reserved", "committed")}
            if any(change.values()):
                self.accounts[key].change(**change)
            for name, held in (("reserved", "r"), ("committed", "c")):
                moved = (new[name] > 0) - (old[name] > 0)
                self.accounts[key].holds[held, decision.client] += moved
        decision.draws = {**decision.draws, **after}

    def grant(self, name: str, cents: int) -> str:
        decision = self.decisions[name]
        if decision.state != "reserved":
            return "decision_state_refuses"
        if cents > decision.total("reserved"):
            return "grant_above_reservation"
        after, left = {}, cents
        for key in sorted(decision.draws, key=lambda key: key[1]):
            taken = min(left, decision.draws[key]["reserved"])
            left -= taken
            after[key] = decision.draws[key] + Counter(committed=taken)
            after[key]["reserved"] = 0
        self.events["decision.granted"] += 1
        return self._acted(decision, after, "granted")

    def change(self, name: str, cents: int) -> str:
        decision = self.decisions[name]
        if decision.state not in {"reserved", "granted"}:
            return "decision_state_refuses"
        more = cents - decision.total("reserved", "committed")
        if cents < decision.total("paid"):
            return "change_below_paid"
        after = self._draw(decision, more) if more > 0 else self._reduced(decision, -more)
        return "refused" if after is None else self._acted(decision, after, decision.state)

    def release(self, name: str, action: str) -> str:
        decision, states = self.decisions[name], {"reserved"}
        if decision.state not in (states | {"granted"} if action == "cancel" else states):
            return "decision_state_refuses"
        held = decision.total("reserved", "committed")
        ended = {"cancel": "cancelled", "refuse": "refused", "expire": "expired"}[action]
        return self._acted(decision, self._reduced(decision, held), ended)

    def _reduced(self, decision: Decision, by: int) -> dict[Key, Counter[str]]:
        after = {}
        for key in sorted(decision.draws, key=lambda key: key[1], reverse=True):
            after[key] = draw = Counter(decision.draws[key])
            for name, least in (("reserved", 0), ("committed", draw["paid"])):
                taken = min(by, draw[name] - least)
                draw[name] -= taken
                by -= taken
        return after

    def _acted(self, decision: Decision, after: dict[Key, Counter[str]], state: str) -> str:
        self._move(decision, after)
        decision.state, decision.version = state, decision.version + 1
        return "done"

    def pay(self, name: str, cents: int) -> str:
        draws = self.decisions[name].draws
        made = Made({}, name, is_payment=True)
        newest = max(draws, key=lambda key: key[1])
        for key in sorted(draws, key=lambda key: key[1]):
            draw = draws[key]
            within = min(cents, max(0, draw["committed"] - draw["paid"]))
            cents -= within
            excess = cents if key == newest else 0
            draw.update(paid=within, net=within + excess, excess=excess)
            if within or excess:
                self.accounts[key].change(paid=within + excess, excess=excess)
                made.changes[key] = Counter(paid=within + excess, excess=excess)
        return self._booked(made)

    def _booked(self, made: Made) -> str:
        self.payments.append(made)
        self.events["payment.booked"] += 1
        return "booked"

    def recover(self, name: str, cents: int) -> str:
        decision = self.decisions[name]
        if cents > decision.total("net"):
            return "recovery_above_paid"
        keys = sorted(decision.draws, key=lambda key: key[1], reverse=True)
        back = {key: Counter[str]() for key in keys}
        for kind in ("excess", "paid"):
            for key in keys:
                draw = decision.draws[key]
                of_kind = draw["excess"] if kind == "excess" else draw["net"] - draw["excess"]
                taken = min(cents, of_kind)
                cents -= taken
                draw["net"] -= taken
                draw["excess"] -= taken if kind == "excess" else 0
                back[key].update(paid=-taken, excess=-taken if kind == "excess" else 0)
        back = {key: change for key, change in back.items() if change["paid"]}
        for key, change in back.items():
            self.accounts[key].change(**change)
        return self._booked(Made(back, name))

    def reverse_payment(self, number: int) -> str:
        """Take back a payment or a recovery on which nothing rests that came later."""
        made = self.payments[number]
        decision = self.decisions[made.of]
        if made.is_reversed:
            return "already_reversed"
        after = {key: Counter(draw) for key, draw in decision.draws.items()}
        total_within = 0
        for key, change in made.changes.items():
            within = change["paid"] - change["excess"] if made.is_payment else 0
            back = {"paid": within, "net": change["paid"], "excess": change["excess"]}
            after[key].subtract(back)
            total_within += within
        for draw in after.values():
            if draw["excess"] < 0 or not 0 <= draw["net"] - draw["excess"] <= draw["paid"]:
                return "later_bookings_stand"
        is_bound = decision.state == "cancelled" and decision.total("committed") > 0
        if total_within and (is_bound or any(draw["excess"] for draw in after.values())):
            return "later_bookings_stand"
        for key, change in made.changes.items():
            self.accounts[key].change(paid=-change["paid"], excess=-change["excess"])
        decision.draws = after
        made.is_reversed = True
        self.events["payment.booked"] += 1
        return "done"

    def lapse(self, year: int) -> None:
        for (_, of_year), account in self.accounts.items():
            if of_year == year and not account.is_lapsed:
                left = max(0, account.free)
                if left:
                    account.change(allocated=-left, lapsed=left)
                    self.events["allocation.changed"] += 1
                account.is_lapsed = True
