"""What the row relay-outage asserts: the checks of the relay's campaign, over its receivers' files.

Nothing lost or doubled, each client's items in order, bytes, digests and receipts equal; each
attempt, event and line of the audit is there once.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct

from tests.bench.outage_receiver import Put, read_puts
from tests.faults import relay_auditing, relay_checking
from tests.faults.relay_checking import ASKED, Stored
from tests.faults.relay_items import Sent


class _Told(Struct, frozen=True):
    """What of an item's bytes says whose it is, and which."""

    client: "_ToldClient"
    sequence: int
    action: str


class _ToldClient(Struct, frozen=True):
    client_id: str


_decode = msgspec.json.Decoder(_Told).decode


async def load(owner_url: str, files: Mapping[str, Path]) -> Stored:
    """Read what the relay's database and the receivers' files hold."""
    connection = await asyncpg.connect(owner_url)
    rows = {name: [dict(row) for row in await connection.fetch(sql)] for name, sql in ASKED.items()}
    await connection.close()
    held: list[dict[str, Any]] = []
    for receiver_id, path in files.items():
        held += _effects(receiver_id, list(read_puts(path)))
    return Stored(rows | {"held": held})


def _effects(receiver_id: str, puts: Sequence[Put]) -> list[dict[str, Any]]:
    """Return each item that a receiver holds as a row, in order of its first coming."""
    effects: dict[str, dict[str, Any]] = {}
    for put in puts:
        if put.is_repeat:
            effects[put.information_id]["repeats"] += 1
            continue
        told = _decode(put.body)
        effects[put.information_id] = {
            "receiver_id": receiver_id,
            "information_id": put.information_id,
            "client_id": told.client.client_id,
            "sequence": told.sequence,
            "action": told.action,
            "body": put.body,
            "digest": put.digest,
            "receipt_id": put.receipt_id,
            "received_at": datetime.fromisoformat(put.received_at),
            "state": "held",
            "repeats": 0,
        }
    return [*effects.values()]


def violations(stored: Stored, sent: Mapping[str, Sent]) -> Iterator[str]:
    """Yield everything that is missing, doubled, out of order or not as it was answered."""
    yield from relay_checking.check_items(stored, sent)
    yield from relay_checking.check_states(stored, sent)
    yield from relay_checking.check_order(stored, sent)
    yield from relay_checking.check_effects(stored, sent)
    yield from relay_checking.check_attempts(stored)
    yield from relay_checking.check_events(stored)
    yield from relay_auditing.check_audit(stored, pauses=0, resumptions=0)
