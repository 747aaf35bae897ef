"""Machine files of generated lotes, read back by others: no part, no hole and no axis is lost.

Lotes from 3 m² to 300 km² with up to eight parts and six holes in a part, and their ambientes, are
written as the product writes them: ISOXML of both versions, Shapefile, KML. PyPI's isoxml and,
where it is, npm's read the first two, GDAL the rest, and each geometry is held against ours.

    python -m tests.robustness.machine_files [--short]
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from Modules.products.maquinas.product import build_maquinas
from Modules.products.source import Fuente
from Modules.store.numeros import LOTE, ZONA_DE
from Modules.words.domain import Recurso
from tests.fuentes import campo, fuente_of, lote
from tests.products.maquinas import leido

LOTES, SHORT_LOTES, PER_CAMPO, EMPRESAS = 10_000, 400, 50, 4
KML_DECIMALS = 7
_DEGREE_M = 111_000.0


def _star(rng: np.random.Generator, x: float, y: float, radius: float, corners: int) -> Any:
    turns = (np.arange(corners) + rng.uniform(0, 0.3, corners)) * 2 * np.pi / corners
    far = radius * rng.uniform(0.75, 1, corners)
    return np.column_stack([x + far * np.cos(turns), y + far * np.sin(turns)])


def shape(rng: np.random.Generator) -> Any:
    """One lote: 3 m² to 300 km², anywhere, its rings either way round."""
    radius = np.sqrt(np.exp(rng.uniform(np.log(3), np.log(3e8))) / np.pi) / _DEGREE_M
    parts = []
    west, south = rng.uniform(-170, 170), rng.uniform(-75, 75)
    for at in range(int(min(rng.geometric(0.6), 8))):
        x, y = west + at * 2.1 * radius, south + rng.uniform(0, radius)
        angles = rng.permutation(6)[: rng.integers(0, 7)] * np.pi / 3
        holes = [
            _star(
                rng,
                x + 0.4 * radius * np.cos(angle),
                y + 0.4 * radius * np.sin(angle),
                radius * rng.uniform(0.02, 0.15),
                int(rng.integers(3, 9)),
            )
            for angle in angles
        ]
        shell = _star(rng, x, y, radius, int(rng.integers(9, 60)))
        parts.append(shapely.Polygon(shell[:: rng.choice([1, -1])], holes))
    found = shapely.MultiPolygon(parts) if len(parts) > 1 else parts[0]
    assert found.is_valid
    return found


def night(lotes: int, seed: int = 17) -> Fuente:
    """Generated lotes; of every third one each part is an ambiente."""
    rng = np.random.default_rng(seed)
    items: dict[Recurso, list[dict[str, Any]]] = {recurso: [] for recurso in Recurso}
    for at in range(-(-lotes // PER_CAMPO)):
        items[Recurso.CAMPOS].append(campo(at, f"Campo {at}", empresa=f"Ñ {at % EMPRESAS}"))
    for at in range(lotes):
        one = shape(rng)
        items[Recurso.LOTES].append(lote(at, f"Lote {at % 7}", campo_at=at // PER_CAMPO, shape=one))
        for n, part in enumerate(shapely.get_parts(one) if at % 3 == 0 else ()):
            items[Recurso.AMBIENTES].append(
                {
                    "id": f"A{at}-{n}",
                    "lote_id": f"L{at}",
                    "nombre": ("Loma", "Bajo")[n % 2],
                    "campania": "25/26",
                    "updated_at": "2025-11-19T12:00:00-03:00",
                    "geometry": shapely.geometry.mapping(part),
                }
            )
    return fuente_of(items)


def losses(fuente: Fuente, work: Path) -> Counter[str]:
    """How many geometries each reader was given, and what it did not find again."""
    built = build_maquinas(fuente, work)
    tables, numeros = fuente.tables, fuente.numeros
    numbers = numeros.of(LOTE, tables.lotes["lote_id"]).tolist()
    number = dict(zip(tables.lotes["lote_id"], numbers, strict=True))
    lotes = dict(zip(tables.lotes["lote_id"], tables.lotes.geometry, strict=True))
    rows = tables.ambientes[["ambiente_id", "lote_id", "geometry"]].itertuples(index=False)
    zonas = {
        f"TSK{number[of]}/{numeros.of(f'{ZONA_DE}{of}', [key])[0]}": (key, one)
        for key, of, one in rows
    }
    found: Counter[str] = Counter()

    def hold(reader: str, ours: dict[str, Any], theirs: dict[str, Any], decimals: int = 9) -> None:
        found[f"{reader} missing"] += len(ours.keys() ^ theirs.keys())
        for key in ours.keys() & theirs.keys():
            found[f"{reader} {leido.lost(ours[key], theirs[key], decimals) or 'sound'}"] += 1

    files = {
        kind: [built[name] for name in built if name.endswith(f" - {kind}.zip")]
        for kind in ("isoxml_v4", "isoxml_v3", "lotes_shp", "ambientes_shp", "lotes_kml")
    }
    fields = {f"PFD{number[key]}": one for key, one in lotes.items()}
    for kind in ("isoxml_v4", "isoxml_v3"):
        readers = {"pypi": [leido.by_pypi(path) for path in files[kind]]}
        if not leido.npm_missing():
            readers["npm"] = leido.by_npm(files[kind])
        for reader, read in readers.items():
            hold(f"{reader} {kind}", fields, {k: v for one in read for k, v in one.lotes.items()})
            zones = {k: v for one in read for k, v in one.zonas.items()}
            hold(f"{reader} {kind}", {key: one for key, (_, one) in zonas.items()}, zones)
    for kind, key, ours in (
        ("lotes_shp", "lote_id", lotes),
        ("ambientes_shp", "amb_id", dict(zonas.values())),
    ):
        frames = [gpd.read_file(path) for path in files[kind]]
        theirs = {k: v for one in frames for k, v in zip(one[key], one.geometry, strict=True)}
        hold(f"GDAL {kind}", ours, theirs)
    hold("GDAL lotes_kml", fields, dict(_kml(files["lotes_kml"])), KML_DECIMALS)
    return found


def _kml(paths: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                (row,) = gpd.read_file(archive.read(name)).itertuples()
                assert name == f"{row.Farm}/{row.Field}.kml"
                yield f"PFD{row.id.removeprefix('lote-')}", row.geometry


def main(arguments: Sequence[str]) -> int:
    """Print the figure; 1 if it is missed."""
    lotes = SHORT_LOTES if "--short" in arguments else LOTES
    with tempfile.TemporaryDirectory() as work:
        found = losses(night(lotes), Path(work))
    lost = sum(count for name, count in found.items() if not name.endswith(" sound"))
    sound = {name.removesuffix(" sound"): n for name, n in found.items() if name.endswith(" sound")}
    read = ", ".join(f"{name} {count}" for name, count in sorted(sound.items()))
    print(f"figure: machine_files {lotes} lotes, {lost} parts, holes or axes lost; read: {read}")
    if why := leido.npm_missing():
        print(f"skipped: {why}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
