"""The words of the trade as types: campaña, resource, snapshot id, record, reason of a rejection.

Standard library only. Times are timezone-aware; ids are opaque text.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from Modules.words.errors import SettingsError

_DEMO = "demo:"
_PORTS = {"https": 443, "http": 80}
_CAMPANIA = re.compile(r"(\d\d)/(\d\d)")
_SNAPSHOT_ID = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d{2})(\d{2})(\d{2})Z-(\d{6,})")


class Modo(StrEnum):
    """Where a run writes: trials never meet production."""

    TEST = "test"
    PROD = "prod"

    @classmethod
    def of(cls, *, test: bool) -> Modo:
        """The mode that the switch ``test`` of flows and commands stands for."""
        return cls.TEST if test else cls.PROD

    @property
    def flag(self) -> str:
        """What a command of this mode ends with, as a person types it."""
        return " --test" if self is Modo.TEST else ""


class Recurso(StrEnum):
    """A list of the portal, in the order in which it is fetched."""

    CAMPANIAS = "campanias"
    CULTIVOS = "cultivos"
    ZONAS = "zonas"
    CAMPOS = "campos"
    LOTES = "lotes"
    AMBIENTES = "ambientes"
    MARCADORES = "marcadores"


class Motivo(StrEnum):
    """Why a row cannot be used: the closed list of the ``rechazados`` table."""

    SIN_ID = "sin_id"
    ID_REPETIDO = "id_repetido"
    TIPO_INVALIDO = "tipo_invalido"
    OTRA_CAMPANIA = "otra_campania"
    BORRADO = "borrado"
    HUERFANO = "huerfano"
    SIN_GEOMETRIA = "sin_geometria"
    GEOMETRIA_ILEGIBLE = "geometria_ilegible"
    GEOMETRIA_VACIA = "geometria_vacia"
    GEOMETRIA_IRREPARABLE = "geometria_irreparable"
    TIPO_DE_GEOMETRIA = "tipo_de_geometria"
    COORDENADA_INVALIDA = "coordenada_invalida"
    FUERA_DEL_AREA = "fuera_del_area"
    DEMASIADOS_VERTICES = "demasiados_vertices"
    SUPERFICIE_IMPOSIBLE = "superficie_imposible"


@dataclass(frozen=True, slots=True, order=True)
class Campania:
    """A farm-wide season: "25/26" in text, "25-26" in paths and layer names."""

    desde: int
    hasta: int

    @classmethod
    def parse(cls, text: str) -> Campania:
        """Read "25/26"; SettingsError if it is not two consecutive years of two digits."""
        match = _CAMPANIA.fullmatch(text.strip())
        if match is None or (int(match[1]) + 1) % 100 != int(match[2]):
            raise SettingsError(
                f"{text!r} no es una campaña; escribir dos años seguidos, como 25/26"
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.desde:02d}/{self.hasta:02d}"

    @property
    def slug(self) -> str:
        return f"{self.desde:02d}-{self.hasta:02d}"


@dataclass(frozen=True, slots=True)
class SnapshotId:
    """``YYYY-MM-DDTHHMMSSZ-NNNNNN``: UTC and a number that only rises.

    Order is by the number, so a clock that runs backwards puts nothing out of order.
    """

    number: int
    utc: datetime

    @classmethod
    def parse(cls, text: str) -> SnapshotId:
        """Read an id as folders are named; SettingsError for any other text."""
        match = _SNAPSHOT_ID.fullmatch(text)
        if match is None:
            raise SettingsError(
                f"{text!r} no es el id de un backup; son como 2025-11-20T060002Z-000042"
            )
        year, month, day, hour, minute, second, number = (int(part) for part in match.groups())
        try:
            utc = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError as err:
            raise SettingsError(f"{text!r} no es el id de un backup: {err}") from err
        return cls(number, utc)

    def __str__(self) -> str:
        return f"{self.utc.astimezone(UTC):%Y-%m-%dT%H%M%SZ}-{self.number:06d}"

    def __lt__(self, other: SnapshotId) -> bool:
        return self.number < other.number


@dataclass(frozen=True, slots=True)
class Portal:
    """Who answered, and how it was read. Only the origin says whether it is the same portal.

    Manifests of older versions hold the base URL as the settings had it; read back, it is an
    origin too.
    """

    origin: str  # as ``normal_origin`` has it, or "demo:small" for the built-in one; no credentials
    profile: str  # name and hash of the profile in use

    def __post_init__(self) -> None:
        object.__setattr__(self, "origin", normal_origin(self.origin))

    @property
    def line(self) -> str:
        """Nights of one campaña are compared within it: the made-up companies, each for itself,
        and everything else, whatever its address: a change of portal is no first night."""
        return self.origin if self.origin.startswith(_DEMO) else ""


def normal_origin(url: str) -> str:
    """``scheme://host:port`` of an address (RFC 6454 §4), one spelling for one portal.

    Case, a dot that ends the host, a port that is the scheme's own and an international name or
    its punycode make no difference, nor does the path. What is no http(s) address stays as it is.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return url
    if parts.scheme not in _PORTS or not host:
        return url
    try:
        host = f"[{ip_address(host).compressed}]" if ":" in host else host
        host = host.encode("idna").decode("ascii").lower()
    except ValueError:
        host = host.lower()  # no name that has a punycode: as it is written
    own = port is None or port == _PORTS[parts.scheme]
    return f"{parts.scheme}://{host}{'' if own else f':{port}'}"


@dataclass(frozen=True, slots=True)
class GeometryEncoding:
    """How the portal writes geometry.

    ``kind``: geojson, geojson_text, wkt, wkb_hex, latlon_rings or lat_lon (a point out of two
    numbers, given as ``{"lat": …, "lon": …}``). ``axis_order`` is that of the numbers as sent.
    """

    kind: str = "geojson"
    crs: str = "EPSG:4326"
    axis_order: str = "lon_lat"


@dataclass(frozen=True, slots=True)
class Record:
    """One item under the contract's names; page and index lead back to the raw bytes.

    ``values`` has the shape of the contract's item (nested ``siembras``, ``empresa``, ``muestra``),
    numbers as numbers, ids as text. ``geometry`` is as the portal sent it.
    """

    values: Mapping[str, Any]
    page: int  # from 1, as in raw/<recurso>-0001
    index: int  # from 0, within the page


class Records(Sequence[Record]):
    """The records of a list, packed page by page: an eighth of the room that they take as objects.

    Every walk over them makes them anew, a page at a time; pages are numbered from 1.
    """

    def __init__(self, *pages: Sequence[Record]) -> None:
        self._pages = [*chain(*map(_packed, pages))]
        self.ids: list[Any] = [*chain(*(ids for ids, _ in self._pages))]  # as they came, or None

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Record]:
        for number, (_, page) in enumerate(self._pages, 1):
            for index, values in enumerate(pickle.loads(page)):  # noqa: S301 - packed below
                yield Record(values, number, index)

    def __getitem__(self, at: Any) -> Any:
        return tuple(self)[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)


def _packed(page: Sequence[Record]) -> list[tuple[list[Any], bytes]]:
    if isinstance(page, Records):
        return page._pages
    values = [record.values for record in page]
    ids = [one.get("id") if isinstance(one, Mapping) else None for one in values]
    return [(ids, pickle.dumps(values, pickle.HIGHEST_PROTOCOL))]


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page as received, decoded from transport compression only."""

    recurso: Recurso
    number: int  # from 1
    body: bytes = field(repr=False)
    request_id: str | None
    path: str  # path and query as asked; no host, never a secret


# Of when an answer says it is, each an instant: the oldest of a list's pages for the first two,
# for a page out of a cache makes the list old; the newest of the last.
MOMENTS: Mapping[str, Callable[..., datetime]] = {
    "snapshot_at": min,
    "Date": min,
    "Last-Modified": max,
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """One resource, whole: the pages in order and what they hold."""

    recurso: Recurso
    pages: tuple[RawPage, ...] = field(repr=False)
    records: Sequence[Record] = field(repr=False)
    declared_total: int | None  # None where the portal declares none
    walks: int = 1  # 2 if the first walk did not add up
    moments: Mapping[str, datetime] = field(default_factory=dict)  # of ``MOMENTS``, those given


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """Where the company's fields can be, in degrees EPSG:4326."""

    min_lon: float = -76.0  # Argentina and its neighbours
    min_lat: float = -56.0
    max_lon: float = -34.0
    max_lat: float = 6.0
