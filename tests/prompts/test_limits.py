"""How much a client may ask."""

from __future__ import annotations

from Modules.prompts.serve.app import RateLimit


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_goes_through_and_then_one_a_second_each_client_for_itself() -> None:
    clock = Clock()
    limit = RateLimit(60, clock)

    assert [limit.wait_s("a") for _ in range(16)] == [0] * 15 + [1]
    assert limit.wait_s("b") == 0
    clock.now_s = 1.0
    assert [limit.wait_s("a"), limit.wait_s("a")] == [0, 1]
    clock.now_s = 1000.0
    assert [limit.wait_s("a") for _ in range(16)] == [0] * 15 + [1]  # no more than a burst is kept


def test_a_slow_rate_says_how_long_to_wait() -> None:
    limit = RateLimit(2, Clock())

    assert [limit.wait_s("a"), limit.wait_s("a")] == [0, 30]
