"""What ``api check`` finds in the plain members of a list's rows: there, missing, other type.

Pure. A ``Finding`` says what was seen (``what`` is a ``Que``) of which member (``item``) of which
list (``where``) and, where it can be told, the lines of the profile that would mend it (``todo``,
the section first). It is an error where a run would be refused or lose rows. Words are Spanish: a
person reads them. Values of a row are not quoted, but for those outside of a closed list, and three
of each member that a line would map: a second note, so that nobody believes a name alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from Modules.api_check.guessing import examples, fits, leaves, reading, same_name, truth_values
from Modules.portal.coercion import MISSING, coerce, dig, natural_type, split_path
from Modules.portal.contract import Member
from Modules.portal.sections import FieldRule
from Modules.words.domain import Recurso
from Modules.words.finding import Finding, Severity


class Que(StrEnum):
    """What a finding says of a member."""

    ESTA = "está"
    FALTA = "falta"
    SOBRA = "sobra"
    OTRO_TIPO = "otro tipo"
    ERROR = "error"


def found(
    recurso: Recurso | None,
    que: Que,
    campo: str,
    detalle: str,
    todo: str = "",
    *,
    grave: bool = True,
    values: Iterable[Any] = (),
) -> Finding:
    """A finding of a member of a list; without a list it concerns the portal as a whole.

    ``values``: of what the lines in ``todo`` would map; three are shown.
    """
    mild = Severity.FINE if que is Que.ESTA else Severity.WARNING
    severity = Severity.ERROR if grave else mild
    where = "" if recurso is None else recurso.value
    shown = examples(values) if todo else ""
    notes = (detalle, shown) if shown else (detalle,)
    return Finding(que, severity, where, campo, todo, notes=notes)


def remedy(section: str, *lines: str) -> str:
    """Lines of the profile, below the section they stand in; nothing if there is no line."""
    return "\n".join((section, *lines)) if lines else ""


class Columns:
    """The rows of a list by dotted path, and which paths a member was found at."""

    def __init__(self, recurso: Recurso, rows: Sequence[dict[str, Any]], zone: str) -> None:
        """``zone``: of times written without an offset."""
        self.recurso, self.rows, self.zone = recurso, rows, zone
        self.paths = list(dict.fromkeys(path for row in rows for path, _ in leaves(row)))
        self.used: set[str] = set()
        self._known: set[str] = set()

    def uses(self, *paths: str) -> None:
        """A member comes from these paths: they are not unexpected."""
        self.used |= {path for path in paths if path}

    def free(self) -> list[str]:
        """Paths that no member comes from, nor from one above them."""
        taken = tuple(f"{used}." for used in self.used)
        return [p for p in self.paths if p not in self.used and not p.startswith(taken)]

    def values(self, path: str) -> list[Any]:
        """The value of each row at the path, ``MISSING`` where there is none."""
        parts = split_path(path)
        return [dig(row, parts) for row in self.rows]

    def present(self, path: str) -> list[Any]:
        return [value for value in self.values(path) if value is not None and value is not MISSING]

    def there(self, path: str) -> bool:
        """Whether any row has something at the path, be it null."""
        return path != "" and any(value is not MISSING for value in self.values(path))

    def compare(
        self,
        members: Sequence[Member],
        rules: Mapping[str, FieldRule],
        root: str,
        section: str,
        prefix: str = "",
    ) -> list[Finding]:
        """One finding a member. ``section`` is where the profile would map it."""
        below = f"{root}." if root else ""
        paths = {
            one.name: rules[one.name].path if one.name in rules else below + one.name
            for one in members
        }
        given = {name for name, rule in rules.items() if rule.source != "row" or not rule.path}
        self._known |= set(paths.values())
        self.uses(*filter(self.there, paths.values()))
        named = self._named(
            [m for m in members if m.name not in given and not self.there(paths[m.name])], below
        )
        every = []
        for member in members:
            name, path, rule = member.name, paths[member.name], rules.get(member.name)
            mapped = named[name][0] if name in named else path
            if name in given:
                que, detalle, line, grave = Que.ESTA, "lo da el perfil", "", False
            elif not self.there(path):
                que, grave = Que.FALTA, member.required
                detalle, line = _missing(member, path, named.get(name))
            else:
                que, detalle, line, grave = self._there(member, path, rule)
            todo = remedy(section, line) if line else ""
            values = self.present(mapped)
            one = found(self.recurso, que, prefix + name, detalle, todo, grave=grave, values=values)
            every.append(one)
        return every

    def unexpected(self) -> list[Finding]:
        """Paths that no member came from; an absent parent of members is not unexpected."""
        every = []
        for path in self.free():
            parent = any(known.startswith(f"{path}.") for known in self._known)
            if not parent or not all(isinstance(value, dict) for value in self.present(path)):
                stays = "no está en el contrato, queda en las páginas crudas"
                detail = f"{kind_of(self.values(path))}; {stays}"
                every.append(found(self.recurso, Que.SOBRA, path, detail, grave=False))
        return every

    def _named(self, missing: Sequence[Member], below: str) -> dict[str, tuple[str, str]]:
        """The unused path that has the name of each missing member, and the line that maps it.

        A path that is the name goes before one that only ends with it, a short one before a deep
        one, the very name before another spelling; each serves one member.
        """
        named: dict[str, tuple[str, str]] = {}
        for whole in (True, False):
            for member in missing:
                last = member.name.rpartition(".")[2]
                for path in sorted(
                    self.free(), key=lambda p: (p.count("."), p.rpartition(".")[2] != last, p)
                ):
                    same = same_name(member.name, path.removeprefix(below), whole=whole)
                    line = same and self._maps(member, path)
                    if line and member.name not in named:
                        named[member.name] = path, line
                        self.uses(path)
        return named

    def _maps(self, member: Member, path: str) -> str:
        """The line that maps the member to the path; "" if its values cannot be the member's."""
        values, natural = self.present(path), natural_type(member.kind)
        if all(fits(coerce(value, natural, None, self.zone), member.kind) for value in values):
            return _line(member.name, path, None)
        how = reading(values, member.kind, self.zone)
        return "" if how is None else _line(member.name, path, how)

    def _there(
        self, member: Member, path: str, rule: FieldRule | None
    ) -> tuple[Que, str, str, bool]:
        """What is said of a member that is there, with its line and whether it is an error."""
        values = self.values(path)
        bad = self._of_another_type(member, rule, values)
        if not bad:
            mapped = rule.values if rule is not None else {}
            texts = {value for value in values if member.values and isinstance(value, str)}
            strange = sorted(one for one in texts if mapped.get(one, one) not in member.values)
            if not strange:
                return Que.ESTA, kind_of(values), "", False
            pairs = ", ".join(f'{quoted(text[:40])} = "…"' for text in strange[:6])
            line = f"{key(member.name)} = {{ path = {quoted(path)}, values = {{ {pairs} }} }}"
            detail = f"hay valores fuera de la lista ({', '.join(member.values)})"
            return Que.OTRO_TIPO, detail, line, False
        if all(value is None for value in bad):
            detail = f"nulo en {len(bad)} de {len(values)} filas, y el contrato lo exige"
            return Que.OTRO_TIPO, detail, "", True
        how = reading(values, member.kind, self.zone)
        line = "" if how is None else _line(member.name, path, how)
        if how is None and member.kind == "boolean" and (pairs := truth_values(values)):
            line = f"{key(member.name)} = {{ path = {quoted(path)}, values = {pairs} }}"
        detail = f"se esperaba {_KINDS[member.kind]} y llegó {kind_of(bad)}"
        return Que.OTRO_TIPO, detail, line, True

    def _of_another_type(
        self, member: Member, rule: FieldRule | None, values: Sequence[Any]
    ) -> list[Any]:
        kind = (rule.type if rule else None) or natural_type(member.kind)
        defaulted = rule is not None and rule.default is not None
        bad: list[Any] = []
        for value in values:
            read = coerce(value, kind, rule, self.zone)
            missing = read is MISSING or read is None
            if missing and member.required and not defaulted:
                bad.append(None)
            elif not missing and not fits(read, member.kind):
                bad.append(value)
        return bad


def _missing(member: Member, path: str, named: tuple[str, str] | None) -> tuple[str, str]:
    """What is said of a member that is not there, and its line."""
    needs = "el contrato lo exige" if member.required else "es optativo"
    detail = f"no hay nada en {path!r}; {needs}"
    if named is not None:
        return f"{detail}; parece ser {named[0]!r}", named[1]
    return detail, f'{key(member.name)} = "…"  # la ruta verdadera' if member.required else ""


def _line(name: str, path: str, how: FieldRule | None) -> str:
    return f"{key(name)} = {rule_text(path, how)}"


def rule_text(path: str, rule: FieldRule | None) -> str:
    """The path as the profile has it, with what the rule says of how it is read."""
    if rule is None or rule.type is None:
        return quoted(path)
    layout = f', format = "{rule.format}"' if rule.format else ""
    return f'{{ path = {quoted(path)}, type = "{rule.type}"{layout} }}'


def key(name: str) -> str:
    """A key as TOML writes it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def quoted(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)


_KINDS: Mapping[str, str] = {
    "id": "un identificador en texto",
    "text": "texto",
    "number": "un número",
    "integer": "un entero",
    "boolean": "verdadero o falso",
    "date": "una fecha AAAA-MM-DD",
    "datetime": "una fecha y hora con huso (RFC 3339)",
    "list": "una lista",
}
_OF_TYPE: Mapping[type, str] = {
    type(None): "nulo", bool: "verdadero o falso", int: "entero", float: "número",
    str: "texto", list: "lista",
}  # fmt: skip


def kind_of(values: Iterable[Any]) -> str:
    kinds = {_OF_TYPE.get(type(value), "objeto") for value in values if value is not MISSING}
    return " o ".join(sorted(kinds)) or "nada"
