"""The checker: compares both databases with what the sender sent and was answered.

It knows the tables, the sent lines and the sandbox's judge of lines; no code of the services. Each
check returns what it finds wrong, as sentences.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import Any

import msgspec

from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from tests.faults.expected import Client, Holding
from tests.faults.postgres import ROUTING, Postgres
from tests.faults.sender import Ids

REGISTRATIONS = """
SELECT source_registration_id, registration_id::text, d.decision_id::text, r.client_id::text,
       outcome, d.municipality_code, d.case_system_id, cause
FROM registrations r LEFT JOIN decisions d USING (registration_id)
"""
CLIENTHOODS = """
SELECT client_id::text, version, case_system_id, valid_to IS NULL AS is_open
FROM clienthoods ORDER BY client_id, version
"""
TRANSFERS = """
SELECT transfer_id::text, client_id::text, clienthood_version, case_system_id, municipality_code,
       state
FROM transfers
"""
AUDIT = "SELECT action, outcome, resource_id::text FROM audit"
OUTBOX = """
SELECT position, event_id::text, recipient, channel, subject::text, convert_from(body, 'UTF8') body
FROM outbox ORDER BY position
"""
HELD = """
SELECT case_system_id, transfer_id::text, client_id::text, clienthood_version, municipality_code,
       state, revision, identity_code, source_client_number, document
FROM clients LEFT JOIN persons USING (case_system_id, transfer_id)
"""
CREATED = 201


class Stored:
    """Everything that both databases hold after the campaign."""

    def __init__(self, rows: Mapping[str, list[Any]]) -> None:
        self.registrations = rows["registrations"]
        self.clienthoods = rows["clienthoods"]
        self.transfers = rows["transfers"]
        self.audit = rows["audit"]
        self.outbox = rows["outbox"]
        self.held = rows["held"]
        self.head: int = rows["head"][0]["position"]
        self.clients: int = rows["clients"][0]["count"]
        self.keys = rows["keys"]
        self.events = [msgspec.json.decode(row["body"]) for row in self.outbox]

    def copied(self) -> "Stored":
        """Return the same, whose lists may be changed without harm."""
        other = copy(self)
        for name, value in vars(self).items():
            setattr(other, name, copy(value))
        return other

    def dumped(self) -> bytes:
        """Return all rows as JSON."""
        rows = {
            name: [dict(row) for row in value] if isinstance(value, list) else value
            for name, value in vars(self).items()
        }
        return msgspec.json.encode(rows)

    def events_of(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind, in order."""
        return [each for each in self.events if each["type"] == f"fi.kuntavayla.{kind}.v1"]


async def load_stored(postgres: Postgres) -> Stored:
    """Read both databases."""
    asked = {
        "registrations": REGISTRATIONS,
        "clienthoods": CLIENTHOODS,
        "transfers": TRANSFERS,
        "audit": AUDIT,
        "outbox": OUTBOX,
        "head": "SELECT position FROM outbox_head",
        "clients": "SELECT count(*) FROM clients",
        "keys": "SELECT organisation, route, key, status, result_id::text FROM idempotency_keys",
    }
    rows = {name: await postgres.fetch(ROUTING, sql) for name, sql in asked.items()}
    return Stored({**rows, "held": await postgres.fetch(CASE_SYSTEMS, HELD)})


def check_registrations(
    stored: Stored, clients: Mapping[int, Client], answers: Mapping[str, Sequence[Ids]]
) -> list[str]:
    """Each line sent is stored and decided once, as the law says, and as it was answered."""
    rows: dict[str, list[Any]] = defaultdict(list)
    for row in stored.registrations:
        rows[row["source_registration_id"]].append(row)
    found = []
    for client in clients.values():
        for line, judged in zip(client.lines, client.judged, strict=True):
            mine = rows.pop(line.source, [])
            if len(mine) != 1:
                found.append(f"{line.source} is stored {len(mine)} times")
                continue
            [row] = mine
            is_as_judged = row["outcome"] == judged.outcome and (
                judged.outcome != "municipality"
                or (row["municipality_code"], row["case_system_id"])
                == (judged.municipality_code, judged.case_system_id)
            )
            told = {(a.registration_id, a.decision_id, a.client_id) for a in answers[line.source]}
            is_as_told = told == {(row["registration_id"], row["decision_id"], row["client_id"])}
            if not (is_as_judged and is_as_told):
                found.append(f"{line.source} is not as judged or not as answered: {row} {told}")
    found += [f"{source} was never sent" for source in rows]
    if stored.clients != len(clients):
        found.append(f"{stored.clients} clients of {len(clients)} persons")
    return found


def check_keys(stored: Stored, keyed: Collection[str]) -> list[str]:
    """Each idempotency key that was answered stands for what came of its line; no other is kept."""
    made = {row["source_registration_id"]: row["registration_id"] for row in stored.registrations}
    expected = {
        ("te-national", "registrations", f"key-{source}", CREATED, made.get(source))
        for source in keyed
    }
    kept = {tuple(dict(row).values()) for row in stored.keys}
    return [f"key {each} is missing" for each in expected - kept] + [
        f"key {each} is of nothing that was accepted" for each in kept - expected
    ]


def check_clienthoods(stored: Stored, clients: Mapping[int, Client]) -> list[str]:
    """The versions of each client are those that what was sent calls for, without a gap."""
    client_ids = {row["source_registration_id"]: row["client_id"] for row in stored.registrations}
    versions: dict[str, list[tuple[int, str | None, bool]]] = defaultdict(list)
    for row in stored.clienthoods:
        entry = (row["version"], row["case_system_id"], row["is_open"])
        versions[row["client_id"]].append(entry)
    found = []
    for client in clients.values():
        expected: list[tuple[int, str | None, bool]] = [
            (each.version, each.case_system_id, not each.is_withdrawn) for each in client.holdings
        ] or [(1, None, True)]
        stands = versions[client_ids.get(client.lines[0].source, "")]
        if stands != expected:
            found.append(f"{client.lines[0].source} has clienthoods {stands}, not {expected}")
    return found


def check_effects(
    stored: Stored, clients: Mapping[int, Client], *, by_topic: str | None
) -> list[str]:
    """Each case system holds its own clients, each once, as they were last sent; and no others.

    Who acknowledges by its topic alone holds them unacknowledged, and the service knows better.
    """
    transfers = {(row["client_id"], row["clienthood_version"]): row for row in stored.transfers}
    held: dict[tuple[str, str], Any] = {
        (row["case_system_id"], row["transfer_id"]): row for row in stored.held
    }
    client_ids = {row["source_registration_id"]: row["client_id"] for row in stored.registrations}
    found = []
    for client in clients.values():
        client_id = client_ids.get(client.lines[0].source, "")
        for holding in client.holdings:
            transfer = transfers.pop((client_id, holding.version), None)
            if transfer is None:
                found.append(f"{client.lines[0].source} has no transfer {holding.version}")
                continue
            row = held.pop((holding.case_system_id, transfer["transfer_id"]), None)
            wrong = _differences(client, holding, transfer=transfer, row=row)
            if row is not None:
                states = (transfer["state"], row["state"])
                if states not in _states_of(client, holding, by_topic=by_topic):
                    wrong.append(f"states {states}")
            if wrong:
                found.append(f"{client.lines[0].source}/{holding.version}: {', '.join(wrong)}")
    found += [f"a transfer that nothing calls for: {row}" for row in transfers.values()]
    found += [f"an effect that nothing calls for: {row}" for row in held.values()]
    return found


def _states_of(client: Client, holding: Holding, *, by_topic: str | None) -> set[tuple[str, str]]:
    """Return in which states a transfer and its effect may end.

    Who is or was restricted may have been so when its acknowledgement by topic came.
    """
    if holding.is_withdrawn:
        return {("withdrawn", "ended")}
    if holding.case_system_id != by_topic:
        return {("acknowledged", "acknowledged")}
    was_restricted = any(each.is_restricted for each in client.judged)
    return {("acknowledged", "fetched")} | ({("offered", "fetched")} if was_restricted else set())


def _differences(client: Client, holding: Any, *, transfer: Any, row: Any) -> list[str]:  # noqa: ANN401 - rows
    """Return the names of what differs between a holding and its rows in both databases."""
    if row is None:
        return ["no effect"]
    last = client.lines[-1]
    pairs = {
        "municipality": (
            (transfer["municipality_code"], row["municipality_code"]),
            (holding.municipality_code,) * 2,
        ),
        "case system": (transfer["case_system_id"], holding.case_system_id),
        "client": (row["client_id"], transfer["client_id"]),
        "version": (row["clienthood_version"], holding.version),
    }
    if not holding.is_withdrawn:
        document = msgspec.json.decode(row["document"] or "null")
        street = document and document["person"]["contact"]["address"]["street"]
        pairs["person"] = (row["identity_code"], last.identity_code)
        pairs["client number"] = (row["source_client_number"], f"URA-C-{last.person}")
        pairs["newest data"] = (street, last.street)
        if holding.is_in_one_feed:
            pairs["effects of updates"] = (row["revision"], 1 + holding.updates)
    wrong = [f"{name} {is_} not {should}" for name, (is_, should) in pairs.items() if is_ != should]
    if row["revision"] > 1 + holding.updates:
        wrong.append("an update had effect twice")
    return wrong


def check_outbox(stored: Stored, clients: Mapping[int, Client]) -> list[str]:
    """Positions have no gap, ids are unique, order per client is kept, each event stands once."""
    found = []
    positions = [row["position"] for row in stored.outbox]
    if positions != list(range(1, stored.head + 1)):
        found.append(f"positions have a gap or do not end at the head {stored.head}")
    sequences = [f"000001.{position:018d}" for position in positions]
    if [event["sequence"] for event in stored.events] != sequences:
        found.append("a sequence differs from its position")
    if len({row["event_id"] for row in stored.outbox}) != len(positions):
        found.append("an event id stands twice")
    newest: dict[str, int] = {}
    for event in stored.events:
        version = event["data"].get("clienthood_version")
        # A withdrawal tells of the version that ends, and an acknowledgement may come late.
        if version is None or event["type"].endswith(("withdrawn.v1", "acknowledged.v1")):
            continue
        if version < newest.get(event["subject"], 1):
            found.append(f"version {version} comes late: {event['subject']}")
        newest[event["subject"]] = version
    return found + _check_counts(stored, [h for c in clients.values() for h in c.holdings])


def _check_counts(stored: Stored, holdings: Sequence[Any]) -> list[str]:
    acknowledged = Counter(
        event["data"]["transfer_id"] for event in stored.events_of("transfer.acknowledged")
    )
    standing = {row["transfer_id"] for row in stored.transfers if row["state"] == "acknowledged"}
    told = {
        "offers": (len(stored.events_of("client.transferred")), len(holdings)),
        "withdrawals": (
            len(stored.events_of("client.withdrawn")),
            sum(each.is_withdrawn for each in holdings),
        ),
        "responsibilities": (
            len(stored.events_of("responsibility.changed")),
            len(holdings) + sum(each.feed_changes for each in holdings),
        ),
        "acknowledgements told twice": (max(acknowledged.values(), default=1), 1),
        "acknowledgements not told": (len(standing - set(acknowledged)), 0),
    }
    to_systems = {row["recipient"] for row in stored.outbox if row["recipient"].startswith("cs-")}
    updated = [
        row
        for row, event in zip(stored.outbox, stored.events, strict=True)
        if event["type"] == "fi.kuntavayla.client.updated.v1" and row["recipient"] in to_systems
    ]
    told["updates"] = (len(updated), sum(each.updates for each in holdings))
    return [f"{name}: {is_} not {should}" for name, (is_, should) in told.items() if is_ != should]


def check_audit(stored: Stored) -> list[str]:
    """Each decision and each acknowledgement has its line, each held person one at least."""
    lines: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in stored.audit:
        lines[row["action"], row["outcome"]][row["resource_id"]] += 1
    decided: Counter[str] = Counter()
    for (action, _), counted in lines.items():
        if action == "registration.decided":
            decided += counted
    disclosed = lines["person.fetch", "disclosed"]
    acknowledged = lines["transfer.acknowledged", "done"]
    found = _unlike(decided, (row["registration_id"] for row in stored.registrations))
    held = [row["transfer_id"] for row in stored.held if row["document"] is not None]
    found += [f"nobody witnessed the disclosure of {each}" for each in held if not disclosed[each]]
    told = (each["data"]["transfer_id"] for each in stored.events_of("transfer.acknowledged"))
    return found + _unlike(acknowledged, told)


def _unlike(counted: Counter[str], ids: Iterable[str]) -> list[str]:
    """Return every id that has not exactly one line, and every line of no id."""
    expected = Counter(ids)
    return [f"{each} has {n} lines" for each, n in counted.items() if n != expected[each]] + [
        f"{each} has no line" for each in expected if not counted[each]
    ]
