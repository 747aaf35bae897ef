"""What changed between two nights, lote by lote: ``diff.differences`` condensed for a morning.

This is what ``verdict.json`` keeps and what the summaries list: a line for each campo and lote,
ambientes and marcadores counted by lote, and of the marcadores the first ``MAX_MARCAS`` by name.
Deterministic; what people read is Spanish. Names carry their id where another campo (or another
lote of the campo) has the same. What somebody wrote of a marcador is not here, nor who farms a
campo: pages and mails are made of this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeAlias

from Modules.diff.change import Cambio, Clase, Diferencias
from Modules.diff.differences import detail_of, diferencias
from Modules.diff.pairs import COMPARED, RowCounts
from Modules.night.tables import Tables
from Modules.words.spanish import cut, in_lote, natural, number

MAX_MARCAS: Final = 500  # marcadores of a night that are named; all are counted
MAX_DICHAS: Final = 8  # of a lote, new or gone or changed, in a text
_MAX_NOMBRE: Final = 80  # characters
_MAX_DETALLE: Final = 120
_Filas: TypeAlias = dict[str, list[Cambio]]  # what is told of each row, by its id
NUEVO, QUITADO, CAMBIADO = "nuevo", "quitado", "cambiado"
_QUE: Final = (NUEVO, QUITADO, CAMBIADO)  # what a row of a lote is, as ``_counted`` has it
_NAMED: Final = ("observacion", "ambiente_id", "empresa")  # only that they changed, not to what
_COUNTED: Final = ("campo", "lote", "lote_id", "agregados", "quitados", "cambiados")
_OF_LOTE: Final = ("campo", "lote", "lote_id", "que", "detalle", "gana_ha", "pierde_ha")
_KEYS: Final = {  # of a row of each list of ``Changes``, in their order in JSON and for sorting
    "campos": ("campo", "campo_id", "que", "detalle"),
    "lotes": _OF_LOTE,
    "siembras": _OF_LOTE,
    "ambientes": _COUNTED,
    "marcadores": _COUNTED,
    "marcas": ("campo", "lote", "lote_id", "nombre", "id", "que", "detalle"),
    "otros": ("nombre", "id", "que", "detalle", "campo", "lote"),
}

SOLO_REESCRITO = (
    "Sin cambios que contar: el portal reescribió datos (por ejemplo los vértices de un borde), "
    "pero dicen lo mismo."
)


@dataclass(frozen=True, slots=True)
class Novedad:
    """One thing that happened to a campo, a lote, a marcador, a zona or a cultivo of the catalogue.

    ``que`` and ``detalle`` are Spanish. Of the rest a list has what its ``_KEYS`` say: where it
    was, and the name and id of a marcador, zona or cultivo.
    """

    que: str
    detalle: str
    campo: str = ""
    campo_id: str = ""
    lote: str = ""
    lote_id: str = ""
    nombre: str = ""
    id: str = ""
    gana_ha: float = 0.0  # only where a border moved
    pierde_ha: float = 0.0


@dataclass(frozen=True, slots=True)
class Conteo:
    """How many ambientes or marcadores of a lote were added, removed or changed."""

    campo: str
    lote: str
    lote_id: str
    agregados: int
    quitados: int
    cambiados: int

    @property
    def total(self) -> int:
        return self.agregados + self.quitados + self.cambiados


@dataclass(frozen=True, slots=True)
class Changes:
    """All differences; the lists by lote are empty on the first night.

    ``marcas``: which ones ``marcadores`` counts, ``que`` is one of its words. Where they are more
    than ``MAX_MARCAS`` one of each lote comes before the second of any; all have some, unless the
    lotes are more than that too.
    """

    first_night: bool
    tablas: Mapping[str, RowCounts]
    campos: tuple[Novedad, ...] = ()
    lotes: tuple[Novedad, ...] = ()
    siembras: tuple[Novedad, ...] = ()
    ambientes: tuple[Conteo, ...] = ()
    marcadores: tuple[Conteo, ...] = ()
    marcas: tuple[Novedad, ...] = ()
    otros: tuple[Novedad, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no row of any table differs."""
        return not any(any(asdict(counts).values()) for counts in self.tablas.values())

    def contadas(self) -> Changes:
        """The same with marcadores counted alone, for where a text has to be short."""
        return replace(self, marcas=())

    def to_dict(self) -> dict[str, Any]:
        return {
            "first_night": self.first_night,
            "empty": self.empty,
            "tablas": {name: asdict(counts) for name, counts in self.tablas.items()},
            **{
                name: [{key: getattr(row, key) for key in keys} for row in getattr(self, name)]
                for name, keys in _KEYS.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Changes:
        """Read back what ``to_dict`` gave, or gave before it knew ``otros`` and ``marcas``.

        Raises:
            KeyError, TypeError: it is something else.
        """
        rows = {"otros": (), "marcas": (), **data}
        lists: dict[str, Any] = {
            name: tuple((Conteo if keys is _COUNTED else Novedad)(**row) for row in rows[name])
            for name, keys in _KEYS.items()
        }
        tablas = {name: RowCounts(**counts) for name, counts in data["tablas"].items()}
        return cls(first_night=data["first_night"], tablas=tablas, **lists)


def diff_tables(before: Tables | None, now: Tables) -> Changes:
    """What changed since the last accepted night; ``before`` is None on the first."""
    if before is None:
        after = now.as_dict()
        counts = {name: RowCounts(len(after[name]), 0, 0) for name in COMPARED}
        return Changes(first_night=True, tablas=counts)
    return changes_of(diferencias(before, now))


def changes_of(found: Diferencias) -> Changes:
    """Differences as the lists of a morning."""
    told: dict[str, list[Any]] = {name: [] for name in _KEYS}
    for one in found.cambios:
        name = "otros" if one.tabla in ("zonas", "cultivos") else one.tabla
        if _KEYS[name] is not _COUNTED:
            place = {key: getattr(one, key) for key in _KEYS[name] if key != "que"}
            if one.clase is Clase.CAMPO_CAMBIADO:
                place["detalle"] = detail_of(one.valores, _NAMED)
            told[name].append(Novedad(one.clase.texto, **place))
    for name in ("ambientes", "marcadores"):
        by_lote = _by_lote(found, name)
        told[name] += [
            Conteo(*_place(found, key), *map(len, each)) for key, each in by_lote.items()
        ]
        if name == "marcadores":
            told["marcas"] += _marcas(found, by_lote)
    lists = {
        name: tuple(sorted(rows, key=lambda row: [getattr(row, key) for key in _KEYS[name]]))
        for name, rows in told.items()
    }
    seen, ranks = Counter[str](), list[int]()  # of the marcas of each lote, for as many are named
    for one in lists["marcas"]:
        ranks.append(seen[one.lote_id])
        seen[one.lote_id] += 1
    kept = sorted(range(len(ranks)), key=ranks.__getitem__)[:MAX_MARCAS]
    lists["marcas"] = tuple(lists["marcas"][at] for at in sorted(kept))
    return Changes(first_night=False, tablas=found.tablas, **lists)


def _by_lote(found: Diferencias, table: str) -> dict[str, tuple[_Filas, _Filas, _Filas]]:
    """Rows of each lote added, removed, changed; a row that moves to another lote is both."""
    rows: dict[str, tuple[_Filas, _Filas, _Filas]] = {}
    for one in found.cambios:
        if one.tabla == table:
            for lote_id, what in _counted(one):
                rows.setdefault(lote_id, ({}, {}, {}))[what].setdefault(one.id, []).append(one)
    for added, _, changed in rows.values():
        for key in changed.keys() & added.keys():
            del changed[key]
    return rows


def _place(found: Diferencias, lote_id: str) -> tuple[str, str, str]:
    """Campo, lote and its id."""
    return found.lugares.get(lote_id, ("", "", lote_id))


def _marcas(
    found: Diferencias, rows: Mapping[str, tuple[_Filas, _Filas, _Filas]]
) -> Iterator[Novedad]:
    """Every row of each lote by its name, what became of it, and in detail."""
    for lote_id, each in rows.items():
        campo, lote, _ = _place(found, lote_id)
        for que, mine in zip(_QUE, each, strict=True):
            for key, told in mine.items():
                detail = "; ".join(filter(None, (_told(found, one, lote_id) for one in told)))
                name, detail = cut(told[0].nombre, _MAX_NOMBRE), cut(detail, _MAX_DETALLE)
                yield Novedad(que, detail, campo, lote=lote, lote_id=lote_id, nombre=name, id=key)


def _told(found: Diferencias, one: Cambio, lote_id: str) -> str:
    """What is told of a change of a marcador in this lote: also where it came from or went to."""
    if not one.valores:
        return one.detalle
    said = [detail_of((valor for valor in one.valores if valor.columna != "lote_id"), _NAMED)]
    for valor in one.valores:
        if valor.columna == "lote_id":
            came = lote_id == one.lote_id
            campo, lote, _ = _place(found, valor.antes if came else one.lote_id)
            said.insert(0, f"{'antes' if came else 'ahora'} en {in_lote(campo, lote)}")
    return ", ".join(filter(None, said))


def _counted(one: Cambio) -> Iterator[tuple[str, int]]:
    """The lotes in which a change counts: 0 added, 1 removed, 2 changed."""
    moves = [valor for valor in one.valores if valor.columna == "lote_id"]
    if one.clase in (Clase.AMBIENTE_NUEVO, Clase.MARCADOR_NUEVO):
        yield one.lote_id, 0
    elif one.clase in (Clase.AMBIENTE_ELIMINADO, Clase.MARCADOR_ELIMINADO):
        yield one.lote_id, 1
    elif moves:
        yield one.lote_id, 0
        yield moves[0].antes, 1
    else:
        yield one.lote_id, 2


def novedades(changes: Changes) -> Iterator[tuple[str, str, str, str, str]]:
    """Ids of lote and campo, what people call it, what happened, in detail; by campo and lote."""
    rows = [("", c.campo_id, c.campo, "", c.que, c.detalle) for c in changes.campos]
    rows += [
        (c.lote_id, "", c.campo, c.lote, c.que, c.detalle)
        for c in (*changes.lotes, *changes.siembras)
    ]
    rows += [(c.lote_id, "", c.campo, c.lote, what, said) for c, what, said in _conteos(changes)]
    for lote_id, campo_id, campo, lote, what, said in sorted(
        rows, key=lambda r: _by_place(*r[2:4])
    ):
        yield lote_id, campo_id, " · ".join(filter(None, (campo, lote))), what, said
    for one in changes.otros:
        yield "", "", one.nombre, one.que, one.detalle


def cambios(changes: Changes) -> list[tuple[str, str, str, str]]:
    """Rows of campo, lote, what changed and in detail, by campo and lote."""
    rows = [(c.campo, "", c.que, c.detalle) for c in changes.campos]
    rows += [(c.campo, c.lote, c.que, c.detalle) for c in (*changes.lotes, *changes.siembras)]
    rows += [(c.campo, c.lote, what, detail) for c, what, detail in _conteos(changes)]
    rows += [
        (c.campo, c.lote, c.que, f"{c.nombre}: {c.detalle}" if c.detalle else c.nombre)
        for c in changes.otros
    ]
    return sorted(rows, key=lambda row: (_by_place(*row[:2]), row))


def _by_place(campo: str, lote: str) -> tuple[Any, ...]:
    """As people look for it: lote 2 before lote 10, what is of a campo before its lotes."""
    return natural(campo), campo, natural(lote), lote


def _conteos(changes: Changes) -> Iterator[tuple[Conteo, str, str]]:
    """Ambientes and marcadores of each lote: how many, and of these who."""
    mine: dict[str, list[Novedad]] = {}
    for one in changes.marcas:
        mine.setdefault(one.lote_id, []).append(one)
    for conteo in changes.ambientes:
        yield conteo, "ambientes", conteo_text(conteo)
    for conteo in changes.marcadores:
        yield conteo, "marcadores", conteo_text(conteo, mine.get(conteo.lote_id, ()))


def conteo_text(conteo: Conteo, marcas: Sequence[Novedad] = ()) -> str:
    """ "2 nuevos (M-4, muestreo; M-5, muestreo), 1 cambiado"; ``marcas`` are those of the lote."""
    counts = (conteo.agregados, conteo.quitados, conteo.cambiados)
    parts = []
    for count, que in zip(counts, _QUE, strict=True):
        names = [f"{one.nombre}, {one.detalle}".rstrip(", ") for one in marcas if one.que == que]
        shown, more = names[:MAX_DICHAS], count - len(names[:MAX_DICHAS])
        shown += [f"y {number(more)} más"] if shown and more else []
        who = f" ({'; '.join(shown)})" if shown else ""
        parts += [f"{number(count)} {que}{'' if count == 1 else 's'}{who}"] if count else []
    return ", ".join(parts)
