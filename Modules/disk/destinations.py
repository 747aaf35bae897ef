"""Whether a folder can be published to: asked before anything is fetched.

The product folders are often links into a folder that OneDrive watches. A link that leads nowhere,
or a plain folder where a link is configured, would take files that nobody ever sees; so would an
empty folder where a mount is missing, which ``Modules.disk.sentinels`` finds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath

from Modules.disk.safe_files import is_link, writing
from Modules.disk.sentinels import check_sentinel, has_record
from Modules.words.errors import PublishError, SettingsError
from Modules.words.spanish import corrida

_MOUNTS = Path("/proc/self/mountinfo")
_PROBE = ".lindero-probe-"  # among the ".lindero-*.tmp" that nobody takes for a product


def check_destination(
    folder: Path, *, need_bytes: int = 0, must_be_link: Path | None = None
) -> None:
    """Refuse, before any work, a folder that could not be published to in the end.

    ``must_be_link`` is the target that the users configured for exactly this folder (None: none).
    A mount counts as a link: a container mounts the target itself. A target of another operating
    system ("C:/…" in a container) cannot be compared and is not.

    Raises:
        PublishError: a dangling link, a file in the way, no link or mount where one is
            configured, a link to somewhere else, a sentinel that was set and is not seen,
            read-only, or too little free space.
    """
    check_path(folder)
    if must_be_link is not None:
        _check_link(folder, must_be_link)
        if not has_record(folder):
            corrida.warning("%s: sin centinela; python setup_symlinks.py --centinelas", folder)
    check_sentinel(folder)
    place = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    _probe(place)
    with writing(place):
        free = shutil.disk_usage(place).free
    if free < need_bytes:
        raise PublishError(
            f"{folder}: hay {free / 1e6:.0f} MB libres y hacen falta {need_bytes / 1e6:.0f} MB; "
            "liberar espacio"
        )


def check_path(folder: Path) -> None:
    """PublishError, by its name, for a part of a path that is no folder, or a dangling link."""
    for path in (folder, *folder.absolute().parents):
        if is_link(path) and not path.exists():
            raise PublishError(
                f"{path} es un enlace que no lleva a ningún lado; ¿está montado su destino? No se "
                "escribió nada"
            )
        if path.exists() and not path.is_dir():
            raise PublishError(f"{path} es un archivo y hace falta una carpeta; moverlo")


def expected_links(symlink_config: Path, outputs: Path) -> dict[str, Path]:
    """Which folders below the outputs the users configured as links, and their targets.

    The users' form: ``{"../outputs/cultivos": "C:/…/OneDrive/cultivos"}``, relative to scripts/.
    Links below another folder than ``outputs`` are no concern of these outputs: a trial writes to
    ``test_outputs``, which has no links. No file: no links.

    Raises:
        SettingsError: the file cannot be read, or an entry is not of that form.
    """
    try:
        raw = json.loads(symlink_config.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as err:
        raise SettingsError(f"{symlink_config} no se puede leer: {type(err).__name__}") from err
    if not isinstance(raw, Mapping):
        raise SettingsError(f"{symlink_config}: se espera un objeto JSON de enlaces y destinos")
    links = {}
    for link, target in raw.items():
        if not isinstance(target, str) or not target.strip():
            raise SettingsError(
                f"{symlink_config}: {link!r} no tiene destino; escribir una carpeta"
            )
        parts = [part for part in PurePosixPath(link.replace("\\", "/")).parts if part != ".."]
        if len(parts) < 2:
            raise SettingsError(f"{symlink_config}: escribir '../outputs/<carpeta>', no {link!r}")
        if outputs.name in parts[:-1]:
            links["/".join(parts[parts.index(outputs.name) + 1 :])] = Path(target)
    return links


def apart(
    outputs: Path, carpeta: str, others: Iterable[str], links: Mapping[str, Path]
) -> list[str]:
    """Which folders do not lie beside another one, as ``../<folder>``, where its link leads.

    ``links`` are the configured ones. Below the outputs themselves all lie side by side.
    """

    def target(name: str) -> PureWindowsPath:  # Windows' names fit all: case does not matter
        return PureWindowsPath(str(links.get(name) or (outputs / name).resolve()))

    if carpeta not in links and not is_link(outputs / carpeta):
        return []
    home = target(carpeta).parent
    return [name for name in others if target(name) != home / name]


def _check_link(folder: Path, target: Path) -> None:
    if is_link(folder):
        if target.is_absolute() and folder.resolve() != target.resolve():
            raise PublishError(f"{folder} lleva a {folder.resolve()}, y está configurado {target}")
    elif not folder.exists():
        raise PublishError(f"falta {folder}; está configurado un enlace a {target}: armarlo")
    elif not _is_mount(folder):
        raise PublishError(
            f"{folder} es una carpeta común; está configurado un enlace a {target}, y lo que "
            "quede acá nunca llegaría: mover su contenido y armar el enlace"
        )


def _is_mount(folder: Path) -> bool:
    """Whether something is mounted here, also from the same disk, which ``ismount`` cannot see."""
    if os.path.ismount(folder):
        return True
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:  # not Linux
        return False
    words = (line.split()[4] for line in lines)  # the mount point; a blank in it is \\040
    points = {re.sub(rb"\\([0-7]{3})", lambda at: bytes([int(at[1], 8)]), word) for word in words}
    return os.fsencode(folder.resolve()) in points


def _probe(folder: Path) -> None:
    """Write, flush and remove a small file: the only proof that a folder takes one.

    One that a killed run left goes first: nobody else sweeps a folder above the published ones.
    """
    with writing(folder):
        for rest in folder.glob(f"{_PROBE}*.tmp"):
            with suppress(OSError):  # another run's, just now
                rest.unlink()
        handle, name = tempfile.mkstemp(prefix=_PROBE, suffix=".tmp", dir=folder)
        try:
            os.write(handle, b"lindero\n")
            os.fsync(handle)
        finally:
            os.close(handle)
            Path(name).unlink(missing_ok=True)
