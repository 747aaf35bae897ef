"""Files for a folder that a person names: whole, checked, and nothing replaced unless told.

Everything is made in ``.lindero-….tmp`` first: beside a folder that does not exist yet (one rename
then makes it), inside one that does. In a folder that exists the file named last is the last to
appear, and an earlier one of its name goes first: a set that was cut short cannot look whole.
Every delivered file is read back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from Modules.disk.destinations import check_destination, check_path
from Modules.disk.edits import side_files
from Modules.disk.safe_files import (
    FileFact,
    entries,
    fingerprint,
    is_link,
    make_folder,
    move,
    remove_file,
    remove_tree,
    sync_folder,
    writing,
)
from Modules.words.errors import PublishError, SettingsError
from Modules.words.names import check_names
from Modules.words.spanish import why

NEW: Final = "nuevo"
REPLACES: Final = "reemplaza"

Fill = Callable[[Path], Mapping[str, FileFact]]  # writes into the folder; what it wrote, by name


@dataclass(frozen=True, slots=True)
class Target:
    """A folder to deliver to, as it was found: what would happen to each name there."""

    folder: Path
    actions: Mapping[str, str]  # name → NEW or REPLACES
    others: tuple[str, ...]  # what else lies there, and stays


def look_at(
    folder: Path, names: Iterable[str], *, overwrite: bool, keep_out: Iterable[Path] = ()
) -> Target:
    """Look at a target, which need not exist, and refuse it before anything is made.

    Writes nothing. ``names`` are paths below it; ``overwrite``: it may hold something;
    ``keep_out``: folders of ours below which nothing may be delivered.

    Raises:
        SettingsError: the folder is not empty, a link, or one of ours.
        PublishError: a name that leaves the folder or that Windows refuses; something in the way.
    """
    listed = list(names)
    check_names(listed)
    if is_link(folder):
        raise SettingsError(f"{folder} es un enlace; nombrar la carpeta a la que lleva")
    folder = folder.absolute()
    with writing(folder):  # a name too long, or above it a folder that is closed to us
        check_path(folder)
        refuse_ours(folder, keep_out)
        there = [path.name for path in entries(folder) if path.name != _temp_name(folder)]
    if there and not overwrite:
        raise SettingsError(
            f"{folder} no está vacía ({there[0]} …): nombrar otra carpeta, o agregar --overwrite"
        )
    for name in listed:
        _refuse_in_the_way(folder, name)
    actions = {n: REPLACES if os.path.lexists(folder / n) else NEW for n in listed}
    tops = {Path(name).parts[0] for name in listed}
    return Target(folder, actions, tuple(name for name in there if name not in tops))


def deliver(target: Target, fill: Fill, *, last: str | None = None, need_bytes: int = 0) -> None:
    """Make the files and put them into their folder.

    Raises:
        PublishError: the disk refused, or a file was not as written when read back; no file is
            ever half there.
    """
    check_destination(target.folder, need_bytes=need_bytes)
    for name, action in target.actions.items():
        if action == NEW and os.path.lexists(target.folder / name):
            raise PublishError(f"{target.folder / name} apareció mientras tanto; volver a correr")
    exists = target.folder.is_dir()
    place = target.folder if exists else target.folder.parent
    make_folder(place)
    staging = place / _temp_name(target.folder)
    remove_tree(staging)  # what a killed run left
    with writing(staging):
        staging.mkdir()
    try:
        facts = fill(staging)
        if set(facts) != set(target.actions):
            raise PublishError(f"{target.folder}: se hicieron otros archivos que los listados")
        _check(staging, facts)
        for root, _, _ in os.walk(staging):
            sync_folder(Path(root))
        if exists:
            _place(staging, target.folder, facts, last)
        else:
            move(staging, target.folder)
            sync_folder(place)
    finally:
        with suppress(PublishError):
            remove_tree(staging)
    _check(target.folder, facts)


def refuse_ours(folder: Path, keep_out: Iterable[Path]) -> None:
    """SettingsError for a folder of ours, or below one: nothing is delivered among the backups."""
    for ours in keep_out:
        if folder.resolve().is_relative_to(ours.resolve()):
            raise SettingsError(f"{folder}: ahí están los backups mismos; nombrar otra carpeta")


def _refuse_in_the_way(folder: Path, name: str) -> None:
    """A link, or a folder where a file goes, or a file where a folder goes."""
    path = folder
    parts = Path(name).parts
    for at, part in enumerate(parts):
        path = path / part
        if is_link(path):
            raise PublishError(f"{path} es un enlace; no se escribe a través de él: sacarlo")
        if path.is_dir() if at == len(parts) - 1 else path.exists() and not path.is_dir():
            raise PublishError(f"{path} está en el lugar; moverlo")
    if sides := side_files(path):
        raise PublishError(
            f"{path}: otro programa lo tiene abierto, o se cortó y dejó {sides[0].name} al lado; "
            "cerrarlo ahí y volver a correr"
        )
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise PublishError(f"{path} lleva afuera de {folder}")


def _temp_name(folder: Path) -> str:
    return f".lindero-{folder.name[:60]}.tmp"


def _place(staging: Path, folder: Path, names: Iterable[str], last: str | None) -> None:
    if last is not None:
        remove_file(folder / last)
        sync_folder(folder)
    ordered = sorted(names, key=lambda name: (name == last, name))
    for name in ordered:
        make_folder((folder / name).parent)
        _refuse_in_the_way(folder, name)
        if name == last:
            _sync_parents(folder, ordered)
        move(staging / name, folder / name)
    _sync_parents(folder, ordered)


def _sync_parents(folder: Path, names: Iterable[str]) -> None:
    for parent in sorted({(folder / name).parent for name in names}):
        sync_folder(parent)


def _check(folder: Path, facts: Mapping[str, FileFact]) -> None:
    """Read everything back; the ``PublishError`` names the file that is not as it was written."""
    for name, fact in sorted(facts.items()):
        try:
            found = fingerprint(folder / name)
        except OSError as err:
            raise PublishError(f"{folder / name} no se puede volver a leer: {why(err)}") from err
        if found != fact:
            raise PublishError(f"{folder / name} no quedó como se escribió; revisar el disco")
