"""Prefect's background services, which take back within a minute what an outage took from them.

A round of the scheduler that Redis has handed out before it went away is handed out again by Docket
when nobody has renewed its claim for 300 s; until then nobody sows it anew, whoever restarts what.
Prefect 3.9 makes its ``docket.Worker`` without that figure, and no setting of its and nothing in
Docket's address holds it, so it is given here. A round that lives renews its claim four times.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from prefect.cli import app
from prefect.server.api import background_workers


def main() -> None:
    """Be ``prefect``, whose arguments ours are: ``server services start``."""
    names = vars(background_workers)
    names["Worker"] = partial(names["Worker"], redelivery_timeout=timedelta(seconds=30))
    app()


if __name__ == "__main__":
    main()
