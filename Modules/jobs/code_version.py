"""Which code made a product: a hash of our own modules and of the versions they stand on.

A product that the same code made from the same snapshot does not have to be made again. And whether
the packages are those that this code was locked with: ``make lock`` writes ``paquetes.txt`` beside
the code, so that a ``git pull`` below a mounted ./Modules brings it along.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from Modules.words.errors import SettingsError

_MODULES = Path(__file__).resolve().parents[1]
_LIBRARIES = (  # sorted
    *("django-js-lib-leaflet", "font-source-sans-pro", "geopandas", "h3", "h3ronpy", "lxml"),
    *("numpy", "pandas", "pyarrow", "pyogrio", "pyproj", "shapely", "typst", "xlsxwriter"),
)
CODE: Final = (".py", ".js", ".css", ".html", ".typ", ".xml")  # suffixes of what people write here
LOCKED: Final = _MODULES / "paquetes.txt"  # name==version, and behind ";" where it is needed
IMAGE: Final = "/opt/lindero"  # where the packages of the Dockerfile are
BELOW_PRODUCTS: Final = (  # what the bytes of every product can depend on
    *("words", "geo", "disk", "formats", "night", "store", "diff"),
    *("products/source.py", "products/entry.py"),
)


@lru_cache(maxsize=32)
def code_sha256(*parts: str) -> str:
    """SHA-256 over our modules' bytes and the versions of what they are built on.

    ``parts``: packages or files below Modules; all of it if none is named.
    """
    digest = hashlib.sha256(platform.python_version().encode())
    for name in _LIBRARIES:
        digest.update(f"{name}=={version_of(name)}\n".encode())
    for path in sorted({path for part in parts or ("",) for path in _files(_MODULES / part)}):
        digest.update(path.relative_to(_MODULES).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(path: Path) -> Iterable[Path]:
    """The code below a folder, that of a page too; or the file itself."""
    if not path.is_dir():
        return (path,)
    return (one for one in path.rglob("*") if one.suffix in CODE)


@cache  # each is a file that is read, and every product asks for all of them
def version_of(name: str) -> str:
    """The installed version of a package; "none" if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def check_packages(locked: Path = LOCKED, prefix: str = sys.prefix) -> None:
    """Refuse packages of another release than the code's; what else is installed may be anything.

    Raises:
        SettingsError: a package is missing or of another version; names the command that mends it.
    """
    wanted: dict[str, set[str]] = {}
    for line in locked.read_text(encoding="ascii").splitlines():
        name, release = line.partition(" ;")[0].split("==")
        wanted.setdefault(name, set()).update({release, "none"} if ";" in line else {release})
    # the names of folders say it a hundred times faster than their metadata
    names = [p.stem for at in reversed(sys.path) for p in Path(at).glob("*.dist-info")]
    found = {
        re.sub("[-_.]+", "-", n.rpartition("-")[0]).lower(): n.rpartition("-")[2] for n in names
    }
    here = {name: found.get(name) or version_of(name) for name in wanted}
    if wrong := [f"{name} {here[name]}" for name in wanted if here[name] not in wanted[name]]:
        mend = "make up, o docker compose up -d --build" if prefix == IMAGE else "uv sync --locked"
        raise SettingsError(
            f"el código y los paquetes no son de la misma versión ({', '.join(wrong[:3])}; "
            f"{len(wrong)} en total): {mend}"
        )
