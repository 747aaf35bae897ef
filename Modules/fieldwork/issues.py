"""What an issue says, in the words of Jira's REST API v3. Pure.

A description is an Atlassian Document (ADF, version 1): paragraphs and a table, whose text is data
and never markup (https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from Modules.fieldwork.fechas import Mes
from Modules.fieldwork.join import Trabajo
from Modules.integrations.config import JiraNames, found
from Modules.words.domain import Campania
from Modules.words.finding import Finding, Severity
from Modules.words.names import look
from Modules.words.spanish import cut, day, hectares, in_lote, short
from Modules.words.text import MAX_TEXT, clean_text

MAX_SUMMARY: Final = 255  # characters of a summary and of a field of one line; Jira refuses more
MAX_DESCRIPTION: Final = 32_767
_MAX_CELLS: Final = 20_000  # of those, of what the cells of a table say together

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue as it is to be. ``clave`` is what it is for, ``origen`` who asked for it."""

    clave: str
    origen: str  # "fila 12", "marcador m-1": for people
    grupo: str  # label of the whole lot: "lindero-plan-2026-11"
    fields: Mapping[str, Any] = field(repr=False)  # of REST v3


def issues_of(
    trabajos: Iterable[Trabajo],
    mes: Mes,
    campania: Campania,
    names: JiraNames,
    *,
    enlaces: Mapping[str, str],
) -> tuple[tuple[Issue, ...], tuple[Finding, ...]]:
    """An issue for each row, and a finding for each name that Jira has not been told of.

    A row whose responsable is none of those in use has none: it would be nobody's work. Other names
    have a fallback. ``enlaces``: where the map of each campo is, by its id: an address, or a path.
    """
    issues = []
    unknown: dict[tuple[str, str], list[Trabajo]] = defaultdict(list)
    for one in trabajos:
        fila, grupo = one.fila, f"lindero-plan-{mes}"
        componente = found(names.componentes, one.campo)
        if names.componentes and componente is None:
            unknown["componentes", one.campo].append(one)
        cuenta = found(names.responsables, fila.responsable)
        if fila.responsable and cuenta is None:
            unknown["responsables", fila.responsable].append(one)
            if names.responsables:
                continue
        if names.tipos and fila.tipo and found(names.tipos, fila.tipo) is None:
            unknown["tipos", fila.tipo].append(one)
        named = "muestreo" in look(fila.tipo)  # "Muestreo de suelo" says what it is by itself
        kind = ", ".join(filter(None, ("" if named else fila.tipo, fila.profundidad)))
        title = f"{fila.tipo if named else 'Muestreo'}: {in_lote(one.campo, one.lote)}"
        facts = [
            *(("Campo", one.campo), ("Lote", one.lote), ("Cultivo", one.cultivos or "")),
            *(("Superficie", hectares(one.superficie_ha)), ("Campaña", str(campania))),
            *(("Fecha", day(fila.fecha)), ("Profundidad (cm)", fila.profundidad)),
            *(("Tipo", fila.tipo), ("Responsable", fila.responsable)),
            *(("Prioridad", fila.prioridad), ("Observación", fila.observacion)),
        ]
        links = [("Mapa para el teléfono (KMZ)", enlaces.get(one.campo_id, ""))]
        fields = {
            "project": {"key": names.proyecto},
            "issuetype": {"name": found(names.tipos, fila.tipo) or names.tipo},
            "summary": summary(f"{title}{kind and f' ({kind})'}"),
            "description": description(f"Plan de muestreo · {mes.texto}", facts, links),
            "labels": [grupo, label(one.clave)],
            **({"components": [{"name": componente}]} if componente else {}),
            **({"assignee": {"accountId": cuenta}} if cuenta else {}),
            **_dates_and_customs(one, campania, names),
        }
        issues.append(Issue(one.clave, f"fila {fila.numero}", grupo, fields))
    refuses = bool(names.responsables)
    return tuple(issues), tuple(_unknown(*key, rows, refuses) for key, rows in unknown.items())


def _unknown(table: str, name: str, rows: Sequence[Trabajo], refuses: bool) -> Finding:
    refused = refuses and table == "responsables"
    fallback = "con el tipo general" if table == "tipos" else f"sin {table.removesuffix('s')}"
    left = "]: la tarea no se hace" if refused else f"]: la tarea se hace {fallback}"
    column = {"tipos": "Tipo", "responsables": "Responsable"}.get(table, "Campo")
    quoted = json.dumps(name, ensure_ascii=False)
    return Finding(
        f"«{name}» no está en [jira.{table}{left}",
        Severity.ERROR if refused else Severity.WARNING,
        rows[0].donde,
        f"{short([f'fila {one.fila.numero}' for one in rows], 5)}, columna {column}",
        f'agregar {quoted} = "…" a [jira.{table}] de integrations.toml, o corregir la planilla',
        figures={"filas": len(rows)},
    )


def _dates_and_customs(one: Trabajo, campania: Campania, names: JiraNames) -> dict[str, Any]:
    """When it is due, and what goes into fields of the site's own."""
    fila = one.fila
    texts = {
        **{name: getattr(fila, name) for name in ("profundidad", "responsable", "observacion")},
        **{"campo": one.campo, "lote": one.lote, "lote_id": one.lote_id},
        **{"cultivo": one.cultivos or "", "campania": str(campania)},
    }
    said: dict[str, str | float | None] = {
        **{name: summary(value) for name, value in texts.items()},
        "superficie_ha": one.superficie_ha,
        "fecha": _before(fila.fecha, 0),
        "inicio": _before(fila.fecha, names.dias_inicio),
    }
    due = _before(fila.fecha, names.dias_vencimiento)
    return {
        **({"duedate": due} if due else {}),
        **{key: said[name] for name, key in names.campos.items() if said[name]},
        **{key: {"value": said[name]} for name, key in names.opciones.items() if said[name]},
    }


def _before(when: date | None, days: int) -> str | None:
    return None if when is None else (when - timedelta(days=days)).isoformat()


def label(clave: str) -> str:
    """The label of an issue's key: Jira's labels hold no blank and no more than 255 characters."""
    return f"lindero-{hashlib.sha256(clave.encode()).hexdigest()[:16]}"


def summary(text: str) -> str:
    """A text for a field of one line, as the summary is; "…" where it is cut."""
    return cut(clean_text(text, MAX_TEXT), MAX_SUMMARY)


def description(
    intro: str, facts: Sequence[tuple[str, str]], links: Sequence[tuple[str, str]]
) -> Node:
    """A document: a line, a table of what and how much, and links (text, address).

    What says nothing is left out; an address that is none of the web is written as text.
    """
    limit = min(MAX_TEXT, _MAX_CELLS // max(1, len(facts) + len(links)))
    rows = [
        _node(
            "tableRow",
            _node("tableHeader", _text(clean_text(name))),
            _node("tableCell", _text(said)),
        )
        for name, value in facts
        if (said := clean_text(value, limit))
    ]
    table = [_node("table", *rows)] if rows else []
    linked = [_link(name, said) for name, value in links if (said := clean_text(value, limit))]
    return {"version": 1, **_node("doc", _text(clean_text(intro, limit)), *table, *linked)}


def _node(kind: str, *content: Node) -> Node:
    return {"type": kind, "content": list(content)}


def _text(said: str, **more: Any) -> Node:
    return _node("paragraph", {"type": "text", "text": clean_text(said, MAX_TEXT) or "-", **more})


def _link(name: str, address: str) -> Node:
    if not address.startswith(("https://", "http://")):
        return _text(f"{clean_text(name)}: {address}")
    return _text(clean_text(name), marks=[{"type": "link", "attrs": {"href": address}}])
