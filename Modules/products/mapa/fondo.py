"""The picture below the lotes that people bring: tiles in one file, checked here, read by the page.

``mapa/fondo.pmtiles`` is a PMTiles archive, version 3 (github.com/protomaps/PMTiles, spec/v3): a
header of 127 bytes, directories, JSON metadata and tiles, in Web Mercator. A directory is, packed
with gzip, a list of varints: how many entries, then of all of them ids of tiles (as differences),
run lengths (0: a leaf directory), lengths in bytes, and offsets (0: behind the one before, else one
more than it is). A page opened from a file may read no other file but a script, so the archive is
published as one: lines of base64 that the page takes in.

PyPI's ``pmtiles`` writes the archives of the tests. To check one that anybody may have made it is
not fit: it unpacks without a limit, follows leaves in circles, and does not look where tiles end.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from typing import IO, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from Modules.products.source import Propio
from Modules.words.errors import DataError
from Modules.words.spanish import brief, number, why
from Modules.words.text import clean_text

MAX_MB: Final = 40  # a phone holds it three times while it opens: as text, decoded and unpacked
MAX_SIDE: Final = 1_024  # pixels of a tile
MAX_ZOOM: Final = 24  # up to there a page counts tiles without error
MAX_CREDIT: Final = 200  # characters
_HEADER: Final = struct.Struct("<7sB8Q24xBBBBBB4i")
_UNPACKED_BYTES: Final = 8_000_000  # of all directories: those of 40 MB of tiles have one
_DEPTH: Final = 4  # of leaf directories
_PIECE_BYTES: Final = 3_000_000  # a whole number of base64's threes
_VARINT_BYTES: Final = 8  # 56 bits
_GZIP: Final = 2
_COMPRESSIONS: Final = {0: "desconocida", 3: "Brotli", 4: "Zstandard"}
_VECTOR: Final = (1, 6)  # MVT, MLT
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_TAG: Final = re.compile(r"<[^>]*>")
_HOW: Final = "hacerlo otra vez con pmtiles convert"

Numbers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fondo:
    """An archive that is whole. ``zona``: west, south, east, north, degrees (WGS 84)."""

    archivo: bytes = field(repr=False)
    zona: tuple[float, float, float, float]
    credito: str  # whose picture it is, as its maker wrote it, as plain text

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.archivo).hexdigest()

    def toca(self, boxes: ArrayLike) -> bool:
        """Whether one of these boxes (west, south, east, north; degrees) meets it."""
        west, south, east, north = np.asarray(boxes, dtype=float).reshape(-1, 4).T
        a, b, c, d = self.zona
        return bool(((west <= c) & (east >= a) & (south <= d) & (north >= b)).any())

    def write(self, out: IO[bytes]) -> None:
        """As the script that the page takes in."""
        for at in range(0, len(self.archivo), _PIECE_BYTES):
            piece = base64.b64encode(self.archivo[at : at + _PIECE_BYTES])
            out.write(b'fondo("%b");\n' % piece)


def read_fondo(propio: Propio, boxes: ArrayLike) -> Fondo:
    """A file that people put beside the map, proved to be raster tiles that a page can show.

    ``boxes``: as of ``Fondo.toca``; one of them must meet it.

    Raises:
        DataError: it cannot be read, or is not that; says what it is and what to do.
    """
    name = propio.path.name
    try:
        if propio.path.stat().st_size > MAX_MB * 1_000_000:
            size = number(propio.path.stat().st_size / 1e6)
            raise DataError(
                f"{name} pesa {size} MB y el límite es {MAX_MB}, lo que abre un teléfono; "
                "hacerlo de los campos solos, o con un nivel de zoom menos"
            )
        data = propio.path.read_bytes()
    except OSError as err:
        raise DataError(f"{name} no se puede leer: {why(err)}") from err
    try:
        return _checked(data, boxes)
    except DataError as err:
        raise DataError(f"{name} {err}") from err


def _checked(data: bytes, boxes: ArrayLike) -> Fondo:
    if data.startswith(b"SQLite format 3\0"):
        raise DataError("es un MBTiles: pasarlo con pmtiles convert fondo.mbtiles fondo.pmtiles")
    if not data.startswith(b"PMTiles"):
        raise DataError(f"no es un archivo PMTiles; {_HOW}")
    if len(data) < _HEADER.size:
        raise _damaged("le falta el final")
    _, version, *numbers = _HEADER.unpack_from(data)
    sections, (_, packing, _, kind, low, high), edges = numbers[:8], numbers[8:14], numbers[14:]
    if version != 3:
        raise DataError(f"es PMTiles versión {version} y se lee la 3; {_HOW}")
    if kind in _VECTOR:
        raise DataError("es vectorial: acá va una imagen, en teselas PNG, JPG o WebP")
    if packing in _COMPRESSIONS:
        said = _COMPRESSIONS[packing]
        raise DataError(f"usa compresión {said}, que un navegador no lee; {_HOW}")
    if packing > _GZIP or low > high or high > MAX_ZOOM:
        raise _damaged("su encabezado no tiene sentido")
    pairs = zip(sections[::2], sections[1::2], strict=True)
    spans = dict(zip(("root", "json", "leaves", "tiles"), pairs, strict=True))
    if any(start + length > len(data) for start, length in spans.values()):
        raise _damaged("le falta el final")
    west, south, east, north = (edge / 1e7 for edge in edges)
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise DataError(f"no dice qué zona cubre; {_HOW}")
    archive = _Archive(data, spans, packed=packing == _GZIP)
    tiles = archive.tiles()
    fondo = Fondo(data, (west, south, east, north), archive.credit())
    if not fondo.toca(boxes):
        raise DataError(_elsewhere(fondo))
    for at, length in tiles:
        _check_tile(data[at : at + length])
    return fondo


def _damaged(what: str) -> DataError:
    return DataError(f"está cortado o dañado ({what}): copiarlo otra vez")


def _elsewhere(fondo: Fondo) -> str:
    west, south, east, north = (brief(round(edge, 2)).replace("-", "−") for edge in fondo.zona)
    return (
        f"cubre de {south}; {west} a {north}; {east} (latitud; longitud) y ningún lote cae ahí: "
        "hacer otro, de los campos"
    )


@dataclass(slots=True)
class _Archive:
    """The sections of an archive (start and length, bytes), unpacked within a limit."""

    data: bytes
    spans: dict[str, tuple[int, int]]
    packed: bool
    room: int = _UNPACKED_BYTES

    def tiles(self) -> list[tuple[int, int]]:
        """Where each distinct tile lies in the file, and its length; sorted."""
        found: set[tuple[int, int]] = set()
        waiting = [self.spans["root"]]
        for _ in range(_DEPTH):
            leaves: list[tuple[int, int]] = []
            for start, length in waiting:
                runs, lengths, offsets = _directory(self._plain(start, length))
                leaf = runs == 0
                leaves += self._within("leaves", offsets[leaf], lengths[leaf])
                found.update(self._within("tiles", offsets[~leaf], lengths[~leaf]))
            if not leaves:
                return sorted(found)
            waiting = sorted(set(leaves))
        raise _damaged("su índice da vueltas")

    def credit(self) -> str:
        """What its metadata call ``attribution``, without markup."""
        start, length = self.spans["json"]
        try:
            said = json.loads(self._plain(start, length)) if length else {}
        except (ValueError, RecursionError) as err:
            raise _damaged("sus datos no se entienden") from err
        text = said.get("attribution") if isinstance(said, dict) else None
        if not isinstance(text, str):
            return ""
        return clean_text(html.unescape(_TAG.sub("", text)), MAX_CREDIT)

    def _within(self, section: str, offsets: Numbers, lengths: Numbers) -> list[tuple[int, int]]:
        start, room = self.spans[section]
        if ((offsets < 0) | (lengths < 1) | (offsets > room) | (lengths > room - offsets)).any():
            raise _damaged("su índice señala afuera")
        return list(zip((offsets + start).tolist(), lengths.tolist(), strict=True))

    def _plain(self, start: int, length: int) -> bytes:
        piece = self.data[start : start + length]
        if self.packed:
            unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            try:
                piece = unpacker.decompress(piece, self.room + 1)
            except zlib.error as err:
                raise _damaged("su índice no se puede abrir") from err
            if not unpacker.eof and len(piece) <= self.room:
                raise _damaged("su índice no se puede abrir")
        self.room -= len(piece)
        if self.room < 0:
            raise _damaged("su índice es enorme")
        return piece


def _directory(raw: bytes) -> tuple[Numbers, Numbers, Numbers]:
    """Run lengths, lengths and offsets of the entries of a directory."""
    octets = np.frombuffer(raw, np.uint8)
    last = np.flatnonzero(octets < 128)  # of each varint
    if not len(last) or last[-1] != len(octets) - 1:
        raise _damaged("su índice no se entiende")
    sizes = np.diff(last, prepend=-1)
    first = last - sizes + 1
    place = np.arange(len(octets)) - np.repeat(first, sizes)
    parts = (octets & 127).astype(np.int64) << (7 * np.minimum(place, _VARINT_BYTES))
    numbers = np.add.reduceat(parts, first)
    count = int(numbers[0])
    if sizes.max() > _VARINT_BYTES or count < 1 or len(numbers) != 1 + 4 * count:
        raise _damaged("su índice no se entiende")
    _, runs, lengths, offsets = numbers[1:].reshape(4, count)
    if lengths.max() >= 1 << 32:
        raise _damaged("su índice señala afuera")
    # what 0 stands for in its place; -1 where nothing is before it
    before = np.cumsum(lengths) - lengths
    own = np.maximum.accumulate(np.where(offsets > 0, np.arange(count), 0))
    return runs, lengths, offsets[own] - 1 + before - before[own]


def _check_tile(data: bytes) -> None:
    from PIL import Image, UnidentifiedImageError  # late: most commands see no picture

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a size that is refused below
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                side = max(image.size)
    except UnidentifiedImageError as err:
        raise DataError(
            f"tiene teselas que no son PNG, JPG ni WebP; {_HOW} de un MBTiles de imágenes"
        ) from err
    except Image.DecompressionBombError:
        side = MAX_SIDE + 1
    except Exception as err:  # a decoder may raise anything
        raise _damaged(f"una tesela no se puede abrir: {type(err).__name__}") from err
    if side > MAX_SIDE:
        raise DataError(f"tiene teselas de más de {number(MAX_SIDE)} píxeles de lado; {_HOW}")
