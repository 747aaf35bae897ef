"""The report of a season, and the check of a model's text, against what is written in a notebook.

The peer of the report is four ``groupby`` of pandas written with ``to_html``: areas by crop and by
campo, marks and changes, without sentences, shares, names that are escaped for Markdown, or a
second format. The peer of the check looks for each run of digits in the JSON of the facts: it
knows no unit, word, date or name. Both read nothing: tables and changes are in memory. The whole
report, read and published as at night, is printed beside. Medians of wall time.

``python bench/informe_campania.py [small|company] [rounds]``
"""

from __future__ import annotations

import json
import re
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from diferencias import night, timed  # noqa: E402

from Modules.diff.changes import cambios  # noqa: E402
from Modules.diff.differences import diferencias  # noqa: E402
from Modules.formats.report_page import html_of, markdown_of  # noqa: E402
from Modules.products.informe.facts import facts_of, names_of  # noqa: E402
from Modules.products.source import Fuente  # noqa: E402
from Modules.prompts.informe import story  # noqa: E402
from Modules.prompts.informe.check import Facts, problems  # noqa: E402
from Modules.prompts.informe.sections import sections_of  # noqa: E402
from tests.productos_hechos import NOW, encargo_of, keep, settings_below  # noqa: E402

SENTENCES = 36  # twelve in each of three sections
MOST_S = 5.0  # of the whole report at company size


def ours(fuente: Fuente, season: Any) -> tuple[dict[str, Any], int]:
    facts = facts_of(fuente, season)
    sections = sections_of(facts)
    return facts, sum(len(render("Informe", sections)) for render in (markdown_of, html_of))


def notebook(fuente: Fuente) -> int:
    import pandas as pd

    lotes, marks = fuente.tables.lotes, fuente.tables.marcadores
    changes = pd.DataFrame(cambios(fuente.changes), columns=["campo", "lote", "que", "detalle"])
    tables = (
        lotes.groupby("cultivos", dropna=False)["superficie_ha"].agg(["size", "sum"]),
        lotes.groupby("campo")["superficie_ha"].agg(["size", "sum"]),
        marks.groupby(["tipo", "estado"], dropna=False).size().to_frame(),
        changes.head(50),
    )
    return sum(len(one.to_html()) for one in tables)


def text_of(facts: dict[str, Any]) -> list[str]:
    """True sentences of the facts, as a model writes them."""
    rows = facts["superficie"]["por_campo"]
    said = [
        f"En {row['campo']} hay {row['lotes']} lotes: "
        + f"{row['superficie_ha']:,.1f} ha.".translate(str.maketrans(",.", ".,", ""))[:-1] + "."
        for row in rows
    ]  # fmt: skip
    return [said[n % len(said)] for n in range(SENTENCES)]


def naive(text: list[str], facts: dict[str, Any]) -> int:
    known = set(re.findall(r"\d+", json.dumps(facts)))
    return sum(one not in known for line in text for one in re.findall(r"\d+", line))


def main(size: str = "company", rounds: int = 3) -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_below(Path(folder))
        before, now = night(size, 0), night(size, 1)
        first = keep(settings, before)
        keep(settings, now, now=NOW + timedelta(days=1), parent=first)
        encargo = encargo_of(settings, now=NOW + timedelta(days=1))
        fuente, season = encargo.fuente, ("20/11/2026", diferencias(before, now))
        facts, _ = ours(fuente, season)
        text, known = text_of(facts), Facts(facts, names_of(fuente))
        wrong = [one for line in text for one in problems(line, known)]
        assert not wrong, wrong[:3]
        seconds: dict[str, list[float]] = {}
        sides: dict[str, Callable[[], Any]] = {
            "report": lambda: ours(fuente, season), "its peer": lambda: notebook(fuente),
            "check": lambda: [
                problems(line, fresh) for fresh in [Facts(facts, names_of(fuente))] for line in text
            ],
            "the check's peer": lambda: naive(text, facts),
            "whole": lambda: story.make(encargo),
        }  # fmt: skip
        for _ in range(rounds):
            for name, work in sides.items():
                seconds.setdefault(name, []).append(timed(work)[0])
    report, peer, check, plain, whole = (statistics.median(seconds[name]) for name in sides)
    print(f"  {size}: {len(now.lotes)} lotes, {facts['cambios']['total']} changes, {rounds} rounds")
    print(f"  report      {report:7.3f} s / notebook {peer:7.3f} s = {report / peer:5.2f} x")
    print(
        f"  check of {SENTENCES} {check:7.3f} s / digits   {plain:7.3f} s = {check / plain:5.1f} x"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  whole, read and published: {whole:.2f} s (aim {MOST_S:g}); peak memory {peak:,.0f} MB"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]))
