"""How many calls an organisation may make: one token bucket each, in this process.

A call takes a token, whatever it carries. Lines of a bulk call are not counted: they wait in a
queue that has a bound and takes organisations in turn (`batching`), so nobody's lines keep another
waiting, and a limit on them would only make day one longer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from kuntavayla.auth import Refusal
from kuntavayla.http.problems import TOO_MANY_CALLS


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Calls a second that a bucket is filled with, and calls that a full one holds."""

    calls_per_s: float
    burst_calls: int


class RateLimiter:
    """The buckets of one process; `clock` gives seconds that only grow.

    Only organisations of the register come here, so there are few buckets.
    """

    def __init__(self, limit: RateLimit, *, clock: Callable[[], float]) -> None:
        self._token_s = 1 / limit.calls_per_s
        self._spare_s = (limit.burst_calls - 1) * self._token_s
        self._clock = clock
        self._full_at_s: dict[str, float] = {}

    def take(self, organisation: str) -> None:
        """Take a token of the organisation; refuses with 429 and `Retry-After` where none is left.

        A refused call takes none.
        """
        now_s = self._clock()
        full_at_s = max(now_s, self._full_at_s.get(organisation, now_s))
        wait_s = full_at_s - now_s - self._spare_s
        if wait_s > 0:
            raise Refusal(TOO_MANY_CALLS, headers={"Retry-After": str(math.ceil(wait_s))})
        self._full_at_s[organisation] = full_at_s + self._token_s
