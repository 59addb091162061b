"""Receipts that follow: posted to the relay when they are due, until it has noted them."""

import asyncio

import httpx
import msgspec

from kuntavayla.database import AWAY, transaction
from kuntavayla.telemetry import log
from kuntavayla_sandbox.calls import Tokens
from kuntavayla_sandbox.te_office import answers, store
from kuntavayla_sandbox.te_office.configuration import Configuration
from kuntavayla_sandbox.te_office.receivers import Receivers
from kuntavayla_sandbox.te_office.store import DueReceipt, Key

DUE_MAX = 200
POLL_S = 0.2
ANSWER_S_MAX = 15
PAUSE_S = 1.0
"""Until a receipt is posted again: a relay that still reads our 202 does not know it yet."""
FINAL = frozenset({200, 409, 422})
"""Noted, or never to be noted: a repeat would be answered alike."""


class LaterReceipts:
    """Posts receipts in the name of each TE office."""

    def __init__(
        self, receivers: Receivers, client: httpx.AsyncClient, configuration: Configuration
    ) -> None:
        self._receivers = receivers
        self._client = client
        self._url = f"{configuration.relay_url}/receipts"
        self._tokens = {
            office.receiver_id: Tokens(client, office.credentials)
            for office in configuration.offices
        }

    async def run(self) -> None:
        """Post what is due until cancelled; what could not be posted is posted again."""
        while True:
            try:
                await self._post_due()
            except AWAY as error:
                log.warning("te_offices.waiting", error_type=type(error).__name__)
            await asyncio.sleep(POLL_S)

    async def _post_due(self) -> None:
        async with self._receivers.pool.acquire() as connection:
            due = await store.list_due(connection, limit=DUE_MAX)
        codes: dict[Key, str | None] = {}
        for receipt in due:
            knobs = self._receivers.find_knobs(receipt.receiver_id)
            code = knobs.receipt_rejects if knobs is not None else None
            if await self._post(receipt, code=code):
                codes[receipt.receiver_id, receipt.information_id] = code
        if due:
            keys = {(receipt.receiver_id, receipt.information_id) for receipt in due}
            async with transaction(self._receivers.pool) as connection:
                await store.mark_posted(connection, codes)
                await store.postpone(connection, keys - codes.keys(), pause_s=PAUSE_S)

    async def _post(self, receipt: DueReceipt, *, code: str | None) -> bool:
        """Post one receipt and tell whether it is settled."""
        tokens = self._tokens.get(receipt.receiver_id)
        if tokens is None:
            return False
        try:
            answer = await self._client.post(
                self._url,
                content=msgspec.json.encode(self._body(receipt, code=code)),
                headers={
                    "Authorization": f"Bearer {await tokens()}",
                    "Content-Type": answers.JSON,
                },
                timeout=ANSWER_S_MAX,
            )
        except httpx.TransportError:
            return False
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            tokens.forget()
        return answer.status_code in FINAL

    def _body(self, receipt: DueReceipt, *, code: str | None) -> dict[str, object]:
        knobs = self._receivers.find_knobs(receipt.receiver_id)
        has_other = knobs is not None and knobs.receipt_has_other_digest
        body: dict[str, object] = {
            "information_id": str(receipt.information_id),
            "digest": answers.digest_of(b"") if has_other else receipt.digest,
            "result": "received" if code is None else "rejected",
        }
        if code is not None:
            return {**body, "code": code}
        return {
            **body,
            "receipt_id": receipt.receipt_id,
            "received_at": answers.text_of(receipt.received_at),
        }
