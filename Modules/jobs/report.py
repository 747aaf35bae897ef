"""What people read about a run: Spanish texts, made out of values.

Markdown for the UI and the summary of the command line, the table of data quality, and the
message of a failed run. Numbers are written as in Argentina: 1.234,5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from Modules.night.verdict import Verdict
from Modules.words.columns import RECHAZADOS
from Modules.words.domain import Recurso
from Modules.words.finding import Finding
from Modules.words.spanish import markdown, number, short

if TYPE_CHECKING:
    from Modules.diff.changes import Changes
    from Modules.night.tables import Built

MAX_NOTES = 5  # of a check, in the summary; the table of quality has more
MAX_CHANGES = 50  # lines of the summary; verdict.json holds them all

INTACTO = "No se publicó nada: los archivos de la última noche buena quedaron como estaban."

# The nearest class wins: a subclass stands before its base.
_RECURSO = {
    Recurso.CULTIVOS: "Cultivos",
    Recurso.ZONAS: "Zonas",
    Recurso.CAMPOS: "Campos",
    Recurso.LOTES: "Lotes",
    Recurso.AMBIENTES: "Ambientes",
    Recurso.MARCADORES: "Marcadores",
}


@dataclass(frozen=True, slots=True)
class Recepcion:
    """Rows of one list of the portal: what came, what is used, what was rejected by name."""

    recurso: str
    recibidos: int
    aceptados: int
    rechazados: int


@dataclass(frozen=True, slots=True)
class ProductoLine:
    """One product in a summary: its folder and what was done there, or what went wrong."""

    carpeta: str
    folder: str
    escritos: int = 0
    iguales: int = 0
    quitados: int = 0
    ajenos: Sequence[str] = ()  # no longer made, but edited by somebody: left in place
    pendientes: Sequence[str] = ()  # copies beside files that another program holds open
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Corrida:
    """The facts of one run that its summary tells."""

    campania: str
    modo: str
    snapshot: str
    hora_local: str
    superficie_ha: float
    verdict: Verdict = field(repr=False)
    changes: Changes = field(repr=False)
    built: Built = field(repr=False)
    recepcion: Sequence[Recepcion]
    parent: str | None = None
    equal_to: str | None = None
    carpeta: str | None = None
    escritos: int = 0
    pendientes: Sequence[str] = ()  # as in ProductoLine
    danados: Sequence[str] = ()  # what is wrong with older snapshots


def recepcion(built: Built, recibidos: Mapping[Recurso, int]) -> tuple[Recepcion, ...]:
    """Counts of each list, in the portal's order; received = accepted + rejected."""
    tables = built.tables.as_dict()
    rejected = built.tables.rechazados["recurso"].value_counts()
    return tuple(
        Recepcion(
            name, recibidos[recurso], len(tables[recurso.value]), int(rejected.get(recurso, 0))
        )
        for recurso, name in _RECURSO.items()
        if recurso in recibidos
    )


def resumen_markdown(corrida: Corrida) -> str:
    """The summary of a run: what came, what changed, warnings, where it was written."""
    parts = [
        _titulo(corrida),
        _tabla(
            ("", "Recibidos", "Aceptados", "Rechazados"),
            [
                (c.recurso, number(c.recibidos), number(c.aceptados), number(c.rechazados))
                for c in corrida.recepcion
            ],
        ),
        f"Superficie de los lotes: **{number(corrida.superficie_ha, 1)} ha**.",
        _cambios(corrida),
        _controles(corrida.verdict),
        _danados(corrida.danados),
        _destino(corrida),
    ]
    return "\n\n".join(part for part in parts if part)


def productos_markdown(productos: Sequence[ProductoLine], notas: Sequence[str] = ()) -> str:
    """What became of each product, and what a person should know about them."""
    table = _tabla(
        ("Producto", "Escritos", "Sin cambios", "Quitados", ""), [*map(_fila, productos)]
    )
    lines = [f"- {markdown(nota)}" for nota in notas]
    lines += [
        f"- {markdown(f'{one.carpeta}/{name}')} ya no se produce; alguien lo editó y quedó como "
        "está."
        for one in productos
        for name in one.ajenos
    ]
    lines += [
        f"- **Aviso:** {markdown(aviso_pendiente(f'{one.carpeta}/{name}'))}"
        for one in productos
        for name in one.pendientes
    ]
    return "\n\n".join(part for part in ("## Productos", table, "\n".join(lines)) if part)


def _fila(one: ProductoLine) -> tuple[str, str, str, str, str]:
    if one.error is not None:
        return one.carpeta, "", "", "", f"**FALLÓ**; quedó el anterior: {markdown(one.error)}"
    counts = (number(one.escritos), number(one.iguales), number(one.quitados))
    return one.carpeta, *counts, f"`{one.folder}`"


def calidad_datos(verdict: Verdict, built: Built) -> list[dict[str, Any]]:
    """Rows of the quality table, worst first: failed checks, warnings, rejections, repairs."""
    checks = [
        {
            "gravedad": "rechaza" if check.is_error else "aviso",
            "qué": check.what,
            "dónde": "",
            "detalle": "; ".join(check.notes),
        }
        for check in sorted(verdict.checks, key=lambda check: not check.is_error)
        if not check.fine
    ]
    rejected = [
        {
            "gravedad": "rechazado",
            "qué": row["motivo"],
            "dónde": f"{row['recurso']} {_or_blank(row['id'])} {_or_blank(row['nombre'])}".strip(),
            "detalle": row["detalle"],
        }
        for row in built.tables.rechazados[list(RECHAZADOS.names)].to_dict("records")
    ]
    repaired = [
        {
            "gravedad": "reparado",
            "qué": "geometría reparada",
            "dónde": f"{repair.recurso} {repair.id}",
            "detalle": f"{repair.motivo}; {number(repair.area_before_ha, 2)} ha → "
            f"{number(repair.area_after_ha, 2)} ha",
        }
        for repair in built.repairs
    ]
    unknown = [
        {
            "gravedad": "aviso",
            "qué": "cultivo desconocido",
            "dónde": name,
            "detalle": "se conserva como está escrito y se dibuja en gris",
        }
        for name in built.cultivos_desconocidos
    ]
    return [*checks, *rejected, *repaired, *unknown]


def _titulo(corrida: Corrida) -> str:
    if not corrida.verdict.accepted:
        state = "en cuarentena: no se publicó nada"
    elif corrida.equal_to:
        state = f"sin cambios desde {corrida.equal_to}"
    elif corrida.verdict.first_night:
        state = "aceptado; primera noche de esta campaña, no hay con qué comparar"
    else:
        state = "aceptado"
    modo = "prueba" if corrida.modo == "test" else "producción"
    return (
        f"# Backup Databaler Lotes {corrida.campania} ({modo})\n\n"
        f"Snapshot `{corrida.snapshot}`, {corrida.hora_local}: **{state}**."
    )


def _tabla(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cambios(corrida: Corrida) -> str:
    from Modules.diff.lines import SOLO_REESCRITO, cambios

    if corrida.parent is None:
        return ""
    if corrida.changes.empty:
        return f"Sin cambios desde la última noche aceptada (`{corrida.parent}`)."
    rows = [tuple(map(markdown, row)) for row in cambios(corrida.changes)]
    if not rows:
        return f"{SOLO_REESCRITO} Comparado con la última noche aceptada (`{corrida.parent}`)."
    table = _tabla(("Campo", "Lote", "Cambio", "Detalle"), rows[:MAX_CHANGES])
    more = len(rows) - MAX_CHANGES
    tail = f"\n\nY {number(more)} cambios más, en `verdict.json`." if more > 0 else ""
    return f"## Cambios desde `{corrida.parent}`\n\n{table}{tail}"


def _controles(verdict: Verdict) -> str:
    bad = [check for check in verdict.checks if not check.fine]
    if not bad:
        return f"Controles: {len(verdict.checks)}, todos bien."
    return "## Controles\n\n" + "\n".join(_control(check) for check in bad)


def _control(check: Finding) -> str:
    mark = "RECHAZA" if check.is_error else "aviso"
    notes = f": {markdown(short(check.notes, MAX_NOTES))}" if check.notes else ""
    return f"- **{mark}** · {check.what}{notes}"


def _danados(danados: Sequence[str]) -> str:
    if not danados:
        return ""
    lines = "\n".join(f"- {markdown(said)}" for said in danados)
    return f"## Backups dañados\n\nNo se usan ni se borran.\n\n{lines}"


def _destino(corrida: Corrida) -> str:
    if corrida.carpeta is None:
        return INTACTO
    avisos = "".join(
        f"\n\n**Aviso:** {markdown(aviso_pendiente(name))}" for name in corrida.pendientes
    )
    if corrida.escritos == 0 and not avisos:
        return f"Ya estaba publicado, no se escribió ningún archivo: `{corrida.carpeta}`."
    return f"Publicado en `{corrida.carpeta}` ({number(corrida.escritos)} archivos).{avisos}"


def aviso_pendiente(name: str) -> str:
    """What to do about a file that could not be replaced; ``name`` is the copy left beside it."""
    return (
        "otro programa tenía abierto un archivo y no se pudo reemplazar; el nuevo quedó al lado: "
        f"{name}. Cerrar el programa: la próxima corrida lo pone en su lugar."
    )


def _or_blank(value: object) -> str:
    return value if isinstance(value, str) else ""
