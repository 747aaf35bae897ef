"""The tables of one night as placemarks, whole columns at a time, sorted. Pure.

Everything is turned into text once; the four families of files are then cuts through these lists.
Rows are sorted by names as people read them ("2" before "10"), then by id, so the order of the
tables never shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from Modules.formats import kml_text as text
from Modules.formats.cells import cells
from Modules.formats.kml_document import Kind, labels, placemarks, region, with_photos
from Modules.formats.kml_geometry import geometry_texts, label_points, simplified
from Modules.formats.kml_styles import CONTORNO
from Modules.geo.arrays import WGS84
from Modules.night.checks_ground import land_ha
from Modules.night.tables import Tables
from Modules.products.kmz.kinds import (
    AMBIENTE,
    LOTE,
    MARCADOR,
    PUNTO,
    RECORRIDO,
    SIEMBRA,
    SIN_SIEMBRA,
    Grupo,
    cultivos,
    estado,
    in_legend,
    potencial,
    tipo,
)
from Modules.products.source import Fotos
from Modules.store.fotos import Foto
from Modules.words import spanish
from Modules.words.cultivos import SIN_CULTIVO

Bounds: TypeAlias = NDArray[np.float64]

MAX_OBSERVACION: Final = 1_000  # characters
MAX_FOTOS: Final = 40  # of a lote: less than a megabyte
_COUNTS: Final = ("orden", "numero", "submuestras")  # of a point
_LABEL_PIXELS: Final = 220  # of a lote on a phone: nearer, its numbers can be told apart


@dataclass(frozen=True, slots=True)
class Capa:
    """Placemarks of one table; all lists run side by side. Bounds are west, south, east, north."""

    kind: Kind
    keys: list[str]
    texts: list[str]
    labels: list[str]
    points: list[str]  # a KML Point inside each
    bounds: Bounds
    superficie_ha: list[float]
    grupos: list[Grupo]


class Lotes:
    """The lotes in order of campo and name, and each one's rows of other tables.

    Placemarks of a table are made when they are first asked for.
    """

    def __init__(self, tables: Tables, fotos: Fotos | None = None) -> None:
        lotes = _sorted(
            tables.lotes,
            lambda row: (spanish.natural(row[0]), row[1], spanish.natural(row[2]), row[3]),
            ("campo", "campo_id", "lote", "lote_id"),
        )
        self._tables = tables
        self.lote_id: list[str] = _cells(lotes, "lote_id")
        self.lote: list[str] = _cells(lotes, "lote")
        self.campo_id: list[str] = _cells(lotes, "campo_id")
        self.campo: list[str] = _cells(lotes, "campo")
        self._rank = {key: i for i, key in enumerate(self.lote_id)}
        siembras = self._rows(tables.siembras, "siembra_id", "siembra_id")
        codes, names = _cells(siembras, "cultivo_codigo"), _cells(siembras, "cultivo")
        catalogue = (_cells(tables.cultivos, name) for name in ("cultivo_codigo", "color"))
        crops = cultivos(codes, names, dict(zip(*catalogue, strict=True)))
        ambientes = self._rows(tables.ambientes, "ambiente", "ambiente_id")
        marcadores = self._rows(tables.marcadores, "marcador", "marcador_id")
        self.siembras_of = self._slices(siembras)
        self.ambientes_of = self._slices(ambientes)
        self.marcadores_of = self._slices(marcadores)
        # of each lote, in the order of sowing; none: nothing sown
        self.cultivos = [[crops[i] for i in rows] for rows in self.siembras_of]
        # each table as these lists and slices run, and the crop of each siembra
        self.filas = {"lotes": lotes, "siembras": siembras}
        self.filas |= {"ambientes": ambientes, "marcadores": marcadores}
        self.crops = crops
        self._fotos = fotos or {}

    @cached_property
    def campos(self) -> dict[str, str]:
        """The name of every campo by its id, those without lotes last."""
        campos = self._tables.campos
        every = sorted(zip(_cells(campos, "campo"), _cells(campos, "campo_id"), strict=True))
        known = dict(zip(self.campo_id, self.campo, strict=True))
        return known | {key: name for name, key in every}

    @cached_property
    def _shape(self) -> _Shape:
        return _shape(self.filas["lotes"])

    @cached_property
    def capa(self) -> Capa:
        """The lotes in the colour of what was sown last."""
        grupos = [row[-1] if row else SIN_SIEMBRA for row in self.cultivos]
        return _lotes(self.filas["lotes"], self._shape, grupos)

    @cached_property
    def contornos(self) -> list[str]:
        """The same placemarks as outlines."""
        grupos = [Grupo("contorno", "", CONTORNO)] * len(self.lote_id)
        return _lotes(self.filas["lotes"], self._shape, grupos).texts

    @cached_property
    def siembras(self) -> Capa:
        """What is sown, on the whole of its lote."""
        siembras, lotes = self.filas["siembras"], self._lotes_of("siembras")
        values = _values(siembras, ("material", "estado", "campania", "siembra_id", "lote_id"))
        values |= _values(lotes, ("campo", "lote"))
        values["cultivo"] = text.xml_texts(group.nombre for group in self.crops)
        values["orden"] = [str(cell) for cell in _cells(siembras, "orden")]
        for name in ("fecha_siembra", "fecha_cosecha"):
            values[name] = [spanish.day(cell) for cell in _cells(siembras, name)]
        values |= _areas(lotes["superficie_ha"], siembras["superficie_declarada_ha"])
        balloons = {
            group.key: replace(group, style=replace(group.style, balloon=SIEMBRA.balloon))
            for group in in_legend(self.crops)
        }
        return _capa(
            SIEMBRA,
            siembras,
            self._shape.take(self._places(siembras)),
            [balloons[group.key] for group in self.crops],
            names=values["lote"],
            snippets=_joined(values["cultivo"], values["superficie"]),
            values=values,
            superficie_ha=lotes["superficie_ha"].tolist(),
        )

    @cached_property
    def ambientes(self) -> Capa:
        """The ambientes in the colour of their potential."""
        return _ambientes(self.filas["ambientes"], self._lotes_of("ambientes"))

    @cached_property
    def marcadores(self) -> Capa:
        """The marcadores in the colour of their type; a balloon shows their photos."""
        capa = _marcadores(self.filas["marcadores"], self._lotes_of("marcadores"))
        texts, grupos = [*capa.texts], [*capa.grupos]
        for row, key in enumerate(capa.keys if self._fotos else ()):
            if not (found := self._fotos.get(key)):
                continue
            shown, style = self._shown.get(key, ()), grupos[row].style
            more = len(found) - len(shown)
            said = f"{spanish.count(more, 'foto más', 'fotos más')}, en el mapa" if more else ""
            own = replace(style, id=f"{style.id}-foto", description=True)
            texts[row] = with_photos(texts[row], own.id, [_path(one) for one in shown], said)
            grupos[row] = replace(grupos[row], style=own)
        return replace(capa, texts=texts, grupos=grupos)

    @cached_property
    def _shown(self) -> dict[str, list[Foto]]:
        """Of each mark the photos that its lote's file has room for."""
        keys, found = _cells(self.filas["marcadores"], "marcador_id"), dict[str, list[Foto]]()
        for rows in self.marcadores_of:
            both = [(keys[row], foto) for row in rows for foto in self._fotos.get(keys[row], ())]
            for key, foto in both[:MAX_FOTOS]:
                found.setdefault(key, []).append(foto)
        return found

    def fotos_of(self, row: int) -> dict[str, bytes]:
        """The small photos in a lote's file, by their path there."""
        keys = [self.marcadores.keys[at] for at in self.marcadores_of[row]] if self._fotos else []
        return {_path(foto): foto.mini for key in keys for foto in self._shown.get(key, ())}

    @property
    def marcadores_campo(self) -> list[str]:
        return [self.campo_id[place] for place in self._places(self.filas["marcadores"])]

    @cached_property
    def tierra_ha(self) -> list[float]:
        """Of each lote, without the ground that another covers already: the sum is the land."""
        own = dict(zip(self._tables.lotes["lote_id"], land_ha(self._tables).tolist(), strict=True))
        return [own[key] for key in self.lote_id]

    def cultivos_text(self, row: int) -> str:
        """ "Trigo + Soja 2da"."""
        return " + ".join(group.nombre for group in self.cultivos[row]) or SIN_CULTIVO.nombre

    def _lotes_of(self, table: str) -> pd.DataFrame:
        return _take(self.filas["lotes"], self._places(self.filas[table]))

    def _places(self, frame: pd.DataFrame) -> list[int]:
        return [self._rank[key] for key in _cells(frame, "lote_id")]

    def _rows(self, frame: pd.DataFrame, name: str, key: str) -> pd.DataFrame:
        """Rows of known lotes, in the order of the lotes, then as the portal orders them."""
        known = frame.take(
            [i for i, lote in enumerate(_cells(frame, "lote_id")) if lote in self._rank]
        )
        return _sorted(
            known,
            lambda row: (self._rank[row[0]], row[1] is None, row[1] or 0, row[2], row[3]),
            ("lote_id", "orden", name, key),
        )

    def _slices(self, frame: pd.DataFrame) -> list[range]:
        """For each lote its rows of a table sorted by ``_rows``."""
        places = np.asarray(self._places(frame), dtype=np.intp)
        edges = np.searchsorted(places, np.arange(len(self._rank) + 1)).tolist()
        return [range(a, b) for a, b in pairwise(edges)]


@dataclass(frozen=True, slots=True)
class _Shape:
    """Geometry as text, and a point inside it; rows in step with a table."""

    texts: list[str]
    points: list[str]
    bounds: Bounds

    def take(self, rows: Sequence[int]) -> _Shape:
        return _Shape(
            [self.texts[i] for i in rows], [self.points[i] for i in rows], self.bounds[list(rows)]
        )


def _shape(frame: pd.DataFrame) -> _Shape:
    shapes = np.asarray(frame["geometry"].array, dtype=object)
    inside = geometry_texts(label_points(shapes))
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    points = (shapely.get_type_id(shapes) == shapely.GeometryType.POINT).all()
    return _Shape(inside if points else geometry_texts(simplified(shapes)), inside, bounds)


def _capa(
    kind: Kind,
    frame: pd.DataFrame,
    shape: _Shape,
    grupos: list[Grupo],
    *,
    names: list[str],
    snippets: list[str],
    values: Mapping[str, Sequence[str]],
    superficie_ha: list[float] | None = None,
    regions: list[str] | None = None,
) -> Capa:
    keys = _cells(frame, f"{kind.prefix}_id")
    areas = superficie_ha or [0.0] * len(keys)
    texts = placemarks(
        kind,
        keys=keys,
        names=names,
        snippets=snippets,
        styles=[group.style.id for group in grupos],
        values=values,
        geometries=shape.texts,
    )
    marks = labels(kind, keys, names, shape.points, regions)
    return Capa(kind, keys, texts, marks, shape.points, shape.bounds, areas, grupos)


def _lotes(lotes: pd.DataFrame, shape: _Shape, grupos: list[Grupo]) -> Capa:
    values = _values(lotes, ("campo", "lote", "cultivos", "campania", "lote_id"))
    values["cultivos"] = [value or SIN_CULTIVO.nombre for value in values["cultivos"]]
    values |= _areas(lotes["superficie_ha"], lotes["superficie_declarada_ha"])
    return _capa(
        LOTE,
        lotes,
        shape,
        grupos,
        names=values["lote"],
        snippets=_joined(values["cultivos"], values["superficie"]),
        values=values,
        superficie_ha=lotes["superficie_ha"].tolist(),
    )


def _ambientes(ambientes: pd.DataFrame, lotes: pd.DataFrame) -> Capa:
    columns = ("ambiente", "potencial", "campania", "ambiente_id", "lote_id")
    values = _values(ambientes, columns) | _values(lotes, ("campo", "lote"))
    values |= _areas(ambientes["superficie_ha"], None)
    grupos = [potencial(cell) for cell in _cells(ambientes, "potencial")]
    return _capa(
        AMBIENTE,
        ambientes,
        _shape(ambientes),
        grupos,
        names=values["ambiente"],
        snippets=_joined([group.nombre for group in grupos], values["superficie"]),
        values=values,
        superficie_ha=ambientes["superficie_ha"].tolist(),
    )


def _marcadores(marcadores: pd.DataFrame, lotes: pd.DataFrame) -> Capa:
    columns = ("tipo", "subtipo", "estado", "muestra_codigo", "muestra_profundidades_cm")
    values = _values(marcadores, (*columns, "muestra_analisis", "marcador_id", "marcador"))
    values |= _values(lotes, ("campo", "lote"))
    values["fecha"] = [spanish.day(cell) for cell in _cells(marcadores, "fecha")]
    values["observacion"] = text.xml_texts(_cells(marcadores, "observacion"), MAX_OBSERVACION)
    return _capa(
        MARCADOR,
        marcadores,
        _shape(marcadores),
        [tipo(cell) for cell in _cells(marcadores, "tipo")],
        names=values["marcador"],
        snippets=_joined(values["tipo"], values["estado"]),
        values=values,
    )


def puntos_capa(
    puntos: pd.DataFrame, cajas: Mapping[str, Sequence[float]], siglas: Mapping[str, str]
) -> tuple[Capa, list[str]]:
    """Sampling points of a plan (``muestreos.plan.PUNTOS``), and the campo of each.

    They are called by their number, short, unique and the same tomorrow: "12", or "LNX 12" where
    ``siglas`` gives a short name of their campo. Their labels show once their lote, whose bounds
    are in ``cajas``, is large on the screen.
    """
    columns = ("campo", "campo_id", "lote", "orden", "punto", "punto_id")
    puntos = _sorted(
        puntos,
        lambda row: (
            spanish.natural(row[0]), row[1], spanish.natural(row[2]), row[3] is None, row[3] or 0,
            spanish.natural(row[4]) if row[3] is None else (), row[5],
        ),
        columns,
    )  # fmt: skip
    plain = [name for name in PUNTO.fields if name not in (*_COUNTS, "fecha")]
    values = _values(puntos, (*plain, "punto"))
    for name in _COUNTS:
        values[name] = ["" if cell is None else str(cell) for cell in _cells(puntos, name)]
    values["fecha"] = [spanish.day(cell) for cell in _cells(puntos, "fecha")]
    codes = [code or name for code, name in zip(values["codigo"], values["punto"], strict=True)]
    campo_of = _cells(puntos, "campo_id")
    capa = _capa(
        PUNTO,
        puntos,
        _shape(puntos),
        [estado(cell) for cell in _cells(puntos, "estado")],
        names=text.xml_texts(_short_names(values, _cells(puntos, "estado"), campo_of, siglas)),
        snippets=_joined(codes, _joined(values["ambiente"], values["estado"])),
        values=values,
        regions=[region(cajas[key], _LABEL_PIXELS) for key in _cells(puntos, "lote_id")],
    )
    return capa, campo_of


def _short_names(
    values: Mapping[str, Sequence[str]],
    estados: Sequence[str | None],
    campo_of: Sequence[str],
    siglas: Mapping[str, str],
) -> list[str]:
    """ "12"; "hecho 12"; another that is not visited, annulled or far away, is "sin visita 12"."""
    names = []
    rows = zip(values["numero"], values["orden"], estados, campo_of, strict=True)
    for number, order, state, campo in rows:
        name = number if order else f"{state if state == 'hecho' else 'sin visita'} {number}"
        names.append(f"{siglas[campo]} {name}" if campo in siglas else name)
    return names


def recorridos(puntos: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The way from point to point of each campo, as lines in visiting order; and the campos."""
    rows, shapes = [], []
    visited = puntos[puntos["orden"].notna()].sort_values(["campo", "campo_id", "orden"])
    for (campo, campo_id), one in visited.groupby(["campo", "campo_id"], sort=True):
        spots = shapely.get_coordinates(one.geometry.to_numpy())
        line = shapely.linestrings(spots) if len(spots) > 1 else None
        if line is not None and line.length:
            rows.append((campo_id, campo, len(one), WGS84.geometry_length(line) / 1_000))
            shapes.append(line)
    keys = [row[0] for row in rows]
    names = text.xml_texts(row[1] for row in rows)
    lengths = [f"{spanish.number(row[3], 1)} km" for row in rows]
    counts = [str(row[2]) for row in rows]
    texts = placemarks(
        RECORRIDO,
        keys=keys,
        names=[f"Recorrido de {name}" for name in names],
        snippets=lengths,
        styles=["recorrido"] * len(rows),
        values={"campo": names, "puntos": counts, "largo": lengths},
        geometries=geometry_texts(np.array(shapes, dtype=object)),
    )
    return texts, keys


def ambientes_capa(ambientes: pd.DataFrame) -> tuple[Capa, list[str]]:
    """Ambientes with the names of their campo and lote in them, and the campo of each.

    Their labels show once they are large on the screen.
    """
    ambientes = _sorted(
        ambientes,
        lambda row: (
            spanish.natural(row[0]), row[1], spanish.natural(row[2]), spanish.natural(row[3]),
            row[4],
        ),
        ("campo", "campo_id", "lote", "ambiente", "ambiente_id"),
    )  # fmt: skip
    capa = _ambientes(ambientes, ambientes)
    shown = [region(box, _LABEL_PIXELS) for box in capa.bounds.tolist()]
    names = text.xml_texts(_cells(ambientes, "ambiente"))
    marks = labels(AMBIENTE, capa.keys, names, capa.points, shown)
    return replace(capa, labels=marks), _cells(ambientes, "campo_id")


def rows_by(keys: Iterable[str]) -> dict[str, list[int]]:
    """The rows of each key, in order of first appearance."""
    rows: dict[str, list[int]] = {}
    for at, key in enumerate(keys):
        rows.setdefault(key, []).append(at)
    return rows


def _path(foto: Foto) -> str:
    return f"files/{foto.nombre}"


def _cells(frame: pd.DataFrame, name: str) -> list[Any]:
    return list(cells(frame[name]))


def _values(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, list[str]]:
    return {name: text.xml_texts(_cells(frame, name)) for name in names}


def _areas(computed: pd.Series, declared: pd.Series | None) -> dict[str, list[str]]:
    values = computed.tolist()
    areas = {
        "superficie": [spanish.hectares(value) for value in values],
        "superficie_ha": [f"{value:.4f}" for value in values],
    }
    if declared is not None:
        areas["superficie_declarada"] = [spanish.hectares(value) for value in declared.tolist()]
    return areas


def _joined(first: Sequence[str], second: Sequence[str]) -> list[str]:
    return [
        f"{one} · {two}" if one and two else one or two
        for one, two in zip(first, second, strict=True)
    ]


def _sorted(
    frame: pd.DataFrame, key: Callable[[tuple[Any, ...]], Any], names: Sequence[str]
) -> pd.DataFrame:
    rows = list(zip(*(_cells(frame, name) for name in names), strict=True))
    return _take(frame, sorted(range(len(rows)), key=lambda i: key(rows[i])))


def _take(frame: pd.DataFrame, rows: Sequence[int]) -> pd.DataFrame:
    return frame.take(list(rows)).reset_index(drop=True)
