"""For the users' own flows: the tables that they read, and the folder that they write to.

>>> from Modules.outputs import publicar, ultimas_tablas
>>> tables = ultimas_tablas("25/26", test=True)  # doctest: +SKIP
>>> with publicar("lluvias", test=True) as folder:  # doctest: +SKIP
...     tables.campos[["campo_id", "nombre"]].to_csv(folder / "campos.csv", index=False)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from Modules.disk.destinations import check_destination, expected_links
from Modules.disk.safe_files import make_folder
from Modules.settings import load_settings
from Modules.words.domain import Modo
from Modules.words.names import check_names

if TYPE_CHECKING:
    from Modules.night.tables import Tables


def carpeta(producto: str, *, test: bool) -> Path:
    """Folder of a product: below test_outputs in a trial, else below outputs; made if missing.

    Whatever the current folder is. The same rules as for our own products hold: a link that leads
    nowhere, or a plain folder where a link is configured, is refused before anything is written.

    Args:
        producto: name of the folder, as "lluvias" or "lluvias/25-26".
        test: as the flow's own parameter ``test``.

    Raises:
        SettingsError: the settings are wrong.
        PublishError: the name cannot be a folder on Windows, or the folder cannot be written to.
    """
    check_names([producto])
    settings = load_settings()
    outputs = settings.outputs_dir(Modo.of(test=test))
    folder = outputs / producto
    links = expected_links(settings.lindero_symlink_config, outputs)
    for name, target in links.items():
        if producto == name or producto.startswith(f"{name}/"):
            check_destination(outputs / name, must_be_link=target)
    check_destination(folder)
    make_folder(folder)
    return folder


@contextmanager
def publicar(producto: str, *, test: bool) -> Iterator[Path]:
    """An empty folder to build in; at the end of the block its files become those of the product.

    All of them or none: each is written whole beside its name and renamed, files of an earlier
    publication that are not built any more go, and files of others are not touched. A block that
    ends by an exception publishes nothing. Equal files are not written again.

    Args:
        producto: name of the folder below (test_)outputs, as in ``carpeta``.
        test: as the flow's own parameter ``test``.

    Raises:
        SettingsError, PublishError: as ``carpeta``; a file in the way that is not of this product.
    """
    from Modules.disk.publish import publish_files

    target = carpeta(producto, test=test)
    with tempfile.TemporaryDirectory(prefix="lindero-") as name:
        folder = Path(name)
        yield folder
        files = (path for path in folder.rglob("*") if path.is_file())
        built = {path.relative_to(folder).as_posix(): path for path in files}
        publish_files(built, target, snapshot_id="", now=datetime.now(UTC))


def ultimas_tablas(campania: str | None = None, *, test: bool) -> Tables:
    """The tables of the last accepted night of a campaña, each proved against its manifest.

    Frames in the columns of ``docs/productos.md``; geometry in EPSG:4326, (lon, lat).

    Args:
        campania: "25/26"; without one the first of ``LINDERO_CAMPANIA``.
        test: whether of the trials or of the nights.

    Raises:
        SettingsError: the settings or the campaña are wrong.
        DataError: no night of it was accepted yet.
        SnapshotDamaged: the backup is not what its manifest says.
    """
    from Modules.jobs.products import asked, last_accepted
    from Modules.store.snapshot import read_tables

    settings, modo = load_settings(), Modo.of(test=test)
    first = asked(settings, campania, modo)[0]
    _, snapshot = last_accepted(settings, str(first), modo)
    return read_tables(snapshot)
