"""The report of a morning as sections, out of one accepted night; the tables all reports share.

Nothing personal is in it: no CUIT, no RENSPA, no observation that somebody wrote of a mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from Modules.diff.change import Clase
from Modules.diff.changes import SOLO_REESCRITO, Conteo, cambios, conteo_text
from Modules.formats.report_page import Enlace, Estado, Seccion, Tabla, tabla
from Modules.night.checks_ground import land_ha
from Modules.products.cultivos.sown import progress, sown, sown_crops
from Modules.products.informe.drawing import change_maps, progress_chart
from Modules.products.informe.facts import MAX_CAMBIOS, changes_of, checks_of
from Modules.products.informe.headlines import mirar, muestreos, open_samples
from Modules.products.source import Fuente
from Modules.words.folders import PERSONALES, QUE_ABRIR
from Modules.words.spanish import count, day, in_lote, moment, number

MAX_CAMPOS: Final = 25  # with open samples, in the table
MAX_ARCHIVOS: Final = 500  # of a folder: a page and a card of each of 250 campos
_DEL_MAPA: Final = (".jpg", ".js")  # photos and its background: it opens them


def titulo_of(fuente: Fuente) -> str:
    return f"Informe de la mañana · campaña {fuente.campania}"


def estado_of(fuente: Fuente) -> Estado:
    """How the night was, in a sentence, and of what data."""
    tables = fuente.tables
    lines = (
        f"Datos del portal del {moment(fuente.hora_local)} (backup {fuente.snapshot_id}).",
        f"{count(len(tables.campos), 'campo', 'campos')}, "
        f"{count(len(tables.lotes), 'lote', 'lotes')}, "
        f"{number(float(land_ha(tables).sum()), 1)} ha de tierra.",
    )
    bad = [one for one in fuente.controles if not one["passed"]]
    refused = sum(bool(one.get("blocking")) for one in bad)
    said = "Noche buena: los datos llegaron enteros y pasaron todos los controles."
    if refused:
        each = count(refused, "control la rechazaba", "controles la rechazaban")
        said = f"Noche aceptada a mano: {each}. Mirar los controles."
    elif bad:
        each = count(len(bad), "control avisa", "controles avisan")
        said = f"Noche buena, y {each}: los datos llegaron enteros y se publicaron."
    return Estado(said, bien=not bad, lineas=lines)


def morning_of(
    fuente: Fuente, vecinas: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> tuple[Seccion, ...]:
    """The whole report; the links are paths from its folder.

    ``vecinas``: the files that lie in folders beside it, as far as that is known.
    """
    look, slug = mirar(fuente), fuente.campania.slug
    links = tuple(_link(one, slug, vecinas.get(one)) for one in QUE_ABRIR)
    where = "Cada uno está en su carpeta, al lado de la de este informe."
    return (
        Seccion("mirar", "Qué mirar hoy", () if look else ("Nada en particular.",), puntos=look),
        _changes(fuente),
        _progress(fuente),
        _samples(fuente),
        checks_section(checks_of(fuente.controles)),
        Seccion("productos", "Todos los productos", (where,), enlaces=links),
    )


def changes_table(changes: Mapping[str, Any]) -> tuple[Tabla, ...]:
    """``facts.changes_of`` as a table."""
    rows = [
        (
            in_lote(row["campo"], row["lote"]) if row["lote"] else row["campo"],
            *(row[key] for key in ("que", "detalle")),
        )
        for row in changes["lista"]
    ]
    more = f" (y {number(changes['sin_listar'])} más)" if changes["sin_listar"] else ""
    return tabla(f"De la última noche{more}", ("Dónde", "Qué", "Detalle"), rows)


def checks_section(checks: Mapping[str, Any]) -> Seccion:
    """``facts.checks_of`` in words."""
    warned = count(checks["avisos"], "aviso", "avisos")
    rows = [(one["que"], one["detalle"]) for one in checks["lista"]]
    said = f"{count(checks['mirados'], 'control', 'controles')}, {warned}."
    listed = tabla("Avisos", ("Control", "Detalle"), rows)
    return Seccion("controles", "Controles de los datos", (said,), listed)


def _changes(fuente: Fuente) -> Seccion:
    changes, facts = fuente.changes, changes_of(fuente)
    if changes.first_night:
        said: tuple[str, ...] = ("Es la primera noche de la campaña: no hay con qué comparar.",)
    elif not facts["total"]:
        said = ("Sin cambios contra la noche anterior." if changes.empty else SOLO_REESCRITO,)
    else:
        each = [f"{one['que']} ({number(one['cantidad'])})" for one in facts["por_clase"]]
        said = (f"{count(facts['total'], 'cambio', 'cambios')}: {', '.join(each)}.",)
        moved = [one for one in changes.lotes if one.que == Clase.BORDE_MOVIDO.texto]
        if moved:
            gained, lost = (
                number(sum(getattr(one, side) for one in moved), 2)
                for side in ("gana_ha", "pierde_ha")
            )
            said += (f"Los bordes movidos ganan {gained} ha y pierden {lost} ha.",)
        if changes.marcadores:  # the table says which
            counts = (sum(getattr(one, name) for one in changes.marcadores)
                      for name in ("agregados", "quitados", "cambiados"))  # fmt: skip
            marks = conteo_text(Conteo("", "", "", *counts))
            where = count(len(changes.marcadores), "lote", "lotes")
            said += (f"Marcadores: {marks}, en {where}.",)
    maps, more = change_maps(fuente)
    if more:
        said += (f"Se dibujan {len(maps)} campos, los de más hectáreas, de {len(maps) + more}.",)
    return Seccion("cambios", "Qué cambió", said, _by_place(fuente), figuras=maps)


def _by_place(fuente: Fuente) -> tuple[Tabla, ...]:
    """A row for each campo and lote, with all that happened there."""
    told: dict[str, list[str]] = {}
    for campo, lote, what, detail in cambios(fuente.changes):
        where = in_lote(campo, lote) if lote else campo or "—"
        told.setdefault(where, []).append(f"{what}: {detail}" if detail else what)
    rows = [(where, "; ".join(each)) for where, each in told.items()]
    more = f" (y {number(len(rows) - MAX_CAMBIOS)} lugares más)" if len(rows) > MAX_CAMBIOS else ""
    return tabla(f"Dónde y qué{more}", ("Dónde", "Qué cambió"), rows[:MAX_CAMBIOS])


def _progress(fuente: Fuente) -> Seccion:
    rows, crops = sown(fuente.tables), sown_crops(fuente.tables)
    until = fuente.hora_local.date()
    if not crops:
        return Seccion("avance", "Siembra y cosecha", ("Todavía no hay siembras cargadas.",))
    frame = progress(rows, crops, until)
    sums = frame[["sembrada_ha", "ya_sembrada_ha", "cosechada_ha"]].sum()
    done, cut = (_share(sums[name], sums["sembrada_ha"]) for name in sums.index[1:])
    said = (
        f"Al {day(until)}: de {number(sums['sembrada_ha'], 1)} ha de siembras, sembrado {done} "
        f"({number(sums['ya_sembrada_ha'], 1)} ha) y cosechado {cut} "
        f"({number(sums['cosechada_ha'], 1)} ha)."
    )
    listed = [
        (
            one.cultivo,
            number(one.sembrada_ha, 1),
            _share(one.ya_sembrada_ha, one.sembrada_ha),
            _share(one.cosechada_ha, one.sembrada_ha),
        )
        for one in frame.itertuples()
    ]
    head = ("Cultivo", "ha", "Sembrado", "Cosechado")
    return Seccion(
        "avance",
        "Siembra y cosecha",
        (said,),
        tabla("Siembras por cultivo", head, listed, 1, 2, 3),
        figuras=(progress_chart(frame, crops),),
    )


def _share(part: float, whole: float) -> str:
    return f"{number(100 * part / whole, 1)} %" if whole else "—"


def _samples(fuente: Fuente) -> Seccion:
    counts = muestreos(fuente.tables)
    done, left = int(counts["hechos"].sum()), int(counts["abiertos"].sum())
    if not done + left:
        return Seccion("muestreos", "Muestreos", ("No hay muestreos marcados.",))
    said = [
        f"{count(left, 'muestreo por hacer', 'muestreos por hacer')} y "
        f"{count(done, 'hecho', 'hechos')}."
    ]
    rows = open_samples(fuente.tables)
    if len(rows) > MAX_CAMPOS:
        said.append(
            f"Se listan {MAX_CAMPOS} campos; hay {number(len(rows))} con muestreos abiertos."
        )
    listed = [
        (one.campo, number(one.abiertos), number(one.hechos))
        for one in rows.head(MAX_CAMPOS).itertuples()
    ]
    table = tabla("Campos con muestreos por hacer", ("Campo", "Por hacer", "Hechos"), listed, 1, 2)
    return Seccion("muestreos", "Muestreos", tuple(said), table)


def _link(carpeta: str, slug: str, names: Sequence[str] | None) -> Enlace:
    """To a folder or its first file, with its other files; ``names``: None if nobody knows them."""
    first, texto = QUE_ABRIR[carpeta]
    first = first.format(slug)
    if names is not None and not names:
        return Enlace("", f"{texto}: todavía no hay")
    others = [one for one in names or () if one != first and not one.endswith(_DEL_MAPA)]
    if carpeta in PERSONALES:  # who has the folder
        others = []
    listed = tuple(f"../{carpeta}/{one}" for one in others[:MAX_ARCHIVOS])
    return Enlace(f"../{carpeta}/{first}", texto, listed, len(others[MAX_ARCHIVOS:]))
