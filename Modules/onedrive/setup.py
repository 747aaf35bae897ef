"""Files of the Windows links: read the mapping, look at the disk, write what follows from it.

``symlink_config.json`` in the users' form, ``create_symlinks.ps1`` and ``compose.onedrive.yml``,
all in the project's root. A file that would not change is not touched. Standard library only, as
everything that ``setup_symlinks.py`` uses: the Windows machine may have a bare Python.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Final

from Modules.disk.safe_files import is_link, write_beside, writing
from Modules.disk.sentinels import set_sentinel
from Modules.onedrive.compose import COMPOSE_NAME, compose
from Modules.onedrive.config import (
    CONFIG_NAME,
    Enlace,
    Lectura,
    as_mapping,
    is_below,
    onedrive_root,
    parse_config,
    target_problem,
    write_config,
)
from Modules.onedrive.script import SCRIPT_NAME, script
from Modules.words.errors import PublishError
from Modules.words.finding import Finding, Report, Severity
from Modules.words.spanish import why

BACKUP_NAME: Final = f"{CONFIG_NAME}.bak"
ROOT_VARIABLES: Final = ("OneDriveCommercial", "OneDrive", "OneDriveConsumer")

Local = Callable[[PureWindowsPath], Path]


def read_config(project: Path) -> Lectura | None:
    """The links that are configured; None where there is no file yet."""
    path = project / CONFIG_NAME
    try:
        return parse_config(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        said = f"{CONFIG_NAME} no está en UTF-8: ábralo en el Bloc de notas y guárdelo como UTF-8"
        return Lectura((), (Finding(said),))
    except OSError as err:
        said = f"{CONFIG_NAME} no se puede leer ({why(err)}): revise sus permisos"
        return Lectura((), (Finding(said),))


def roots_of(environment: Mapping[str, str]) -> tuple[PureWindowsPath, ...]:
    """What OneDrive says of itself in the environment, the company's first."""
    said = (environment.get(name, "") for name in ROOT_VARIABLES)
    roots = (PureWindowsPath(root) for root in said if root and target_problem(root) is None)
    return tuple(dict.fromkeys(roots))


def roots_by_name(enlaces: Sequence[Enlace]) -> tuple[PureWindowsPath, ...]:
    """The OneDrive folders that targets show by their own names, where nobody says any."""
    found = (onedrive_root(one.destino) for one in enlaces)
    return tuple(dict.fromkeys(root for root in found if root is not None))


def project_on_windows(project: Path) -> PureWindowsPath | None:
    """The project as Windows names it; None on another system, where links are made for later."""
    return PureWindowsPath(project) if os.name == "nt" else None


def look(
    enlaces: Sequence[Enlace], roots: Sequence[PureWindowsPath], *, local: Local = Path
) -> Report:
    """What lies at the targets of judged links. One that is missing is a warning.

    For the machine they are on; ``local``: where it has a Windows path.
    """
    problems = [
        Finding(said, where=one.carpeta)
        for one in enlaces
        for said in _target_problems(one, roots, local)
    ]
    wrong = {problem.where for problem in problems}
    said = "el destino no existe todavía: créelo, o use -CreateTarget"
    missing = (
        Finding(said, Severity.WARNING, one.carpeta)
        for one in enlaces
        if one.carpeta not in wrong and not local(one.destino).exists()
    )
    return Report((*problems, *missing))


def write_files(
    project: Path, enlaces: Sequence[Enlace], roots: Sequence[PureWindowsPath]
) -> Mapping[str, bool]:
    """Write the three files; name → whether it changed. A mapping that changed leaves a ``.bak``.

    Raises:
        PublishError: the project's folder cannot be written.
    """
    return {
        CONFIG_NAME: _write_mapping(project, enlaces),
        SCRIPT_NAME: _write(project / SCRIPT_NAME, script(enlaces, roots)),
        COMPOSE_NAME: _write(project / COMPOSE_NAME, compose(enlaces).encode("utf-8")),
    }


def set_sentinels(
    project: Path, enlaces: Sequence[Enlace], *, local: Local = Path
) -> Mapping[str, bool | PublishError]:
    """Put the sentinel into each target; by folder, whether it is new, or why it could not be."""
    done: dict[str, bool | PublishError] = {}
    for one in enlaces:
        try:
            done[one.carpeta] = set_sentinel(project / one.enlace, local(one.destino))
        except PublishError as err:
            done[one.carpeta] = err
    return done


def _target_problems(one: Enlace, roots: Sequence[PureWindowsPath], local: Local) -> Iterator[str]:
    root = next(root for root in roots if is_below(one.destino, root))
    if not local(root).is_dir():
        yield f"OneDrive no está en {root}: inicie sesión en OneDrive y espere a que aparezca"
        return
    for part in (one.destino, *one.destino.parents):
        if not is_below(part, root):
            return
        if is_link(local(part)):
            yield f"{part} es un enlace: elija como destino una carpeta común"
        elif local(part).exists() and not local(part).is_dir():
            yield f"{part} es un archivo: elija una carpeta"


def _write_mapping(project: Path, enlaces: Sequence[Enlace]) -> bool:
    """A file that means the same already stays as the users wrote it."""
    path = project / CONFIG_NAME
    before = read_config(project)
    if before is not None:
        if not before.problemas and as_mapping(before.enlaces) == as_mapping(enlaces):
            return False
        with writing(path):
            data = path.read_bytes()
        _write(project / BACKUP_NAME, data)
    return _write(path, write_config(enlaces).encode("utf-8"))


def _write(path: Path, data: bytes) -> bool:
    with writing(path):
        if path.is_file() and path.read_bytes() == data:
            return False
    write_beside(path, data)
    return True
