"""When a request may start: so many a second, not while the portal asked us to wait, not too late.

Time is ``time.monotonic`` in seconds. A ``Pace`` is shared by all threads of a fetch.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque

from Modules.words.errors import ApiUnavailable


class Stopped(ApiUnavailable):
    """The fetch was given up because another part of it failed, or by the user."""


class Pace:
    """At most ``per_second`` starts in any second, over all threads; a fetch of ``limit_s``."""

    def __init__(self, per_second: float, limit_s: float) -> None:
        """``per_second`` may be below 1: then one start in ``1 / per_second`` seconds."""
        self._count = max(1, math.floor(per_second))
        self._window_s = self._count / per_second
        self._starts: deque[float] = deque(maxlen=self._count)
        self._not_before = 0.0
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self.stopped = threading.Event()
        self.restart()

    def restart(self) -> None:
        """A new fetch begins: its time runs from now on, and requests may start again."""
        self._end = time.monotonic() + self._limit_s
        self.stopped.clear()

    def left(self) -> float:
        """Seconds that the fetch may still take; negative once it is over."""
        return self._end - time.monotonic()

    def wait_turn(self, what: str) -> None:
        """Return when a request may start.

        Raises:
            Stopped: the fetch was given up meanwhile.
            ApiUnavailable: the fetch is over, or would be by then.
        """
        if self.left() <= 0:
            raise ApiUnavailable(f"{what}: traer todo llevó más de {self._limit_s:g} s")
        self.sleep(self._take_turn() - time.monotonic(), what)
        while (left := self._not_before - time.monotonic()) > 0:
            self.sleep(left, what)

    def hold(self, seconds: float) -> None:
        """Let no request start for so long: the portal said it is busy."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def sleep(self, seconds: float, what: str) -> None:
        """Wait, unless the fetch is given up or its end comes first."""
        if seconds > self.left():
            raise ApiUnavailable(
                f"{what}: el próximo intento caería después de los {self._limit_s:g} s que hay "
                "para todo"
            )
        if self.stopped.wait(max(0.0, seconds)):
            raise Stopped(f"{what}: se abandonó")

    def stop(self) -> None:
        """Wake every waiting thread; nothing starts any more."""
        self.stopped.set()

    def _take_turn(self) -> float:
        with self._lock:
            now = time.monotonic()
            full = len(self._starts) == self._count
            turn = max(now, self._starts[0] + self._window_s) if full else now
            self._starts.append(turn)
            return turn
