"""Published ids over a year: each night some lotes change, and every fid and number stays.

Each night the real layers are written (lotes by crop, marks, proposed points, ambientes) and a
changeset of geodiff against the night before. Three figures: ids whose fid or sample number moved,
numbers that two ids had, and rows in a changeset that did not change or changed and are not in it.

    python -m tests.robustness.stable_ids [--short]
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import shapely

from Modules.demo.plan import Size
from Modules.diff.compare import write_changeset
from Modules.night.tables import Tables
from Modules.products.cultivos.product import build_cultivos
from Modules.products.muestreos.plan import plan_muestreo
from Modules.products.muestreos.product import build_muestreos
from Modules.store.numeros import TABLES, Numeros
from tests.fuentes import night_of
from tests.robustness.nights import churned, first_night

NIGHTS, SHORT_NIGHTS = 365, 20
SIZE = Size(campos=12, lotes=120, ambientes=260, marcadores=300)
_KEYS = ("siembra_id", "punto_id", "ambiente_id", "lote_id")  # the first that a layer has is its id


def fids(path: Path) -> Iterator[tuple[str, str, int]]:
    """Layer, id and fid of every feature of a GeoPackage."""
    with closing(sqlite3.connect(path)) as db:
        layers = [name for (name,) in db.execute("SELECT table_name FROM gpkg_contents")]
        for layer in layers:
            columns = [row[1] for row in db.execute(f'PRAGMA table_info("{layer}")')]
            key = next((one for one in _KEYS if one in columns), None)
            if key is not None:  # else a table of styles
                rows = db.execute(f'SELECT {key}, fid FROM "{layer}"').fetchall()
                yield from ((layer, one, fid) for one, fid in rows)


def changed_rows(before: Tables, after: Tables) -> dict[str, int]:
    """How many rows of each table are new, gone or other, counted cell by cell."""
    found = {}
    for kind, name in TABLES.items():
        one, other = (
            pd.DataFrame(getattr(tables, name)).astype(object).set_index(f"{kind}_id")
            for tables in (before, after)
        )
        if "geometry" in one:
            one, other = (
                frame.assign(geometry=shapely.to_wkb(frame["geometry"].to_numpy(dtype=object)))
                for frame in (one, other)
            )
        both = one.index.intersection(other.index)
        left, right = one.loc[both], other.loc[both]
        equal = (left == right).where(left.notna() & right.notna(), left.isna() & right.isna())
        number = (
            len(one) + len(other) - 2 * len(both) + int((~equal.astype(bool)).any(axis=1).sum())
        )
        if number:
            found[name] = number
    return found


def _in_a_row(tables: Tables) -> Tables:
    """The tables with their rows numbered anew, as they are read of a snapshot."""
    return replace(
        tables, **{name: frame.reset_index(drop=True) for name, frame in tables.as_dict().items()}
    )


def year(nights: int) -> tuple[int, int, int]:
    """Ids that moved, numbers shared by two ids, and changesets that were not exact."""
    rng, tables, kept = random.Random(11), first_night(seed=5, size=SIZE), Numeros()
    before: Tables | None = None
    known: dict[tuple[str, str], int] = {}
    moved = shared = inexact = 0
    for night in range(nights):
        kept = Numeros.from_bytes(kept.to_bytes(), "")  # as the next night reads it
        fuente = replace(night_of(tables), numeros=kept)
        with tempfile.TemporaryDirectory() as temp:
            work = Path(temp)
            slug = fuente.campania.slug
            made = build_muestreos(fuente, work) | build_cultivos(fuente, work)
            seen = [
                row
                for name in (f"muestreos_{slug}.gpkg", f"cultivos_{slug}.gpkg")
                for row in fids(made[name])
            ]
            puntos = plan_muestreo(fuente).puntos
            numbers = zip(puntos["campo_id"], puntos["punto_id"], puntos["numero"], strict=True)
            seen += [(f"muestra {campo}", one, int(number)) for campo, one, number in numbers]
            for layer, one, number in seen:
                moved += known.setdefault((layer, one), number) != number
            if before is not None:
                counts = write_changeset(before, tables, kept, work / "noche.diff")
                inexact += counts != changed_rows(before, tables)
        numbered = {(layer, number) for (layer, _), number in known.items()}
        shared = len(known) - len(numbered)
        before, tables = tables, _in_a_row(churned(tables, rng, night))
    return moved, shared, inexact


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 1 if one is missed."""
    nights = SHORT_NIGHTS if "--short" in arguments else NIGHTS
    moved, shared, inexact = year(nights)
    print(
        f"figure: stable_ids {nights} nights, {moved} ids moved, {shared} numbers given twice, "
        f"{inexact} changesets with other rows than those that changed"
    )
    return 0 if not (moved or shared or inexact) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
