"""When a request may start: so many a second, and not while the portal asked us to wait.

Time is ``time.monotonic`` in seconds. A ``Deadline`` and a ``Pace`` are
shared by all threads of a fetch.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass

from Modules.words.errors import ApiUnavailable


class Stopped(ApiUnavailable):
    """The fetch was given up because another part of it failed, or by the user."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which the whole fetch has to be done."""

    at: float
    limit_s: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline that many seconds from now."""
        return cls(time.monotonic() + seconds, seconds)

    def left(self) -> float:
        """Seconds left; negative once it is over."""
        return self.at - time.monotonic()

    def check(self, what: str) -> None:
        """Raise ApiUnavailable once it is over."""
        if self.left() <= 0:
            raise ApiUnavailable(f"{what}: the whole fetch took longer than {self.limit_s:g} s")


class Pace:
    """At most ``per_second`` starts in any second, over all threads."""

    def __init__(self, per_second: float) -> None:
        """``per_second`` may be below 1: then one start in ``1 / per_second`` seconds."""
        self._count = max(1, math.floor(per_second))
        self._window_s = self._count / per_second
        self._starts: deque[float] = deque(maxlen=self._count)
        self._not_before = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def wait_turn(self, what: str, deadline: Deadline) -> None:
        """Return when a request may start.

        Raises:
            Stopped: the fetch was given up meanwhile.
            ApiUnavailable: the turn would come after the deadline.
        """
        self.sleep(self._take_turn() - time.monotonic(), what, deadline)
        while (left := self._not_before - time.monotonic()) > 0:
            self.sleep(left, what, deadline)

    def hold(self, seconds: float) -> None:
        """Let no request start for so long: the portal said it is busy."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def sleep(self, seconds: float, what: str, deadline: Deadline) -> None:
        """Wait, unless the fetch is given up or the deadline comes first."""
        if seconds > deadline.left():
            raise ApiUnavailable(
                f"{what}: the next try would come after the {deadline.limit_s:g} s of the fetch"
            )
        if self._stop.wait(max(0.0, seconds)):
            raise Stopped(f"{what}: given up")

    def stop(self) -> None:
        """Wake every waiting thread; nothing starts any more."""
        self._stop.set()

    def restart(self) -> None:
        """Let requests start again: a new fetch begins."""
        self._stop.clear()

    def _take_turn(self) -> float:
        with self._lock:
            now = time.monotonic()
            full = len(self._starts) == self._count
            turn = max(now, self._starts[0] + self._window_s) if full else now
            self._starts.append(turn)
            return turn
