"""A page that shows what machines are given: the ZIPs, and a lote as another program reads it back.

The lote and its zones are drawn out of ``TASKDATA.XML`` by the models of PyPI's isoxml, not out of
what we wrote them from.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import shapely

from tests.products.maquinas.leido import by_pypi, parsed

WIDTH, HEIGHT = 610, 560  # of the drawing
COLOURS = {"alto": "#66bb6a", "medio": "#ffee58", "bajo": "#ef7468"}  # those of the terminal
FOR = {  # by what the name of a ZIP ends in
    "isoxml_v4": "terminales ISOBUS de hoy",
    "isoxml_v3": "terminales de antes de 2016",
    "lotes_shp": "Operations Center, FieldView",
    "ambientes_shp": "los mismos, para prescribir",
    "lotes_kml": "drones",
}
STYLE = (
    "body{margin:0;padding:22px 26px;font:15px/1.45 system-ui,sans-serif;color:#1b1b1b;"
    "display:flex;gap:26px}h1{font-size:19px;margin:0 0 12px}h2{font-size:15px;margin:16px 0 4px}"
    'pre{font:13px/1.5 ui-monospace,"DejaVu Sans Mono",monospace;margin:0}pre b{color:#0b4f8a}'
    "pre i{color:#5b5b5b}section{flex:0 0 auto}"
    "svg{display:block;background:#fafafa;border:1px solid #c9c9c9}"
)
PAGE = """<!doctype html><meta charset="utf-8"><style>%s</style>
<section><h1>Lo que recibe cada empresa</h1><pre>%s</pre><h2>Adentro de TASKDATA.XML</h2>
<pre>%s</pre></section><section><h1>%s</h1>%s</section>
"""


def page_of(built: Mapping[str, Path], campo: str) -> str:
    """The page of one lote of a campo: that of most holes and zones."""
    found = []
    for name, path in sorted(built.items()):
        if name.endswith("isoxml_v4.zip"):
            read, document = by_pypi(path), parsed(path)
            for task in document.iter("TSK"):
                zones = {
                    key: one
                    for key, one in read.zonas.items()
                    if key.startswith(task.get("A") + "/")
                }
                if task.get("B").startswith(f"{campo} - "):
                    rank = (_holes(read.lotes[task.get("E")]), len(zones), task.get("A"))
                    found.append((rank, name, read, document, task, zones))
    _, name, read, document, task, zones = max(found, key=lambda one: one[0])
    company = name.removesuffix("isoxml_v4.zip")
    field = document.find(f"PFD[@A='{task.get('E')}']")
    drawn = _drawing(
        read.lotes[task.get("E")], {read.nombres[key]: one for key, one in zones.items()}
    )
    title = f"El lote {field.get('C')} de {campo}, leído de TASKDATA.XML"
    own = {key: path for key, path in built.items() if key.startswith(company)}
    tree, lines = "\n".join(_tree(own)), "\n".join(_lines(field, task))
    return PAGE % (STYLE, tree, lines, escape(title), drawn)


def _tree(built: Mapping[str, Path]) -> Iterator[str]:
    yield "<b>maquinas/</b>"
    for kind, what in FOR.items():
        ((name, path),) = (one for one in built.items() if one[0].endswith(f"{kind}.zip"))
        with zipfile.ZipFile(path) as archive:
            first, *others = archive.namelist()
        stem = first.rpartition(".")[0]
        alike = [one.removeprefix(stem) for one in others if one.startswith(f"{stem}.")]
        more = " ".join(alike) or (f"… y {len(others)} más" if others else "")
        yield f"├ {escape(name)}"
        yield f"│   {escape(first)} {more}"
        yield f"│   <i>{escape(what)}</i>"


def _lines(field: Any, task: Any) -> Iterator[str]:
    def tag(one: Any, *names: str) -> str:
        said = " ".join(f'{key}="{one.get(key)}"' for key in names)
        return escape(f"<{one.tag} {said}>", quote=False)

    yield f"{tag(field, 'A', 'C', 'D', 'E', 'F')}  <i>el lote, en m²</i>"
    for line in field.iter("LSG"):
        what = "contorno" if line.get("A") == "1" else "agujero"
        yield f"  {tag(line, 'A')}  <i>{what}: {len(line)} puntos</i>"
    yield f"{tag(task, 'A', 'B', 'E')}  <i>la tarea</i>"
    for zone in task.iter("TZN"):
        points = sum(1 for _ in zone.iter("PNT"))
        yield f"  {tag(zone, 'A', 'B', 'C')}  <i>{points} puntos</i>"


def _drawing(lote: Any, zones: Mapping[str, Any]) -> str:
    west, south, east, north = lote.bounds
    lat = math.cos(math.radians((south + north) / 2))
    scale = min(WIDTH * 0.92 / ((east - west) * lat), (HEIGHT - 50) * 0.92 / (north - south))
    left, top = (WIDTH - (east - west) * lat * scale) / 2, 16

    def place(shape: Any) -> Any:
        return shapely.transform(
            shape, lambda at: ((at - (west, north)) * (lat * scale, -scale)) + (left, top)
        )

    def path(shape: Any, style: str) -> str:
        rings = (
            shapely.get_coordinates(one) for one in shapely.get_rings(shapely.get_parts(shape))
        )
        text = "".join(
            f"M{'L'.join(f'{x:.1f} {y:.1f}' for x, y in ring[:-1].tolist())}Z" for ring in rings
        )
        return f'<path d="{text}" fill-rule="evenodd" {style}/>'

    def text(x: float, y: float, said: str, more: str = "") -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" font-size="15" {more}>{escape(said)}</text>'

    halo = (
        'text-anchor="middle" font-weight="600" stroke="#fff" stroke-width="4" paint-order="stroke"'
    )
    parts, named = [], []
    for name, zone in zones.items():
        colour = COLOURS[name.rpartition(" - ")[2]]
        parts.append(path(place(zone), f'fill="{colour}" stroke="#555" stroke-width=".8"'))
        spot = shapely.maximum_inscribed_circle(
            max(shapely.get_parts(place(zone)), key=shapely.area)
        )
        x, y = shapely.get_coordinates(spot)[0]
        ambiente, _, potencial = name.rpartition(" - ")
        named += [text(x, y - 3, ambiente, halo), text(x, y + 15, potencial, halo)]
    parts.append(path(place(lote), 'fill="none" stroke="#1b1b1b" stroke-width="2.5"'))
    for hole in _rings(place(lote)):
        parts.append(path(hole, 'fill="#fff" stroke="#1b1b1b" stroke-width="2.5"'))
        spot = shapely.point_on_surface(hole)
        named.append(text(spot.x, shapely.bounds(hole)[3] + 18, "agujero", halo))
    legend = [
        f'<rect x="{20 + at * 170}" y="{HEIGHT - 26}" width="18" height="13" fill="{colour}"/>'
        + text(45 + at * 170, HEIGHT - 14, f"potencial {word}")
        for at, (word, colour) in enumerate(COLOURS.items())
    ]
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join((*parts, *named, *legend))}</svg>'


def _holes(shape: Any) -> int:
    return int(shapely.get_num_interior_rings(shapely.get_parts(shape)).sum())


def _rings(shape: Any) -> Iterator[Any]:
    for part in shapely.get_parts(shape):
        yield from (shapely.Polygon(ring) for ring in part.interiors)
