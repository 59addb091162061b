"""What the ledger promises, without a database and one act at a time.

One area with one instrument: its own accounts and those of one municipality, by year. Every act
returns what the service must answer: a word where it is done, or the code of the problem.
"""

from collections import Counter

from tests.quota_ledger.model_accounts import Account, Decision, Key, Made

LAST_YEAR = 2022
"""The budget year that every decision names; it may draw from the year before as well."""
MOVED = ("reserved", "committed", "excess")
OVER = frozenset({"cancelled", "refused", "expired"})


class Model:
    """The accounts and the decisions of one area."""

    def __init__(self) -> None:
        self.orders: list[Made] = []
        self.payments: list[Made] = []
        self.accounts: dict[Key, Account] = {}
        self.decisions: dict[str, Decision] = {}
        self.closed: set[int] = set()
        self.events: Counter[str] = Counter()

    def allocate(self, year: int, cents: int) -> str:
        account = self._of_year(year)
        done = self._allocated(account, cents)
        if done == "done":
            self.accounts["", year] = account
        return self._ordered(done, {("", year): cents})

    def cut(self, year: int, cents: int) -> str:
        return self._ordered(self._allocated(self._of_year(year), -cents), {("", year): -cents})

    def transfer(self, year: int, cents: int) -> str:
        done = self._allocated(self._of_year(year), -cents)
        if done == "done":
            self._allocated(self.accounts.setdefault(("765", year), Account()), cents)
        return self._ordered(done, {("", year): -cents, ("765", year): cents})

    def _of_year(self, year: int, place: str = "") -> Account:
        """Return an account; one of a year that is over is closed from the beginning."""
        return self.accounts.get((place, year)) or Account(is_lapsed=year in self.closed)

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
        if any(-cents > self.accounts[key].spare for key, cents in back.items()):
            return "allocation_cut_below_bound"
        for key, cents in back.items():
            self._allocated(self.accounts[key], cents)
        order.is_reversed = True
        return "done"

    def _allocated(self, account: Account, cents: int) -> str:
        if account.is_lapsed:
            return "year_lapsed"
        if -cents > account.spare:
            return "allocation_cut_below_bound"
        account.change(allocated=cents)
        self.events["allocation.changed"] += 1
        return "done"

    def reserve(self, name: str, client: str, cents: int, *, on_year: int) -> str:
        decision = self.decisions[name] = Decision(client, on_year, cents)
        taken = self._draw(decision, cents)
        outcome = "refused" if taken is None else "reserved"
        decision.is_short = taken is None
        self._move(decision, taken or {})
        decision.state = outcome
        self.events[f"decision.{outcome}"] += 1
        return outcome

    def _draw(self, decision: Decision, cents: int) -> dict[Key, Counter[str]] | None:
        """Return what is reserved of which account, the oldest first; None where it is short."""
        after = {key: Counter(draw) for key, draw in decision.draws.items()}
        name = "committed" if decision.state == "granted" else "reserved"
        cents -= self._covered(after, cents) if name == "committed" else 0
        for key in self.open_keys(decision):
            taken = min(cents, max(0, self.accounts[key].free))
            cents -= taken
            if taken:
                after.setdefault(key, Counter())[name] += taken
        return None if cents else after

    def open_keys(self, decision: Decision) -> list[Key]:
        """Return the accounts that a decision may draw from, the oldest first."""
        years = (decision.decided_year - 1, decision.decided_year)
        keys = [
            ("765", year) if ("765", year) in self.accounts else ("", year)
            for year in years
            if year <= LAST_YEAR
        ]
        return [key for key in keys if key in self.accounts and not self.accounts[key].is_lapsed]

    def override(self, name: str, most: int) -> str:
        """Ask for so much, and approve it: what lacks is raised, and all of it is reserved."""
        decision = self.decisions[name]
        keys = self.open_keys(decision)
        if not decision.is_short or not keys:
            return "override_not_possible"
        free = [self.accounts[key].free for key in keys]
        lacking = max(0, decision.cents - sum(max(0, each) for each in free))
        lacking += max(0, -free[-1]) if lacking else 0
        if lacking > most:
            return "override_too_small"
        if lacking:
            self.accounts[keys[-1]].change(overridden=lacking)
            decision.raised[keys[-1]] += lacking
        self.events["decision.reserved"] += 1
        decision.is_short, decision.state = False, "reserved"
        return self._acted(decision, self._draw(decision, decision.cents) or {}, "reserved")

    def cover(self, name: str, cents: int) -> str:
        """Allocate what covers an override of a decision: so much of it falls back by it."""
        raised = self.decisions[name].raised
        [key] = raised
        account = self.accounts[key]
        if account.is_lapsed:
            return "year_lapsed"
        back = min(cents, raised[key])
        account.change(allocated=cents, overridden=-back)
        raised[key] -= back
        self.events["allocation.changed"] += 1
        return "done"

    def _give_back(self, decision: Decision, freed: Counter[Key]) -> None:
        """Let fall back at once what was raised for a decision that lets money go."""
        for key, left in decision.raised.items():
            falling = min(freed[key], left, self.accounts[key].free)
            if falling > 0:
                self.accounts[key].change(overridden=-falling)
                decision.raised[key] -= falling

    def _covered(self, after: dict[Key, Counter[str]], cents: int) -> int:
        """Let commitments grow by what was paid above them; return by how much."""
        left = cents
        for key, draw in sorted(after.items(), key=lambda item: item[0][1]):
            account = self.accounts[key]
            if draw["committed"] and not account.is_lapsed and account.free >= 0:
                taken = min(left, draw["excess"])
                draw["committed"] += taken
                left -= taken
        return cents - left

    def _move(self, decision: Decision, after: dict[Key, Counter[str]]) -> None:
        """Book the way from what a decision holds to what it shall hold.

        A commitment that grows takes in what was paid above it.
        """
        for key, new in after.items():
            old = decision.draws.get(key, Counter())
            grown = new["committed"] - old["committed"]
            taken = max(0, min(grown, new["excess"], new["committed"] - new["paid"]))
            new["paid"] += taken
            new["excess"] -= taken
            change = {name: new[name] - old[name] for name in MOVED}
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
        held = {key: draw["reserved"] + draw["committed"] for key, draw in decision.draws.items()}
        self._move(decision, after)
        left = {key: draw["reserved"] + draw["committed"] for key, draw in decision.draws.items()}
        self._give_back(decision, Counter({key: held[key] - left[key] for key in held}))
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
                freed = taken if kind == "paid" and decision.state in OVER else 0
                draw["net"] -= taken
                draw["excess"] -= taken if kind == "excess" else 0
                draw.subtract({"committed": freed, "paid": freed})
                back[key].update(paid=-taken, excess=-taken if kind == "excess" else 0)
                back[key].update(committed=-freed)
        back = {key: change for key, change in back.items() if change["paid"]}
        for key, change in back.items():
            lapsed = self.accounts[key].change(**change)
            change.update(lapsed=lapsed, allocated=-lapsed)
            is_let_go = change["committed"] and not decision.draws[key]["committed"]
            self.accounts[key].holds["c", decision.client] -= bool(is_let_go)
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
            after[key].subtract(dict.fromkeys(("committed", "paid"), change["committed"]))
            total_within += within
        for draw in after.values():
            if draw["excess"] < 0 or not 0 <= draw["net"] - draw["excess"] <= draw["paid"]:
                return "later_bookings_stand"
        is_bound = decision.state == "cancelled" and decision.total("committed") > 0
        if total_within and (is_bound or any(draw["excess"] for draw in after.values())):
            return "later_bookings_stand"
        if not all(self._fits(self.accounts[key], each) for key, each in made.changes.items()):
            return "later_bookings_stand"
        for key, change in made.changes.items():
            self.accounts[key].change(**{name: -cents for name, cents in change.items()})
            is_held = change["committed"] and not decision.draws[key]["committed"]
            self.accounts[key].holds["c", decision.client] += bool(is_held)
        decision.draws = after
        made.is_reversed = True
        self.events["payment.booked"] += 1
        return "done"

    def _fits(self, account: Account, change: Counter[str]) -> bool:
        """Say whether what a recovery has let go of a commitment may be bound again."""
        needed = change["allocated"] - change["committed"]
        if needed > 0 and account.is_lapsed and not change["lapsed"]:
            return False
        return needed <= max(0, account.free + max(0, change["excess"]))

    def lapse(self, year: int) -> str:
        self.closed.add(year)
        for (_, of_year), account in self.accounts.items():
            if of_year == year and not account.is_lapsed:
                left = account.spare
                if left:
                    account.change(allocated=-left, lapsed=left)
                    self.events["allocation.changed"] += 1
                account.is_lapsed = True
        return "done"
