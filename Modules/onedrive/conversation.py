"""The conversation of ``setup_symlinks.py``: options, questions, what was done. Spanish.

Standard library only, and so no cyclopts. Exit codes: 0 done, 2 usage or a wrong mapping, 5 a file
could not be written. Nothing is written before every folder of the mapping is right.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final, NoReturn

from Modules.onedrive import setup
from Modules.onedrive.compose import COMPOSE_NAME
from Modules.onedrive.config import (
    CONFIG_NAME,
    Enlace,
    Lectura,
    judge_links,
    links_of,
    target_problem,
    told,
    warnings_of,
)
from Modules.onedrive.script import SCRIPT_NAME
from Modules.products.registry import product_folders
from Modules.words.errors import PublishError

DONE: Final = 0
WRONG: Final = 2
NOT_WRITTEN: Final = 5
NO_LINK: Final = "-"
ON_WINDOWS: Final = os.name == "nt"

_WAYS: Final = f"""
Ahora, una de las dos:
  Lindero en contenedores:
    docker compose -f docker-compose.yml -f compose.volumes.yml -f {COMPOSE_NAME} up -d
  Lindero instalado en Windows, sin contenedores:
    powershell -ExecutionPolicy Bypass -File .\\{SCRIPT_NAME} -WhatIf   (sólo muestra el plan)
    powershell -ExecutionPolicy Bypass -File .\\{SCRIPT_NAME}
Más en docs/onedrive.md.
"""


class _WrongError(Exception):
    """What stops the conversation: what to correct, one line each."""

    def __init__(self, *said: str) -> None:
        super().__init__("\n".join(said))


_SAID_BY_ARGPARSE = {
    "unrecognized arguments: ": "no hay una opción ",
    "argument ": "",
    "expected one argument": "necesita un valor",
    "ignored explicit argument": "no lleva un valor:",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        for english, spanish in _SAID_BY_ARGPARSE.items():
            message = message.replace(english, spanish)
        raise _WrongError(f"{message} (python setup_symlinks.py --help)")

    def format_help(self) -> str:
        return super().format_help().replace("usage:", "Uso:", 1)


@dataclass(frozen=True, slots=True)
class _Pedido:
    """What the links come to, where OneDrive is, and whether anyone was asked."""

    enlaces: tuple[Enlace, ...]
    roots: tuple[PureWindowsPath, ...]
    asked: bool = False


def main(argv: Sequence[str], project: Path, environment: Mapping[str, str]) -> int:
    """Run the conversation for the project in a folder; the exit code."""
    try:
        return _run(_options(argv), project, environment)
    except _WrongError as err:
        _complain(str(err))
        _complain("No se escribió nada.")
        return WRONG
    except PublishError as err:
        _complain(f"No se pudo escribir: {err}")
        return NOT_WRITTEN


def _run(options: argparse.Namespace, project: Path, environment: Mapping[str, str]) -> int:
    if options.centinelas and not ON_WINDOWS:
        raise _WrongError("--centinelas se corre en el Windows donde está OneDrive.")
    pedido = _pedido(options, project, environment)
    _judge(pedido, project)
    width = max(len(str(one.enlace)) for one in pedido.enlaces)
    for one in pedido.enlaces:
        _say(f"  {one.enlace!s:<{width}}  ->  {one.destino}")
    if pedido.asked and not options.si:
        answer = _ask("¿Escribir los archivos?", "S/n").casefold()
        if answer not in ("s/n", "s", "si", "sí"):
            raise _WrongError("Se canceló.")
    for name, changed in setup.write_files(project, pedido.enlaces, pedido.roots).items():
        _say(f"{name}: {'escrito' if changed else 'sin cambios'}")
    if options.centinelas:
        return _sentinels(project, pedido.enlaces)
    _say(_WAYS)
    return DONE


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="setup_symlinks.py",
        description="Dice a qué carpeta de OneDrive va cada carpeta de productos de Lindero, y "
        f"escribe {CONFIG_NAME}, {SCRIPT_NAME} y {COMPOSE_NAME}.",
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("opciones").add_argument
    add("-h", "--help", action="help", help="muestra esta ayuda")
    add("--onedrive", action="append", default=[], metavar="RUTA",
        help="carpeta que OneDrive sincroniza; puede repetirse")  # fmt: skip
    add("--destino", action="append", default=[], metavar="CARPETA=RUTA",
        help="destino de una carpeta, por ejemplo cultivos=C:/…; puede repetirse")  # fmt: skip
    add("--sin", action="append", default=[], metavar="CARPETA",
        help="saca el enlace de una carpeta; puede repetirse")  # fmt: skip
    add("--preguntar", action="store_true", help=f"pregunta aunque haya {CONFIG_NAME}")
    add("--no-preguntar", action="store_true", help="no pregunta nada; si falta algo, termina")
    add("--si", "--yes", action="store_true", help="acepta lo propuesto sin preguntar")
    add("--centinelas", action="store_true",
        help="deja además el centinela en cada destino (en Windows)")  # fmt: skip
    return parser.parse_args(list(argv))


def _pedido(options: argparse.Namespace, project: Path, environment: Mapping[str, str]) -> _Pedido:
    before = _checked(setup.read_config(project) or Lectura(()))
    given = _checked(links_of([_pair(text) for text in options.destino]))
    roots = _given_roots(options.onedrive) or setup.roots_of(environment)
    links = _merged(before, given, options.sin)
    if options.preguntar or not links:
        if not options.preguntar and options.si and roots:
            folders = (name for name in product_folders() if name not in options.sin)
            links = tuple(_link(name, roots[0] / name) for name in folders)
        elif options.no_preguntar or options.si:
            raise _WrongError(
                f"No hay destinos: agregue --destino CARPETA=RUTA, o escriba {CONFIG_NAME}"
            )
        else:
            return _answered(links, roots or setup.roots_by_name(links), project)
    return _Pedido(links, roots or setup.roots_by_name(links))


def _pair(text: str) -> tuple[str, str]:
    name, sign, target = text.partition("=")
    if not sign or not name.strip():
        raise _WrongError(f"--destino {text}: escriba CARPETA=RUTA, por ejemplo cultivos=C:/…")
    name = name.strip()
    key = name if "/" in name or "\\" in name else f"../outputs/{name}"
    return key, _bare(target)


def _bare(text: str) -> str:
    """An answer without what copying from Windows' Explorer leaves around it."""
    return text.strip("\u202a\u202c \t\r\n").strip('"')


def _checked(found: Lectura) -> tuple[Enlace, ...]:
    if found.problemas:
        raise _WrongError(*map(told, found.problemas))
    return found.enlaces


def _given_roots(said: Sequence[str]) -> tuple[PureWindowsPath, ...]:
    bare = [_bare(text) for text in said]
    for text in bare:
        if problem := target_problem(text):
            raise _WrongError(f"--onedrive: {problem}")
    return tuple(PureWindowsPath(text) for text in bare)


def _merged(
    before: Sequence[Enlace], given: Sequence[Enlace], without: Sequence[str]
) -> tuple[Enlace, ...]:
    """What was, each folder with its new target where one is given, less those taken out."""
    names = [one.carpeta for one in given]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise _WrongError(f"{repeated}: --destino está dos veces para esta carpeta")
    if unknown := set(without) - {one.carpeta for one in before} - set(product_folders()):
        raise _WrongError(*(f"--sin {name}: no hay una carpeta así" for name in sorted(unknown)))
    new = {one.enlace: one for one in given}
    kept = (new.pop(one.enlace, one) for one in before)
    return tuple(one for one in (*kept, *new.values()) if one.carpeta not in without)


def _link(carpeta: str, target: PureWindowsPath) -> Enlace:
    return Enlace(PurePosixPath("outputs") / carpeta, target)


def _answered(before: Sequence[Enlace], roots: Sequence[PureWindowsPath], project: Path) -> _Pedido:
    root = _ask_root(roots)
    known = tuple(dict.fromkeys((root, *roots)))
    _say("Para cada carpeta de productos, a qué carpeta de OneDrive va.")
    _say(f"Enter acepta lo propuesto; {NO_LINK} la deja sin enlace.")
    named = {one.carpeta: one.destino for one in before}
    links: list[Enlace] = []
    for carpeta in dict.fromkeys((*product_folders(), *named)):
        target = _ask_target(carpeta, named.get(carpeta, root / carpeta), links, known, project)
        if target is not None:
            links.append(_link(carpeta, target))
    return _Pedido(tuple(links), known, asked=True)


def _ask_root(roots: Sequence[PureWindowsPath]) -> PureWindowsPath:
    while True:
        answer = _ask("Carpeta de OneDrive en esta computadora", str(roots[0]) if roots else "")
        problem = target_problem(answer) if answer else "hace falta para seguir"
        if problem is None:
            return PureWindowsPath(answer)
        _say(f"  OneDrive: {problem}")


def _ask_target(
    carpeta: str,
    proposed: PureWindowsPath,
    links: Sequence[Enlace],
    roots: Sequence[PureWindowsPath],
    project: Path,
) -> PureWindowsPath | None:
    """A target that is right beside those before it; None for no link."""
    while True:
        answer = _ask(carpeta, str(proposed))
        if answer == NO_LINK:
            return None
        problem = target_problem(answer)
        if problem is None:
            link = _link(carpeta, PureWindowsPath(answer))
            judged = judge_links((*links, link), roots, project=setup.project_on_windows(project))
            if not judged:
                return link.destino
            problem = judged[0].what
        _say(f"  {carpeta}: {problem}")


def _ask(question: str, proposed: str) -> str:
    """One answer; the proposed one where only Enter was pressed."""
    sys.stdout.write(f"{question} [{proposed}]: ")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        sys.stdout.write("\n")
        raise _WrongError(
            "Se terminaron las respuestas. Sin preguntas: --no-preguntar y --destino."
        )
    return _bare(line) or proposed


def _judge(pedido: _Pedido, project: Path) -> None:
    if not pedido.enlaces:
        raise _WrongError("No quedó ninguna carpeta con destino: no hay nada que enlazar.")
    problems = judge_links(pedido.enlaces, pedido.roots, project=setup.project_on_windows(project))
    doubts = list(warnings_of(pedido.enlaces, product_folders()))
    if ON_WINDOWS and not problems:
        found = setup.look(pedido.enlaces, pedido.roots)
        problems, doubts = found.errors, [*doubts, *found.warnings]
    if problems:
        raise _WrongError(*dict.fromkeys(map(told, problems)))
    for doubt in doubts:
        _say(f"Atención, {told(doubt)}")
    if not ON_WINDOWS:
        _say(f"Esto no es Windows: si los destinos existen lo mira {SCRIPT_NAME}.")


def _sentinels(project: Path, links: Sequence[Enlace]) -> int:
    code = DONE
    for carpeta, done in setup.set_sentinels(project, links).items():
        if isinstance(done, PublishError):
            _complain(f"{carpeta}: sin centinela. {done}")
            code = NOT_WRITTEN
        else:
            _say(f"{carpeta}: centinela {'puesto' if done else 'sin cambios'}")
    return code


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
