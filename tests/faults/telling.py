"""What events tell, and to whom: compared with what was sent, by no code of the services."""

from collections.abc import Mapping

from tests.faults.checking import Stored
from tests.faults.expected import Client

OFFERED = "fi.kuntavayla.client.transferred.v1"
WITHDRAWN = "fi.kuntavayla.client.withdrawn.v1"
ACKNOWLEDGED = "fi.kuntavayla.transfer.acknowledged.v1"
VERSION = "clienthood_version"
OFFICES = {
    "cs-sotkamo": "te-kainuu",
    "cs-kajaani": "te-kainuu",
    "cs-kuhmo": "te-kainuu",
    "cs-tampere": "te-pirkanmaa",
    "cs-pirkanmaa": "te-pirkanmaa",
    "cs-oulu": "te-pohjois-pohjanmaa",
}
"""The TE office of the municipalities of each case system."""


def check_offices(stored: Stored, clients: Mapping[int, Client]) -> list[str]:
    """Each acknowledgement is told to the TE office of the municipality, whoever sent the line."""
    client_ids = {row["source_registration_id"]: row["client_id"] for row in stored.registrations}
    offices = {
        (client_ids.get(client.lines[0].source), holding.version): OFFICES[holding.case_system_id]
        for client in clients.values()
        for holding in client.holdings
    }
    told = [
        (event, row["recipient"])
        for row, event in zip(stored.outbox, stored.events, strict=True)
        if event["type"] == ACKNOWLEDGED
    ]
    return [
        f"the acknowledgement {event['id']} is told to {recipient}"
        for event, recipient in told
        if recipient != offices.get((event["data"]["client_id"], event["data"][VERSION]))
    ]


def check_order(stored: Stored) -> list[str]:
    """A client's transfer is offered before it is taken over, and before it is withdrawn."""
    found, offered = list[str](), set[tuple[str, int]]()
    for event in stored.events:
        if event["type"] not in {OFFERED, WITHDRAWN, ACKNOWLEDGED}:
            continue
        transfer = (event["data"]["client_id"], event["data"]["clienthood_version"])
        if event["type"] == OFFERED:
            offered.add(transfer)
        elif transfer not in offered:
            found.append(f"{event['type']} of {transfer} stands before its offer")
    return found
