"""KAFKA_BOOTSTRAP=… KAFKA_PASSWORD=… python kafka_consumer.py CASE_SYSTEM EVENTS"""

# ruff: noqa: D103, D415, INP001, T201, TID251 - a script to copy, no part of the system
import asyncio
import json
import os
import sqlite3
import ssl
import sys
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

CASE_SYSTEM, EVENTS = sys.argv[1], int(sys.argv[2])
TOPIC, INBOUND = f"kv.routing-api.{CASE_SYSTEM}.v1", f"kv.routing-api.in.{CASE_SYSTEM}.v1"
PLACES = [TopicPartition(TOPIC, number) for number in range(6)]
SETTINGS: dict[str, Any] = {
    "bootstrap_servers": os.environ["KAFKA_BOOTSTRAP"],
    "security_protocol": os.environ.get("KAFKA_SECURITY", "SASL_SSL"),
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_plain_username": CASE_SYSTEM,
    "sasl_plain_password": os.environ.get("KAFKA_PASSWORD"),
    "ssl_context": ssl.create_default_context(cafile=os.environ.get("KAFKA_CA_FILE")),
}
SENT = {"ce_specversion": "1.0", "ce_source": f"/{CASE_SYSTEM}", "content-type": "application/json"}
SENT["ce_type"] = "fi.kuntavayla.transfer.taken-over.v1"
EPOCH = os.environ.get("KAFKA_EPOCH", "")  # After a resync, once: the epoch that it was asked for.
held = sqlite3.connect("held.db")  # Your database; effects and places change in one transaction.
held.executescript("""
CREATE TABLE IF NOT EXISTS places (number INTEGER PRIMARY KEY, next INTEGER, sequence TEXT);
CREATE TABLE IF NOT EXISTS transfers
    (transfer_id TEXT PRIMARY KEY, client_id TEXT, state TEXT, taken_over_at TEXT);
""")
NEW = "INSERT INTO transfers VALUES (?, ?, 'taken', ?) ON CONFLICT DO NOTHING"
END = "INSERT INTO transfers VALUES (?, ?, 'ended', ?) ON CONFLICT DO UPDATE SET state = 'ended'"
EFFECTS = {
    "fi.kuntavayla.client.transferred.v1": NEW,
    "fi.kuntavayla.client.withdrawn.v1": END,
}


def take(record: Any) -> None:  # noqa: ANN401 - aiokafka ships no types
    headers = {name: value.decode() for name, value in record.headers}
    sequence, kind = headers["ce_sequence"], headers["ce_type"]
    seen_by_place = dict(held.execute("SELECT number, sequence FROM places"))
    seen, known = seen_by_place.get(record.partition, ""), max(EPOCH, *seen_by_place.values(), "")
    if known and sequence[:6] > known[:6]:  # The service was restored: take the snapshot anew.
        sys.exit(f"resync: the epoch is now {sequence[:6]}")  # Nothing of this batch is kept.
    is_again = "ce_redeliveryid" in headers
    if is_again or sequence > seen:  # Else it is a repeat: nothing to do.
        data = json.loads(record.value)
        if kind in EFFECTS:  # Types that you do not know: pass over them, never stop.
            at = datetime.now(UTC).isoformat()
            held.execute(EFFECTS[kind], (data["transfer_id"], data["client_id"], at))
        print(kind, data.get("client_id"), flush=True)
    place = (record.partition, record.offset + 1, seen if is_again else max(sequence, seen))
    held.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", place)


async def acknowledge(producer: Any) -> None:  # noqa: ANN401 - aiokafka ships no types
    rows = held.execute("SELECT * FROM transfers WHERE state = 'taken'").fetchall()
    for transfer_id, client_id, _, at in rows:  # Fetch and store the person first: poller.py.
        value = json.dumps({"transfer_id": transfer_id, "taken_over_at": at}).encode()
        headers = [(k, v.encode()) for k, v in {**SENT, "ce_id": transfer_id}.items()]
        await producer.send(INBOUND, value, key=client_id.encode(), headers=headers)
    await producer.flush()  # Only what the broker has is noted; a repeat after a crash is harmless.
    done = "UPDATE transfers SET state = 'acknowledged' WHERE transfer_id = ? AND state = 'taken'"
    with held:
        held.executemany(done, [row[:1] for row in rows])


async def main() -> None:
    consumer = AIOKafkaConsumer(**SETTINGS, enable_auto_commit=False, auto_offset_reset="none")
    producer = AIOKafkaProducer(**SETTINGS, acks="all", enable_idempotence=True)
    async with consumer, producer:
        consumer.assign(PLACES)
        stored = dict(held.execute("SELECT number, next FROM places"))
        for place in PLACES:
            if place.partition in stored:  # An offset that is kept no longer raises: then resync.
                consumer.seek(place, stored[place.partition])
            else:
                await consumer.seek_to_beginning(place)
        await acknowledge(producer)
        left = EVENTS
        while left > 0:
            found = await consumer.getmany(timeout_ms=1_000, max_records=min(left, 1_000))
            with held:
                for record in [record for records in found.values() for record in records]:
                    take(record)
                    left -= 1
            await acknowledge(producer)


asyncio.run(main())
