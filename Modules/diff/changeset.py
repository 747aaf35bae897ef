"""What changed between two backups as a changeset of geodiff: what Mergin Maps and QField take.

Both nights are written as GeoPackages of the same layers, whose ``fid`` are the numbers of the
store (``store.numeros``); so the rows of the changeset are exactly the rows that changed. Format:
github.com/MerginMaps/geodiff, docs/changeset-format.md.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pandas as pd

from Modules.disk.safe_files import sync_file, writing
from Modules.formats.geofiles import write_gpkg
from Modules.night.tables import Tables
from Modules.store.numeros import TABLES, Numeros
from Modules.words.errors import PublishError


def write_changeset(before: Tables, after: Tables, numeros: Numeros, path: Path) -> dict[str, int]:
    """Write a new changeset from one night to the next; rows that changed, by table.

    Raises:
        PublishError: the disk refused, or the library did.
    """
    from pygeodiff import GeoDiff
    from pygeodiff.geodifflib import GeoDiffLibError

    with writing(path), tempfile.TemporaryDirectory(prefix=".lindero-", dir=path.parent) as temp:
        sides = [Path(temp, name) for name in ("antes.gpkg", "despues.gpkg")]
        summary = Path(temp, "resumen.json")
        for tables, side in zip((before, after), sides, strict=True):
            write_gpkg(layers_of(tables, numeros), side)
        try:
            geodiff = GeoDiff()
            geodiff.create_changeset(*map(str, sides), str(path))
            geodiff.list_changes_summary(str(path), str(summary))
        except GeoDiffLibError as err:
            raise PublishError(f"no se pudo escribir {path}: {err}") from err
        found = json.loads(summary.read_bytes())["geodiff_summary"]
    sync_file(path)
    return {one["table"]: one["insert"] + one["update"] + one["delete"] for one in found}


def layers_of(tables: Tables, numeros: Numeros) -> dict[str, pd.DataFrame]:
    """The tables of things with an id, each row under its number."""
    frames = {name: (kind, getattr(tables, name)) for kind, name in TABLES.items()}
    return {
        name: frame.assign(fid=numeros.of(kind, frame[f"{kind}_id"]))
        for name, (kind, frame) in frames.items()
    }
