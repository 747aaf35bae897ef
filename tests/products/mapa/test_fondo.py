"""What people put below the lotes: taken when it is whole, told by name when not, never touched."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pmtiles.reader import MemorySource, all_tiles
from pmtiles.tile import Compression, TileType

from Modules.disk.publish_record import MANIFEST
from Modules.jobs import products
from Modules.products.mapa.fondo import MAX_MB, MAX_SIDE, Fondo, read_fondo
from Modules.products.mapa.product import build_mapa
from Modules.products.source import Fuente, propio_of
from Modules.words.domain import Campania, Recurso
from Modules.words.errors import DataError
from tests.fuentes import campo, fuente_of, lote
from tests.productos_hechos import encargo_of, keep, settings_below, state_of
from tests.products.mapa import fondos
from tests.products.mapa.leido import Page

BOX = (-65.95, -37.99, -65.94, -37.98)  # of a lote
AWAY = fondos.HERE[0] + 1, *fondos.HERE[1:2], fondos.HERE[2] + 1, fondos.HERE[3]


def red(_z: int, _x: int, _y: int) -> bytes:
    return fondos.plain((200, 30, 30))


def by_place(z: int, x: int, y: int) -> bytes:
    return fondos.plain((x % 251, y % 241, 10 * z))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("fondo") / "fondo.pmtiles"
    return fondos.archive(path, by_place, credit="IGN").read_bytes()


@pytest.fixture(scope="module")
def night() -> Fuente:
    items = {
        Recurso.CAMPOS: [campo(1, "La Paz"), campo(2, "Lejos")],
        Recurso.LOTES: [
            lote(1, "1", campo_at=1, shape=shapely.box(*BOX)),
            lote(2, "2", campo_at=2, shape=shapely.box(-60, -35, -59.99, -34.99)),
        ],
    }
    return fuente_of(items)


def read(path: Path) -> Fondo:
    return read_fondo(propio_of(path), BOX)


def built(night: Fuente, work: Path, fondo: Path | None = None, **more: int) -> dict[str, bytes]:
    hecho = build_mapa(night, work, None, propio_of(fondo) if fondo else None, **more)
    return {name: path.read_bytes() for name, path in hecho.carpetas["mapa"].items()}


@pytest.mark.parametrize(
    ("credit", "wanted"),
    [
        (None, ""),
        ('<a href="https://x.example">&copy; IGN</a>  2025', "© IGN  2025"),
        ("&lt;/script&gt;<script>alert(1)</script>", "</script>alert(1)"),
        ("ñandú\u202e\n", "ñandú"),
        ("x" * 900, "x" * 200),
    ],
)
def test_whose_picture_it_is_is_read_as_plain_text(
    tmp_path: Path, credit: str | None, wanted: str, night: Fuente
) -> None:
    path = fondos.archive(tmp_path / "fondo.pmtiles", red, credit=credit)
    assert read(path).credito == wanted
    text = built(night, tmp_path / "mapa", path)["mapa_25-26.html"].decode()
    (said,) = re.findall(r'id="ground">(.*?)</script>', text)
    assert json.loads(said)["credito"] == wanted
    assert Page(text).tags.count("script") == 4


@pytest.mark.parametrize("leaf_size", [0, 7])
@pytest.mark.parametrize("draw", [red, by_place], ids=["runs", "distinct"])
def test_every_tile_that_its_makers_library_finds_is_looked_at(
    tmp_path: Path, leaf_size: int, draw: Callable[[int, int, int], bytes]
) -> None:
    path = fondos.archive(tmp_path / "fondo.pmtiles", draw, leaf_size=leaf_size)
    data = path.read_bytes()
    theirs = {bytes(tile) for _, tile in all_tiles(MemorySource(data))}
    assert read(path).zona == fondos.HERE
    for tile in theirs:  # one byte of the head of each, so that each is read
        at = data.index(tile)
        path.write_bytes(data[:at] + b"?" + data[at + 1 :])
        with pytest.raises(DataError, match="teselas que no son PNG, JPG ni WebP"):
            read(path)


def test_the_script_holds_the_archive_whatever_its_length(tmp_path: Path) -> None:
    for length in (0, 1, 2, 3_000_000, 3_000_001):
        fondo, out = Fondo(bytes(range(256)) * (length // 256 + 1), BOX, ""), io.BytesIO()
        fondo.write(out)
        lines = out.getvalue().decode("ascii").splitlines()
        pieces = [re.fullmatch(r'fondo\("([A-Za-z0-9+/=]*)"\);', line) for line in lines]
        assert b"".join(base64.b64decode(one[1]) for one in pieces if one) == fondo.archivo
        assert all(pieces)


def test_a_page_names_its_script_and_nothing_else_may_run(
    night: Fuente, good: bytes, tmp_path: Path
) -> None:
    (tmp_path / "fondo.pmtiles").write_bytes(good)
    plain = built(night, tmp_path / "0")
    made = built(night, tmp_path / "1", tmp_path / "fondo.pmtiles")
    assert made == built(night, tmp_path / "2", tmp_path / "fondo.pmtiles")
    script = next(name for name in made if name not in plain)
    assert re.fullmatch(r"fondo_25-26_[0-9a-f]{12}\.js", script)
    page, before = Page(made["mapa_25-26.html"].decode()), Page(plain["mapa_25-26.html"].decode())
    said = json.loads(page.texts["script"][1])
    assert said == {"archivo": script, "sello": said["sello"], "credito": "IGN"}
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    theirs = dict(rule.strip().split(" ", 1) for rule in before.policy.split(";"))
    assert rules.keys() == theirs.keys()
    assert rules["script-src"].endswith(f" 'nonce-{said['sello']}'")
    assert "nonce" not in theirs["script-src"]
    assert b'id="ground"' not in plain["mapa_25-26.html"]
    for word in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch("):
        assert word not in page.texts["script"][-1], word


def test_the_page_of_a_campo_has_it_where_it_lies_below_a_lote(
    night: Fuente, good: bytes, tmp_path: Path
) -> None:
    (tmp_path / "fondo.pmtiles").write_bytes(good)
    made = built(night, tmp_path / "1", tmp_path / "fondo.pmtiles", heavy_bytes=0)
    have = {name for name, page in made.items() if b'id="ground"' in page}
    assert have == {"mapa_25-26.html", "mapa_25-26 - La Paz.html"}
    plain = built(night, tmp_path / "0", heavy_bytes=0)
    assert made["mapa_25-26 - Lejos.html"] == plain["mapa_25-26 - Lejos.html"]


def _mbtiles(_good: bytes, path: Path) -> None:
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data)")
    base.close()


def _with(at: int, new: bytes) -> Callable[[bytes, Path], None]:
    def write(good: bytes, path: Path) -> None:
        path.write_bytes(good[:at] + new + good[at + len(new) :])

    return write


def _root(directory: bytes, packing: int = 1) -> Callable[[bytes, Path], None]:
    """Another root directory, behind all the rest; leaves may lie there too."""

    def write(good: bytes, path: Path) -> None:
        changed = bytearray(good + directory)
        struct.pack_into("<2Q", changed, 8, len(good), len(directory))
        struct.pack_into("<2Q", changed, 40, len(good), len(directory))
        changed[97] = packing
        path.write_bytes(changed)

    return write


def _tile(data: bytes) -> Callable[[bytes, Path], None]:
    return lambda _good, path: void(fondos.archive(path, lambda *_: data, zooms=range(8, 9)))


def void(_value: object) -> None:
    return None


def _large(_good: bytes, path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_MB * 1_000_000 + 1_000_000)


def _huge_picture() -> bytes:
    head = bytearray(fondos.plain((1, 2, 3)))
    head[16:24] = struct.pack(">2I", 60_000, 60_000)
    head[29:33] = struct.pack(">I", zlib.crc32(head[12:29]))
    return bytes(head)


HOSTILE: dict[str, tuple[Callable[[bytes, Path], None], str]] = {
    "empty": (lambda _, path: void(path.write_bytes(b"")), "no es un archivo PMTiles"),
    "text": (lambda _, path: void(path.write_bytes(b"hola" * 99)), "no es un archivo PMTiles"),
    "folder": (lambda _, path: path.mkdir(), "no se puede leer: es una carpeta"),
    "nowhere": (lambda _, path: path.symlink_to("nada"), "no se puede leer: no existe"),
    "mbtiles": (_mbtiles, "es un MBTiles: pasarlo con pmtiles convert"),
    "old": (_with(7, b"\x02"), "es PMTiles versión 2 y se lee la 3"),
    "vector": (_with(99, b"\x01"), "es vectorial: acá va una imagen"),
    "brotli": (_with(97, b"\x03"), "usa compresión Brotli"),
    "no zone": (_with(102, bytes(16)), "no dice qué zona cubre"),
    "odd zone": (_with(102, b"\x7f" * 16), "no dice qué zona cubre"),
    "deep": (_with(101, b"\xff"), "su encabezado no tiene sentido"),
    "head only": (lambda good, path: void(path.write_bytes(good[:90])), "le falta el final"),
    "cut": (lambda good, path: void(path.write_bytes(good[:-1])), "le falta el final"),
    "root": (_with(140, b"\xff" * 20), "su índice no se puede abrir"),
    "bomb": (_root(gzip.compress(bytes(9_000_000)), 2), "su índice es enorme"),
    "none": (_root(b"\x00"), "su índice no se entiende"),
    "open": (_root(b"\x01\x00\x01\x46\x81"), "su índice no se entiende"),
    "short": (_root(b"\x02\x00\x01\x46\x01"), "su índice no se entiende"),
    "endless": (_root(b"\x01\x00\x01" + b"\xff" * 900 + b"\x01\x01"), "su índice no se entiende"),
    "outside": (_root(b"\x01\x00\x01\x46\xff\xff\xff\x7f"), "su índice señala afuera"),
    "before": (_root(b"\x01\x00\x01\x46\x00"), "su índice señala afuera"),
    "no length": (_root(b"\x01\x00\x01\x00\x01"), "su índice señala afuera"),
    "circle": (_root(b"\x01\x00\x00\x05\x01"), "su índice da vueltas"),
    "other tiles": (_tile(b"\x1a\x02vector"), "tiene teselas que no son PNG, JPG ni WebP"),
    "half": (_tile(fondos.plain((1, 2, 3))[:20]), "teselas? que no son PNG|no se puede abrir"),
    "wide": (_tile(fondos.plain((1, 2, 3), side=MAX_SIDE + 1)), "más de 1.024 píxeles"),
    "huge": (_tile(_huge_picture()), "más de 1.024 píxeles"),
    "large": (_large, f"pesa {MAX_MB + 1} MB y el límite es {MAX_MB}"),
    "away": (lambda _, path: void(fondos.archive(path, red, AWAY)), "ningún lote cae ahí"),
}


@pytest.mark.parametrize(("write", "said"), HOSTILE.values(), ids=list(HOSTILE))
def test_one_that_is_of_no_use_is_named_and_the_map_is_made_without_it(
    write: Callable[[bytes, Path], None], said: str, good: bytes, night: Fuente, tmp_path: Path
) -> None:
    path = tmp_path / "fondo.pmtiles"
    write(good, path)
    hecho = build_mapa(night, tmp_path / "mapa", None, propio_of(path))
    (aviso,) = hecho.avisos
    assert aviso.startswith("mapa sin imagen de fondo: fondo.pmtiles ")
    assert re.search(said, aviso), aviso
    assert str(tmp_path) not in aviso
    made = {name: one.read_bytes() for name, one in hecho.carpetas["mapa"].items()}
    assert made == built(night, tmp_path / "plain")


@given(at=st.integers(0, 700), new=st.binary(min_size=1, max_size=12), cut=st.integers(0, 700))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_is_damaged_it_is_a_background_or_a_named_error(
    at: int, new: bytes, cut: int, good: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "fondo.pmtiles"
    _with(at, new)(good[: len(good) - cut], path)
    try:
        said = str(read(path).zona)
    except DataError as err:
        said = str(err)
    assert said.startswith(("(", "fondo.pmtiles "))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_of_each_kind_are_taken_whatever_the_header_calls_them(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "fondo.pmtiles"
    header = {"tile_type": TileType.UNKNOWN, "tile_compression": Compression.UNKNOWN}
    fondos.archive(path, lambda *_: fondos.plain((9, 9, 9), kind, MAX_SIDE), **header)
    assert read(path).archivo == path.read_bytes()


def test_a_file_of_people_is_read_and_stays_and_is_no_file_of_ours(
    night: Fuente, good: bytes, tmp_path: Path
) -> None:
    """Made again when it comes, changes or goes; never else."""
    below = settings_below(tmp_path)
    keep(below, night.tables)
    folder = below.lindero_test_outputs_dir / "mapa"
    mapa = next(one for one in products.PRODUCTOS if one.nombre == "mapa")
    pages = {}

    def make(what: str) -> tuple[bool, tuple[str, ...], set[str]]:
        (done,) = products.make(mapa, encargo_of(below))
        assert done.error is None
        assert done.published is not None
        listed = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
        assert set(listed) == {one for one in state_of(folder) if one[0] not in ".F"}
        pages[what] = (folder / "mapa_25-26.html").read_bytes()
        return done.published.changed, done.avisos, set(listed) - {"mapa_25-26.html"}

    assert make("without") == (True, (), set())
    mine = folder / "Fondo.PMTiles"  # as somebody may write it
    mine.write_bytes(good)
    changed, avisos, (first,) = make("with")
    assert (changed, avisos) == (True, ())
    assert make("again") == (False, (), {first})
    other = fondos.archive(tmp_path / "other", red).read_bytes()
    mine.write_bytes(other)
    changed, _, (second,) = make("other")
    assert changed
    assert first != second
    mine.write_bytes(other[:-1])
    changed, (aviso,), more = make("damaged")
    assert (changed, more) == (True, set())
    assert "Fondo.PMTiles está cortado o dañado" in aviso
    assert make("still damaged") == (False, (aviso,), set())
    assert mine.read_bytes() == other[:-1]
    mine.unlink()
    assert make("gone") == (False, (), set())
    assert pages["without"] == pages["damaged"] == pages["gone"]
    assert len({pages["without"], pages["with"], pages["other"]}) == 3


def test_an_mbtiles_is_told_only_where_there_is_nothing_better(
    night: Fuente, good: bytes, tmp_path: Path
) -> None:
    below = settings_below(tmp_path)
    keep(below, night.tables)
    folder = below.lindero_test_outputs_dir / "mapa"
    folder.mkdir(parents=True)
    mapa = next(one for one in products.PRODUCTOS if one.nombre == "mapa")
    _mbtiles(good, folder / "fondo.mbtiles")
    (done,) = products.make(mapa, encargo_of(below))
    assert "fondo.mbtiles es un MBTiles" in done.avisos[0]
    (folder / "fondo.pmtiles").write_bytes(good)
    (done,) = products.make(mapa, encargo_of(below))
    assert done.avisos == ()
    assert {path.name for path in folder.glob("fondo.*")} == {"fondo.mbtiles", "fondo.pmtiles"}


def test_each_campania_has_its_own_script_and_leaves_that_of_the_other(
    night: Fuente, good: bytes, tmp_path: Path
) -> None:
    below = settings_below(tmp_path)
    folder = below.lindero_test_outputs_dir / "mapa"
    folder.mkdir(parents=True)
    (folder / "fondo.pmtiles").write_bytes(good)
    mapa = next(one for one in products.PRODUCTOS if one.nombre == "mapa")
    for season in (Campania(24, 25), Campania(25, 26)):
        keep(below, night.tables, season=season)
        products.make(mapa, encargo_of(below, season=season))
    scripts = sorted(path.name[:11] for path in folder.glob("fondo_*.js"))
    assert scripts == ["fondo_24-25", "fondo_25-26"]


def test_the_docs_say_the_limit_and_the_name(project_root: Path) -> None:
    said = " ".join((project_root / "docs/productos.md").read_text("utf-8").split())
    assert f"hasta {MAX_MB} MB" in said
    assert "`mapa/fondo.pmtiles`" in said
    assert "pmtiles convert fondo.mbtiles fondo.pmtiles" in said
