"""The rounds of Prefect's scheduler, as Docket keeps them in Redis."""

from __future__ import annotations

import redis

from Modules.settings import Settings
from Modules.stack.entry import redis_of
from Modules.stack.plan import DOCKET_DB


def forget_rounds(settings: Settings) -> None:
    """Remove every round, also those under way; services sows them again when it starts.

    Without this a services that starts anew waits for the rounds of the one before it to be
    delivered again, which takes Docket 300 s.
    """
    address = redis_of(settings)
    with redis.Redis(address.host, address.port, DOCKET_DB, address.password) as client:
        for key in client.scan_iter("prefect:*"):
            client.delete(key)
