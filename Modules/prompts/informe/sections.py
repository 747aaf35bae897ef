"""The sections of the report: sentences and tables by plain code, a model's text where it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from Modules.formats.report_page import Seccion, Tabla, tabla
from Modules.products.informe.sections import changes_table, checks_section
from Modules.prompts.informe.check import Facts, plain, problems
from Modules.words.spanish import count, number, sentence, short
from Modules.words.text import MAX_TEXT

MAX_FRASES: Final = 12  # of a model, in a section


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
    return (
        Seccion("resumen", "Resumen", (f"Datos del {facts['datos_del']}.", total, night)),
        Seccion("superficie", "Superficie", (total,), _areas(area)),
        Seccion("cambios", "Cambios", (night, *_since(season)), changes_table(changes)),
        Seccion(
            "marcadores",
            "Marcadores",
            (f"{count(marks['total'], 'marcador', 'marcadores')}.",),
            _marks(marks),
        ),
        checks_section(checks),
    )


def with_texts(
    sections: Sequence[Seccion], texts: Mapping[str, Sequence[str]], facts: Facts
) -> tuple[Seccion, ...]:
    """The sections with a model's sentences after our own, where they say only what the facts say.

    Where one sentence of a section does not hold, none is taken, and the section says why.
    """
    made = list(sections)
    for at, section in enumerate(sections):
        if not (text := texts.get(section.id)):
            continue
        said = (" ".join(plain(line).split()) for line in text)
        lines = tuple(dict.fromkeys(line for line in said if line))
        found = [problem for line in lines for problem in problems(line, facts)]
        if len(lines) > MAX_FRASES or sum(map(len, lines)) > MAX_TEXT:
            found.append("es demasiado largo")
        if found or not lines:
            why = sentence(short(found, 3) or "está vacío")
            made[at] = replace(section, aviso=f"No se usó el texto del modelo: {why}")
        else:
            made[at] = replace(section, frases=(*section.frases, *lines), del_modelo=True)
    return tuple(made)


def _ha(value: float) -> str:
    return f"{number(value, 1)} ha"


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
        found += tabla(titulo + (f" (y {number(more)} más)" if more else ""), head, rows, 1, 2, 3)
    return found


def _since(season: Mapping[str, Any]) -> tuple[str, ...]:
    if not season:
        return ()
    each = [
        f"{one['que']} ({number(one['cantidad'])})"
        for one in season["por_clase"]
        if one["cantidad"]
    ]
    areas = (
        f"lotes nuevos {_ha(season['lotes_nuevos_ha'])}, quitados "
        f"{_ha(season['lotes_eliminados_ha'])}, bordes que ganan {_ha(season['bordes_ganan_ha'])} "
        f"y pierden {_ha(season['bordes_pierden_ha'])}"
    )
    said = f"{', '.join(each)}; {areas}" if each else "nada que contar"
    return (f"Desde la primera noche de la campaña, del {season['desde']}: {said}.",)


def _marks(marks: Mapping[str, Any]) -> tuple[Tabla, ...]:
    rows = [
        (one["tipo"], number(one["cantidad"]), *(number(e["cantidad"]) for e in one["por_estado"]))
        for one in marks["por_tipo"]
    ]
    states = [e["estado"].capitalize() for one in marks["por_tipo"][:1] for e in one["por_estado"]]
    return tabla("Por tipo", ("Tipo", "Total", *states), rows, *range(1, len(states) + 2))
