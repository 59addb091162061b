"""The checker of the ledger's books: everything is added up again, and held against each other.

It knows the tables and what was sent and answered; no code of the service. Each check returns what
it finds wrong, as sentences.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.faults.quota_items import Sent
from tests.faults.quota_stored import Rows, Stored

CENTS = (
    "allocated_cents",
    "overridden_cents",
    "reserved_cents",
    "committed_cents",
    "paid_cents",
    "paid_excess_cents",
    "lapsed_cents",
)
SUMS = (*CENTS, "allocated_persons", "reserved_persons", "committed_persons")
HELD = ("reserved_cents", "committed_cents")
TOLD_ONCE = frozenset(
    f"decision.{each}" for each in ("reserved", "refused", "granted", "changed", "expired")
)
ENDED = {"cancel": "cancelled", "refuse": "refused"}
CLOSED_YEAR = 2021


def check_decisions(stored: Stored, sent: Mapping[str, Sent]) -> Iterator[str]:
    """What was answered is stored once and as it was answered, and nothing that was never sent."""
    times = Counter(row["municipal_id"] for row in stored.decisions)
    rows = {row["municipal_id"]: row for row in stored.decisions}
    for name, each in sent.items():
        if times[name] != 1:
            yield f"{name} is stored {times[name]} times"
            continue
        row, told = rows[name], {(one["decision_id"], one["outcome"]) for one in each.answers}
        if {its_id for its_id, _ in told} != {row["id"]} or len(told) != 1:
            yield f"{name} is stored as {row['id']}, answered as {told}"
        facts = (row["organisation"], str(row["client_id"]), row["cents"])
        wanted = (each.place.case_system_id, each.body["client_id"], each.cents)
        if facts != wanted:
            yield f"{name} is stored with {facts}, not {wanted}"
    yield from (f"{name} was never sent" for name in times if name not in sent)


def check_steps(stored: Stored, sent: Mapping[str, Sent]) -> Iterator[str]:
    """Each act that was answered is one step of the story, and no other step is in it."""
    stories: dict[str, list[str]] = defaultdict(list)
    for row in stored.steps:
        stories[row["decision"]].append(row["action"])
        if row["number"] != len(stories[row["decision"]]):
            yield f"the story of {row['decision']} has a hole or a double at {row['number']}"
    overridden = Counter(row["decision"] for row in stored.overrides if row["raised_cents"])
    rows = {row["municipal_id"]: row for row in stored.decisions}
    for name, each in sent.items():
        if name not in rows:
            continue
        first, *later = stories[rows[name]["id"]] or [""]
        if first != ("reserve" if each.outcome == "reserved" else "refuse"):
            yield f"the story of {name} begins with {first}"
        acts, found = _acts(each), Counter(later)
        by_clock = {"expire": found.pop("expire", 0), "override": found.pop("override", 0)}
        if found != acts:
            yield f"{name} has steps {dict(found)}, answered were {dict(acts)}"
        if by_clock["override"] < min(1, overridden[rows[name]["id"]]):
            yield f"{name} has an override and no step of it"
        yield from _unlike_state(each, rows[name], by_clock)


def _acts(sent: Sent) -> Counter[str]:
    """Return the steps that a decision's sender was answered as taken."""
    acts: Counter[str] = Counter()
    for name, count in sent.acts.items():
        acts[name.removesuffix(" refused")] += count
    return acts


def _unlike_state(sent: Sent, row: Mapping[str, Any], by_clock: Mapping[str, int]) -> Iterator[str]:
    version = sent.version + by_clock["expire"] + by_clock["override"]
    if row["version"] != version:
        yield f"{sent.municipal_id} is version {row['version']}, not {version}"
    expected = "granted" if sent.acts["grant"] else "expired"
    if sent.outcome == "refused" and not by_clock["override"]:
        expected = "refused"
    for act, state in ENDED.items():
        expected = state if sent.acts[act] else expected
    if row["state"] != expected or by_clock["expire"] != (expected == "expired"):
        yield f"{sent.municipal_id} is {row['state']}, not {expected}"
    if sent.is_lost and expected != "expired":
        yield f"{sent.municipal_id} was refused an act as if it had expired"


def check_entries(stored: Stored) -> Iterator[str]:
    """Positions have no hole, each balance is the sum of its entries, and none is overdrawn."""
    by_account = stored.entries_by("account")
    for account in stored.accounts:
        entries = by_account[account["id"]]
        if [row["position"] for row in entries] != list(range(1, account["last_position"] + 1)):
            yield f"positions of {account['id']} have a hole or a double"
        total = dict.fromkeys(SUMS, 0)
        for entry in entries:
            for name in SUMS:
                total[name] += entry[name]
            if any(entry[f"{name}_after"] != total[name] for name in SUMS):
                yield f"the balance behind entry {entry['position']} of {account['id']} is wrong"
            yield from _overdrawn(account["id"], total)
        if any(account[name] != total[name] for name in SUMS):
            yield f"the entries of {account['id']} do not add up to its balance"
        if account["is_lapsed"] != (account["budget_year"] == CLOSED_YEAR):
            yield f"{account['id']} of {account['budget_year']}: lapsed is {account['is_lapsed']}"
    ids = Counter(row["entry_id"] for row in stored.entries)
    yield from (f"entry {each} stands {count} times" for each, count in ids.items() if count > 1)


def _overdrawn(account_id: str, total: Mapping[str, int]) -> Iterator[str]:
    bound = total["reserved_cents"] + total["committed_cents"]
    if bound > total["allocated_cents"] + total["overridden_cents"]:
        yield f"{account_id} is overdrawn"
    if min(total.values()) < 0:
        yield f"{account_id} falls below nothing"


def check_holdings(stored: Stored, sent: Mapping[str, Sent]) -> Iterator[str]:
    """Decisions, entries and balances agree to the cent on what is held, and to the person."""
    booked: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in stored.entries:
        if row["decision"]:
            booked[row["decision"], row["account"]].update({name: row[name] for name in CENTS})
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for row in stored.draws:
        its_booked = booked[row["decision"], row["account"]]
        if any(row[name] != its_booked[name] for name in HELD):
            yield f"{row['decision']} holds of {row['account']} what was not booked"
        held[row["account"]].update({name: row[name] for name in HELD})
    for account in stored.accounts:
        if any(account[name] != held[account["id"]][name] for name in HELD):
            yield f"{account['id']} binds other than its decisions hold"
    yield from _unlike_persons(stored)
    yield from _unlike_amounts(stored, sent)


def _unlike_persons(stored: Stored) -> Iterator[str]:
    clients = {row["id"]: str(row["client_id"]) for row in stored.decisions}
    holds: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in stored.draws:
        counted = holds[row["account"], clients.get(row["decision"], "")]
        for place, name in enumerate(HELD):
            counted[place] += row[name] > 0
    for row in stored.holds:
        if [row["reserved_holds"], row["committed_holds"]] != holds[row["account"], row["client"]]:
            yield f"{row['client']} is not counted in {row['account']} as it holds money there"
    for account in stored.accounts:
        of_account = [both for (its_id, _), both in holds.items() if its_id == account["id"]]
        persons = (
            sum(1 for reserved, committed in of_account if reserved and not committed),
            sum(1 for _, committed in of_account if committed),
        )
        if persons != (account["reserved_persons"], account["committed_persons"]):
            yield f"{account['id']} counts other persons than {persons}"


def _unlike_amounts(stored: Stored, sent: Mapping[str, Sent]) -> Iterator[str]:
    """What a decision holds in the end is what its sender asked for last, or what is paid of it."""
    draws: dict[str, Counter[str]] = defaultdict(Counter)
    for row in stored.draws:
        names = (*HELD, "paid_cents")
        draws[row["decision"]].update({name: row[name] for name in names})
    for row in stored.decisions:
        each, draw = sent.get(row["municipal_id"]), draws[row["id"]]
        if each is None:
            continue
        committed = each.cents if row["state"] == "granted" else draw["paid_cents"]
        if (draw["reserved_cents"], draw["committed_cents"]) != (0, committed):
            yield f"{row['municipal_id']} holds {dict(draw)} as {row['state']}"


def check_events(stored: Stored) -> Iterator[str]:
    """Events are numbered without hole or double; each step, payment and order is told once."""
    if [row["position"] for row in stored.outbox] != list(range(1, len(stored.outbox) + 1)):
        yield "events have a hole or a double"
    if stored.head[0]["position"] != len(stored.outbox):
        yield f"the head is {stored.head[0]['position']}, not {len(stored.outbox)}"
    ids = Counter(row["event_id"] for row in stored.outbox)
    yield from (f"event {each} stands {count} times" for each, count in ids.items() if count > 1)
    told = _told_events(stored)
    wanted = _wanted_events(stored)
    for key in {*told, *wanted}:
        if told[key] != wanted[key]:
            yield f"{key} is told {told[key]} times, not {wanted[key]}"
    yield from _unlike_order(stored)


def _told_events(stored: Stored) -> Counter[tuple[str, str]]:
    """Return how often each step of a decision, each payment and its reversal were told."""
    told: Counter[tuple[str, str]] = Counter()
    for kind, data, _ in stored.events():
        if kind in TOLD_ONCE:
            told[kind, data["decision_id"]] += 1
        elif kind == "payment.booked":
            told[f"{kind} {data['kind'] == 'reversal'}", data["payment_id"]] += 1
    return told


def _wanted_events(stored: Stored) -> Counter[tuple[str, str]]:
    kinds = {"reserve": "reserved", "override": "reserved", "grant": "granted", "expire": "expired"}
    wanted: Counter[tuple[str, str]] = Counter()
    changed = Counter(
        row["resource"]
        for row in stored.audit
        if (row["action"], row["outcome"]) == ("decision.change", "done")
    )
    wanted.update({("decision.changed", str(its_id)): count for its_id, count in changed.items()})
    for row in stored.steps:
        if row["action"] in kinds:
            wanted[f"decision.{kinds[row['action']]}", row["decision"]] += 1
        elif row["action"] == "refuse" and row["number"] == 1:
            wanted["decision.refused", row["decision"]] += 1
    booked = {row["id"] for row in stored.payments if row["state"] != "refused"}
    wanted.update(("payment.booked False", its_id) for its_id in booked)
    reversed_ = [row["of"] for row in stored.reversals if row["of"] in booked]
    wanted.update(("payment.booked True", its_id) for its_id in reversed_)
    return wanted


def _unlike_order(stored: Stored) -> Iterator[str]:
    """Of a decision its beginning is told first; of a restricted client on its own feed alone."""
    restricted = {str(row["client_id"]) for row in stored.decisions if row["is_restricted"]}
    recipients = {row["id"]: row["organisation"] for row in stored.decisions}
    begun = set[str]()
    for kind, data, row in stored.events():
        its_id = data.get("decision_id")
        if kind in {"decision.reserved", "decision.refused"}:
            begun.add(data["decision_id"])
        elif its_id is not None and its_id not in begun:
            yield f"{kind} of {its_id} is told before the decision"
        if "client_id" in data and data["client_id"] is not None:
            channel = "restricted" if data["client_id"] in restricted else "common"
            if (row["channel"], row["recipient"]) != (channel, recipients.get(its_id)):
                yield f"event {row['event_id']} goes to {row['recipient']}, {row['channel']}"


def check_lapses(stored: Stored, answered: Rows) -> Iterator[str]:
    """A year is closed once in each area, whoever else tried it at the same time."""
    wanted = {each["lapse_id"] for each in answered}
    if {row["id"] for row in stored.lapses} != wanted:
        yield f"{len(stored.lapses)} lapses are stored, {len(wanted)} were answered"
    closed = Counter(one["account_id"] for each in answered for one in each["accounts"])
    lapsed = {row["id"] for row in stored.accounts if row["is_lapsed"]}
    if set(closed) != lapsed or max(closed.values(), default=1) > 1:
        yield f"accounts were closed {dict(closed)}, lapsed are {lapsed}"
