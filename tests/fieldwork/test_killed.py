"""The story killed with -9 at every request of it: at most one issue a row, and the next run heals.

The story runs in a process of its own. The made-up neighbours, which are here, kill it at request
n: before what it asks is done, or after that and before the answer.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from Modules.demo.google_office import GoogleOffice
from tests.fieldwork.conftest import Farm
from tests.fieldwork.test_plan import keys, run
from tests.scripts.conftest import python_in

pytestmark = [pytest.mark.integration, pytest.mark.skipif(os.name == "nt", reason="kill -9")]
ROWS = 6  # in three batches of two
STORY = (
    "import asyncio, os; from pathlib import Path\n"
    "Path(os.environ['PID_FILE']).write_text(str(os.getpid()))\n"
    "from Modules.fieldwork.plan import plan_muestreo_a_jira as story\n"
    "done = asyncio.run(story('2026-11', solo_validar=False, test=True))\n"
    "raise SystemExit(0 if done.error is None else 1)\n"
)


@dataclass
class Killer:
    """Kills a process at the request ``at`` of both neighbours together, once."""

    pid_file: Path
    at: int
    done: bool
    asked: int = 0

    def around(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        def struck(*given: Any) -> Any:
            self.asked += 1
            if self.asked != self.at:
                return answer(*given)
            result = answer(*given) if self.done else None
            os.kill(int(self.pid_file.read_text()), signal.SIGKILL)
            time.sleep(0.05)  # who is dead reads no answer
            return (500, None) if result is None and len(given) == 5 else result or {}

        return struck


def killed(farm: Farm, at: int, *, done: bool, lag_s: float = 0.0) -> bool:
    """Whether a run was killed at that request; it began with an empty Jira and a new sheet."""
    farm.jira.site.reset()
    farm.site.now, farm.site.lag_s = time.time, lag_s
    vars(farm.office).update(vars(GoogleOffice()))
    for path in (farm.folder / "state" / "test" / "jira").glob("*"):
        path.unlink()
    farm.configure(por_pedido=2, asienta_s=lag_s and lag_s + 0.5)
    farm.plan(farm.rows(ROWS))
    killer = Killer(farm.folder / "pid", at, done)
    site, office = farm.site.answer, farm.office.answer
    farm.site.answer, farm.office.answer = killer.around(site), killer.around(office)
    more = {**farm.environment, "PID_FILE": str(killer.pid_file)}
    try:
        ended = python_in(farm.folder, "-c", STORY, prefect=False, **more)
    finally:
        farm.site.answer, farm.office.answer = site, office
    assert ended.code in (0, -signal.SIGKILL, 128 + signal.SIGKILL), ended.err
    return ended.code != 0


def check_healed(farm: Farm, at: object) -> None:
    """The next run ends well: one issue a row, its key in the sheet."""
    done = run()
    assert done.error is None, (at, done.error)
    claves = [one.properties["lindero"]["clave"] for one in farm.site.issues.values()]
    assert (len(claves), len(set(claves))) == (ROWS, ROWS), at
    (book,) = farm.office.books
    told = keys(farm, book)
    assert sorted(told) == sorted(farm.site.issues), at
    assert done.data["totales"].get("nueva", 0) <= ROWS


@pytest.mark.slow
@pytest.mark.parametrize("done", [False, True], ids=["before it is done", "after it is done"])
def test_killed_at_every_request_there_is_one_issue_a_row_and_the_next_run_ends_well(
    farm: Farm, done: bool
) -> None:
    at = 1
    while killed(farm, at, done=done):
        check_healed(farm, at)
        at += 1
    assert at == 12  # drive, sheet, rows, project, two searches, three batches, rows again, keys
    check_healed(farm, "not killed")


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
def test_killed_at_a_creation_that_the_search_does_not_show_yet(farm: Farm, done: bool) -> None:
    """The second of three batches; the search sees what was written after two seconds."""
    killed(farm, 8, done=done, lag_s=2.0)
    sent = [one for one in farm.site.asked if one.path == "issue/bulk"]
    assert len(sent) == (2 if done else 1)
    before = time.monotonic()
    check_healed(farm, "creation")
    assert time.monotonic() - before > 1
