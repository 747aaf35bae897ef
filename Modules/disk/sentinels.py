"""Sentinels of OneDrive folders: what tells "not reachable" from "empty".

A target that was set up holds ``.lindero-destino.json``. A copy of it in
``<outputs>/.lindero-destinos/<carpeta>.json``, on the side of the links, says that it was. From
then on the folder is published to only while the sentinel is seen through the link or mount: an
empty folder without it is a mount that is missing, or another folder. Where no copy is, nobody has
set a sentinel and none is asked for.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import Final, TypeVar

from Modules.disk.safe_files import make_folder, write_beside, writing
from Modules.words.errors import PublishError

SENTINEL_NAME: Final = ".lindero-destino.json"
RECORDS_NAME: Final = ".lindero-destinos"  # beside the links; one "<carpeta>.json" each
SENTINEL_FORMAT: Final = "lindero-destino/1"
_P = TypeVar("_P", bound=PurePath)


def sentinel_text(carpeta: str) -> str:
    """What the sentinel of a folder's target says; the copy beside the links says the same."""
    value = {"formato": SENTINEL_FORMAT, "carpeta": carpeta}
    return json.dumps(value, ensure_ascii=False) + "\n"


def record_of(folder: _P) -> _P:
    """The copy that says that a product folder's target has a sentinel."""
    return folder.parent / RECORDS_NAME / f"{folder.name}.json"


def has_record(folder: Path) -> bool:
    """Whether a sentinel was set for a product folder; PublishError where it cannot be told."""
    with writing(record_of(folder)):
        return record_of(folder).is_file()


def check_sentinel(folder: Path) -> None:
    """PublishError for a folder whose sentinel was set and is not seen, or is another folder's."""
    if not has_record(folder):
        return
    sentinel = folder / SENTINEL_NAME
    with writing(sentinel):
        there = sentinel.is_file()
    if not there:
        raise PublishError(
            f"{folder}: no se llega a su carpeta de OneDrive, en ella falta {SENTINEL_NAME}; "
            "abrir OneDrive, y armar el enlace o levantar con compose.onedrive.yml. Si la "
            f"carpeta tiene que quedar en esta máquina, borrar {record_of(folder)}"
        )
    owner = _owner(sentinel)
    if owner is not None and owner != folder.name:
        raise PublishError(
            f"{folder} lleva a la carpeta de OneDrive de {owner!r}; corregir symlink_config.json "
            "y volver a correr setup_symlinks.py"
        )


def set_sentinel(folder: Path, target: Path) -> bool:
    """Put the sentinel of a product folder into its target, and note it; whether anything changed.

    Raises:
        PublishError: the target is not there, is another folder's, or cannot be written.
    """
    sentinel = target / SENTINEL_NAME
    with writing(target):
        reachable, there = target.is_dir(), sentinel.exists()
    if not reachable:
        raise PublishError(f"{folder.name}: {target} no está; abrir OneDrive o crearla")
    owner = _owner(sentinel) if there else None
    if owner is not None and owner != folder.name:
        raise PublishError(f"{folder.name}: {target} es la carpeta de {owner!r}; elegir otra")
    data = sentinel_text(folder.name).encode("utf-8")
    if not there:
        write_beside(sentinel, data)
    if there and has_record(folder):
        return False
    make_folder(record_of(folder).parent)
    write_beside(record_of(folder), data)
    return True


def _owner(sentinel: Path) -> str | None:
    """Which folder a sentinel is of; None if it does not say (OneDrive may hold it back)."""
    try:
        owner = json.loads(sentinel.read_text(encoding="utf-8-sig"))["carpeta"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return owner if isinstance(owner, str) else None
