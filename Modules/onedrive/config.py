"""Which product folder leads to which OneDrive folder: ``symlink_config.json``. Pure.

The users' form, paths relative to ``scripts/``: ``{"../outputs/cultivos": "C:/…/cultivos"}``.
Targets are Windows paths whatever the machine (``PureWindowsPath``), compared as Windows does.
Problems and warnings are Spanish, name the folder and say what to do; all are found, not the first.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import permutations
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final

from Modules.words.finding import Finding, Severity
from Modules.words.names import folded, name_problem

CONFIG_NAME: Final = "symlink_config.json"
MAX_TARGET: Final = 200  # of Windows' 259 characters; the longest file of a backup needs 57
COMFORTABLE: Final = {"KMZ": 98, "": 180}  # longest files: 160 characters below KMZ, else 78
_ROOT_NAME: Final = re.compile(r"OneDrive( - .+)?", re.IGNORECASE)
_DEVICE: Final = re.compile(r"^[\\/]{2}[.?][\\/]|^[\\/]\?\?[\\/]")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_FORBIDDEN: Final = re.compile(r'[":*<>?|]')
_SHORT_NAME: Final = re.compile(r"~\d+(\.|$)")


@dataclass(frozen=True, slots=True)
class Enlace:
    """One link: a folder below the project root ("outputs/cultivos"), and its target."""

    enlace: PurePosixPath
    destino: PureWindowsPath

    @property
    def carpeta(self) -> str:
        """The product folder: the last name of the link."""
        return self.enlace.name


@dataclass(frozen=True, slots=True)
class Lectura:
    """What a file or an answer said: the links that can be read, what is wrong with the rest."""

    enlaces: tuple[Enlace, ...]
    problemas: tuple[Finding, ...] = ()


def told(finding: Finding) -> str:
    """A finding as the person at the machine reads it: the folder, what is wrong and what to do."""
    return f"{finding.where}: {finding.what}" if finding.where else finding.what


def parse_config(text: str) -> Lectura:
    """The links of a ``symlink_config.json``; a byte order mark in front is fine."""
    try:
        pairs = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as err:
        where = f", línea {err.lineno}" if isinstance(err, json.JSONDecodeError) else ""
        said = (
            f"{CONFIG_NAME} no se puede leer{where}: revise comillas, comas y llaves, "
            "y escriba las rutas con / o con \\\\"
        )
        return Lectura((), (Finding(said),))
    if not isinstance(pairs, _Pairs):
        said = f"{CONFIG_NAME}: se espera un objeto con la carpeta y su destino entre llaves"
        return Lectura((), (Finding(said),))
    return links_of(pairs)


def links_of(pairs: Sequence[tuple[str, Any]]) -> Lectura:
    """Links out of the keys and values of the users' form."""
    found: list[Enlace] = []
    problems: list[Finding] = []
    for key, target in pairs:
        link = _link_path(key)
        if link is None:
            said = f"escriba la carpeta como '../outputs/<carpeta>', no {key!r}"
            problems.append(Finding(said, where=key))
        elif not isinstance(target, str) or not target.strip():
            said = "no tiene destino: escriba la ruta de su carpeta de OneDrive entre comillas"
            problems.append(Finding(said, where=link.name))
        elif problem := target_problem(target):
            problems.append(Finding(problem, where=link.name))
        else:
            found.append(Enlace(link, PureWindowsPath(target)))
    return Lectura(tuple(found), tuple(problems))


def write_config(enlaces: Sequence[Enlace]) -> str:
    """``symlink_config.json`` in the users' form, targets with forward slashes."""
    value = {f"../{one.enlace}": one.destino.as_posix() for one in enlaces}
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def target_problem(text: str) -> str | None:
    """What is wrong with a target as it is written, before it is compared with anything."""
    if hidden := next((c for c in text if unicodedata.category(c) in _INVISIBLE), None):
        return f"el destino tiene un carácter invisible (U+{ord(hidden):04X}): escríbalo a mano"
    if _DEVICE.match(text):
        return f"escriba el destino como C:\\…, sin el comienzo {text[:4]}"
    path = PureWindowsPath(text)
    if path.drive.startswith("\\\\"):
        return "el destino es una carpeta de red: OneDrive es una carpeta local, como C:\\Users\\…"
    if not re.fullmatch(r"[A-Za-z]:", path.drive) or not path.root:
        return (
            f"el destino {text!r} no es una ruta completa: empiece por la unidad, como C:\\Users\\…"
        )
    names = path.parts[1:]
    if not names:
        return "el destino es una unidad entera: elija una carpeta"
    if re.search(r"(^|[\\/])\.{1,2}([\\/]|$)", text):
        return "el destino tiene '.' o '..': escriba la ruta completa"
    if forbidden := _FORBIDDEN.search("\\".join(names)):
        return f"Windows no acepta el carácter {forbidden[0]} en el destino: quítelo"
    if problem := name_problem("/".join(names)):
        return f"Windows u OneDrive no aceptan el destino: {problem}"
    if tilde := next((name for name in names if name.startswith("~")), None):
        return f"OneDrive no sincroniza carpetas que empiezan con ~: {tilde!r}"
    if short := next((name for name in names if _SHORT_NAME.search(name)), None):
        return f"{short!r} es un nombre corto de Windows: escriba el nombre completo"
    if len(str(path)) > MAX_TARGET:
        return (
            f"el destino tiene {len(str(path))} caracteres, y con más de {MAX_TARGET} no entran "
            "los archivos: elija una carpeta más cerca de la raíz"
        )
    return None


def judge_links(
    enlaces: Sequence[Enlace],
    roots: Sequence[PureWindowsPath],
    *,
    project: PureWindowsPath | None = None,
) -> tuple[Finding, ...]:
    """What is wrong with links taken together.

    ``roots`` are folders that OneDrive synchronises, a target lies below one of them; ``project``
    is the root of the project, None where that is not known (another machine).
    """
    said = [*_same_links(enlaces), *_overlaps(enlaces)]
    said += [(one, text) for one in enlaces for text in _place_problems(one, roots, project)]
    return tuple(Finding(text, where=one.carpeta) for one, text in said)


def warnings_of(enlaces: Sequence[Enlace], known: Sequence[str]) -> tuple[Finding, ...]:
    """What may be meant, but should be looked at: an unknown folder, a long target."""
    return tuple(
        Finding(doubt, Severity.WARNING, one.carpeta)
        for one in enlaces
        for doubt in _doubts(one, known)
    )


def onedrive_root(target: PureWindowsPath) -> PureWindowsPath | None:
    """The OneDrive folder that a target shows by its own name: "…/OneDrive - EMPRESA"."""
    named = (
        path for path in reversed((target, *target.parents)) if _ROOT_NAME.fullmatch(path.name)
    )
    return next(named, None)


def is_below(path: PureWindowsPath, root: PureWindowsPath) -> bool:
    """Whether a path lies strictly below another, as Windows compares names."""
    ours, theirs = _folded(path), _folded(root)
    return len(ours) > len(theirs) and ours[: len(theirs)] == theirs


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys in their order, equal ones too."""


def _link_path(key: str) -> PurePosixPath | None:
    """The link below the project root; None if the key is not of the users' form."""
    parts = [part for part in key.replace("\\", "/").split("/") if part not in ("", ".")]
    if parts[:1] == [".."]:
        parts = parts[1:]
    path = "/".join(parts)
    if len(parts) < 2 or key.startswith(("/", "\\")) or name_problem(path) is not None:
        return None
    return PurePosixPath(path)


def _same_links(enlaces: Sequence[Enlace]) -> Iterator[tuple[Enlace, str]]:
    seen: set[str] = set()
    for one in enlaces:
        key = folded(str(one.enlace))
        if key in seen:
            yield one, "está dos veces: deje una sola línea para esta carpeta"
        seen.add(key)
    for one, other in permutations(enlaces, 2):
        if is_below(PureWindowsPath(one.enlace), PureWindowsPath(other.enlace)):
            link = other.enlace
            yield one, f"está dentro de {link}, que también es un enlace: deje uno de los dos"


def _overlaps(enlaces: Sequence[Enlace]) -> Iterator[tuple[Enlace, str]]:
    for number, one in enumerate(enlaces):
        for other in enlaces[:number]:
            if _folded(one.destino) == _folded(other.destino):
                name = other.carpeta
                yield one, f"tiene el mismo destino que {name}: cada carpeta necesita el suyo"
    for one, other in permutations(enlaces, 2):
        if is_below(one.destino, other.destino):
            yield one, f"su destino está dentro del de {other.carpeta}: elija una carpeta aparte"


def _place_problems(
    one: Enlace, roots: Sequence[PureWindowsPath], project: PureWindowsPath | None
) -> Iterator[str]:
    root = next((root for root in roots if is_below(one.destino, root)), None)
    if root is None:
        yield _outside(one, roots)
    elif folded(one.destino.parts[len(root.parts)]) == "forms":
        yield "OneDrive no acepta una carpeta 'forms' en su raíz: elija otro nombre"
    if project is None:
        return
    if any(is_below(project / one.enlace, root) for root in roots):
        yield (
            f"el proyecto ({project}) está dentro de OneDrive, y un enlace ahí detiene la "
            "sincronización: mueva el proyecto a otra carpeta, por ejemplo C:\\Lindero"
        )
    if _folded(one.destino) == _folded(project) or is_below(one.destino, project):
        yield "su destino está dentro del proyecto: elija uno en OneDrive"


def _outside(one: Enlace, roots: Sequence[PureWindowsPath]) -> str:
    if any(_folded(one.destino) == _folded(root) for root in roots):
        return "su destino es OneDrive entero: elija una carpeta adentro"
    if not roots:
        return "no se sabe dónde está OneDrive: dígalo con --onedrive C:\\Users\\…\\OneDrive - …"
    said = " o ".join(str(root) for root in roots)
    return (
        f"su destino {one.destino} no está dentro de OneDrive ({said}): elija otro, o agregue "
        "--onedrive con la carpeta que se sincroniza"
    )


def _doubts(one: Enlace, known: Sequence[str]) -> Iterator[str]:
    if one.carpeta not in known:
        near = get_close_matches(one.carpeta, known, n=1)
        hint = f"¿es {near[0]!r}?" if near else "revise el nombre"
        yield f"no es una carpeta de productos de Lindero: {hint}"
    limit = COMFORTABLE["KMZ" if one.carpeta.startswith("KMZ") else ""]
    if (length := len(str(one.destino))) > limit:
        yield (
            f"el destino tiene {length} caracteres; con más de {limit} los archivos de nombre "
            "largo podrían pasar el límite de Windows"
        )


def _folded(path: PureWindowsPath) -> tuple[str, ...]:
    """A path as Windows compares it: by names, case and composition do not matter."""
    return tuple(folded(part) for part in (path.drive, path.root, *path.parts[1:]))


def as_mapping(enlaces: Sequence[Enlace]) -> Mapping[str, str]:
    """Links and targets as they are compared: two configurations that mean the same are equal."""
    return {folded(str(one.enlace)): "\\".join(_folded(one.destino)) for one in enlaces}
