"""``lindero jira check``: integrations.toml held against the site's own metadata; it only reads.

A ``Finding`` says in ``where`` the line of the file, in ``item`` its key, in ``todo`` the line that
mends it, and in its note the names that there are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from Modules.integrations.config import KINDS, Integrations
from Modules.integrations.jira import Jira
from Modules.portal.answers import NotThere
from Modules.portal.profile import line_of
from Modules.words.finding import Finding, Report, Severity
from Modules.words.spanish import short

Names = Mapping[str, str]
_OURS: Final = ("summary", "description", "labels", "duedate")  # fields of every issue of ours
_SET_BY_JIRA: Final = {"project", "issuetype", "reporter"}
_SAID: Final = {
    **{"string": "texto", "number": "número", "date": "fecha", "option": "opción de una lista"},
    **{"document": "texto de varios renglones", "user": "persona", "array": "lista"},
}


def check_jira(jira: Jira, config: Integrations, text: str, source: str) -> Report:
    """What is wrong, worst first, or one finding that says that nothing is.

    ``text`` is that of the file ``source``, for the numbers of its lines.

    Raises:
        PipelineError: the site does not answer, or does not take the account.
    """
    every = [*_Check(jira, config, text, source).look()]  # a field is on several screens
    found = [one for at, one in enumerate(every) if one not in every[:at]]
    fine = Finding(f"{source} concuerda con el proyecto {config.jira.proyecto}", Severity.FINE)
    return Report.worst_first(found or [fine])


class _Check:
    def __init__(self, jira: Jira, config: Integrations, text: str, source: str) -> None:
        self.jira, self.names, self.text, self.source = jira, config.jira, text, source

    def look(self) -> Iterator[Finding]:
        """All that is wrong; without a project that is open nothing else can be looked at."""
        jira, names, key = self.jira, self.names, self.names.proyecto
        try:
            project = jira.project(key)
            closed = f"el proyecto {key} está archivado" if project.get("archived") else ""
        except NotThere:
            closed = f"no hay un proyecto {key}, o esta cuenta no lo ve"
        if closed:
            open_ = {one["key"]: one["name"] for one in jira.projects() if one["key"] != key}
            yield self._wrong(("proyecto",), closed, key, open_)
            return
        components = {one["name"]: one["name"] for one in project.get("components", ())}
        rows = jira.assignable(key) if names.responsables else []
        for account in names.responsables.values():
            if account not in {one["accountId"] for one in rows}:
                with suppress(NotThere):
                    rows += jira.assignable(key, account)
        people = {one["accountId"]: one["displayName"] for one in rows}
        ids = {
            one["name"]: str(one["id"]) for one in jira.issue_types(key) if not one.get("subtask")
        }
        types, tipos = {name: name for name in ids}, {"": names.tipo} | names.tipos
        for table, said, asked, there in (
            ("componentes", "no tiene el componente", names.componentes, components),
            ("responsables", "no da tareas al accountId", names.responsables, people),
            ("tipos", "no tiene el tipo de tarea", tipos, types),
        ):
            for name, value in asked.items():
                if value not in there:
                    what = f"el proyecto {key} {said} {value!r}"
                    near = name if there is people else value
                    yield self._wrong((table, name) if name else ("tipo",), what, near, there)
        for tipo in dict.fromkeys(one for one in tipos.values() if one in ids):
            fields = {one["fieldId"]: one for one in jira.create_fields(key, ids[tipo])}
            yield from self._screen(tipo, fields)

    def _screen(self, tipo: str, fields: Mapping[str, Any]) -> Iterator[Finding]:
        """The fields on the screen that creates an issue of this type."""
        names = self.names
        tables = {"components": names.componentes, "assignee": names.responsables}
        used = {*_OURS, *(name for name, table in tables.items() if table)}
        known = {*used, *names.campos.values(), *names.opciones.values(), *_SET_BY_JIRA}
        there = f"está en la pantalla que crea una tarea de tipo {tipo!r}"
        for name in sorted(used - fields.keys()):
            todo = f"agregar en Jira el campo {name} a esa pantalla"
            yield Finding(f"{name} no {there}", where=self.source, todo=todo)
        for name in sorted(fields.keys() - known):
            if fields[name]["required"] and not fields[name].get("hasDefaultValue"):
                title = fields[name]["name"]
                what = f"{title!r} ({name}) {there}, es obligatorio y nadie lo completa"
                todo = "darle un dato en [jira.campos], o hacer en Jira que no sea obligatorio"
                yield Finding(what, where=self.source, todo=todo)
        kinds = {name: _kind(one["schema"]) for name, one in fields.items()}
        for table in ("campos", "opciones"):
            for dato, at in getattr(names, table).items():
                wanted = "option" if table == "opciones" else KINDS.get(dato, "string")
                what = f"{at} no {there}"
                if at in fields:
                    kind, title = _SAID.get(kinds[at], kinds[at]), fields[at]["name"]
                    what = f"{title!r} ({at}) es de {kind}, no de {_SAID[wanted]}"
                fit = {
                    one: fields[one]["name"]
                    for one, kind in kinds.items()
                    if kind == wanted and one.startswith("customfield_")
                }
                if at not in fit:
                    yield self._wrong((table, dato), what, dato, fit)

    def _wrong(self, keys: tuple[str, ...], what: str, said: str, there: Names) -> Finding:
        """The line that mends it has the one of ``there`` (value: name) nearest to what is said."""
        near = difflib.get_close_matches(said, there.values(), n=1, cutoff=0)
        value = next((one for one, name in there.items() if name in near), None)
        name = keys[-1] if keys[-1].isidentifier() else f'"{keys[-1]}"'
        known = [one if name == one else f"{one} ({name})" for one, name in there.items()]
        notes = (f"hay {short(known, 12)}" if known else "no hay ninguno",)
        none = "quitar ese renglón" if len(keys) > 1 else "nombrar otro, o dar permiso a la cuenta"
        todo = none if value is None else f'{name} = "{value}"'
        where = f"{self.source}, renglón {line_of(('jira', *keys), self.text)}"
        return Finding(what, where=where, item=".".join(("jira", *keys)), todo=todo, notes=notes)


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of what a field takes; a text of several lines is a document."""
    several = str(schema.get("custom", "")).endswith(":textarea")
    return "document" if several else str(schema["type"])
