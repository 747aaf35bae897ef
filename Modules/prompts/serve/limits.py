"""How much a client may ask: requests a minute, and the size of a body."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from fastapi import Request

from Modules.prompts.serve.envelope import Refused

MAX_BODY: Final = 1_000_000  # bytes of an input: facts of a campaign are some 100 kB


class RateLimit:
    """A bucket a client, filled evenly; a burst of a quarter of a minute's share goes through."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._size = per_minute / 60, max(1.0, per_minute / 4)
        self._clock, self._lock = clock, Lock()
        self._held: dict[str, tuple[float, float]] = {}  # tokens, and when

    def wait_s(self, who: str) -> int:
        """0 where the request may go on, else whole seconds until the next may."""
        with self._lock:
            now = self._clock()
            tokens, since = self._held.get(who, (self._size, now))
            tokens = min(self._size, tokens + (now - since) * self._rate)
            may = tokens >= 1
            self._held[who] = (tokens - may, now)
            return 0 if may else math.ceil((1 - tokens) / self._rate)


async def bounded_body(request: Request) -> bytes:
    """The body of a request, if it is JSON by its name and not too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY:
            body += chunk
        elif size > 8 * MAX_BODY:  # till then read on, so that who sends too much hears of it
            break
    if size > MAX_BODY:
        raise Refused("BODY_TOO_LARGE", [("", f"{MAX_BODY} bytes")])
    if kind != "application/json":
        raise Refused("UNSUPPORTED_MEDIA_TYPE")
    return bytes(body)
