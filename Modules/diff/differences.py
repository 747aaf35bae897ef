"""The difference between any two sets of tables: what a person calls a change, one record each.

Rows are matched by id. Before that, rows whose id alone changed are found and told apart from
removed and added: a lote, ambiente or zona on the same ground, a marcador at the same place, a
siembra of the same cultivo in the same lote, a campo of the same name with most of the same lotes;
``renumerados`` says which. What is only written anew (vertices within the tolerance, see
``Modules.geo.borders``; the time of the last edit) is no change; ``reescritas`` counts such rows.

Deterministic, whatever the order of rows; ``b`` against ``a`` mirrors ``a`` against ``b``. Texts
that people read are Spanish. Hectares are those of the ellipsoid, geometry is EPSG:4326.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from datetime import date
from typing import Any, Final

import numpy as np
import shapely

from Modules.diff.change import Cambio, Clase, Diferencias, Valor
from Modules.diff.pairs import Lado, Pair, pairs_of, renumber
from Modules.geo.borders import TOLERANCIA_M, bordes, distances_m, moved
from Modules.night.tables import Tables
from Modules.words.columns import PERSONAL, TABLES
from Modules.words.names import names_with_ids
from Modules.words.spanish import day, hectares, number

SIN_SIEMBRAS: Final = "sin siembras"
_DERIVED: Final = {  # what follows from another table or column, or is no news
    "campos": (),
    "lotes": ("campo", "campo_id", "lote", "cultivos", "n_siembras"),
    "siembras": ("lote_id", "campo_id", "cultivo", "cultivo_codigo"),
    "ambientes": ("campo_id",),
    "marcadores": ("campo_id",),
    "zonas": (),
    "cultivos": (),
}
_NO_NEWS: Final = ("campania", "superficie_ha", "updated_at", "geometry")
_LABELS: Final = {
    "superficie_declarada_ha": "superficie declarada",
    "fecha_siembra": "fecha de siembra",
    "fecha_cosecha": "fecha de cosecha",
    "cultivo_codigo": "código",
    "ambiente_id": "ambiente",
    "lote_id": "lote",
    "zona_id": "zona",
    "muestra_codigo": "código de muestra",
    "muestra_compuesta": "muestra compuesta",
    "muestra_submuestras": "submuestras",
    "muestra_profundidades_cm": "profundidades (cm)",
    "muestra_analisis": "análisis",
    "observacion": "observación",
    "version": "versión",
    "codigo": "código",
    **dict.fromkeys(("ambiente", "marcador", "zona", "cultivo"), "nombre"),
    "cuit": "CUIT",
    "renspa": "RENSPA",
}


def diferencias(a: Tables, b: Tables, *, tolerancia_m: float = TOLERANCIA_M) -> Diferencias:
    """What changed from ``a`` to ``b``.

    ``tolerancia_m``: what a border or a point may be off without having moved; above 0.
    """
    by_id = pairs_of(a, b)
    pairs, renumbered = renumber(by_id, tolerancia_m)
    finder = _Finder(pairs, renumbered, tolerancia_m)
    places = finder.places
    order = {clase: at for at, clase in enumerate(Clase)}
    changes = tuple(
        sorted(finder.all(), key=lambda c: (order[c.clase], c.campo, c.lote, c.nombre, c.id))
    )
    told = {(change.tabla, change.id) for change in changes}
    return Diferencias(
        tolerancia_m,
        changes,
        tablas={name: pair.counts() for name, pair in by_id.items()},
        renumerados=renumbered,
        reescritas={name: _rewritten(pair, told) for name, pair in pairs.items()},
        lugares={
            key: (places.campos.get(places.campo_of[key], ""), name, key)
            for key, name in places.lotes.items()
        },
    )


def _rewritten(pair: Pair, told: Set[tuple[str, str]]) -> int:
    """Rows that differ in some column, but in nothing that counts.

    A lote is what follows from its siembras as well; a siembra of a lote sown otherwise counts.
    """
    changed = pair.changed(pair.now.columns)
    if pair.name == "siembras":
        lotes = pair.now.by_key("lote_id")
        told = told | {("siembras", key) for key in changed if ("siembras", lotes[key]) in told}
    if pair.name == "lotes":
        told = told | {("lotes", key) for table, key in told if table == "siembras"}
    return sum((pair.name, key) not in told for key in changed)


class _Finder:
    """Finds the changes of each table; ``before`` has the ids of now."""

    def __init__(
        self,
        pairs: Mapping[str, Pair],
        renumbered: Mapping[str, Mapping[str, str]],
        tolerancia_m: float,
    ) -> None:
        self.pairs = pairs
        self.old_ids = {
            name: {new: old for old, new in ids.items()} for name, ids in renumbered.items()
        }
        self.tolerancia_m = tolerancia_m
        self.places = _Places(pairs)

    def all(self) -> Iterator[Cambio]:
        yield from self._campos()
        yield from self._lotes()
        yield from self._siembras()
        nouns = {"ambientes": "ambiente", "marcadores": "marcador", "zonas": "zona"}
        for table, noun in nouns.items():
            yield from self._new_and_gone(table, noun)
            yield from self._moved(table, Clase.of(noun, "movid"))
            yield from self._values(table, Clase.of(noun, "cambiad"))
        yield from self._new_and_gone("cultivos", "cultivo")
        yield from self._values("cultivos", Clase.CULTIVO_CAMBIADO)

    def _campos(self) -> Iterator[Cambio]:
        yield from self._new_and_gone("campos", "campo")
        before = self.pairs["campos"].before
        for change in self._values("campos", Clase.CAMPO_CAMBIADO):
            names = tuple(valor for valor in change.valores if valor.columna == "campo")
            others = tuple(valor for valor in change.valores if valor.columna != "campo")
            if names:
                detail = f"antes {before.cell(change.id, 'campo')}"
                yield replace(change, clase=Clase.CAMPO_RENOMBRADO, detalle=detail, valores=names)
            if others:
                yield replace(change, valores=others, detalle=detail_of(others))
        yield from self._other_ids("campos", Clase.CAMPO_OTRO_ID)

    def _lotes(self) -> Iterator[Cambio]:
        pair = self.pairs["lotes"]
        for change in self._new_and_gone("lotes", "lote"):
            crops = pair.cell(change.id, "cultivos") or SIN_SIEMBRAS
            yield replace(change, detalle=f"{number(change.superficie_ha, 1)} ha, {crops}")
        yield from self._other_ids("lotes", Clase.LOTE_OTRO_ID)
        for key in pair.changed(["lote"]):
            valor = _valor(pair, key, "lote")
            detail = f"antes {valor.antes}"
            yield self._change(Clase.LOTE_RENOMBRADO, "lotes", key, detail, (valor,))
        for key in pair.changed(["campo_id"]):
            valor = _valor(pair, key, "campo_id")
            detail = f"antes en el campo {self.places.campos.get(valor.antes, valor.antes)}"
            yield self._change(Clase.LOTE_OTRO_CAMPO, "lotes", key, detail, (valor,))
        yield from self._moved("lotes", Clase.BORDE_MOVIDO)
        yield from self._values("lotes", Clase.LOTE_CAMBIADO)

    def _siembras(self) -> Iterator[Cambio]:
        """Crops before → after of each lote that is there both times, then changed details."""
        pair = self.pairs["siembras"]
        was, is_now = _crops(pair.before), _crops(pair.now)
        for lote_id in self.pairs["lotes"].common:
            before, after = was.get(lote_id, SIN_SIEMBRAS), is_now.get(lote_id, SIN_SIEMBRAS)
            if before != after:
                valores = (Valor("cultivos", before, after),)
                detail = f"{before} → {after}"
                change = self._change(Clase.CAMBIO_DE_CULTIVO, "lotes", lote_id, detail, valores)
                yield replace(change, tabla="siembras")
        for change in self._values("siembras", Clase.SIEMBRA_CAMBIADA):
            crop = pair.now.cell(change.id, "cultivo")
            yield replace(change, nombre=crop, detalle=f"{crop}: {change.detalle}")

    def _new_and_gone(self, table: str, noun: str) -> Iterator[Cambio]:
        """Rows of one side alone, with their geometry and their area."""
        pair = self.pairs[table]
        columns = pair.now.columns
        for word, keys, side in (("nuev", pair.new, "ahora"), ("eliminad", pair.gone, "antes")):
            for key in keys:
                more: dict[str, Any] = {}
                if "superficie_ha" in columns:
                    area = float(pair.cell(key, "superficie_ha"))
                    more |= {"superficie_ha": area, "detalle": f"{number(area, 2)} ha"}
                elif noun == "marcador":
                    more["detalle"] = pair.cell(key, "tipo")
                if "geometry" in columns:
                    more[side] = pair.cell(key, "geometry")
                yield self._change(Clase.of(noun, word), table, key, **more)

    def _other_ids(self, table: str, clase: Clase) -> Iterator[Cambio]:
        for new, old in sorted(self.old_ids.get(table, {}).items()):
            valores = (Valor(TABLES[table].key, old, new),)
            yield self._change(clase, table, new, f"antes {old}", valores)

    def _moved(self, table: str, clase: Clase) -> Iterator[Cambio]:
        """Rows whose geometry moved, with what that gained and lost or how far it is."""
        pair = self.pairs[table]
        rows = np.flatnonzero(pair.differs("geometry"))
        was, is_now = (column[rows] for column in pair.common_of("geometry"))
        far = moved(was, is_now, self.tolerancia_m)
        keys, was, is_now = np.array(pair.common, dtype=object)[rows][far], was[far], is_now[far]
        flat = (shapely.get_dimensions(was) == 2) & (shapely.get_dimensions(is_now) == 2)
        found = bordes(was[flat], is_now[flat], self.tolerancia_m)
        sides = zip(keys[flat], was[flat], is_now[flat], strict=True)
        for at, (key, one, other) in enumerate(sides):
            gained, lost = float(found.gana_ha[at]), float(found.pierde_ha[at])
            detail = f"gana {number(gained, 2)} ha, pierde {number(lost, 2)} ha"
            change = self._change(clase, table, key, detail, antes=one, ahora=other)
            change = replace(change, gana=found.gana[at], pierde=found.pierde[at])
            yield replace(change, gana_ha=gained, pierde_ha=lost)
        sides = zip(keys[~flat], was[~flat], is_now[~flat], strict=True)
        metres = distances_m(was[~flat], is_now[~flat]).tolist()
        for (key, one, other), far_m in zip(sides, metres, strict=True):
            known = far_m == far_m  # NaN: one side has no geometry
            detail = f"se movió {number(far_m, 1)} m" if known else "con o sin geometría"
            change = self._change(clase, table, key, detail, antes=one, ahora=other)
            yield replace(change, distancia_m=far_m if known else 0.0)

    def _values(self, table: str, clase: Clase) -> Iterator[Cambio]:
        """Rows with other values in columns that count."""
        pair = self.pairs[table]
        left_out = {*_NO_NEWS, *_DERIVED[table], TABLES[table].key}
        columns = [name for name in pair.now.columns if name not in left_out]
        differing = [name for name in columns if pair.differs(name).any()]
        for key in pair.changed(differing):
            valores = tuple(
                _valor(pair, key, name)
                for name in differing
                if pair.before.cell(key, name) != pair.now.cell(key, name)
            )
            more: dict[str, Any] = {}
            if "geometry" in pair.now.columns:
                more["ahora"] = pair.now.cell(key, "geometry")
            yield self._change(clase, table, key, detail_of(valores), valores, **more)

    def _change(
        self,
        clase: Clase,
        table: str,
        key: str,
        detalle: str = "",
        valores: tuple[Valor, ...] = (),
        **more: Any,
    ) -> Cambio:
        """A change of the row with this key: as it is now, or as it was."""
        pair = self.pairs[table]
        noun = TABLES[table].key.removesuffix("_id").removesuffix("_codigo")

        def cell(column: str) -> str:
            return (pair.cell(key, column) or "") if column in pair.now.columns else ""

        lote_id = cell("lote_id")
        campo_id = cell("campo_id") or self.places.campo_of.get(lote_id, "")
        if table in ("lotes", "siembras"):
            more = {"ahora": self.places.ground.get(lote_id)} | more
        campo, lote = self.places.campos.get(campo_id, ""), self.places.lotes.get(lote_id, "")
        place = (campo_id, campo, lote_id, lote)
        return Cambio(clase, table, key, cell(noun), *place, detalle, valores, **more)


class _Places:
    """How campos and lotes are called now, or were called; with the id where that is needed."""

    def __init__(self, pairs: Mapping[str, Pair]) -> None:
        campos, lotes = pairs["campos"], pairs["lotes"]
        self.ground = lotes.now.by_key("geometry")
        self.campo_of: dict[str, str] = _ever(lotes, "campo_id")
        self.campos = names_with_ids(_ever(campos, "campo"))
        self.lotes = names_with_ids(_ever(lotes, "lote"), within=self.campo_of)


def _ever(pair: Pair, column: str) -> dict[str, Any]:
    """A column by key: as it is now, of what is gone as it was."""
    return pair.before.by_key(column) | pair.now.by_key(column)


def _crops(siembras: Lado) -> dict[str, str]:
    """Crops of each lote in order of sowing, joined by " + "."""
    columns = (siembras.cells(name).tolist() for name in ("lote_id", "orden", "cultivo"))
    found: dict[str, list[str]] = {}
    for lote_id, _, crop in sorted(zip(*columns, strict=True)):
        found.setdefault(lote_id, []).append(crop)
    return {lote_id: " + ".join(crops) for lote_id, crops in found.items()}


def _valor(pair: Pair, key: str, column: str) -> Valor:
    if column in PERSONAL:
        return Valor(column, "", "")
    was, is_now = pair.before.cell(key, column), pair.now.cell(key, column)
    return Valor(column, _shown(was, column), _shown(is_now, column))


def _shown(value: Any, column: str) -> str:
    if value is None:
        return "(vacío)"
    if isinstance(value, bool | np.bool_):
        return "sí" if value else "no"
    if isinstance(value, float):
        return hectares(value) if column.endswith("_ha") else number(value, 2)
    return day(value) if isinstance(value, date) else str(value)


def detail_of(valores: Iterable[Valor], named: Collection[str] = ()) -> str:
    """ "estado sembrado → cosechado, material A → B"; columns in ``named`` by their name alone."""
    return ", ".join(
        _LABELS.get(one.columna, one.columna)
        + ("" if one.columna in named
           else " cambiado" if one.columna in PERSONAL else f" {one.antes} → {one.ahora}")
        for one in valores
    )  # fmt: skip
