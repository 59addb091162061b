"""How promises are tried: one after the other, each with an outcome of its own."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

import httpx
from msgspec import Struct

from kuntavayla_sandbox.conformance.receiver import Broken, NotTried, Receiver
from kuntavayla_sandbox.conformance.samples import Samples, TestClient


class Trial:
    """What every promise is tried on."""

    def __init__(self, receiver: Receiver, samples: Samples) -> None:
        self.receiver = receiver
        self.samples = samples


Try = Callable[[Trial], Awaitable[None]]
"""Returns where the promise is kept; raises Broken or NotTried."""


class Promise(Struct, frozen=True):
    """One promise of the contract, in a sentence, and how it is tried."""

    name: str
    sentence: str
    attempt: Try


class Result(StrEnum):
    """What came of a promise."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_TRIED = "not tried"


class Finding(Struct, frozen=True):
    """The outcome of one promise."""

    promise: Promise
    result: Result
    expected: str = ""
    found: str = ""


async def try_all(
    promises: Sequence[Promise],
    *,
    client: httpx.AsyncClient,
    url: str,
    token: str | None,
    test_client: TestClient,
    tell: Callable[[Finding], None] = lambda _: None,
) -> list[Finding]:
    """Try every promise on the receiver at `url`; one finding per promise, in order.

    `tell` hears of each as it is found.
    """
    trial = Trial(Receiver(client, url=url, token=token), Samples(test_client))
    findings = []
    for promise in promises:
        finding = await _try_one(promise, trial)
        tell(finding)
        findings.append(finding)
    return findings


async def _try_one(promise: Promise, trial: Trial) -> Finding:
    try:
        await promise.attempt(trial)
    except Broken as broken:
        return Finding(promise, Result.BROKEN, broken.expected, broken.found)
    except NotTried as reason:
        return Finding(promise, Result.NOT_TRIED, found=str(reason))
    return Finding(promise, Result.KEPT)
