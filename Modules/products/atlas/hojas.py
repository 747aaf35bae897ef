"""What each page of a campo shows, as the templates take it: maps, lists, texts. Pure.

Rows are in the order of the KMZ, crops, potentials and types are its groups with its colours, and
points have the numbers of the sampling plan, in its order of visit. Nothing of the owner is here.
What repeats by the thousand (pins, stripes, swatches) is SVG, which costs Typst next to nothing.
"""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import shapely

from Modules.diff.changes import novedades
from Modules.formats.cells import cells
from Modules.formats.kml_geometry import label_points
from Modules.geo.arrays import Shapes, shapes_of
from Modules.products.atlas import plano
from Modules.products.atlas.plano import Caja, Marco
from Modules.products.kmz.kinds import SIN_SIEMBRA, Grupo, estado, in_legend, potencial, tipo
from Modules.products.kmz.layers import Lotes, rows_by
from Modules.products.muestreos.plan import HECHO, TIPO
from Modules.products.source import Fotos, Fuente
from Modules.store.fotos import Foto
from Modules.words.spanish import count, day, hectares, in_lote, moment, number

Hoja: TypeAlias = dict[str, Any]
Layer: TypeAlias = tuple[str, Shapes, Sequence[Grupo] | None]

CAMPO_MM: Final = (186.0, 150.0)  # the maps, on paper
LOTE_MM: Final = (186.0, 140.0)
ORDEN_MM: Final = (92.0, 66.0)
TARJETA_MM: Final = (100.0, 84.0)
OF_THE_NIGHT: Final = ("datos", "snapshot", "cambio")  # of a sheet: true the night after as well
MAX_FOTOS: Final = 6  # of a lote
MAX_ESQUINAS: Final = 8  # corners that are shown one by one; else those of the box around it
PASO_MM: Final = 3.6  # from line to line of a list; mapa.typ has the same
_BLOCK: Final = 26  # lines of a list that stay together: there is room for them below a map
_MAX_NAME: Final = 36  # characters of a name on a map
_MAX_NOTE: Final = 120
_MAX_CAPTION: Final = 60
_MAX_HISTORY: Final = 400  # it stands in a column that does not go on on the next sheet
_LONG_WORD: Final = re.compile(r"\S{16}")  # it would leave its column
_WIDE: Final = 1.4  # a capital, in letters
_WIDE_LETTER: Final = re.compile(r"[A-ZÀ-ÖØ-Þ\u0250-\U0010ffff]")
_NARROW, _NARROW_LINES = 20, 4  # letters of a column; its lines: what is longer is cut
_NARROW_SLACK: Final = 1.1  # it has room for a few letters more
_DIGIT_MM, _PIN_MM = 1.14, 3.4  # a digit's width, a pin's height
_LETTER_MM, _NAME_MM = 1.5, 3.2
_AROUND: Final = 0.6  # of a lote's longer side: neighbours that may be on its page
_LAYERS: Final = {
    "vecinos": 'fill="#eef2ee" stroke="#9fb0a6" stroke-width="18"',
    "lotes": 'stroke="#37474f" stroke-width="20" fill-opacity=".8"',
    "zonas": 'fill-opacity=".55" stroke="#fff" stroke-width="18"',
    "borde": 'fill="none" stroke="#1b2a33" stroke-width="60"',
    "marcas": 'fill-opacity=".5" stroke="#1b2a33" stroke-width="12"',
    "camino": 'fill="none" stroke="#1b2a33" stroke-width="16" stroke-dasharray="60 45"',
}
_COLUMNS: Final = {  # of each table, what the pages show
    "lotes": ("superficie_ha", "superficie_declarada_ha", "updated_at"),
    "siembras": ("material", "estado", "fecha_siembra", "fecha_cosecha"),
    "ambientes": ("ambiente", "potencial", "superficie_ha"),
    "marcadores": ("tipo", "marcador", "estado", "fecha", "observacion", "marcador_id"),
    "puntos": (
        *("numero", "orden", "muestra_id", "ambiente", "profundidades_cm", "estado", "lat", "lon"),
    ),
}


class Atlas:
    """One night, ready to be cut into campos; ``puntos`` are those of the sampling plan."""

    def __init__(self, fuente: Fuente, puntos: pd.DataFrame, fotos: Fotos | None = None) -> None:
        self.fuente, self.lotes, self.fotos = fuente, Lotes(fuente.tables), fotos or {}
        self.dia = day(fuente.hora_local.date())
        self.cambios: dict[str, list[str]] = defaultdict(list)
        for lote_id, _, _, what, detail in novedades(fuente.changes.contadas()):  # room is short
            self.cambios[lote_id].append(f"{what}: {detail}" if detail else what)
        self.numeros = dict(zip(puntos["punto_id"], puntos["numero"], strict=True))
        table = fuente.tables.campos
        both = zip(cells(table["partido"]), cells(table["provincia"]), strict=True)
        where = [", ".join(filter(None, one)) for one in both]
        self.donde = dict(zip(table["campo_id"], where, strict=True))
        self.rows = rows_by(self.lotes.campo_id)
        self.puntos_of = rows_by(cells(puntos["lote_id"]))
        filas = self.lotes.filas | {"puntos": puntos}
        self.values = {
            table: {name: list(cells(filas[table][name])) for name in names}
            for table, names in _COLUMNS.items()
        }
        self.shapes = {
            name: np.asarray(filas[name]["geometry"].array, dtype=object)
            for name in ("lotes", "ambientes", "marcadores")
        }

    @cached_property
    def tree(self) -> shapely.STRtree:
        """The lotes by place."""
        return shapely.STRtree(self.shapes["lotes"])

    def hojas(self, key: str) -> tuple[Hoja, Hoja]:
        """All pages of a campo, and its card."""
        rows = self.rows.get(key, [])
        head: Hoja = {
            "campo": _breakable(self.lotes.campos[key]),
            "corto": _short(self.lotes.campos[key], 60),
            "donde": self.donde.get(key, ""),
            "campania": str(self.fuente.campania),
            "datos": moment(self.fuente.hora_local),
            "snapshot": str(self.fuente.snapshot_id),
            "ha": hectares(sum(self.lotes.tierra_ha[row] for row in rows)),
            "cuantos": count(len(rows), "lote", "lotes"),
            "cultivos": self._cultivos(rows),
            "filas": [self.fila(row) for row in rows],
            **{"mapa": None, "croquis": None, "lotes": []},
        }
        if not rows:
            return head, head
        campo = _Campo(self, rows)
        pages = {
            "mapa": campo.whole(CAMPO_MM),
            "croquis": campo.whole(ORDEN_MM, plain=True),
            "lotes": [campo.lote(row) for row in rows],
        }
        return head | pages, head | {"mapa": campo.whole(TARJETA_MM, plain=True)}

    def crops(self, row: int) -> list[Grupo]:
        """What is sown on a lote, in order."""
        return self.lotes.cultivos[row] or [SIN_SIEMBRA]

    def fila(self, row: int) -> Hoja:
        """A lote's line in the tables of its campo."""
        return {
            "lote": _breakable(self.lotes.lote[row]),
            "ha": hectares(self.values["lotes"]["superficie_ha"][row]),
            "cultivos": [(one.style.color, _breakable(one.nombre)) for one in self.crops(row)],
            "ambientes": len(self.lotes.ambientes_of[row]),
            "puntos": len(self.puntos_of.get(self.lotes.lote_id[row], ())),
        }

    def _cultivos(self, rows: Sequence[int]) -> list[tuple[str, ...]]:
        """Colour, name, sown hectares and lotes of each crop; a lote sown twice is in two."""
        areas: dict[str, list[float]] = defaultdict(list)
        sown = [(group, row) for row in rows for group in self.crops(row)]
        for group, row in sown:
            areas[group.key].append(self.values["lotes"]["superficie_ha"][row])
        shown = in_legend(one for one, _ in sown)
        return [
            (one.style.color, _breakable(one.nombre), hectares(sum(areas[one.key])),
             count(len(areas[one.key]), "lote", "lotes"))
            for one in shown
        ]  # fmt: skip


class _Campo:
    """A campo in its plane, with the lotes around it."""

    def __init__(self, atlas: Atlas, rows: Sequence[int]) -> None:
        self.atlas, self.lotes, self.rows = atlas, atlas.lotes, rows
        boxes = shapely.bounds(atlas.shapes["lotes"][rows])
        self.plane = plano.plane([*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)])
        sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) * _AROUND
        around = shapely.box(*np.hstack([boxes[:, :2] - sides, boxes[:, 2:] + sides]).T)
        pairs = sorted(zip(*atlas.tree.query(around).tolist(), strict=True))
        self.near = {row: [two for one, two in pairs if rows[one] == row != two] for row in rows}
        used = sorted({two for _, two in pairs})
        metres = plano.projected(atlas.shapes["lotes"][used], self.plane)
        self.shapes = dict(zip(used, metres, strict=True))

    def whole(self, size: tuple[float, float], *, plain: bool = False) -> Hoja:
        """All lotes in the colour of what was sown last; ``plain``: without lines of degrees."""
        shapes = shapes_of([self.shapes[row] for row in self.rows])
        marco = Marco.around(shapely.total_bounds(shapes), *size)
        crops = [self.atlas.crops(row)[-1] for row in self.rows]
        mapa = self._mapa(marco, [("lotes", shapes, crops)], plain=plain)
        return mapa | {"nombres": self._names(marco, shapes, self.rows, marco.covered())}

    def lote(self, row: int) -> Hoja:
        """A lote, with what is around it and in it."""
        lotes, values = self.lotes, self.atlas.values
        shape, near = shapes_of([self.shapes[row]]), self.near[row]
        marco = Marco.around(shapely.bounds(shape[0]), *LOTE_MM)
        around, taken = shapes_of([self.shapes[one] for one in near]), marco.covered()
        zones, types = lotes.ambientes_of[row], values["marcadores"]["tipo"]
        marks = [at for at in lotes.marcadores_of[row] if types[at] != TIPO]
        kinds = [potencial(values["ambientes"]["potencial"][at]) for at in zones]
        tipos = [tipo(types[at]) for at in marks]
        drawn = plano.projected(self.atlas.shapes["marcadores"][marks], self.plane)
        inside = plano.projected(self.atlas.shapes["ambientes"][list(zones)], self.plane)
        visita, way, pins, numbers = self._puntos(row, marco, taken)
        letters, corners = _corners(self.atlas.shapes["lotes"][row], shape[0], marco, taken)
        dots = [
            plano.dot(xy, 0.95, kind.style.color)
            for xy, kind in zip(marco.spots(label_points(drawn)), tipos, strict=True)
        ]
        layers: list[Layer] = [("vecinos", around, None)]
        layers.append(
            ("zonas", inside, kinds) if kinds else ("zonas", shape, self.atlas.crops(row)[-1:])
        )
        layers += [("borde", shape, None), ("marcas", drawn, tipos), ("camino", way, None)]
        own = self._names(marco, shape, [row], taken)
        seen = shapely.clip_by_rect(around, *marco.bounds)
        _, declared, changed = (column[row] for column in values["lotes"].values())
        fotos, more = self._fotos(row)
        return self.atlas.fila(row) | {
            "titulo": _breakable(_titulo(lotes.lote[row])),
            "id": lotes.lote_id[row],
            "declarada": hectares(declared),
            **self._historia(row, changed),
            "siembras": self._siembras(row),
            "zonas": _lista(self._zonas(zones, kinds), (16, 16, 12), kinds, corner=0.3),
            "visita": visita,
            "marcas": _lista(self._marcas(marks, tipos), (16, 50, 16, 16), tipos),
            "esquinas": corners,
            **({"fotos": fotos, "mas": more} if fotos else {}),
            "mapa": self._mapa(marco, layers, [*dots, *pins])
            | {"nombres": own, "vecinos": self._names(marco, seen, near, taken)}
            | {"letras": letters, "numeros": numbers},
        }

    def _mapa(
        self,
        marco: Marco,
        layers: Sequence[Layer],
        points: Iterable[str] = (),
        *,
        plain: bool = False,
    ) -> Hoja:
        texts = iter(marco.paths(np.concatenate([shapes for _, shapes, _ in layers])))
        body = ""
        for name, shapes, groups in layers:
            body += f"<g {_LAYERS[name]}>"
            for at, path in enumerate(islice(texts, len(shapes))):
                fill = f' fill="{groups[at].style.color}"' if groups else ""
                body += f'<path d="{path}"{fill}/>' if path else ""
            body += "</g>"
        across, down = ([], []) if plain else plano.graticule(marco, self.plane)
        return {
            **{"ancho": marco.ancho, "alto": marco.alto, "escala": f"1:{number(marco.escala)}"},
            **{"barra": plano.scale_bar(marco.escala), "meridianos": across, "paralelos": down},
            **{name: [] for name in ("nombres", "vecinos", "letras", "numeros")},
            "svg": plano.svg(marco.ancho, marco.alto, body + "".join(points)),
        }

    def _names(
        self, marco: Marco, shapes: Shapes, rows: Sequence[int], taken: list[Caja]
    ) -> list[tuple[float, float, str]]:
        """Names inside the lotes that they name, where there is room."""
        kept = np.flatnonzero(~shapely.is_empty(shapes)).tolist()
        texts = [_short(self.lotes.lote[rows[at]], _MAX_NAME) for at in kept]
        spots = marco.spots(label_points(shapes[kept]))
        places = plano.spread(
            spots, [len(text) * _LETTER_MM + 1.2 for text in texts], _NAME_MM, marco, taken
        )
        return [(*at, text) for at, text in zip(places, texts, strict=True) if at]

    def _puntos(
        self, row: int, marco: Marco, taken: list[Caja]
    ) -> tuple[Hoja, Shapes, list[str], list[Any]]:
        """The points as a list, the way from one to the next, their pins and numbers on the map."""
        at = self.atlas.puntos_of.get(self.lotes.lote_id[row], [])
        numeros, ordenes, codes, zones, depths, states, lats, lons = (
            [column[one] for one in at] for column in self.atlas.values["puntos"].values()
        )
        kinds, texts = [estado(state) for state in states], [str(one) for one in numeros]
        metres = shapely.points(np.column_stack(self.plane(lons, lats))) if at else shapes_of([])
        spots = marco.spots(metres)
        widths = [max(_PIN_MM, len(text) * _DIGIT_MM + 1.3) for text in texts]
        places = plano.spread(spots, widths, _PIN_MM, marco, taken)
        pins, numbers = [], []
        for spot, place, wide, kind, text, orden in zip(
            spots, places, widths, kinds, texts, ordenes, strict=True
        ):
            fill, ink = (kind.style.color, "#ffffff") if orden else ("#ffffff", kind.style.color)
            pins.append(plano.pin(spot, place, (wide, _PIN_MM), fill, kind.style.color))
            if place:
                numbers.append(
                    (round(place[0] - len(text) * _DIGIT_MM / 2, 2), place[1], text, ink)
                )
        visited = metres[[orden is not None for orden in ordenes]]
        way = [shapely.LineString(visited)] if len(visited) > 1 else []
        names = [text if orden else f"({text})" for text, orden in zip(texts, ordenes, strict=True)]
        columns = [names, codes, zones, depths, map(_degrees, lats), map(_degrees, lons)]
        return {
            "lista": _lista(columns, (7, 18, 16, 18, 16, 16), kinds,
                            boxes=[state == HECHO for state in states]),
            "estados": sorted({(kind.style.color, kind.nombre) for kind in kinds}),
            "sin": places.count(None),
            "nota": "" if all(ordenes) else " · entre paréntesis: no se visita, o ya está hecho",
        }, shapes_of(way), pins, numbers  # fmt: skip

    def _historia(self, row: int, changed: datetime | None) -> Hoja:
        """What happened to a lote and when; nothing of nights in which nothing did."""
        said, dia = self.atlas.cambios.get(self.lotes.lote_id[row]), self.atlas.dia
        now = f"Cambió la noche del {dia}: {'; '.join(said)}." if said else ""
        then = changed and day(changed.astimezone(self.atlas.fuente.zone))
        last = f"Lote modificado por última vez en el portal el {then}." if then else ""
        return {"cambio": _breakable(_short(now, _MAX_HISTORY)), "historia": _breakable(last)}

    def _fotos(self, row: int) -> tuple[list[tuple[str, str]], int]:
        """The first photos of a lote's marks, each with its number or name; how many more."""
        of, found = self.atlas.values["marcadores"], list[tuple[Foto, str]]()
        for at in self.lotes.marcadores_of[row] if self.atlas.fotos else ():
            key, name, fecha = (of[one][at] for one in ("marcador_id", "marcador", "fecha"))
            numero = self.atlas.numeros.get(key)
            text = _short(_joined(numero and f"N.º {numero}", name, day(fecha)), _MAX_CAPTION)
            found += [(foto, _breakable(text)) for foto in self.atlas.fotos.get(key, ())]
        shown = [(plano.photo(foto.mini), text) for foto, text in found[:MAX_FOTOS]]
        return shown, len(found) - len(shown)

    def _siembras(self, row: int) -> list[tuple[str, str, str]]:
        rows = self.lotes.siembras_of[row]
        values = [[column[at] for at in rows] for column in self.atlas.values["siembras"].values()]
        texts = [
            _joined(what, state, sown and f"siembra {day(sown)}", cut and f"cosecha {day(cut)}")
            for what, state, sown, cut in zip(*values, strict=True)
        ]
        return [
            (group.style.color, _breakable(group.nombre), _breakable(text))
            for group, text in zip(self.lotes.cultivos[row], texts, strict=True)
        ]

    def _zonas(self, rows: Sequence[int], kinds: Sequence[Grupo]) -> list[list[str]]:
        values = self.atlas.values["ambientes"]
        areas = [hectares(values["superficie_ha"][at]) for at in rows]
        return [[values["ambiente"][at] for at in rows], [kind.nombre for kind in kinds], areas]

    def _marcas(self, rows: Sequence[int], kinds: Sequence[Grupo]) -> list[list[str]]:
        _, names, states, days, notes, _ = self.atlas.values["marcadores"].values()
        inside = shapely.get_coordinates(
            label_points(self.atlas.shapes["marcadores"][rows])
        ).tolist()
        what = [
            _joined(names[at], states[at], day(days[at]), _short(notes[at] or "", _MAX_NOTE))
            for at in rows
        ]
        lats, lons = ([_degrees(xy[axis]) for xy in inside] for axis in (1, 0))
        return [[kind.nombre for kind in kinds], what, lats, lons]


def _corners(lonlat: Any, shape: Any, marco: Marco, taken: list[Caja]) -> tuple[list[Any], Hoja]:
    """Letters on the map and coordinates of the corners, where they are few; else of the box."""
    ring, single = shapely.get_coordinates(lonlat)[:-1], lonlat.geom_type == "Polygon"
    letters: list[Any] = []
    if single and len(ring) <= MAX_ESQUINAS:
        names, title = [chr(ord("A") + at) for at in range(len(ring))], "Esquinas"
        spots = marco.spots(shapely.points(shapely.get_coordinates(shape)[:-1]))
        places = plano.spread(spots, [_PIN_MM] * len(ring), _PIN_MM, marco, taken)
        letters = [(*at, name) for at, name in zip(places, names, strict=True) if at]
    else:
        west, south, east, north = lonlat.bounds
        ring = np.array([(west, north), (east, north), (east, south), (west, south)])
        names, title = ["NO", "NE", "SE", "SO"], "Esquinas del rectángulo que lo contiene"
    columns = [names, *([_degrees(one) for one in axis] for axis in (ring[:, 1], ring[:, 0]))]
    return letters, {"titulo": title, "lista": _lista(columns, (4, 16, 16))}


def _lista(
    columns: Iterable[Iterable[str | None]],
    widths: Sequence[int],
    groups: Sequence[Grupo] = (),
    *,
    corner: float = 1.1,
    boxes: Sequence[bool] = (),
) -> list[Hoja]:
    """Rows as blocks of lines: the text of each column, and stripes, swatches, boxes behind it.

    ``boxes``: one to tick at each row, and whether it is ticked already.
    A cell longer than its width (characters) goes on in the next line, and its row is so high.
    """
    wide = 118.0 if len(widths) > 3 else 62.0  # mm: the column of the page that it stands in
    found: list[tuple[list[list[str]], list[str]]] = []
    for at, row in enumerate(zip(*columns, strict=True)):
        texts = [_lines(cell or "", width) for cell, width in zip(row, widths, strict=True)]
        high = max(map(len, texts))
        if not found or len(found[-1][0][0]) + high > _BLOCK:
            found.append(([[] for _ in widths], []))
        lines, drawn = found[-1]
        top = len(lines[0]) * PASO_MM
        if at % 2:
            drawn.append(plano.rect(0, top, wide, high * PASO_MM, 0, "#f2f6f3"))
        if groups:
            drawn.append(plano.rect(0.6, top + 0.7, 2.2, 2.2, corner, groups[at].style.color))
        if boxes:
            drawn.append(plano.rect(wide - 3.2, top + 0.6, 2.4, 2.4, 0, "#ffffff", "#455a64"))
        if boxes and boxes[at]:
            drawn.append(plano.tick(wide - 3.2, top + 0.6))
        for column, own in zip(lines, texts, strict=True):
            column += [*own, *[""] * (high - len(own))]
    return [
        {"alto": len(lines[0]) * PASO_MM, "columnas": ["\n".join(one) for one in lines],
         "svg": plano.svg(wide, len(lines[0]) * PASO_MM, "".join(drawn))}
        for lines, drawn in found
    ]  # fmt: skip


def _lines(cell: str, width: int) -> list[str]:
    """A cell in lines of so many letters, fewer where they are wide; a narrow one has four."""
    narrow = width < _NARROW
    letters = width * (_NARROW_SLACK if narrow else 1)
    if len(cell) * _WIDE <= letters:
        return [cell]
    wide = len(_WIDE_LETTER.findall(cell))
    room = min(width, int(letters * len(cell) / (len(cell) + wide * (_WIDE - 1))))
    if len(cell) <= room:
        return [cell]
    most = _NARROW_LINES if narrow else None
    return textwrap.wrap(cell, room, max_lines=most, placeholder="…")


def _breakable(text: str) -> str:
    """A text whose long words may go on in the next line."""
    return _LONG_WORD.sub("\\g<0>\u200b", text)


def _titulo(name: str) -> str:
    """ "Lote 8B" of "8B", and of "lote 8B"."""
    text = in_lote("", name).removeprefix(", ")
    return f"{text[:1].upper()}{text[1:]}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _joined(*texts: str | None) -> str:
    return " · ".join(filter(None, texts))


def _degrees(value: float) -> str:
    """ "−34,123457": to a tenth of a metre, with a minus that is one."""
    return number(value, 6).replace("-", "−")
