"""YAML read strictly: what a file says, typed, or findings with file, line, key and what to do.

Only what JSON can say: no tags, anchors or aliases, no key twice, no dates, no NaN; ``yes`` and
``no`` are texts (YAML 1.2). A file of more than 256 KB, or that is not UTF-8, is refused unread; so
is a character that nobody sees, for it says to a model what no reader was shown. What looks like a
key is not repeated by any finding.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from Modules.prompts.files.models import KINDS, Eval, Flow, Models, Task
from Modules.words.finding import Finding
from Modules.words.spanish import why

MOST_BYTES: Final = 256 * 1024
MOST_DEPTH: Final = 40
MOST_FINDINGS: Final = 20  # of one file
_NAME: Final = re.compile(r"(?P<name>.+)\.(?P<kind>task|flow|eval)\.yaml|(?P<models>models)\.yaml")
_SECRET: Final = (
    re.compile(  # OpenAI and OpenRouter, GitHub, AWS, JWT, a header; Google, and others
        r"sk-[A-Za-z0-9_-]{16,}|gh[pousr]_\w{20,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}|"
        r"Bearer\s+[\w.~+/-]{16,}|AIza[\w-]{30,}|hf_\w{20,}|hvs\.[\w-]{20,}|xox[abprs]-[\w-]{10,}|"
        r"-----BEGIN [A-Z ]*PRIVATE KEY"
    )
)
_UNSEEN: Final = re.compile(  # controls, bidirectional controls, no width, halves, tags
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_SAID: Final = {
    "missing": "falta esta clave",
    "extra_forbidden": "no se conoce esta clave",
    "string_type": "tiene que ser un texto",
    "int_type": "tiene que ser un número entero",
    "int_parsing": "tiene que ser un número entero",
    "int_from_float": "tiene que ser un número entero",
    "float_type": "tiene que ser un número",
    "float_parsing": "tiene que ser un número",
    "decimal_type": "tiene que ser un número",
    "decimal_parsing": "tiene que ser un número",
    "dict_type": "tiene que ser un grupo de claves",
    "model_type": "tiene que ser un grupo de claves",
    "tuple_type": "tiene que ser una lista",
    "list_type": "tiene que ser una lista",
    "too_short": "no puede quedar vacío",
    "too_long": "es demasiado largo",
    "bool_type": "tiene que ser true o false",
    "string_too_long": "es demasiado largo",
    "string_pattern_mismatch": "no está escrito como corresponde",
}
_PATTERNS: Final = {
    r"^[a-z0-9]+(-[a-z0-9]+)*$": "minúsculas, números y guiones: resumen-diff",
    r"^[a-z][a-z0-9_]*$": "minúsculas, números y guiones bajos: resumen_corto",
    r"^[A-Z][A-Z0-9_]*$": "el nombre de una variable, en mayúsculas; nunca la clave misma",
}
Path_ = tuple[str | int, ...]


@dataclass(slots=True)
class Library:
    """All files of a folder by name, the lines of their keys, and what is wrong with them."""

    tasks: dict[str, Task] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    evals: dict[str, Eval] = field(default_factory=dict)
    models: Models | None = None
    findings: list[Finding] = field(default_factory=list)
    lines: dict[str, dict[Path_, int]] = field(default_factory=dict)  # file → key → line
    files: dict[tuple[str, str], str] = field(default_factory=dict)  # (kind, name) → file

    def finding(
        self, kind: str, name: str, key: Path_, what: str, todo: str = "", **more: Any
    ) -> Finding:
        """Something about a key of a document, at its line or that of what holds it."""
        file = self.files[kind, name]
        return Finding(
            what, where=_at(file, self.lines[file], key), item=_dotted(key), todo=todo, **more
        )


def read_library(folder: Path) -> Library:
    """Read every file of prompts in a folder; what cannot be read is a finding and is left out."""
    found = Library()
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError as err:
        found.findings.append(
            Finding(f"la carpeta no se puede leer: {why(err)}", where=str(folder))
        )
        return found
    for path in paths:
        before = len(found.findings)
        _read(path, found)
        more = len(found.findings) - before - MOST_FINDINGS
        if more > 0:
            found.findings[before + MOST_FINDINGS :] = [
                Finding(f"y {more} más", where=f"{path.name}:1")
            ]
    found.findings = [without_secrets(one) for one in found.findings]
    return found


def without_secrets(one: Finding) -> Finding:
    """A finding that repeats nothing that looks like a key."""
    what, item, todo = (_SECRET.sub("…", text) for text in (one.what, one.item, one.todo))
    return replace(one, what=what, item=item, todo=todo)


def _read(path: Path, found: Library) -> None:
    named = _NAME.fullmatch(path.name)
    if named is None:
        todo = "llamarlo NOMBRE.task.yaml, NOMBRE.flow.yaml, NOMBRE.eval.yaml o models.yaml"
        found.findings.append(Finding("no se sabe qué es", where=path.name, todo=todo))
        return
    kind, lines = named["kind"] or "models", found.lines.setdefault(path.name, {})
    text = ""
    try:
        text = _text(path)
        said = json.dumps(_value(text, lines))
        document = KINDS[kind].model_validate_json(said, strict=True)
    except _Unreadable as err:
        found.findings.append(Finding(str(err), where=f"{path.name}:{err.line}", todo=err.todo))
        return
    except ValidationError as err:
        found.findings += [_wrong(path.name, kind, one, lines) for one in err.errors()]
        return
    finally:
        found.findings += _secrets(path.name, text, lines)
    name = getattr(document, "name", kind)
    found.files[kind, name] = path.name
    if isinstance(document, Models):
        found.models = document
        return
    if name != named["name"]:
        found.findings.append(
            found.finding(
                kind, name, ("name",), "no es el nombre del archivo", f"name: {named['name']}"
            )
        )
    if isinstance(document, Task):
        found.tasks[name] = document
    elif isinstance(document, Flow):
        found.flows[name] = document
    elif isinstance(document, Eval):
        found.evals[name] = document


class _Unreadable(Exception):
    def __init__(self, what: str, line: int, todo: str = "") -> None:
        super().__init__(what)
        self.line, self.todo = line, todo


class _Loader(yaml.CSafeLoader):
    """YAML 1.2's core schema: texts, numbers, true, false and null."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", [*"-0123456789"]),
    ("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", [*"-0123456789"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise _Unreadable("no es un archivo", 1)
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as err:
        raise _Unreadable(f"no se puede leer: {why(err)}", 1) from err
    if len(data) > MOST_BYTES:
        raise _Unreadable(f"pasa de {MOST_BYTES // 1024} KB", 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        raise _Unreadable("no es UTF-8", line, "guardarlo como UTF-8") from err
    if unseen := _UNSEEN.search(text):
        raise _unseen(unseen[0], text.count("\n", 0, unseen.start()) + 1)
    return text


def _unseen(sign: str, line: int) -> _Unreadable:
    return _Unreadable(f"hay un signo que no se ve (U+{ord(sign):04X})", line, "borrarlo")


def _value(text: str, lines: dict[Path_, int]) -> Any:
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):  # first: the tree is made by recursion
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _Unreadable("no se usan anclas (& y *)", line, "repetirlo")
            if tag := getattr(event, "tag", None):
                raise _Unreadable(f"no se usan etiquetas ({tag[:40]})", line)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_DEPTH:
                raise _Unreadable("está anidado demasiado hondo", line)
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _plain(node, (), lines)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark
        line = 1 if mark is None else mark.line + 1
        todo = "mirar sangrías (sin tabuladores) y comillas"
        raise _Unreadable("no es YAML que se pueda leer", line, todo) from err


def _plain(node: yaml.Node, at: Path_, lines: dict[Path_, int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(at, line)
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key_node, inner in node.value:
            here = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise _Unreadable("una clave es un texto", here)
            key = _seen(key_node.value, here)
            if key in made:
                raise _Unreadable(f"la clave {key} está dos veces", here, "dejar una")
            lines[*at, key] = here
            made[key] = _plain(inner, (*at, key), lines)
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_plain(inner, (*at, i), lines) for i, inner in enumerate(node.value)]
    _seen(node.value, line)
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except ValueError as err:  # thousands of digits
        raise _Unreadable("no es un número", line) from err
    if isinstance(value, float) and not math.isfinite(value):
        raise _Unreadable("no es un número", line)
    return value


def _seen(text: str, line: int) -> str:
    if unseen := _UNSEEN.search(text):  # written as an escape
        raise _unseen(unseen[0], line)
    return text


def _wrong(file: str, kind: str, error: Any, lines: dict[Path_, int]) -> Finding:
    key = tuple(one for one in error["loc"] if one not in ("[key]",))
    what, todo, context = _SAID.get(error["type"], ""), "", error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(key[-1]), _known(kind), n=1)
        todo = f"¿{near[0]}?" if near else "sacarla"
    elif error["type"] == "literal_error":
        what, todo = "no es un valor posible", f"poner {context['expected'].replace(' or ', ' o ')}"
    elif error["type"] == "string_pattern_mismatch":
        todo = _PATTERNS.get(context["pattern"], "")
    elif error["type"] == "value_error":
        what = str(context["error"])
    elif not what:
        limit = {name: context[name] for name in ("ge", "gt", "le", "lt") if name in context}
        signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
        what = "no sirve este valor"
        todo = " y ".join(f"{signs[name]} {value:g}" for name, value in limit.items())
    return Finding(what, where=_at(file, lines, key), item=_dotted(key), todo=todo)


@cache
def _known(kind: str) -> list[str]:
    """Every key that files of a kind have somewhere."""
    names: set[str] = set()
    schema = KINDS[kind].model_json_schema(by_alias=True)
    for one in (schema, *schema.get("$defs", {}).values()):
        names |= set(one.get("properties", {}))
    return sorted(names)


def _secrets(file: str, text: str, lines: dict[Path_, int]) -> Iterator[Finding]:
    """What looks like a key, in a value or a comment; ``item`` is the last key before it."""
    todo = "sacarla, cambiarla por otra y nombrar su variable: key: OPENROUTER_API_KEY"
    for number, line in enumerate(text.split("\n"), 1):
        if match := _SECRET.search(line):
            above = max((at for at in lines.values() if at <= number), default=1)
            here = [key for key, at in lines.items() if key and at == above]
            written = {key: line.rfind(str(key[-1]), 0, match.start()) for key in here}
            item = _dotted(max(here, key=written.__getitem__, default=()))
            yield Finding(
                "parece una clave secreta", where=f"{file}:{number}", item=item, todo=todo
            )


def _at(file: str, lines: dict[Path_, int], key: Path_) -> str:
    """``file:line`` of a key, or of the nearest thing around it."""
    while key and key not in lines:
        key = key[:-1]
    return f"{file}:{lines.get(key, 1)}"


def _dotted(key: Path_) -> str:
    return ".".join(map(str, key))
