"""1,000 rows of a plan made into issues and back: requests counted, beside the naive way.

The naive way sends a request an issue and one a cell, as a loop over the rows does. Both over real
sockets to the made-up neighbours, and both without the pace that a real neighbour is asked at; what
that pace would make of the requests is printed too.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
ROWS, MOST_READS, BATCH, CELLS = 1_000, 30, 45, 500
DEPTHS = ("0-20", "20-40", "40-60", "60-80", "80-100", "0-40", "0-60")


def main() -> None:
    from Modules.cli import plan_demo
    from Modules.demo.google_office import GoogleOffice
    from Modules.demo.jira_site import JiraSite
    from Modules.integrations import tasks

    made: list[Any] = []

    def kept(kind: type) -> Any:
        return lambda *given: made.append(kind(*given)) or made[-1]

    plan_demo.GoogleOffice, plan_demo.JiraSite = kept(GoogleOffice), kept(JiraSite)
    plan_demo._rows = plan
    asked: Counter[str] = Counter()

    async def unhurried(_: str, work: Any, /, *args: Any, **more: Any) -> Any:
        return await asyncio.to_thread(work, *args, **more)

    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "LINDERO_STATE_DIR": f"{folder}/state",
            "LINDERO_TEST_OUTPUTS_DIR": f"{folder}/outputs",
        }
        with plan_demo.made_up("2026-11"):
            office, site = made
            first = story(unhurried)
            asked = counted(office, site)
            told(f"{ROWS} rows, first run", first, asked)
            writes = math.ceil(ROWS / BATCH) + math.ceil((ROWS) / CELLS)
            assert asked["reads"] <= MOST_READS, asked
            assert asked["writes"] == writes, (asked, writes)
            again = story(unhurried)
            told("again, nothing changed", again, counted(office, site))
            took, requests = naive(site)
            told("naive: a request an issue and one a cell", took, requests)
            total = sum(requests.values())
            less, rate = total / sum(asked.values()), tasks.PER_SECOND["jira"]
            print(
                f"{less:.0f} times fewer requests: at {rate} a second {total / rate:.0f} s of "
                f"asking become {total / less / rate:.0f} s; on loopback, with the maps made, "
                f"{took:.1f} s become {first:.1f} s"
            )


def plan(tables: Any, _mes: Any) -> list[list[Any]]:
    lotes = tables.lotes.sort_values("lote_id")
    pairs = [(a, b) for a, b in zip(lotes["campo"], lotes["lote"], strict=True)]
    each = [(a, b, depth) for a, b in pairs for depth in DEPTHS][:ROWS]
    rows = [[a, b, f"{1 + n % 28:02d}/11/2026", c, "Cuadrilla 1", "Muestreo", ""]
            for n, (a, b, c) in enumerate(each)]  # fmt: skip
    assert len(rows) == ROWS
    return [["Campo", "Lote", "Fecha", "Profundidad", "Responsable", "Tipo", "Tarea"], *rows]


def story(run: Any) -> float:
    from Modules.fieldwork.plan import plan_muestreo_a_jira

    start = time.monotonic()
    sleep = lambda _: asyncio.sleep(0)  # noqa: E731 - the pause between batches is no cost of ours
    done = asyncio.run(
        plan_muestreo_a_jira("2026-11", solo_validar=False, test=True, run=run, sleep=sleep)
    )
    assert done.error is None, done.error
    assert len(done.data["filas"]) == ROWS
    return time.monotonic() - start


def counted(office: Any, site: Any) -> Counter[str]:
    """What was asked since the last count."""
    writes = sum(one.writes for one in site.asked)
    writes += sum(one.path.endswith("batchUpdate") for one in office.asked)
    reads = len(site.asked) + len([one for one in office.asked if one.path != "/token"]) - writes
    site.asked.clear()
    office.asked.clear()
    return Counter(reads=reads, writes=writes)


def naive(site: Any) -> tuple[float, Counter[str]]:
    """The same rows by a loop; on issues of its own, so nothing is found."""
    from Modules.integrations.access import GoogleAccess, JiraAccess
    from Modules.integrations.google import Google, cell_name
    from Modules.integrations.jira import Jira, NewIssue
    from Modules.settings import load_settings

    settings = load_settings()
    google, jira = Google(GoogleAccess.of(settings)), Jira(JiraAccess.of(settings))
    (book,) = [one.id for one in google.search_files("Plan de muestreo")]
    bodies = [dict(one.fields) for one in site.issues.values()][:ROWS]
    start = time.monotonic()
    for at, fields in enumerate(bodies):
        given = {name: value for name, value in fields.items() if name != "status"}
        key = jira.create([NewIssue(given, {"clave": f"naive/{at}"})]).keys[0]
        google.write(book, {cell_name("Plan", at + 2, 6): key})
    return time.monotonic() - start, Counter(reads=1, writes=2 * len(bodies))


def told(what: str, seconds: float, asked: Counter[str]) -> None:
    print(f"  {what:44} {seconds:6.2f} s  {asked['reads']:5} reads  {asked['writes']:5} writes")


if __name__ == "__main__":
    main()
