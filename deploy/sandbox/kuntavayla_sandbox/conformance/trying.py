"""How promises are tried: one after the other, each with an outcome of its own."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

from msgspec import Struct

from kuntavayla_sandbox.conformance.receiver import Access, Broken, NotTried, Receiver
from kuntavayla_sandbox.conformance.samples import Samples, TestClient


class Trial:
    """What every promise is tried on."""

    def __init__(self, access: Access, samples: Samples) -> None:
        self.receiver = Receiver(access)
        self.samples = samples
        self.stranger: Receiver | None = None
        if access.stranger is not None:
            self.stranger = Receiver(access._replace(client=access.stranger))


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
    access: Access,
    test_client: TestClient,
    tell: Callable[[Finding], None] = lambda _: None,
) -> list[Finding]:
    """Try every promise on the receiver; one finding per promise, in order.

    `tell` hears of each as it is found.
    """
    trial = Trial(access, Samples(test_client))
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
