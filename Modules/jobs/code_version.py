"""Which code made a product: a hash of our own modules and of the versions they stand on.

A product that the same code made from the same snapshot does not have to be made again.
"""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from Modules.orchestration.deployments import DEPLOYMENTS

_MODULES = Path(__file__).resolve().parents[1]
_SHORT = 12  # hexadecimal digits: enough to tell two versions apart
_LIBRARIES = (
    "geopandas",
    "h3",
    "h3ronpy",
    "lxml",
    "numpy",
    "pandas",
    "pyarrow",
    "pyogrio",
    "pyproj",
    "shapely",
    "xlsxwriter",
)


@lru_cache(maxsize=1)
def code_sha256() -> str:
    """SHA-256 over our modules' bytes and the versions of what they are built on."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in _LIBRARIES:
        digest.update(f"{name}=={_version(name)}\n".encode())
    for path in sorted(_MODULES.rglob("*.py")):
        digest.update(path.relative_to(_MODULES).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def release() -> str:
    """Version of a deployment: that of the package and a hash of modules, libraries and flows.

    For example ``0.1.0+3f2a9c01b7de``. Flows of the users are not part of it.
    """
    digest = hashlib.sha256(code_sha256().encode())
    for deployment in DEPLOYMENTS.values():
        digest.update((_MODULES.parent / deployment.entrypoint.partition(":")[0]).read_bytes())
    return f"{_version('lindero')}+{digest.hexdigest()[:_SHORT]}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
