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
from Modules.products.muestreos.plan import ANULADO, TIPO
from Modules.products.source import Fuente
from Modules.words.spanish import count, in_lote, number, short

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
    mine = mine.assign(hechos=states == "hecho", abiertos=~states.isin(("hecho", ANULADO)))
    home = tables.lotes.set_index("lote_id")["campo_id"]
    mine = mine.assign(campo_id=mine["lote_id"].map(home))
    counts = pd.DataFrame(mine).groupby("campo_id")[["hechos", "abiertos"]].sum().reset_index()
    names = tables.campos.set_index("campo_id")["campo"]
    return counts.assign(campo=counts["campo_id"].map(names).fillna(counts["campo_id"]))


def _gone(fuente: Fuente) -> Iterator[str]:
    campos = [one for one in fuente.changes.campos if one.que == Clase.CAMPO_ELIMINADO.texto]
    if campos:
        names = short([_cut(one.campo) for one in campos], _NAMED)
        yield f"{count(len(campos), 'campo ya no está', 'campos ya no están')}: {names}."
    lotes = _of(fuente, Clase.LOTE_ELIMINADO)
    if lotes:
        said = count(len(lotes), "lote ya no está", "lotes ya no están")
        yield f"{said} en el portal: {_named(lotes)}. Si fue sin querer, hay que cargarlo de nuevo."


def _rejected(fuente: Fuente) -> Iterator[str]:
    out = fuente.tables.rechazados
    if len(out):
        kinds = out["recurso"].astype(str).value_counts().sort_index()
        said = count(len(out), "fila del portal se rechazó", "filas del portal se rechazaron")
        each = ", ".join(f"{name} {number(some)}" for name, some in kinds.items())
        yield f"{said} y no está en los mapas: {each}. El motivo, en el backup: rechazados."


def _warned(fuente: Fuente) -> Iterator[str]:
    bad = [one for one in fuente.controles if not one["passed"]]
    if bad:
        said = count(len(bad), "control avisa", "controles avisan")
        each = [f"{one['name']} ({_cut(one['notes'][0])})" if one["notes"] else one["name"]
                for one in bad]  # fmt: skip
        yield f"{said}: {short(each, _NAMED)}."


def _borders(fuente: Fuente) -> Iterator[str]:
    moved = _of(fuente, Clase.BORDE_MOVIDO)
    if moved:
        said = count(len(moved), "borde se movió", "bordes se movieron")
        yield f"{said}: {_named(moved)}."


def _crops(fuente: Fuente) -> Iterator[str]:
    what = Clase.CAMBIO_DE_CULTIVO.texto
    changed = [one for one in fuente.changes.siembras if one.que == what]
    if changed:
        said = count(len(changed), "lote cambió de cultivo", "lotes cambiaron de cultivo")
        yield f"{said}: {_named(_by_land(fuente, changed))}."


def _new(fuente: Fuente) -> Iterator[str]:
    if new := _of(fuente, Clase.LOTE_NUEVO):
        yield f"{count(len(new), 'lote nuevo', 'lotes nuevos')}: {_named(new)}."


def _open(fuente: Fuente) -> Iterator[str]:
    counts = muestreos(fuente.tables)
    left = int(counts["abiertos"].sum())
    if left:
        rows = counts[counts["abiertos"] > 0]
        rows = rows.sort_values(["abiertos", "campo"], ascending=[False, True])
        each = [f"{_cut(one.campo)} ({number(one.abiertos)})" for one in rows.itertuples()]
        yield f"{count(left, 'muestreo por hacer', 'muestreos por hacer')}: {short(each, _NAMED)}."


def _bare(fuente: Fuente) -> Iterator[str]:
    bare = without_crop(fuente.tables)
    if len(bare):
        rows = bare.sort_values(["superficie_ha", "lote_id"], ascending=[False, True])
        each = [
            f"{in_lote(_cut(one.campo), _cut(one.lote))} ({number(one.superficie_ha, 1)} ha)"
            for one in rows.itertuples()
        ]
        total = number(float(bare["superficie_ha"].sum()), 1)
        said = count(len(bare), "lote sin cultivo", "lotes sin cultivo")
        yield f"{said}, {total} ha: {short(each, _NAMED)}."


_RULES: Final[Sequence[Callable[[Fuente], Iterator[str]]]] = (  # by weight
    *(_gone, _rejected, _warned, _borders, _crops, _new, _open, _bare),
)


def _of(fuente: Fuente, clase: Clase) -> list[Novedad]:
    return _by_land(fuente, [one for one in fuente.changes.lotes if one.que == clase.texto])


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


def _named(each: Sequence[Novedad]) -> str:
    return short(
        [f"{in_lote(_cut(one.campo), _cut(one.lote))} ({one.detalle})" for one in each], _NAMED
    )


def _cut(name: str) -> str:
    return name if len(name) <= _LONG else f"{name[: _LONG - 1].rstrip()}…"
