"""The drawings of the morning: how far each crop is, and where the lotes changed. SVG, pure.

The same text serves page, mail and paper. Units are CSS pixels; a drawing is as wide as a phone.
Maps are EPSG:4326 drawn flat, with a degree of longitude shortened by the latitude of their middle:
true to shape within a campo. North is up. What a colour tells, a word tells too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from Modules.diff.change import Clase
from Modules.diff.layers import CAMBIADO, ELIMINADO, MOVIDO, NUEVO, SEMBRADO
from Modules.formats.cells import cells
from Modules.formats.report_page import Figura
from Modules.geo.arrays import M_PER_DEGREE
from Modules.products.cultivos.sown import OTROS, Sembrado
from Modules.products.source import Fuente
from Modules.words.cultivos import GREY
from Modules.words.spanish import count, cut, number, short

ANCHO: Final = 340
MAX_CULTIVOS: Final = 12  # bars; the table has all
MAX_MAPAS: Final = 6
_MAPA_ALTO: Final = 240
_LEYENDA: Final = 38  # below a map: two lines of words
_MIN_M: Final = 400.0  # across a map at least
MAX_NOMBRES: Final = 20  # of lotes in a map
_DARK, _LINE, _PALE = "#1b1b1b", "#757575", "#ececec"
_COSECHA: Final = "#37474f"
_FONT: Final = f"fill='{_DARK}' font-family=\"system-ui,Arial,'Source Sans Pro',sans-serif\""
_EDGE: Final = f'stroke="{_LINE}" stroke-width=".5"'
_DASHED: Final = f'stroke="{ELIMINADO}" stroke-width="1.5" stroke-dasharray="5 3"'
_HALO: Final = 'stroke="#fff" stroke-width="3" paint-order="stroke" stroke-linejoin="round"'
_KINDS: Final = {  # by what is told of a lote, the gravest first: word of the legend, colour
    Clase.LOTE_ELIMINADO.texto: ("quitado", ELIMINADO),
    Clase.LOTE_NUEVO.texto: ("nuevo", NUEVO),
    Clase.BORDE_MOVIDO.texto: ("borde movido", MOVIDO),
    Clase.CAMBIO_DE_CULTIVO.texto: ("otro cultivo", SEMBRADO),
    "": ("otros datos", CAMBIADO),
}
_WAS: Final = (Clase.LOTE_ELIMINADO.texto, Clase.BORDE_MOVIDO.texto)  # what was there is drawn too


def progress_chart(frame: pd.DataFrame, crops: Sequence[Sembrado]) -> Figura:
    """Sown and harvested share of each crop; ``frame`` is ``cultivos.sown.progress`` of them.

    The crops of most hectares have a bar of their own, the others one together.
    """
    rows = frame.assign(color=[crop.color for crop in crops])
    rows = rows.sort_values(["sembrada_ha", "cultivo"], ascending=[False, True])
    if len(rows) > MAX_CULTIVOS:
        rest = rows.iloc[MAX_CULTIVOS - 1 :]
        sums = rest[["sembrada_ha", "ya_sembrada_ha", "cosechada_ha"]].sum()
        last = {**sums, "cultivo": f"{OTROS} ({len(rest)})", "color": GREY}
        rows = pd.concat([rows.iloc[: MAX_CULTIVOS - 1], pd.DataFrame([last])])
    parts, said, height = list[str](), list[str](), 4 + 36 * len(rows) + 18
    for top, one in zip(range(4, height, 36), rows.itertuples(), strict=False):
        whole = one.sembrada_ha or math.nan
        sown, reaped = (
            float(np.nan_to_num(part / whole)) for part in (one.ya_sembrada_ha, one.cosechada_ha)
        )
        words = f"{number(100 * sown)} % sembrado · {number(100 * reaped)} % cosechado"
        said.append(f"{one.cultivo}: {words}")
        parts += [
            _text(0, top + 11, cut(one.cultivo, 22), 'font-weight="600"'),
            _text(ANCHO, top + 11, words, 'text-anchor="end" font-size="11"'),
            _rect(0.5, top + 16, ANCHO - 1, 9, _PALE, _EDGE),
            _rect(0.5, top + 16, min(1.0, sown) * (ANCHO - 1), 9, one.color, _EDGE),
            _rect(0.5, top + 26, min(1.0, reaped) * (ANCHO - 1), 4, _COSECHA),
        ]
    parts += [
        _rect(0, height - 13, 18, 9, _PALE, _EDGE),
        _text(23, height - 5, "sembrado, del color del cultivo", 'font-size="11"'),
        _rect(196, height - 10, 18, 4, _COSECHA),
        _text(219, height - 5, "cosechado", 'font-size="11"'),
    ]
    title = "Avance de siembra y cosecha, por cultivo"
    return _figure("avance", title, "; ".join(said), parts, height)


def change_maps(fuente: Fuente) -> tuple[tuple[Figura, ...], int]:
    """A map of each campo in which a lote changed, those of most land first; and how many more.

    Of what is gone and of borders as they were, where the night before is still there.
    """
    rank = {name: at for at, name in enumerate(_KINDS)}
    kinds: dict[str, str] = {}  # the gravest that happened to each lote
    for one in (*fuente.changes.lotes, *fuente.changes.siembras):
        kind = one.que if one.que in _KINDS else ""
        kinds[one.lote_id] = min(kind, kinds.get(one.lote_id, ""), key=rank.__getitem__)
    if not kinds:
        return (), 0
    before = fuente.antes()
    now = fuente.tables.lotes
    old = now.iloc[:0] if before is None else before[before["lote_id"].isin(kinds)]
    gone = old[~old["lote_id"].isin(now["lote_id"])]
    changed = pd.concat([now[now["lote_id"].isin(kinds)], gone], ignore_index=True)
    sums = changed.groupby("campo_id")["superficie_ha"].sum()
    order = sorted(sums.index, key=lambda key: (-round(float(sums[key]), 4), key))
    names = dict(zip(changed["campo_id"], changed["campo"], strict=True))
    names |= dict(zip(fuente.tables.campos["campo_id"], fuente.tables.campos["campo"], strict=True))
    figures = []
    for at, key in enumerate(order[:MAX_MAPAS]):
        mine, was = (frame[frame["campo_id"] == key] for frame in (now, old))
        figures.append(_change_map(f"mapa{at}", names[key], mine, was, kinds))
    return tuple(figures), len(order[MAX_MAPAS:])


@dataclass(frozen=True, slots=True)
class _View:
    """A window on the ground: its corner and how many pixels are a degree."""

    west: float
    north: float
    x: float
    y: float

    @classmethod
    def on(cls, bounds: NDArray[np.float64]) -> _View:
        """Around west, south, east, north, with a margin."""
        west, south, east, north = bounds.tolist()
        lat, lon = (south + north) / 2, (west + east) / 2
        metres = (M_PER_DEGREE * math.cos(math.radians(lat)), M_PER_DEGREE)
        wide = max((east - west) * metres[0] * 1.3, _MIN_M)
        high = max((north - south) * metres[1] * 1.3, _MIN_M)
        scale = min(ANCHO / wide, _MAPA_ALTO / high)  # pixels of a metre
        x, y = scale * metres[0], scale * metres[1]
        return cls(lon - ANCHO / x / 2, lat + _MAPA_ALTO / y / 2, x, y)

    def pixels(self, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        """What lies in the window, in pixels, without what nobody sees of it."""
        moved = shapely.transform(
            shapes, lambda at: (at - (self.west, self.north)) * (self.x, -self.y)
        )
        inside = shapely.clip_by_rect(moved, -4, -4, ANCHO + 4, _MAPA_ALTO + 4)
        simple = shapely.simplify(inside, 0.3)
        return np.asarray(np.where(shapely.is_empty(simple), inside, simple), dtype=object)


def _change_map(
    name: str, campo: str, now: gpd.GeoDataFrame, old: gpd.GeoDataFrame, kinds: Mapping[str, str]
) -> Figura:
    mine = now["lote_id"].isin(kinds).to_numpy(dtype=bool)
    focus = np.concatenate([_shapes(now)[mine], _shapes(old)])
    view = _View.on(shapely.total_bounds(focus))
    old = old[old["lote_id"].map(kinds).isin(_WAS)]
    rows, was = (
        [*zip(cells(one["lote_id"]), cells(one["lote"]), view.pixels(_shapes(one)), strict=True)]
        for one in (now, old)
    )
    there = {key for key, _, _ in rows}
    changed = [row for row in rows if row[0] in kinds]
    parts = [
        f'<clipPath id="de-{name}">{_rect(0, 0, ANCHO, _MAPA_ALTO)}</clipPath>',
        f'<g clip-path="url(#de-{name})">{_rect(0, 0, ANCHO, _MAPA_ALTO, "#fafafa")}',
        *(_path(row[2], f'fill="{_PALE}" {_EDGE}') for row in rows if row[0] not in kinds),
        *(_path(shape, _fill(kinds[key])) for key, _, shape in changed),
        *(_path(shape, f'fill="none" {_DASHED}') for _, _, shape in was),
    ]
    named = [row for row in was if row[0] not in there] + changed
    named = [row for row in named if not row[2].is_empty]
    for _, lote, shape in sorted(named, key=lambda row: (-row[2].area, row[0]))[:MAX_NOMBRES]:
        spot, label = shapely.point_on_surface(shape), cut(lote, 16)
        half = 3.2 * len(label) + 2  # as wide as it comes, about
        x = min(max(spot.x, half), ANCHO - half)
        y = min(max(spot.y + 4, 12), _MAPA_ALTO - 16)
        parts.append(_text(x, y, label, f'text-anchor="middle" font-weight="600" {_HALO}'))
    told = [kind for kind in _KINDS if kind in {kinds[key] for key, _, _ in named}]
    parts += ["</g>", *_scale_bar(view), *_legend(told, dashed=bool(was))]
    counts = [sum(kinds[key] == kind for key, _, _ in named) for kind in told]
    words = [
        f"{_KINDS[kind][0]}: {short([lote for key, lote, _ in named if kinds[key] == kind], 8)}"
        for kind in told
    ]
    title = f"{count(sum(counts), 'lote cambiado', 'lotes cambiados')} en {campo}"
    return _figure(name, title, "; ".join(words), parts, _MAPA_ALTO + _LEYENDA)


def _shapes(frame: gpd.GeoDataFrame) -> NDArray[np.object_]:
    return np.asarray(frame.geometry.to_numpy(), dtype=object)


def _fill(kind: str) -> str:
    return f'fill="{_KINDS[kind][1]}" fill-opacity=".55" stroke="{_DARK}" stroke-width=".75"'


def _path(shape: Any, style: str) -> str:
    """Parts and holes of an area, in pixels."""
    rings = (shapely.get_coordinates(one) for one in shapely.get_rings(shapely.get_parts(shape)))
    drawn = ("L".join(f"{x:.1f} {y:.1f}" for x, y in ring[:-1].tolist()) for ring in rings)
    text = "".join(f"M{one}Z" for one in drawn)
    return f'<path d="{text}" fill-rule="evenodd" {style}/>' if text else ""


def _scale_bar(view: _View) -> Iterator[str]:
    """A bar of one, two or five times a power of ten metres, a quarter of the map at most."""
    pixel_m = M_PER_DEGREE / view.y
    most = pixel_m * ANCHO / 4
    power = 10.0 ** math.floor(math.log10(most))
    metres = max(step * power for step in (1, 2, 5) if step * power <= most)
    width, y = metres / pixel_m, _MAPA_ALTO - 6
    said = f"{number(metres)} m" if metres < 1000 else f"{number(metres / 1000)} km"
    yield _rect(4, y - 15, max(width + 8, 46), 19, "#fff", 'fill-opacity=".8"')
    yield f'<path d="M8 {y - 3}V{y}H{8 + width:.1f}V{y - 3}" fill="none" stroke="{_DARK}"/>'
    yield _text(8, y - 5, said, 'font-size="10"')


def _legend(kinds: Sequence[str], *, dashed: bool) -> Iterator[str]:
    """What each colour is, in as many lines as it takes."""
    each = [(_KINDS[kind][0], _fill(kind)) for kind in kinds]
    each += [("como era la noche anterior", f'fill="none" {_DASHED}')] if dashed else []
    x, y = 0.0, _MAPA_ALTO + 15
    for word, style in each:
        if x + 19 + 6.2 * len(word) > ANCHO:
            x, y = 0.0, y + 16
        yield f'<rect x="{x + 1:.1f}" y="{y - 8}" width="14" height="9" {style}/>'
        yield _text(x + 20, y, word, 'font-size="11"')
        x += 34 + 6.2 * len(word)


def _rect(
    x: float, y: float, width: float, height: float, fill: str = _PALE, more: str = ""
) -> str:
    at = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}"'
    return f'<rect {at} fill="{fill}" {more}/>' if width > 0 else ""


def _text(x: float, y: float, said: str, more: str = "") -> str:
    size = "" if "font-size" in more else 'font-size="12" '
    return f'<text x="{x:.1f}" y="{y:.1f}" {size}{_FONT} {more}>{escape(said)}</text>'


def _figure(name: str, title: str, said: str, parts: Sequence[str], height: int) -> Figura:
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {ANCHO} {height}" '
        f'width="{ANCHO}" height="{height}" role="img" aria-label="{escape(said)}">'
        f"{''.join(parts)}</svg>"
    )
    return Figura(name, title, said, svg, ANCHO, height)
