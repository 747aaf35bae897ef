"""Which code made a product: a hash of our own modules and of the versions they stand on.

A product that the same code made from the same snapshot does not have to be made again.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_MODULES = Path(__file__).resolve().parents[1]
_LIBRARIES = (  # sorted
    *("geopandas", "h3", "h3ronpy", "lxml", "numpy", "pandas", "pyarrow", "pyogrio", "pyproj"),
    *("shapely", "xlsxwriter"),
)
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
    return path.rglob("*.py") if path.is_dir() else (path,)


def version_of(name: str) -> str:
    """The installed version of a package; "none" if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
