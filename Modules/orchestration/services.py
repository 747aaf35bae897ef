"""Prefect's background services, which take back within a minute what an outage took from them.

A round of the scheduler that Redis has handed out, and goes away before the answer, is handed out
again by Docket when nobody has renewed the claim for 300 s; until then nobody sows it anew either,
whoever restarts what. Prefect 3.8 makes its ``docket.Worker`` without that figure, and neither its
settings nor Docket's address hold it: so it is given here. A round that lives is not taken for
lost, its claim is renewed four times in that while.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from prefect.cli import app
from prefect.server.api import background_workers

REDELIVERY: Final = timedelta(seconds=30)


def main() -> None:
    """Be ``prefect``, whose arguments ours are: ``server services start``."""
    names = vars(background_workers)
    names["Worker"] = partial(names["Worker"], redelivery_timeout=REDELIVERY)
    app()


if __name__ == "__main__":
    main()
