"""CLIENT_SECRET=… python poller.py ROUTING_URL TOKEN_URL CLIENT_ID MUNICIPALITY_CODE"""

# ruff: noqa: D103, D415, INP001, T201, TID251 - a script to copy, no part of the system
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

URL, TOKEN_URL, CLIENT_ID, MUNICIPALITY_CODE = sys.argv[1:]
CURSOR = Path("cursor.txt")  # The place in the feed, moved only when all before it has effect.
HERE = {"official_id": "system", "role": "import", "municipality_code": MUNICIPALITY_CODE}
client = httpx.Client(base_url=URL, timeout=40)


def sign_in() -> None:
    credentials = (CLIENT_ID, os.environ["CLIENT_SECRET"])
    answer = client.post(TOKEN_URL, data={"grant_type": "client_credentials"}, auth=credentials)
    client.headers["Authorization"] = "Bearer " + answer.raise_for_status().json()["access_token"]


def take_over(transfer_ids: list[str]) -> None:  # At most 1,000; a repeat does no harm.
    body = {"purpose": "client_service", "acting_official": HERE, "transfer_ids": transfer_ids}
    items = client.post("/persons:fetch", json=body).raise_for_status().json()["items"]
    disclosed = [item for item in items if item["result"] == "disclosed"]
    for item in disclosed:  # Here your own system stores the person, before it takes over.
        print(item["client_id"], item["person"]["family_name"], flush=True)
    at = datetime.now(UTC).isoformat()
    done = [{"transfer_id": item["transfer_id"], "taken_over_at": at} for item in disclosed]
    if done:
        client.post("/transfers:acknowledge", json={"items": done}).raise_for_status()


def start() -> str:  # From the snapshot, then from the cursor of its first page.
    page = client.get("/clienthoods?limit=1000").raise_for_status().json()
    cursor: str = page["feed_cursor"]
    while True:
        offered = [c["transfer_id"] for c in page["items"] if c["transfer_state"] == "offered"]
        if offered:
            take_over(offered)
        if page["next_cursor"] is None:
            return cursor
        after = {"limit": "1000", "after": page["next_cursor"]}
        page = client.get("/clienthoods", params=after).raise_for_status().json()


def poll(cursor: str) -> str:  # Waits up to 25 seconds for events; tells where to go on.
    answer = client.get("/events", params={"after": cursor, "limit": 1000, "wait": 25})
    if answer.status_code == httpx.codes.GONE:  # The cursor is too old: begin anew.
        return start()
    events = answer.raise_for_status().json()  # Types and fields that you do not know: ignore them.
    new = [event for event in events if event["type"] == "fi.kuntavayla.client.transferred.v1"]
    if new:
        take_over([event["data"]["transfer_id"] for event in new])
    return answer.headers["Next-Cursor"]


while True:
    try:
        sign_in()
        place = CURSOR.read_text() if CURSOR.exists() else start()
        while CURSOR.write_text(place):
            place = poll(place)
    except httpx.HTTPError as error:  # Away, or a token that has ended: the same again is safe.
        print(type(error).__name__, file=sys.stderr)
        time.sleep(2)
