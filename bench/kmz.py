"""KMZ files against simplekml, the same placemarks into the same files, in one run.

Two pieces of work, of the made-up company repeated to size: a file for each of 10,000 lotes with
its ambientes and marcadores, and 650 campo files with 10,000 lotes. The peer is simplekml as people
use it: shared styles, a folder for each layer, ``newdata``, label points, ``savekmz``; it makes no
legend, no balloon and no icons, and is given its values escaped (it does not do that itself).
Each side runs in a process of its own, in turn, into memory-backed storage where there is any;
the ratio is of the medians of wall time, from tables in memory to files written.
``python bench/kmz.py [--lotes 10000] [--campo-lotes 10000] [--rounds 1]``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pandas as pd  # noqa: E402

from Modules.demo.world import build_world  # noqa: E402
from Modules.diff.changes import Changes, diff_tables  # noqa: E402
from Modules.night.tables import Tables, build_tables  # noqa: E402
from Modules.products.kmz import product as mapas_kmz  # noqa: E402
from Modules.products.source import Fuente  # noqa: E402
from Modules.words.domain import BoundingBox, Campania, Record, Recurso, SnapshotId  # noqa: E402

REACH, AIM = 8.0, 12.0
CAMPOS = 650
WORKS = {"lotes": mapas_kmz.POR_LOTE, "campos": mapas_kmz.POR_CAMPO}
_KEYS = ("lote_id", "siembra_id", "ambiente_id", "marcador_id")


def night(tables: Tables) -> Fuente:
    """A night that holds some tables."""
    return Fuente(
        tables=tables,
        campania=Campania(25, 26),
        snapshot_id=SnapshotId(1, datetime(2025, 11, 20, 6, 0, 2, tzinfo=UTC)),
        changes=no_changes(),
        zone=ZoneInfo("America/Argentina/Buenos_Aires"),
    )


def no_changes() -> Changes:
    """What a night without changes says."""
    empty = build_tables({}, campania=Campania(25, 26), encodings={}, bbox=BoundingBox()).tables
    return diff_tables(empty, empty)


def company(lotes: int) -> Tables:
    """So many lotes, with all that is in them, out of copies of the made-up company."""
    world = build_world("company" if lotes > 150 else "small")
    records = {
        recurso: [Record(item, 1, index) for index, item in enumerate(world.items(recurso))]
        for recurso in Recurso
    }
    one = build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox()).tables
    copies = -(-lotes // len(one.lotes))
    many = {
        name: pd.concat([_copy(frame, i) for i in range(copies)], ignore_index=True)
        if "lote_id" in frame and name != "zonas"
        else frame
        for name, frame in one.as_dict().items()
    }
    many["lotes"] = many["lotes"].head(lotes)
    kept = set(many["lotes"]["lote_id"])
    for name in ("siembras", "ambientes", "marcadores"):
        many[name] = many[name][many[name]["lote_id"].isin(kept)].reset_index(drop=True)
    return Tables(**many)


def _copy(frame: pd.DataFrame, number: int) -> pd.DataFrame:
    out = frame.copy()
    for key in {"campo_id", *_KEYS} & set(out.columns):
        out[key] = (out[key] + f"-{number}").astype(frame[key].dtype)
    return out


def regrouped(tables: Tables, campos: int) -> Tables:
    """The same lotes in so many campos, with nothing drawn in them."""
    lotes = tables.lotes.copy()
    number = pd.Series(range(len(lotes))) * campos // len(lotes)
    lotes["campo_id"] = number.astype(str).astype(lotes["campo_id"].dtype)
    lotes["campo"] = ("Campo " + number.astype(str)).astype(lotes["campo"].dtype)
    frames = tables.as_dict() | {
        "campos": tables.campos.head(0),
        "lotes": lotes,
        "ambientes": tables.ambientes.head(0),
        "marcadores": tables.marcadores.head(0),
    }
    return Tables(**frames)


def ours(work: str, tables: Tables, folder: Path) -> int:
    """Lindero: one family of files."""
    built = mapas_kmz.build_mapas_kmz(night(tables), folder, familias=[WORKS[work]])
    return len(built.carpetas[WORKS[work]])


def plain(work: str, tables: Tables, folder: Path) -> int:
    """simplekml: the same files."""
    children = {
        name: dict(list(frame.groupby("lote_id")))
        for name, frame in (("ambientes", tables.ambientes), ("marcadores", tables.marcadores))
    }
    colours = dict(zip(tables.cultivos["cultivo"], tables.cultivos["color"], strict=True))
    number = 0
    key = "lote_id" if work == "lotes" else "campo_id"
    for number, (name, rows) in enumerate(tables.lotes.groupby(key), 1):  # noqa: B007
        _simplekml_file(rows, children if work == "lotes" else {}, colours, folder / f"{name}.kmz")
    return number


def _simplekml_file(
    lotes: pd.DataFrame, children: dict[str, Any], colours: dict[str, str], path: Path
) -> None:
    import simplekml

    kml = simplekml.Kml(name=path.stem)
    styles: dict[str, Any] = {}

    def style(color: str) -> Any:
        if color not in styles:
            abgr = f"{color[5:7]}{color[3:5]}{color[1:3]}"
            normal, highlight = simplekml.Style(), simplekml.Style()
            for face, alpha, width in ((normal, "80", 2), (highlight, "b3", 4)):
                face.polystyle.color, face.linestyle.color = alpha + abgr, "ff" + abgr
                face.linestyle.width = width
            styles[color] = simplekml.StyleMap(normalstyle=normal, highlightstyle=highlight)
        return styles[color]

    label = simplekml.Style()
    label.iconstyle.scale, label.labelstyle.scale = 0, 0.8
    layers = [("Lotes", lotes, "lote", LOTE)]
    for row in lotes.itertuples():
        layers += [
            (title, children[table][row.lote_id], name, data)
            for table, title, name, data in PARTS
            if row.lote_id in children.get(table, {})
        ]
    labels = kml.newfolder(name="Etiquetas")
    for title, frame, name_column, data in layers:
        folder = kml.newfolder(name=title)
        for row in frame.to_dict("records"):
            color = row.get("color") or colours.get(row.get("cultivos"), "#9E9E9E")
            placemark = _simplekml_placemark(folder, row["geometry"], simplekml)
            placemark.name = escape(str(row[name_column]))
            placemark.stylemap = style(color)
            for column, text in data.items():
                value = row.get(column)
                shown = "" if pd.isna(value) else escape(str(value))
                placemark.extendeddata.newdata(column, shown, text)
            inside = row["geometry"].representative_point()
            mark = labels.newpoint(name=placemark.name, coords=[(inside.x, inside.y)])
            mark.style = label
    kml.savekmz(str(path))


LOTE = {
    "campo": "Campo",
    "lote": "Lote",
    "cultivos": "Cultivo",
    "superficie_declarada_ha": "Superficie declarada",
    "campania": "Campaña",
    "superficie_ha": "Superficie (ha)",
    "lote_id": "Id del lote",
}
AMBIENTE = {
    "ambiente": "Ambiente",
    "potencial": "Potencial",
    "campania": "Campaña",
    "superficie_ha": "Superficie (ha)",
    "ambiente_id": "Id del ambiente",
    "lote_id": "Id del lote",
}
MARCADOR = {
    "tipo": "Tipo",
    "subtipo": "Subtipo",
    "estado": "Estado",
    "fecha": "Fecha",
    "observacion": "Observación",
    "muestra_codigo": "Código de muestra",
    "muestra_profundidades_cm": "Profundidades (cm)",
    "muestra_analisis": "Análisis",
    "marcador_id": "Id del marcador",
}

PARTS = (
    ("ambientes", "Ambientes", "ambiente", AMBIENTE),
    ("marcadores", "Marcadores", "marcador", MARCADOR),
)


def _simplekml_placemark(folder: Any, shape: Any, simplekml: Any) -> Any:
    if shape.geom_type == "Point":
        return folder.newpoint(coords=list(shape.coords))
    if shape.geom_type == "LineString":
        return folder.newlinestring(coords=list(shape.coords))
    if shape.geom_type == "Polygon":
        return _simplekml_polygon(folder, shape)
    multi = folder.newmultigeometry()
    for part in shape.geoms:
        _simplekml_placemark(multi, part, simplekml)
    return multi


def _simplekml_polygon(folder: Any, shape: Any) -> Any:
    return folder.newpolygon(
        outerboundaryis=list(shape.exterior.coords),
        innerboundaryis=[list(ring.coords) for ring in shape.interiors],
    )


def one_side(side: str, work: str, lotes: int) -> None:
    """In a process of its own: print seconds and files."""
    tables = company(lotes)
    if work == "campos":
        tables = regrouped(tables, min(CAMPOS, lotes))
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        start = time.perf_counter()
        files = (ours if side == "lindero" else plain)(work, tables, Path(folder))
        print(json.dumps({"seconds": time.perf_counter() - start, "files": files}))


def compare(work: str, lotes: int, rounds: int) -> float:
    """Run both sides in turn and print the ratio."""
    seconds: dict[str, list[float]] = {"lindero": [], "simplekml": []}
    files = {}
    for _ in range(rounds):
        for side, times in seconds.items():
            command = [sys.executable, __file__, "--side", side, "--work", work]
            done = subprocess.run(
                [*command, f"--{'lotes' if work == 'lotes' else 'campo-lotes'}", str(lotes)],
                check=True, capture_output=True, text=True, env=os.environ | {"TZ": "UTC"},
            )  # fmt: skip
            result = json.loads(done.stdout)
            times.append(result["seconds"])
            files[side] = result["files"]
    assert files["lindero"] == files["simplekml"], files
    ours_s, theirs_s = (statistics.median(times) for times in seconds.values())
    ratio = theirs_s / ours_s
    verdict = "aim" if ratio >= AIM else "reached" if ratio >= REACH else "NOT REACHED"
    print(
        f"kmz {work}: {files['lindero']:,} files, {lotes:,} lotes: lindero {ours_s:.2f} s, "
        f"simplekml {theirs_s:.2f} s, ratio {ratio:.1f} (reach {REACH:g}, aim {AIM:g}): {verdict}"
    )
    return ratio


def main() -> None:
    """Compare both pieces of work; exit 1 if one does not reach its ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lotes", type=int, default=10_000)
    parser.add_argument("--campo-lotes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--side", choices=("lindero", "simplekml"))
    parser.add_argument("--work", choices=sorted(WORKS))
    options = parser.parse_args()
    size = {"lotes": options.lotes, "campos": options.campo_lotes}
    if options.side:
        one_side(options.side, options.work, size[options.work])
        return
    works = [options.work] if options.work else ["lotes", "campos"]
    ratios = [compare(work, size[work], options.rounds) for work in works]
    sys.exit(min(ratios) < REACH)


if __name__ == "__main__":
    main()
