"""The sections of the report: sentences and tables by plain code, a model's text where it holds.

Markdown and HTML come from the same sections; equal sections give equal bytes. The HTML is one
file without anything from elsewhere, for a phone and for paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Final

from Modules.prompts.informe.check import Facts, plain, problems
from Modules.words.spanish import count, in_lote, markdown, markdown_table, number, sentence, short
from Modules.words.text import MAX_TEXT

MAX_FRASES: Final = 12  # of a model, in a section
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:46rem;padding:1rem;"
    "color:#1b1b1b;background:#fff;overflow-wrap:anywhere}h1{font-size:1.5rem;line-height:1.25}"
    "h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #767676}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.9rem}"
    "caption{text-align:left;font-weight:600;padding-bottom:.25rem}"
    "th,td{border-bottom:1px solid #c9c9c9;padding:.3rem .5rem .3rem 0;text-align:left;"
    "vertical-align:top;unicode-bidi:isolate}.n{text-align:right;white-space:nowrap}"
    "th{font-size:.8rem}td:first-child{min-width:5.5rem}.t td:nth-child(2){"
    "min-width:5rem;overflow-wrap:break-word}.t td:last-child{min-width:0}"
    "th,th.n{white-space:normal;overflow-wrap:normal}"
    ".aviso{border-left:4px solid #8a5a00;padding-left:.75rem}"
    "@media print{body{max-width:none;padding:0;font-size:11pt}tr{break-inside:avoid}"
    "h2,caption{break-after:avoid}thead{display:table-header-group}}"
)


@dataclass(frozen=True, slots=True)
class Tabla:
    """Cells are plain text; the columns of ``numeros`` are right-aligned."""

    titulo: str
    encabezado: tuple[str, ...]
    filas: tuple[tuple[str, ...], ...]
    numeros: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Seccion:
    """``frases`` are plain text: our own, then (``del_modelo``) a model's, which were checked.

    ``aviso``: why a model's are not here.
    """

    id: str
    titulo: str
    frases: tuple[str, ...]
    tablas: tuple[Tabla, ...] = ()
    del_modelo: bool = False
    aviso: str = ""


def sections_of(facts: Mapping[str, Any]) -> tuple[Seccion, ...]:
    """The whole report by plain code, out of ``facts_of``."""
    area, changes = facts["superficie"], facts["cambios"]
    season, marks, checks = facts["temporada"], facts["marcadores"], facts["controles"]
    total = (
        f"{count(area['campos'], 'campo', 'campos')}, {count(area['lotes'], 'lote', 'lotes')} y "
        f"{count(area['ambientes'], 'ambiente', 'ambientes')}: {_ha(area['total_ha'])}."
    )
    night = "Es la primera noche de la campaña: no hay con qué comparar."
    if not changes["primera_noche"]:
        said = count(changes["total"], "cambio", "cambios")
        night = f"Contra la noche anterior: {said}." if changes["total"] else "Sin cambios."
    warned = count(checks["avisos"], "aviso", "avisos")
    return (
        Seccion("resumen", "Resumen", (f"Datos del {facts['datos_del']}.", total, night)),
        Seccion("superficie", "Superficie", (total,), _areas(area)),
        Seccion("cambios", "Cambios", (night, *_since(season)), _changes(changes)),
        Seccion(
            "marcadores",
            "Marcadores",
            (f"{count(marks['total'], 'marcador', 'marcadores')}.",),
            _marks(marks),
        ),
        Seccion(
            "controles",
            "Controles de los datos",
            (f"{count(checks['mirados'], 'control', 'controles')}, {warned}.",),
            _table(
                "Avisos",
                ("Control", "Detalle"),
                [(c["que"], c["detalle"]) for c in checks["lista"]],
            ),
        ),
    )


def with_texts(
    sections: Sequence[Seccion], texts: Mapping[str, Sequence[str]], facts: Facts
) -> tuple[Seccion, ...]:
    """The sections with a model's sentences after our own, where they say only what the facts say.

    Where one sentence of a section does not hold, none is taken, and the section says why.
    """
    return tuple(_with_text(one, texts.get(one.id), facts) for one in sections)


def _with_text(section: Seccion, text: Sequence[str] | None, facts: Facts) -> Seccion:
    if not text:
        return section
    lines = tuple(" ".join(plain(line).split()) for line in text)
    lines = tuple(dict.fromkeys(line for line in lines if line))
    found = [problem for line in lines for problem in problems(line, facts)]
    if len(lines) > MAX_FRASES or sum(map(len, lines)) > MAX_TEXT:
        found.append("es demasiado largo")
    if found or not lines:
        why = short(found, 3) or "está vacío"
        return replace(section, aviso=f"No se usó el texto del modelo: {sentence(why)}")
    return replace(section, frases=(*section.frases, *lines), del_modelo=True)


def markdown_of(titulo: str, sections: Sequence[Seccion], avisos: Sequence[str] = ()) -> str:
    """The report in Markdown."""
    parts = [f"# {markdown(titulo)}", *(f"> {markdown(one)}" for one in avisos)]
    for one in sections:
        parts.append(f"## {markdown(one.titulo)}")
        parts += [markdown(line) for line in one.frases]
        parts += [f"> {markdown(said)}" for said in _notes(one)]
        for table in one.tablas:
            rows = [tuple(map(markdown, row)) for row in table.filas]
            parts += [f"**{markdown(table.titulo)}**", markdown_table(table.encabezado, rows)]
    return "\n\n".join(parts) + "\n"


def html_of(titulo: str, sections: Sequence[Seccion], avisos: Sequence[str] = ()) -> str:
    """The report as one HTML page."""
    parts = [f"<h1>{escape(titulo)}</h1>", *map(_aviso, avisos)]
    for one in sections:
        parts.append(f'<section aria-labelledby="{one.id}">')
        parts.append(f'<h2 id="{one.id}">{escape(one.titulo)}</h2>')
        parts += [f"<p><bdi>{escape(line)}</bdi></p>" for line in one.frases]
        parts += [*map(_aviso, _notes(one)), *map(_html_table, one.tablas), "</section>"]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="es-AR">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(titulo)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _notes(section: Seccion) -> tuple[str, ...]:
    said = "Con oraciones de un modelo; sus números y nombres se controlaron con los datos."
    return (said,) if section.del_modelo else (section.aviso,) if section.aviso else ()


def _aviso(said: str) -> str:
    return f'<p class="aviso">{escape(said)}</p>'


def _html_table(table: Tabla) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        numeric = (' class="n"' if at in table.numeros else "" for at in range(len(cells)))
        each = (
            f"<{tag}{scope}{css}>{escape(cell)}</{tag}>"
            for cell, css in zip(cells, numeric, strict=True)
        )
        return f"<tr>{''.join(each)}</tr>"

    rows = "\n".join(row(cells, "td") for cells in table.filas)
    head = row(table.encabezado, "th")
    caption = f"<caption>{escape(table.titulo)}</caption>"
    css = "" if table.numeros else ' class="t"'
    return f"<table{css}>{caption}<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody></table>"


def _ha(value: float) -> str:
    return f"{number(value, 1)} ha"


def _table(
    titulo: str, encabezado: tuple[str, ...], rows: Sequence[tuple[str, ...]], *numeros: int
) -> tuple[Tabla, ...]:
    return (Tabla(titulo, encabezado, tuple(rows), frozenset(numeros)),) if rows else ()


def _areas(area: Mapping[str, Any]) -> tuple[Tabla, ...]:
    found: tuple[Tabla, ...] = ()
    for name, titulo in (("cultivo", "Por cultivo"), ("campo", "Por campo")):
        rows = [
            (
                row[name],
                number(row["lotes"]),
                _ha(row["superficie_ha"]),
                f"{number(row['parte_pct'], 1)} %",
            )
            for row in area[f"por_{name}"]
        ]
        head = (name.capitalize(), "Lotes", "Superficie", "Parte")
        more = area["campos_sin_listar"] if name == "campo" else 0
        found += _table(titulo + (f" (y {number(more)} más)" if more else ""), head, rows, 1, 2, 3)
    return found


def _since(season: Mapping[str, Any]) -> tuple[str, ...]:
    if not season:
        return ()
    each = [
        f"{one['que']} {number(one['cantidad'])}" for one in season["por_clase"] if one["cantidad"]
    ]
    areas = (
        f"lotes nuevos {_ha(season['lotes_nuevos_ha'])}, quitados "
        f"{_ha(season['lotes_eliminados_ha'])}, bordes que ganan {_ha(season['bordes_ganan_ha'])} "
        f"y pierden {_ha(season['bordes_pierden_ha'])}"
    )
    said = f"{', '.join(each)}; {areas}" if each else "nada que contar"
    return (f"Desde la primera noche de la campaña, del {season['desde']}: {said}.",)


def _changes(changes: Mapping[str, Any]) -> tuple[Tabla, ...]:
    rows = [
        (
            in_lote(row["campo"], row["lote"]) if row["lote"] else row["campo"],
            *(row[key] for key in ("que", "detalle")),
        )
        for row in changes["lista"]
    ]
    more = f" (y {number(changes['sin_listar'])} más)" if changes["sin_listar"] else ""
    return _table(f"De la última noche{more}", ("Dónde", "Qué", "Detalle"), rows)


def _marks(marks: Mapping[str, Any]) -> tuple[Tabla, ...]:
    rows = [
        (one["tipo"], number(one["cantidad"]), *(number(e["cantidad"]) for e in one["por_estado"]))
        for one in marks["por_tipo"]
    ]
    states = [e["estado"].capitalize() for one in marks["por_tipo"][:1] for e in one["por_estado"]]
    return _table("Por tipo", ("Tipo", "Total", *states), rows, *range(1, len(states) + 2))
