"""Generated portal items through parse, validate, name and KML: only documented errors.

A page of generated records, hostile on purpose (odd types, broken geometry, control characters,
markup, ids that repeat), goes through the strict JSON reader, the tables and their checks, the
names of files and folders, and a KML document that is parsed again. An input is one record.

``python -m tests.robustness.generated_inputs [--short]`` prints the figure; 1 if it is missed.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree

from Modules.diff.changes import diff_tables
from Modules.night.repair import BoundedRepair
from Modules.night.tables import Tables, build_tables
from Modules.products.kmz.product import build_mapas_kmz
from Modules.products.source import Fuente
from Modules.words.columns import TABLES
from Modules.words.domain import BoundingBox, Campania, Record, Recurso, SnapshotId
from Modules.words.errors import PipelineError
from Modules.words.names import check_names, safe_name
from Modules.words.strict_json import parse_json
from tests.table_contract import check_table

LOTES, PER_LOTE = 60, 3  # of one batch: lotes, and ambientes and marcadores of each at most
INPUTS, SHORT_INPUTS = 1_000_000, 2_000
SEASON = Campania(25, 26)
HERE = ZoneInfo("America/Argentina/Buenos_Aires")

ODD_TEXTS = (
    "", " ", ".", "..", "CON", "nul.kmz", "lpt¹", "a/b\\c", "Lote: 3?", "x" * 500, "ñandú",
    "n\u0303andu\u0301", "=1+1", "@cmd", "<b>x</b>", "]]>", "<![CDATA[", "&amp;&xxe;", "$[name]",
    "'; DROP TABLE", "\u202egnp.exe", "\u200b", "\x00", "\x1b[31m", "\ud800", "\U0001f33d maíz",
    "\ufffe", "a\u2028b", "~$x", "desktop.ini", "_vti_", "Ⅷ", "ß", "ſ", "İ", "lote.", "lote ",
    "../../etc/passwd", "\\\\server\\share", "\u0000", "１２", "-", "nan", "None", "25/26",
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 10**400, 1e308, -0.0, [], {}, [[]], {"id": 1}, [None], "", "∞",
)  # fmt: skip
ODD_NUMBERS = (0, -0.0, 1e-320, 1e308, 179.9999999, -181, 95, 541, 1e9, True, "1", None, [], 0.1)
BREAKS: tuple[Callable[[bytes], bytes], ...] = (
    lambda body: body[: len(body) // 2],
    lambda body: body.replace(b'"id"', b'"id": 1, "id"', 1),
    lambda body: body.replace(b": 1,", b": NaN,", 1),
    lambda body: body.replace(b"\xc3", b"\xff", 1),
    lambda body: b"[" * 5000 + body,
    lambda body: b"",
    lambda body: b"\xef\xbb\xbf" + body,
    lambda body: b"<html>" + body,
)


# --- what a portal could send --------------------------------------------------------------------


def _odd(rng: random.Random, usual: Any, odd: float = 0.04) -> Any:
    """The usual value, or now and then one that nobody expects."""
    if rng.random() >= odd:
        return usual
    return rng.choice(ODD_VALUES) if rng.random() < 0.5 else rng.choice(ODD_TEXTS)


def _name(rng: random.Random, usual: str) -> Any:
    if rng.random() < 0.5:
        return usual
    text = "".join(rng.choice(ODD_TEXTS) for _ in range(rng.randint(1, 3)))
    return text if rng.random() < 0.9 else _odd(rng, usual, 1.0)


def _point(rng: random.Random) -> list[Any]:
    x, y = -63 + rng.gauss(0, 0.4), -34 + rng.gauss(0, 0.4)
    point: list[Any] = [x, y]
    if rng.random() < 0.01:
        point[rng.randrange(2)] = rng.choice(ODD_NUMBERS)
    if rng.random() < 0.01:
        point = point[: rng.randrange(2)] + point[:1] * rng.randrange(4)
    return point[::-1] if rng.random() < 0.01 else point


def _ring(rng: random.Random) -> list[Any]:
    x, y = _point(rng)[:1], _point(rng)[:1]
    lon = x[0] if x and isinstance(x[0], float) else -63.0
    lat = -34 + (y[0] + 63 if y and isinstance(y[0], float) else 0.0)
    count = rng.choice((1, 2, 3, 4, 4, 5, 8, 40))
    size = rng.choice((0.0, 1e-9, 1e-4, 0.01, 0.01, 0.01, 0.1, 5.0))
    ring: list[Any] = [
        [lon + rng.uniform(0, size), lat + rng.uniform(0, size)] for _ in range(count)
    ]
    if rng.random() < 0.02:
        ring[rng.randrange(count)] = _point(rng)
    return ring if rng.random() < 0.1 else [*ring, ring[0]]


def _geometry(rng: random.Random) -> Any:
    kind = rng.choices(
        ("square", "Polygon", "MultiPolygon", "Point", "LineString", "GeometryCollection", "odd"),
        (50, 20, 10, 10, 3, 2, 5),
    )[0]
    if kind == "square":
        x, y = -63 + rng.uniform(-1, 1), -34 + rng.uniform(-1, 1)
        side = rng.uniform(0.001, 0.02)
        ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
        return {"type": "Polygon", "coordinates": [ring]}
    coordinates: Any = {
        "Polygon": lambda: [_ring(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))],
        "MultiPolygon": lambda: [[_ring(rng)] for _ in range(rng.randrange(4))],
        "Point": lambda: _point(rng),
        "LineString": lambda: _ring(rng),
        "GeometryCollection": lambda: None,
        "odd": lambda: _odd(rng, None, 1.0),
    }[kind]()
    if kind == "GeometryCollection":
        inner: Any = {"type": kind, "geometries": []}
        for _ in range(rng.choice((1, 5, 20))):
            inner = {"type": kind, "geometries": [inner]}
        return inner
    return {
        "type": kind if kind != "odd" else _odd(rng, "Polygon", 1.0),
        "coordinates": coordinates,
    }


def _siembra(rng: random.Random, at: int) -> Any:
    crop = {"codigo": rng.choice(("SOJ1", "TRI", "MAI1", "?")), "nombre": _name(rng, "Soja")}
    dates = rng.choice(("2025-11-01", "2025-02-30", "ayer", None))
    return _odd(
        rng, {"id": f"s{at}", "orden": _odd(rng, 1), "cultivo": crop, "fecha_siembra": dates}
    )


def batch(seed: int) -> dict[Recurso, list[Any]]:
    """One made-up answer of the portal, whole: items of each list."""
    rng = random.Random(seed)
    campos = [{"id": f"c{i}", "nombre": _name(rng, f"Campo {i}")} for i in range(6)]
    lotes, ambientes, marcadores = [], [], []
    for i in range(LOTES):
        rows = {
            "id": _odd(rng, f"l{i}", 0.02),
            "campo_id": _odd(rng, f"c{rng.randrange(6)}", 0.02),
            "nombre": _name(rng, f"Lote {i}"),
            "campania": _odd(rng, "25/26", 0.02),
            "superficie_ha": _odd(rng, 10.5),
            "siembras": _odd(rng, [_siembra(rng, i)], 0.02),
            "geometry": _odd(rng, _geometry(rng), 0.02),
        }
        lotes.append(_odd(rng, rows, 0.005))
        for kind, place in (("a", ambientes), ("m", marcadores)):
            for j in range(rng.randrange(PER_LOTE + 1)):
                item = {"id": f"{kind}{i}-{j}", "lote_id": f"l{i}", "campania": "25/26"}
                more = {
                    "nombre": _name(rng, "Loma"),
                    "tipo": _odd(rng, "muestreo"),
                    "potencial": "alto",
                }
                place.append(_odd(rng, {**item, **more, "geometry": _geometry(rng)}, 0.005))
    zonas = [
        {"id": f"z{i}", "nombre": _name(rng, "Sur"), "geometry": _geometry(rng)} for i in range(3)
    ]
    cultivos = [{"id": "1", "codigo": "SOJ1", "nombre": _name(rng, "Soja 1ra"), "color": "#112233"}]
    return {
        Recurso.CULTIVOS: cultivos,
        Recurso.ZONAS: zonas,
        Recurso.CAMPOS: campos,
        Recurso.LOTES: lotes,
        Recurso.AMBIENTES: ambientes,
        Recurso.MARCADORES: marcadores,
    }


# --- the way of the data -------------------------------------------------------------------------


def through(seed: int, folder: Path) -> Counter[str]:
    """One batch all the way; counts inputs, refusals by name, and exceptions of other kinds."""
    counts: Counter[str] = Counter()
    try:
        items = batch(seed)
        counts["inputs"] = sum(map(len, items.values()))
        records = {recurso: _parsed(rows, seed, counts) for recurso, rows in items.items()}
        built = build_tables(
            records, campania=SEASON, encodings={}, bbox=BoundingBox(), mend=BoundedRepair()
        )
        _check_books(records, built.tables)
        counts["rejected"] = len(built.tables.rechazados)
        _check_maps(_fuente(built.tables), folder, counts)
    except Exception as err:  # noqa: BLE001 - one record must not cost the night
        counts["undocumented"] += 1
        print(f"batch {seed}: {type(err).__name__}: {err}")
    return counts


def _parsed(rows: list[Any], seed: int, counts: Counter[str]) -> list[Record]:
    body = json.dumps(rows, ensure_ascii=seed % 2 == 0).encode("utf-8", "surrogatepass")
    if seed % 10 == 0:
        broken = BREAKS[seed // 10 % len(BREAKS)](body)
        try:
            parse_json(broken)
        except PipelineError as err:
            counts[f"page {type(err).__name__}"] += 1
    try:
        found = parse_json(body)
    except PipelineError as err:  # a lone surrogate, a number that no float holds
        counts[f"page {type(err).__name__}"] += 1
        found = [_without_refused(row) for row in rows]
    return [Record(item, 1 + at // 20, at % 20) for at, item in enumerate(found)]


def _without_refused(row: Any) -> Any:
    """The row if the strict reader takes it alone, else an empty one: pages are refused whole."""
    try:
        return parse_json(json.dumps(row).encode())
    except PipelineError:
        return {}


def _check_books(records: dict[Recurso, list[Record]], tables: Tables) -> None:
    frames = tables.as_dict()
    for name, frame in frames.items():
        check_table(frame, TABLES[name])
    refused = Counter(frames["rechazados"]["recurso"])
    for recurso, rows in records.items():
        if recurso is Recurso.CULTIVOS:
            continue  # the table has the known ones too
        told = len(frames[recurso.value]) + refused[recurso.value]
        if told != len(rows):
            raise AssertionError(f"{recurso}: {len(rows)} records, {told} accounted for")


def _fuente(tables: Tables) -> Fuente:
    now = datetime(2025, 11, 20, 6, tzinfo=UTC)
    return Fuente(tables, SEASON, SnapshotId(1, now), diff_tables(None, tables), HERE)


def _check_maps(fuente: Fuente, folder: Path, counts: Counter[str]) -> None:
    for name in fuente.tables.lotes["lote"]:
        check_names([f"{safe_name(str(name))}.kmz"])
    mapas = build_mapas_kmz(fuente, folder)
    for files in mapas.carpetas.values():
        check_names(files)
        for path in files.values():
            with zipfile.ZipFile(path) as kmz:
                etree.fromstring(kmz.read("doc.kml"))
            path.unlink()
            counts["kmz"] += 1


# --- all of them ---------------------------------------------------------------------------------


def run(seeds: Sequence[int]) -> Counter[str]:
    """These batches, one after the other."""
    total: Counter[str] = Counter()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            total += through(seed, Path(folder))
    return total


def run_all(inputs: int, workers: int = 2) -> Counter[str]:
    """Batches until so many inputs have gone through."""
    total: Counter[str] = Counter()
    first = 0
    with ProcessPoolExecutor(workers) as pool:
        while total["inputs"] < inputs:
            pieces = [range(first + at * 8, first + at * 8 + 8) for at in range(workers * 4)]
            first += len(pieces) * 8
            for counts in pool.map(run, pieces):
                total += counts
    return total


def figure(total: Counter[str]) -> str:
    """The line of the table."""
    named = {name: count for name, count in total.items() if " " in name}
    return (
        f"figure: generated_inputs {total['inputs']} inputs, {total['rejected']} rejected with a "
        f"reason, {total['kmz']} KMZ, "
        f"{total['undocumented']} exceptions outside the documented errors; {named}"
    )


def main(arguments: Sequence[str]) -> int:
    """Print the figure; 1 if anything but a documented error came up."""
    total = run_all(SHORT_INPUTS if "--short" in arguments else INPUTS)
    print(figure(total))
    return 1 if total["undocumented"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
