import asyncio
import contextlib
import gc
import warnings
from collections.abc import Awaitable, Callable

import pytest

from kuntavayla.inbox import KafkaSource, SourceAway
from kuntavayla.outbox.broker import TopicWriter, WriteFailed
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.broker import Broker

MOMENTS_S = [moment / 2_000 for moment in range(40)]


async def start_source(connection: KafkaConnection) -> tuple[Awaitable[object], KafkaSource]:
    source = KafkaSource(connection, topics=["kv.nowhere.v1"], group="cut-off")
    return source.names(), source


async def start_writer(connection: KafkaConnection) -> tuple[Awaitable[object], TopicWriter]:
    writer = TopicWriter(connection, acknowledged_s_max=10)
    return writer._open(), writer


@pytest.mark.parametrize("start", [start_source, start_writer])
async def test_a_start_that_is_cut_off_at_any_moment_leaves_no_connection_open(
    start: Callable[[KafkaConnection], Awaitable[tuple[Awaitable[object], KafkaSource]]],
    broker: Broker,
) -> None:
    connection = KafkaConnection(bootstrap=broker.bootstrap)
    gc.collect()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        for moment_s in MOMENTS_S:
            opening, client = await start(connection)
            with contextlib.suppress(TimeoutError, SourceAway, WriteFailed):
                await asyncio.wait_for(opening, moment_s)
            await client.close()
        gc.collect()

    assert [str(warning.message) for warning in told] == []
