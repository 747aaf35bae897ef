"""What people read about a run: Spanish texts, made out of values.

Markdown for the UI and the summary of the command line, the table of data quality, and the
message of a failed run. Numbers are written as in Argentina: 1.234,5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from Modules.disk.problems import SOLTAR
from Modules.disk.publish import Published
from Modules.jobs.outcome import Resultado
from Modules.jobs.tareas import tareas_markdown
from Modules.night.verdict import Verdict
from Modules.store.snapshot import Snapshot
from Modules.words.columns import RECHAZADOS
from Modules.words.domain import Fetched, Modo, Recurso
from Modules.words.spanish import count, markdown, markdown_table, moment, number, short

if TYPE_CHECKING:
    from Modules.jobs.backup import Job, Night
    from Modules.night.tables import Built

MAX_NOTES = 5  # of a check, in the summary; the table of quality has more
MAX_CHANGES = 50  # lines of the summary; verdict.json holds them all

INTACTO = "No se publicó nada: los archivos de la última noche buena quedaron como estaban."

_RECURSO = {one: one.value.capitalize() for one in Recurso if one is not Recurso.CAMPANIAS}


def recepcion(night: Night) -> dict[str, tuple[int, int, int]]:
    """Rows received, accepted and rejected of each list, in the portal's order, by its name."""
    tables = night.tables.as_dict()
    rejected = night.tables.rechazados["recurso"].value_counts()
    return {
        name: (len(came.records), len(tables[recurso.value]), int(rejected.get(recurso, 0)))
        for recurso, name in _RECURSO.items()
        if (came := night.fetched.get(recurso)) is not None
    }


def lo_traido(fetched: Mapping[Recurso, Fetched]) -> str:
    """Rows and pages of each list, in the portal's order, in a line."""
    each = ((name, fetched[one]) for one, name in _RECURSO.items() if one in fetched)
    return "; ".join(
        f"{name} {number(len(came.records))} en {count(len(came.pages), 'página', 'páginas')}"
        for name, came in each
    )


def lo_revisado(night: Night) -> str:
    """Rows rejected, hectares, and the verdict, in a line."""
    verdict, rejected = night.verdict, len(night.tables.rechazados)
    return (
        f"{count(rejected, 'fila rechazada', 'filas rechazadas')}, "
        f"{number(night.superficie_ha, 1)} ha de lotes; de {len(verdict.checks)} controles "
        f"rechazan {len(verdict.reasons)} y avisan {len(verdict.warnings)}: noche "
        f"{'aceptada' if verdict.accepted else 'RECHAZADA'}"
    )


def lo_publicado(made: Published) -> str:
    """What became of the files of a folder, in a line."""
    files = (made.written, made.unchanged, made.removed, (*made.pending, *made.held), made.edited)
    said = "archivos: {} escritos, {} sin cambios, {} quitados, {} abiertos, {} con edición ajena"
    return said.format(*(number(len(names)) for names in files))


def resumen_markdown(
    job: Job, night: Night, snapshot: Snapshot, published: Published | None, carpeta: Path
) -> str:
    """The summary of a run: what came, what changed, warnings, where it was written.

    ``carpeta``: where the published copy is, or would be; ``published``: None if nothing was.
    """
    counts = [(name, *map(number, rows)) for name, rows in recepcion(night).items()]
    danados = "\n".join(f"- {markdown(said)}" for _, said in job.store.damaged(job.campania))
    parts = [
        _titulo(job, night, snapshot),
        markdown_table(("", "Recibidos", "Aceptados", "Rechazados"), counts),
        f"Superficie de los lotes: **{number(night.superficie_ha, 1)} ha**.",
        _cambios(night),
        _controles(night.verdict),
        tareas_markdown(job, night, snapshot.id.utc),
        f"## Backups dañados\n\nNo se usan ni se borran.\n\n{danados}" if danados else "",
        INTACTO if published is None else _destino(published, carpeta),
    ]
    return "\n\n".join(part for part in parts if part)


def productos_markdown(resultados: Sequence[Resultado], notas: Sequence[str] = ()) -> str:
    """What became of each product, and what a person should know about them."""
    table = markdown_table(
        ("Producto", "Escritos", "Sin cambios", "Quitados", ""), [*map(_fila, resultados)]
    )
    made = [(one.carpeta, one.published) for one in resultados if one.published is not None]

    def paths(kind: str) -> list[str]:
        return [f"{carpeta}/{name}" for carpeta, done in made for name in getattr(done, kind)]

    left = "ya no se produce; alguien lo editó y quedó como está."
    edited = "**Aviso:** alguien editó un archivo publicado; su edición quedó al lado:"
    lines = [markdown(nota) for nota in notas]
    lines += [f"{markdown(path)} {left}" for path in paths("left")]
    lines += [f"**Aviso:** {markdown(aviso_pendiente(path))}" for path in paths("pending")]
    lines += [
        f"{edited} {markdown(path)}. En su lugar está el de esta noche." for path in paths("edited")
    ]
    listed = "\n".join(f"- {line}" for line in lines)
    return "\n\n".join(part for part in ("## Productos", table, listed) if part)


def _fila(one: Resultado) -> tuple[str, ...]:
    if one.published is None:
        return one.carpeta, "", "", "", f"**FALLÓ**; quedó el anterior: {markdown(one.falla)}"
    done = (one.published.written, one.published.unchanged, one.published.removed)
    return one.carpeta, *(number(len(names)) for names in done), f"`{one.folder}`"


def calidad_datos(verdict: Verdict, built: Built) -> list[dict[str, Any]]:
    """Rows of the quality table, worst first: failed checks, warnings, rejections, repairs."""
    rows = [
        ("rechaza" if check.is_error else "aviso", check.what, "", "; ".join(check.notes))
        for check in sorted(verdict.checks, key=lambda check: not check.is_error)
        if not check.fine
    ]
    for row in built.tables.rechazados[list(RECHAZADOS.names)].to_dict("records"):
        where = f"{row['recurso']} {_or_blank(row['id'])} {_or_blank(row['nombre'])}".strip()
        rows.append(("rechazado", row["motivo"], where, row["detalle"]))
    for repair in built.repairs:
        before, after = number(repair.area_before_ha, 2), number(repair.area_after_ha, 2)
        change = f"{repair.motivo}; {before} ha → {after} ha"
        where = f"{repair.recurso} {repair.id} {repair.nombre}".strip()
        rows.append(("reparado", "geometría reparada", where, change))
    kept = "se conserva como está escrito y se dibuja en gris"
    rows += [("aviso", "cultivo desconocido", name, kept) for name in built.cultivos_desconocidos]
    names = ("gravedad", "qué", "dónde", "detalle")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _titulo(job: Job, night: Night, snapshot: Snapshot) -> str:
    if not night.verdict.accepted:
        state = "en cuarentena: no se publicó nada"
    elif snapshot.equal_to:
        state = f"sin cambios desde {snapshot.equal_to}"
    elif night.verdict.first_night:
        state = "aceptado; primera noche de esta campaña, no hay con qué comparar"
    else:
        state = "aceptado"
    modo = "prueba" if job.modo is Modo.TEST else "producción"
    return (
        f"# Backup Databaler Lotes {job.campania} ({modo})\n\n"
        f"Backup `{snapshot.id}`, {moment(snapshot.id.utc, job.settings.zone)}: **{state}**."
    )


def _cambios(night: Night) -> str:
    from Modules.diff.changes import SOLO_REESCRITO, cambios

    if night.parent is None:
        return ""
    if night.changes.empty:
        return f"Sin cambios desde la última noche aceptada (`{night.parent.id}`)."
    rows = [tuple(map(markdown, row)) for row in cambios(night.changes)]
    if not rows:
        return f"{SOLO_REESCRITO} Comparado con la última noche aceptada (`{night.parent.id}`)."
    table = markdown_table(("Campo", "Lote", "Cambio", "Detalle"), rows[:MAX_CHANGES])
    more = len(rows) - MAX_CHANGES
    tail = f"\n\nY {number(more)} cambios más, en `verdict.json`." if more > 0 else ""
    return f"## Cambios desde `{night.parent.id}`\n\n{table}{tail}"


def _controles(verdict: Verdict) -> str:
    bad = [check for check in verdict.checks if not check.fine]
    if not bad:
        return f"Controles: {len(verdict.checks)}, todos bien."
    lines = (
        f"- **{'RECHAZA' if check.is_error else 'aviso'}** · {check.what}"
        f"{': ' if check.notes else ''}{markdown(short(check.notes, MAX_NOTES))}"
        f"{'. ' if check.todo else ''}{markdown(check.todo)}"
        for check in bad
    )
    return "## Controles\n\n" + "\n".join(lines)


def _destino(published: Published, carpeta: Path) -> str:
    avisos = "".join(
        f"\n\n**Aviso:** {markdown(aviso_pendiente(name))}" for name in published.pending
    )
    if not published.written and not avisos:
        return f"Ya estaba publicado, no se escribió ningún archivo: `{carpeta}`."
    return f"Publicado en `{carpeta}` ({number(len(published.written))} archivos).{avisos}"


def aviso_pendiente(name: str) -> str:
    """What to do about a file that could not be replaced; ``name`` is the copy left beside it."""
    return (
        "otro programa tenía abierto un archivo y no se pudo reemplazar; el nuevo quedó al lado: "
        f"{name}. {SOLTAR if name.endswith('.gpkg') else 'Cerrar el programa'}: la próxima corrida "
        "lo pone en su lugar."
    )


def _or_blank(value: object) -> str:
    return value if isinstance(value, str) else ""
