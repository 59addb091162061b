"""Writing records to a broker that may be away: each once, and whether it stands is told."""

import asyncio
import random
from typing import Any

import aiokafka
from aiokafka.errors import KafkaError
from msgspec import Struct

from kuntavayla.settings import KafkaConnection

RETRY_S_MAX = 0.2
WRITE_S_MAX = 8
Headers = list[tuple[str, bytes]]


class Outgoing(Struct, frozen=True, kw_only=True):
    """A record as it is to be written."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class RecordWriter:
    """Writes one record after the other, over a connection that is made anew when it broke."""

    def __init__(self, connection: KafkaConnection, rng: random.Random) -> None:
        self._connection = connection
        self._rng = rng
        self._producer: Any = None
        self.broken = 0

    async def write(self, record: Outgoing) -> str | None:
        """Write once; return the place, None where nobody knows whether it came through."""
        producer = await self._connected()
        try:
            async with asyncio.timeout(WRITE_S_MAX):
                told = await producer.send_and_wait(
                    record.topic,
                    record.value,
                    key=record.key,
                    headers=record.headers,
                    partition=record.partition,
                )
        except (KafkaError, OSError, TimeoutError):
            self.broken += 1
            await self.close()
            return None
        return f"{record.topic}/{told.partition}/{told.offset}"

    async def _connected(self) -> Any:  # noqa: ANN401 - aiokafka ships no types
        """Return a producer, waiting for a broker that is away."""
        while True:
            try:
                async with asyncio.timeout(WRITE_S_MAX):
                    return await self._open()
            except (KafkaError, OSError, TimeoutError):
                await self.close()
                await asyncio.sleep(self._rng.uniform(0, RETRY_S_MAX))

    async def _open(self) -> Any:  # noqa: ANN401
        if self._producer is None:
            options = self._connection.client_options()
            self._producer = aiokafka.AIOKafkaProducer(**options, request_timeout_ms=10_000)
            await self._producer.start()
        return self._producer

    async def close(self) -> None:
        """Give the connection up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                async with asyncio.timeout(WRITE_S_MAX):
                    await producer.stop()
            except (KafkaError, OSError, TimeoutError):
                self.broken += 1
