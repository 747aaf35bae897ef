"""What ``api check`` finds in the plain members of a list's rows: there, missing, other type.

Pure. Each finding says what was seen and, where it can be told, the lines of the profile that
would mend it. Words of a finding are Spanish: a person reads them. Values of a row are not quoted,
but for those outside of a closed list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from Modules.api_check.guessing import LOOKS_ALIKE, fits, leaves, likeness, reading
from Modules.portal.coercion import MISSING, coerce, dig, natural_type, split_path
from Modules.portal.contract import Member
from Modules.portal.sections import FieldRule
from Modules.words.domain import Recurso


class Que(StrEnum):
    """What a finding says of a member."""

    ESTA = "está"
    FALTA = "falta"
    SOBRA = "sobra"
    OTRO_TIPO = "otro tipo"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Remedy:
    """Lines of the profile, and the section they stand in."""

    section: str  # "[resources.lotes.fields]"
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One member of one list: what is the matter, and what would mend it."""

    recurso: Recurso | None  # None: it concerns the portal as a whole
    que: Que
    campo: str
    detalle: str
    grave: bool = field(default=False, kw_only=True)  # a run would be refused, or lose rows
    remedio: Remedy | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class _Sought:
    """A member, where it is looked for, and where it would be written in the profile."""

    recurso: Recurso
    member: Member
    rule: FieldRule | None
    path: str
    section: str
    name: str

    @property
    def given(self) -> bool:
        """Whether the profile gives the value without looking at the row."""
        return self.rule is not None and (self.rule.source != "row" or not self.rule.path)

    def finding(
        self, que: Que, detalle: str, line: str | None = None, *, grave: bool = False
    ) -> Finding:
        remedy = Remedy(self.section, (line,)) if line else None
        return Finding(self.recurso, que, self.name, detalle, grave=grave, remedio=remedy)


class Columns:
    """The rows by dotted path, and which paths a member was found at."""

    def __init__(self, rows: Sequence[dict[str, Any]], zone: str) -> None:
        """``zone``: of times written without an offset."""
        self.rows, self.zone = rows, zone
        self.paths = list(dict.fromkeys(path for row in rows for path, _ in leaves(row)))
        self.used: set[str] = set()
        self._known: set[str] = set()

    def uses(self, paths: Iterable[str]) -> None:
        """A member comes from these paths: they are not unexpected."""
        self.used |= {path for path in paths if path}

    def is_used(self, path: str) -> bool:
        """Whether a member comes from the path or one above it."""
        return any(path == used or path.startswith(f"{used}.") for used in self.used)

    def values(self, path: str) -> list[Any]:
        """The value of each row at the path, ``MISSING`` where there is none."""
        parts = split_path(path)
        return [dig(row, parts) for row in self.rows]

    def compare(
        self,
        recurso: Recurso,
        members: Sequence[Member],
        rules: Mapping[str, FieldRule],
        root: str,
        section: str,
        prefix: str = "",
    ) -> list[Finding]:
        """One finding a member. ``section`` is where the profile would map it."""
        sought = [
            _Sought(recurso, m, rules.get(m.name), _place(m, rules, root), section, prefix + m.name)
            for m in members
        ]
        self._known |= {one.path for one in sought}
        self.uses(one.path for one in sought if self._is_there(one.path))
        guesses = self._guess(
            [one.member for one in sought if not one.given and not self._is_there(one.path)]
        )
        return [self._one(one, guesses.get(one.member.name)) for one in sought]

    def unexpected(self, recurso: Recurso) -> list[Finding]:
        """Paths that no member came from; an absent parent of members is not unexpected."""
        rest = [
            path
            for path in self.paths
            if not self.is_used(path) and not self._is_absent_parent(path)
        ]
        return [
            Finding(recurso, Que.SOBRA, path, f"{kind_of(self.values(path))}; {_STAYS}")
            for path in rest
        ]

    def _is_absent_parent(self, path: str) -> bool:
        above = any(known.startswith(f"{path}.") for known in self._known)
        return above and all(isinstance(value, dict) for value in self._present(path))

    def _is_there(self, path: str) -> bool:
        return path != "" and any(value is not MISSING for value in self.values(path))

    def _guess(self, missing: Sequence[Member]) -> dict[str, str]:
        """The likeliest unused path for each missing member; no path for two of them."""
        free = [path for path in self.paths if not self.is_used(path)]
        pairs = sorted(
            (-likeness(member.name, path), index, path)
            for index, member in enumerate(missing)
            for path in free
            if likeness(member.name, path) >= LOOKS_ALIKE and self._can_be(member, path)
        )
        taken: dict[str, str] = {}
        for _, index, path in pairs:
            name = missing[index].name
            if name not in taken and path not in taken.values():
                taken[name] = path
        self.uses(taken.values())
        return taken

    def _present(self, path: str) -> list[Any]:
        return [v for v in self.values(path) if v is not None and v is not MISSING]

    def _fits_as_it_is(self, member: Member, path: str) -> bool:
        natural = natural_type(member.kind)
        values = self._present(path)
        return all(fits(coerce(v, natural, None, self.zone), member.kind) for v in values)

    def _can_be(self, member: Member, path: str) -> bool:
        if self._fits_as_it_is(member, path):
            return True
        return reading(self._present(path), member.kind, self.zone) is not None

    def _one(self, sought: _Sought, guess: str | None) -> Finding:
        if sought.given:
            return sought.finding(Que.ESTA, "lo da el perfil")
        values = self.values(sought.path)
        if all(value is MISSING for value in values):
            return self._missing(sought, guess)
        bad = self._of_another_type(sought, values)
        if bad:
            return self._other_type(sought, values, bad)
        return _there(sought, values)

    def _missing(self, sought: _Sought, guess: str | None) -> Finding:
        member = sought.member
        needs = "el contrato lo exige" if member.required else "es optativo"
        detail = f"no hay nada en {sought.path!r}; {needs}"
        if guess is None:
            todo = f'{key(member.name)} = "…"  # la ruta verdadera' if member.required else None
            return sought.finding(Que.FALTA, detail, todo, grave=member.required)
        how = None
        if not self._fits_as_it_is(member, guess):
            how = reading(self._present(guess), member.kind, self.zone)
        detail = f"{detail}; parece ser {guess!r}"
        line = _line(member.name, guess, how)
        return sought.finding(Que.FALTA, detail, line, grave=member.required)

    def _other_type(self, sought: _Sought, values: Sequence[Any], bad: Sequence[Any]) -> Finding:
        member = sought.member
        only_nulls = all(value is None for value in bad)
        detail = f"se esperaba {_KINDS[member.kind]} y llegó {kind_of(bad)}"
        if only_nulls:
            detail = f"nulo en {len(bad)} de {len(values)} filas, y el contrato lo exige"
        how = reading(values, member.kind, self.zone)
        line = None if how is None or only_nulls else _line(member.name, sought.path, how)
        return sought.finding(Que.OTRO_TIPO, detail, line, grave=True)

    def _of_another_type(self, sought: _Sought, values: Sequence[Any]) -> list[Any]:
        member, rule = sought.member, sought.rule
        kind = (rule.type if rule else None) or natural_type(member.kind)
        bad = []
        for value in values:
            read = coerce(value, kind, rule, self.zone)
            missing = read is MISSING or read is None
            if missing and rule is not None and rule.default is not None:
                continue
            if (missing and member.required) or (not missing and not fits(read, member.kind)):
                bad.append(None if missing else value)
        return bad


def _there(sought: _Sought, values: Sequence[Any]) -> Finding:
    """There, and of the type; but a closed list may hold other values."""
    member = sought.member
    mapped = sought.rule.values if sought.rule is not None else {}
    texts = {value for value in values if isinstance(value, str)}
    strange = sorted(text for text in texts if mapped.get(text, text) not in member.values)
    if not member.values or not strange:
        return sought.finding(Que.ESTA, kind_of(values))
    pairs = ", ".join(f'{quoted(text[:40])} = "…"' for text in strange[:6])
    line = f"{key(member.name)} = {{ path = {quoted(sought.path)}, values = {{ {pairs} }} }}"
    detail = f"hay valores fuera de la lista ({', '.join(member.values)})"
    return sought.finding(Que.OTRO_TIPO, detail, line)


_STAYS = "no está en el contrato, queda en las páginas crudas"


def _place(member: Member, rules: Mapping[str, FieldRule], root: str) -> str:
    if member.name in rules:
        return rules[member.name].path
    return f"{root}.{member.name}" if root else member.name


def _line(name: str, path: str, how: FieldRule | None) -> str:
    if how is None:
        return f"{key(name)} = {quoted(path)}"
    layout = f', format = "{how.format}"' if how.format else ""
    return f'{key(name)} = {{ path = {quoted(path)}, type = "{how.type}"{layout} }}'


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


def kind_of(values: Sequence[Any]) -> str:
    """What kinds the values are, in words."""
    kinds = {_name_of(value) for value in values if value is not MISSING}
    return " o ".join(sorted(kinds)) or "nada"


def _name_of(value: Any) -> str:
    match value:
        case None:
            return "nulo"
        case bool():
            return "verdadero o falso"
        case int():
            return "entero"
        case float():
            return "número"
        case str():
            return "texto"
        case list():
            return "lista"
    return "objeto"
