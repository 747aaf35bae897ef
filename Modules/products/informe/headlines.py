"""What a person looks at today: five lines at most, the weightiest first. Pure.

What is gone weighs most, then what did not arrive, then what moved, then what waits for somebody.
Within a line, the lotes of most land come first; each line says how many there are in all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pandas as pd

from Modules.diff.change import Clase
from Modules.diff.changes import Novedad
from Modules.night.tables import Tables
from Modules.products.cultivos.sown import without_crop
from Modules.products.muestreos.plan import ANULADO, HECHO, TIPO
from Modules.products.source import Fuente
from Modules.words.spanish import count, cut, in_lote, number, short

MAX_LINEAS: Final = 5
_NAMED: Final = 3  # lotes or campos in a line
_LONG: Final = 60  # characters of a name in a line


def mirar(fuente: Fuente) -> tuple[str, ...]:
    """The lines, in order."""
    found = (line for rule in _RULES for line in rule(fuente))
    return tuple(found)[:MAX_LINEAS]


def muestreos(tables: Tables) -> pd.DataFrame:
    """Samples of each campo that are done and that are not: ``campo_id campo hechos abiertos``."""
    marks = tables.marcadores
    mine = marks[marks["tipo"].str.strip().str.casefold() == TIPO]
    states = mine["estado"].fillna("")
    mine = mine.assign(hechos=states == HECHO, abiertos=~states.isin((HECHO, ANULADO)))
    home = tables.lotes.set_index("lote_id")["campo_id"]
    mine = mine.assign(campo_id=mine["lote_id"].map(home))
    counts = pd.DataFrame(mine).groupby("campo_id")[["hechos", "abiertos"]].sum().reset_index()
    names = tables.campos.set_index("campo_id")["campo"]
    return counts.assign(campo=counts["campo_id"].map(names).fillna(counts["campo_id"]))


_CHANGES: Final = {  # by weight: the list of changes, what happened, of one and of many
    Clase.CAMPO_ELIMINADO: ("campos", "campo ya no está", "campos ya no están"),
    Clase.LOTE_ELIMINADO: ("lotes", "lote ya no está", "lotes ya no están"),
    Clase.BORDE_MOVIDO: ("lotes", "borde se movió", "bordes se movieron"),
    Clase.CAMBIO_DE_CULTIVO: ("siembras", "lote cambió de cultivo", "lotes cambiaron de cultivo"),
    Clase.LOTE_NUEVO: ("lotes", "lote nuevo", "lotes nuevos"),
}


def open_samples(tables: Tables) -> pd.DataFrame:
    """The rows of ``muestreos`` with samples still to be taken, most of them first."""
    counts = muestreos(tables)
    rows = counts[counts["abiertos"] > 0]
    return rows.sort_values(["abiertos", "campo"], ascending=[False, True])


def _changed(*clases: Clase) -> Callable[[Fuente], Iterator[str]]:
    def rule(fuente: Fuente) -> Iterator[str]:
        for clase in clases:
            name, *words = _CHANGES[clase]
            found = [one for one in getattr(fuente.changes, name) if one.que == clase.texto]
            each = [
                f"{_place(one.campo, one.lote)} ({one.detalle})" if one.detalle else one.campo
                for one in _by_land(fuente, found)
            ]
            yield from _line(len(each), words, each)

    return rule


def _rejected(fuente: Fuente) -> Iterator[str]:
    kinds = fuente.tables.rechazados["recurso"].astype(str).value_counts().sort_index()
    words = ("fila del portal se rechazó", "filas del portal se rechazaron")
    each = [f"{name} ({number(some)})" for name, some in kinds.items()]
    yield from _line(int(kinds.sum()), words, each)


def _warned(fuente: Fuente) -> Iterator[str]:
    bad = [one for one in fuente.controles if not one["passed"]]
    each = [" ".join([one["name"], *(f"({cut(note, _LONG)})" for note in one["notes"][:1])])
            for one in bad]  # fmt: skip
    yield from _line(len(bad), ("control avisa", "controles avisan"), each)


def _open(fuente: Fuente) -> Iterator[str]:
    rows = open_samples(fuente.tables)
    each = [f"{cut(one.campo, _LONG)} ({number(one.abiertos)})" for one in rows.itertuples()]
    words = ("muestreo por hacer", "muestreos por hacer")
    yield from _line(int(rows["abiertos"].sum()), words, each)


def _bare(fuente: Fuente) -> Iterator[str]:
    rows = without_crop(fuente.tables)
    rows = rows.sort_values(["superficie_ha", "lote_id"], ascending=[False, True])
    each = [f"{_place(one.campo, one.lote)} ({number(one.superficie_ha, 1)} ha)"
            for one in rows.itertuples()]  # fmt: skip
    total = number(float(rows["superficie_ha"].sum()), 1)
    words = (f"lote sin cultivo, {total} ha", f"lotes sin cultivo, {total} ha")
    yield from _line(len(rows), words, each)


_RULES: Final[Sequence[Callable[[Fuente], Iterator[str]]]] = (  # by weight
    _changed(Clase.CAMPO_ELIMINADO, Clase.LOTE_ELIMINADO),
    *(_rejected, _warned),
    _changed(Clase.BORDE_MOVIDO, Clase.CAMBIO_DE_CULTIVO, Clase.LOTE_NUEVO),
    *(_open, _bare),
)


def _line(some: int, words: Sequence[str], each: Sequence[str]) -> Iterator[str]:
    if some:
        yield f"{count(some, *words)}: {short(each, _NAMED)}."


def _by_land(fuente: Fuente, each: Sequence[Novedad]) -> list[Novedad]:
    """Those that gain and lose most first, then those of most land, then by place."""
    land: dict[str, float] = {}
    for lotes in filter(lambda one: one is not None, (fuente.antes(), fuente.tables.lotes)):
        land |= dict(zip(lotes["lote_id"], lotes["superficie_ha"].round(4), strict=True))
    return sorted(
        each,
        key=lambda one: (
            -round(one.gana_ha + one.pierde_ha, 4),
            -land.get(one.lote_id, 0.0),
            (one.campo, one.lote, one.lote_id),
        ),
    )


def _place(campo: str, lote: str) -> str:
    return in_lote(cut(campo, _LONG), cut(lote, _LONG))
