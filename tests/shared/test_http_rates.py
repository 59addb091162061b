import pytest

from kuntavayla.auth import Refusal
from kuntavayla.http import RateLimit, RateLimiter


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def taken(limiter: RateLimiter, organisation: str, *, at_most: int = 50) -> int:
    """Take tokens until none is left, and return how many there were."""
    for count in range(at_most):
        try:
            limiter.take(organisation)
        except Refusal:
            return count
    return at_most


def limiter_of(clock: Clock, *, calls_per_s: float = 2.0, burst_calls: int = 5) -> RateLimiter:
    return RateLimiter(RateLimit(calls_per_s=calls_per_s, burst_calls=burst_calls), clock=clock)


def test_a_full_bucket_holds_its_burst_and_fills_again_at_its_rate() -> None:
    clock = Clock()
    limiter = limiter_of(clock)

    first = taken(limiter, "te-kainuu")
    clock.now_s += 1
    second = taken(limiter, "te-kainuu")
    clock.now_s += 3_600
    third = taken(limiter, "te-kainuu")

    assert (first, second, third) == (5, 2, 5)


def test_an_empty_bucket_of_one_is_no_others() -> None:
    limiter = limiter_of(Clock())
    taken(limiter, "te-kainuu")

    assert taken(limiter, "cs-sotkamo") == 5


@pytest.mark.parametrize(("calls_per_s", "told"), [(0.01, "100"), (2.0, "1"), (0.4, "3")])
def test_the_refusal_says_after_how_many_whole_seconds_a_call_passes(
    calls_per_s: float, told: str
) -> None:
    clock = Clock()
    limiter = limiter_of(clock, calls_per_s=calls_per_s, burst_calls=1)
    limiter.take("te-kainuu")

    with pytest.raises(Refusal) as refused:
        limiter.take("te-kainuu")
    clock.now_s += int(refused.value.headers["Retry-After"])
    limiter.take("te-kainuu")

    assert refused.value.headers["Retry-After"] == told


def test_a_refused_call_takes_nothing() -> None:
    clock = Clock()
    limiter = limiter_of(clock, calls_per_s=1, burst_calls=1)
    limiter.take("te-kainuu")
    for _ in range(10):
        with pytest.raises(Refusal):
            limiter.take("te-kainuu")

    clock.now_s += 1
    assert taken(limiter, "te-kainuu") == 1
