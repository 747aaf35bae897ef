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

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from Modules.diff.pairs import Cells, Lado, Pair, RowCounts, pairs_of, renumber
from Modules.geo.borders import TOLERANCIA_M, bordes, distances_m, moved
from Modules.night.tables import Tables
from Modules.words.columns import TABLES
from Modules.words.names import names_with_ids
from Modules.words.spanish import number

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
_PERSONAL: Final = ("cuit", "renspa")  # named where they change, never shown
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
    "ambiente": "nombre",
    "marcador": "nombre",
    "zona": "nombre",
    "cultivo": "nombre",
    "cuit": "CUIT",
    "renspa": "RENSPA",
}


class Clase(StrEnum):
    """What can happen; in the order of a report."""

    CAMPO_NUEVO = "campo_nuevo"
    CAMPO_ELIMINADO = "campo_eliminado"
    CAMPO_OTRO_ID = "campo_otro_id"
    CAMPO_RENOMBRADO = "campo_renombrado"
    CAMPO_CAMBIADO = "campo_cambiado"
    LOTE_NUEVO = "lote_nuevo"
    LOTE_ELIMINADO = "lote_eliminado"
    LOTE_OTRO_ID = "lote_otro_id"
    LOTE_RENOMBRADO = "lote_renombrado"
    LOTE_OTRO_CAMPO = "lote_otro_campo"
    BORDE_MOVIDO = "borde_movido"
    LOTE_CAMBIADO = "lote_cambiado"
    CAMBIO_DE_CULTIVO = "cambio_de_cultivo"
    SIEMBRA_CAMBIADA = "siembra_cambiada"
    AMBIENTE_NUEVO = "ambiente_nuevo"
    AMBIENTE_ELIMINADO = "ambiente_eliminado"
    AMBIENTE_MOVIDO = "ambiente_movido"
    AMBIENTE_CAMBIADO = "ambiente_cambiado"
    MARCADOR_NUEVO = "marcador_nuevo"
    MARCADOR_ELIMINADO = "marcador_eliminado"
    MARCADOR_MOVIDO = "marcador_movido"
    MARCADOR_CAMBIADO = "marcador_cambiado"
    ZONA_NUEVA = "zona_nueva"
    ZONA_ELIMINADA = "zona_eliminada"
    ZONA_MOVIDA = "zona_movida"
    ZONA_CAMBIADA = "zona_cambiada"
    CULTIVO_NUEVO = "cultivo_nuevo"
    CULTIVO_ELIMINADO = "cultivo_eliminado"
    CULTIVO_CAMBIADO = "cultivo_cambiado"

    @property
    def texto(self) -> str:
        """As people read it."""
        return _TEXTOS.get(self, self.value.replace("_", " "))


_TEXTOS: Final = {
    Clase.CAMPO_OTRO_ID: "campo con otro id",
    Clase.LOTE_OTRO_ID: "lote con otro id",
    Clase.LOTE_OTRO_CAMPO: "cambió de campo",
    Clase.LOTE_CAMBIADO: "datos del lote",
    Clase.CAMPO_CAMBIADO: "datos del campo",
    Clase.SIEMBRA_CAMBIADA: "siembra",
}
_ORDER: Final = {clase: at for at, clase in enumerate(Clase)}


@dataclass(frozen=True, slots=True)
class Valor:
    """One column before and after, as people read them; personal data are not told."""

    columna: str
    antes: str
    ahora: str


@dataclass(frozen=True, slots=True)
class Cambio:
    """One change. Equality leaves the geometry out; the figures stand for it.

    ``tabla`` and ``id`` say what changed (``id`` as it is now; of what is gone, as it was);
    ``nombre`` is its name. ``lote_id`` and ``campo_id`` say where; "" where there is no such
    thing. ``campo`` and ``lote`` carry their id where another has the same name.
    """

    clase: Clase
    tabla: str
    id: str
    nombre: str
    campo_id: str = ""
    campo: str = ""
    lote_id: str = ""
    lote: str = ""
    detalle: str = ""
    valores: tuple[Valor, ...] = ()
    gana_ha: float = 0.0  # where a border moved
    pierde_ha: float = 0.0
    superficie_ha: float = 0.0  # of what is new or gone
    distancia_m: float = 0.0  # of a marcador that moved
    antes: BaseGeometry | None = field(default=None, repr=False, compare=False)
    ahora: BaseGeometry | None = field(default=None, repr=False, compare=False)
    gana: BaseGeometry | None = field(default=None, repr=False, compare=False)
    pierde: BaseGeometry | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, without geometry; hectares to 1 m², metres to 1 cm."""
        return {
            "clase": self.clase.value,
            **{name: getattr(self, name) for name in _TEXT_FIELDS},
            "valores": [asdict(valor) for valor in self.valores],
            "gana_ha": round(self.gana_ha, 4),
            "pierde_ha": round(self.pierde_ha, 4),
            "superficie_ha": round(self.superficie_ha, 4),
            "distancia_m": round(self.distancia_m, 2),
        }


_TEXT_FIELDS: Final = (
    "tabla", "id", "nombre", "campo_id", "campo", "lote_id", "lote", "detalle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Diferencias:
    """All that differs between two sets of tables.

    ``tablas`` counts rows by id, changed in any column; ``reescritas`` those of them that differ
    in nothing that counts. ``renumerados``: by table, the id before → the id now. ``lugares``: of
    each lote that there is or was, its campo, its name and its id, as people read them.
    """

    tolerancia_m: float
    cambios: tuple[Cambio, ...]
    tablas: Mapping[str, RowCounts]
    renumerados: Mapping[str, Mapping[str, str]]
    reescritas: Mapping[str, int]
    lugares: Mapping[str, tuple[str, str, str]] = field(default_factory=dict, repr=False)

    @property
    def empty(self) -> bool:
        """Whether nothing that counts differs."""
        return not self.cambios

    def resumen(self) -> dict[str, Any]:
        """How many changes of each kind, and the hectares behind them."""
        counts = Counter(cambio.clase for cambio in self.cambios)
        moved_borders = self.of(Clase.BORDE_MOVIDO)
        return {
            "cambios": len(self.cambios),
            "por_clase": {clase.value: counts[clase] for clase in Clase},
            "lotes_nuevos_ha": _sum(self.of(Clase.LOTE_NUEVO), "superficie_ha"),
            "lotes_eliminados_ha": _sum(self.of(Clase.LOTE_ELIMINADO), "superficie_ha"),
            "bordes_ganan_ha": _sum(moved_borders, "gana_ha"),
            "bordes_pierden_ha": _sum(moved_borders, "pierde_ha"),
        }

    def of(self, *clases: Clase) -> list[Cambio]:
        """The changes of some kinds, in order."""
        return [cambio for cambio in self.cambios if cambio.clase in clases]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "tolerancia_m": self.tolerancia_m,
            "iguales": self.empty,
            "resumen": self.resumen(),
            "tablas": {name: asdict(counts) for name, counts in self.tablas.items()},
            "reescritas": dict(self.reescritas),
            "renumerados": {name: dict(ids) for name, ids in self.renumerados.items()},
            "cambios": [cambio.to_dict() for cambio in self.cambios],
        }


def diferencias(a: Tables, b: Tables, *, tolerancia_m: float = TOLERANCIA_M) -> Diferencias:
    """What changed from ``a`` to ``b``.

    Args:
        a: the tables before.
        b: the tables now.
        tolerancia_m: metres that a border or a point may be off without having moved; above 0.
    """
    by_id = pairs_of(a, b)
    pairs, renumbered = renumber(by_id, tolerancia_m)
    finder = _Finder(pairs, renumbered, tolerancia_m)
    changes = tuple(sorted(finder.all(), key=_place))
    told = {(change.tabla, change.id) for change in changes}
    return Diferencias(
        tolerancia_m,
        changes,
        tablas={name: pair.counts() for name, pair in by_id.items()},
        renumerados=renumbered,
        reescritas={name: _rewritten(pair, told) for name, pair in pairs.items()},
        lugares=finder.places.of_lotes(),
    )


def _place(cambio: Cambio) -> tuple[Any, ...]:
    return (_ORDER[cambio.clase], cambio.campo, cambio.lote, cambio.nombre, cambio.id)


def _sum(cambios: Iterable[Cambio], name: str) -> float:
    return round(math.fsum(getattr(cambio, name) for cambio in cambios), 4)


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


# --- the changes ----------------------------------------------------------------------------------


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
        yield from self._in_lotes("ambientes", "ambiente")
        yield from self._in_lotes("marcadores", "marcador")
        yield from self._in_lotes("zonas", "zona")
        yield from self._plain("cultivos", "cultivo")

    def _campos(self) -> Iterator[Cambio]:
        before = self.pairs["campos"].before
        for change in self._plain("campos", "campo"):
            names = [valor for valor in change.valores if valor.columna == "campo"]
            others = tuple(valor for valor in change.valores if valor.columna != "campo")
            if names:
                detail = f"antes: {before.cell(change.id, 'campo')}"
                yield replace(
                    change, clase=Clase.CAMPO_RENOMBRADO, detalle=detail, valores=tuple(names)
                )
            if others or not change.valores:
                yield replace(change, valores=others, detalle=_detail(others))
        yield from self._other_ids("campos", Clase.CAMPO_OTRO_ID)

    def _lotes(self) -> Iterator[Cambio]:
        pair = self.pairs["lotes"]
        for change in self._new_and_gone("lotes", "lote"):
            crops = pair.cell(change.id, "cultivos") or SIN_SIEMBRAS
            yield replace(change, detalle=f"{number(change.superficie_ha, 1)} ha, {crops}")
        yield from self._other_ids("lotes", Clase.LOTE_OTRO_ID)
        for key in pair.changed(["lote"]):
            valor = self._valor(pair, key, "lote")
            yield self._change(
                Clase.LOTE_RENOMBRADO, "lotes", key, f"antes: {valor.antes}", (valor,)
            )
        for key in pair.changed(["campo_id"]):
            valor = self._valor(pair, key, "campo_id")
            detail = f"antes en el campo {self.places.campos.get(valor.antes, valor.antes)}"
            yield self._change(Clase.LOTE_OTRO_CAMPO, "lotes", key, detail, (valor,))
        yield from self._borders("lotes", Clase.BORDE_MOVIDO)
        yield from self._values("lotes", Clase.LOTE_CAMBIADO)

    def _siembras(self) -> Iterator[Cambio]:
        """Crops before → after of each lote that is there both times, then changed details."""
        pair = self.pairs["siembras"]
        was, is_now = _crops(pair.before), _crops(pair.now)
        for lote_id in self.pairs["lotes"].common:
            before, after = was.get(lote_id, SIN_SIEMBRAS), is_now.get(lote_id, SIN_SIEMBRAS)
            if before != after:
                valor = Valor("cultivos", before, after)
                change = self._change(
                    Clase.CAMBIO_DE_CULTIVO, "lotes", lote_id, f"{before} → {after}", (valor,)
                )
                yield replace(change, tabla="siembras")
        for change in self._values("siembras", Clase.SIEMBRA_CAMBIADA):
            crop = pair.now.cell(change.id, "cultivo")
            yield replace(change, nombre=crop, detalle=f"{crop}: {change.detalle}")

    def _in_lotes(self, table: str, noun: str) -> Iterator[Cambio]:
        """Ambientes, marcadores and zonas: new, gone, moved, with other values."""
        female = noun == "zona"
        yield from self._new_and_gone(table, noun)
        yield from self._borders(table, Clase(f"{noun}_movid{'a' if female else 'o'}"))
        yield from self._values(table, Clase(f"{noun}_cambiad{'a' if female else 'o'}"))

    def _plain(self, table: str, noun: str) -> Iterator[Cambio]:
        yield from self._new_and_gone(table, noun)
        yield from self._values(table, Clase(f"{noun}_cambiado"))

    def _new_and_gone(self, table: str, noun: str) -> Iterator[Cambio]:
        female = noun == "zona"
        new, gone = (Clase(f"{noun}_{word}{'a' if female else 'o'}")
                     for word in ("nuev", "eliminad"))  # fmt: skip
        pair = self.pairs[table]
        for clase, keys in ((new, pair.new), (gone, pair.gone)):
            for key in keys:
                yield self._whole(clase, table, key)

    def _whole(self, clase: Clase, table: str, key: str) -> Cambio:
        """Something new or gone, with its geometry and its area."""
        pair = self.pairs[table]
        change = self._change(clase, table, key)
        if "superficie_ha" in pair.now.columns:
            area = float(pair.cell(key, "superficie_ha"))
            change = replace(change, superficie_ha=area, detalle=f"{number(area, 2)} ha")
        if "geometry" not in pair.now.columns:
            return change
        shape = pair.cell(key, "geometry")
        if key in pair.now.at:
            return replace(change, ahora=shape)
        return replace(change, antes=shape)

    def _other_ids(self, table: str, clase: Clase) -> Iterator[Cambio]:
        for new, old in sorted(self.old_ids.get(table, {}).items()):
            valor = Valor(TABLES[table].key, old, new)
            yield self._change(clase, table, new, f"antes: {old}", (valor,))

    def _borders(self, table: str, clase: Clase) -> Iterator[Cambio]:
        """Rows whose geometry moved, with what that gained and lost or how far it is."""
        pair = self.pairs[table]
        rows = np.flatnonzero(pair.differs("geometry"))
        was, is_now = (column[rows] for column in pair.common_of("geometry"))
        gone_far = moved(was, is_now, self.tolerancia_m)
        keys = np.array(pair.common, dtype=object)[rows[gone_far]]
        was, is_now = was[gone_far], is_now[gone_far]
        flat = _flat(was) & _flat(is_now)
        yield from self._moved_areas(clase, table, keys[flat], was[flat], is_now[flat])
        yield from self._moved_marks(clase, table, keys[~flat], was[~flat], is_now[~flat])

    def _moved_areas(
        self,
        clase: Clase,
        table: str,
        keys: Cells,
        was: Cells,
        is_now: Cells,
    ) -> Iterator[Cambio]:
        found = bordes(was, is_now, self.tolerancia_m)
        for at, key in enumerate(keys):
            gained, lost = float(found.gana_ha[at]), float(found.pierde_ha[at])
            detail = f"gana {number(gained, 2)} ha, pierde {number(lost, 2)} ha"
            yield replace(
                self._change(clase, table, key, detail),
                gana_ha=gained,
                pierde_ha=lost,
                antes=was[at],
                ahora=is_now[at],
                gana=found.gana[at],
                pierde=found.pierde[at],
            )

    def _moved_marks(
        self,
        clase: Clase,
        table: str,
        keys: Cells,
        was: Cells,
        is_now: Cells,
    ) -> Iterator[Cambio]:
        far = distances_m(was, is_now).tolist()
        for key, metres, one, other in zip(keys, far, was, is_now, strict=True):
            known = metres == metres  # NaN: one side has no geometry
            detail = f"se movió {number(metres, 1)} m" if known else "con o sin geometría"
            change = self._change(clase, table, key, detail)
            yield replace(change, distancia_m=metres if known else 0.0, antes=one, ahora=other)

    def _values(self, table: str, clase: Clase) -> Iterator[Cambio]:
        """Rows with other values in columns that count."""
        pair = self.pairs[table]
        left_out = {*_NO_NEWS, *_DERIVED[table], TABLES[table].key}
        columns = [name for name in pair.now.columns if name not in left_out]
        differing = [name for name in columns if pair.differs(name).any()]
        for key in pair.changed(differing):
            valores = tuple(
                self._valor(pair, key, name)
                for name in differing
                if pair.before.cell(key, name) != pair.now.cell(key, name)
            )
            change = self._change(clase, table, key, _detail(valores), valores)
            if "geometry" in pair.now.columns:
                change = replace(change, ahora=pair.now.cell(key, "geometry"))
            yield change

    def _valor(self, pair: Pair, key: str, column: str) -> Valor:
        if column in _PERSONAL:
            return Valor(column, "", "")
        was, is_now = pair.before.cell(key, column), pair.now.cell(key, column)
        return Valor(column, _shown(was), _shown(is_now))

    def _change(
        self,
        clase: Clase,
        table: str,
        key: str,
        detalle: str = "",
        valores: tuple[Valor, ...] = (),
    ) -> Cambio:
        """A change of the row with this key: as it is now, or as it was."""
        pair = self.pairs[table]
        noun = TABLES[table].key.removesuffix("_id").removesuffix("_codigo")

        def cell(column: str) -> str:
            return (pair.cell(key, column) or "") if column in pair.now.columns else ""

        lote_id = cell("lote_id")
        campo_id = cell("campo_id") or self.places.campo_of.get(lote_id, "")
        ground = lote_id if table in ("lotes", "siembras") else ""
        return Cambio(
            clase,
            table,
            key,
            cell(noun),
            campo_id=campo_id,
            campo=self.places.campos.get(campo_id, ""),
            lote_id=lote_id,
            lote=self.places.lotes.get(lote_id, ""),
            detalle=detalle,
            valores=valores,
            ahora=self.places.ground.get(ground),
        )


class _Places:
    """How campos and lotes are called now, or were called; with the id where that is needed."""

    def __init__(self, pairs: Mapping[str, Pair]) -> None:
        campos, lotes = pairs["campos"], pairs["lotes"]
        self.ground = lotes.now.by_key("geometry")
        self.campo_of: dict[str, str] = _ever(lotes, "campo_id")
        self.campos = names_with_ids(_ever(campos, "campo"))
        self.lotes = names_with_ids(_ever(lotes, "lote"), within=self.campo_of)

    def of_lotes(self) -> dict[str, tuple[str, str, str]]:
        """Campo, lote and lote_id of every lote that there is or was."""
        return {
            key: (self.campos.get(self.campo_of[key], ""), name, key)
            for key, name in self.lotes.items()
        }


def _ever(pair: Pair, column: str) -> dict[str, Any]:
    """A column by key: as it is now, of what is gone as it was."""
    return pair.before.by_key(column) | pair.now.by_key(column)


def _flat(shapes: Cells) -> NDArray[np.bool_]:
    return np.asarray(shapely.get_dimensions(shapes) == 2, dtype=bool)


def _crops(siembras: Lado) -> dict[str, str]:
    """Crops of each lote in order of sowing, joined by " + "."""
    columns = (siembras.cells(name).tolist() for name in ("lote_id", "orden", "cultivo"))
    found: dict[str, list[str]] = {}
    for lote_id, _, crop in sorted(zip(*columns, strict=True)):
        found.setdefault(lote_id, []).append(crop)
    return {lote_id: " + ".join(crops) for lote_id, crops in found.items()}


def _shown(value: Any) -> str:
    if value is None:
        return "(vacío)"
    if isinstance(value, bool | np.bool_):
        return "sí" if value else "no"
    return number(value, 2) if isinstance(value, float) else str(value)


def _detail(valores: Iterable[Valor]) -> str:
    """ "estado sembrado → cosechado, material A → B"."""
    texts = []
    for valor in valores:
        label = _LABELS.get(valor.columna, valor.columna)
        hidden = valor.columna in _PERSONAL
        texts.append(f"{label} cambiado" if hidden else f"{label} {valor.antes} → {valor.ahora}")
    return ", ".join(texts)
