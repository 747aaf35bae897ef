"""The rounds of Prefect's scheduler, as Docket keeps them in Redis."""

from __future__ import annotations

import time

import redis

from Modules.settings import Settings
from Modules.stack.entry import redis_of
from Modules.stack.plan import DOCKET_DB, ROUNDS


def rounds_due(settings: Settings) -> list[float]:
    """When each round of the scheduler is due, in seconds since 1970."""
    address = redis_of(settings)
    with redis.Redis(address.host, address.port, DOCKET_DB, address.password) as client:
        due = [client.hget(f"prefect:runs:{name}", "when") for name in ROUNDS]
    return [float(when or 0) for when in due]


def rounds_late_s(settings: Settings) -> list[float]:
    """How many seconds late each round of the scheduler is; below zero it is still to come."""
    return [time.time() - due for due in rounds_due(settings)]
