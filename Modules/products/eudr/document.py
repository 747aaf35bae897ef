"""A geolocation file as it is written: JSON whose numbers keep their digits. Pure.

Floats would hide how many decimals a coordinate has, so every JSON number stays text (``Numero``)
until it is needed. Coordinates become arrays of lon, lat as they stand in the file; nothing is
assumed of them. Every refusal is a ``Refused`` with a Spanish reason, never another error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from Modules.words.strict_json import JsonRefused, Reason, parse_json
from Modules.words.text import clean_text

_MAX_QUOTED: Final = 60
_MAX_NUMBER: Final = 400  # characters of one number
_DEPTH_OF: Final = {"Point": 0, "MultiPoint": 1, "Polygon": 2, "MultiPolygon": 3}
KINDS: Final = tuple(_DEPTH_OF)


class Refused(Exception):
    """The text is not what the rule asks for; the message is for users."""


class Numero(str):
    """A JSON number as written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Positions:
    """Some positions: lon, lat of each, and how they were written."""

    xy: NDArray[np.float64] = field(repr=False)  # (n, 2), degrees
    fewest_decimals: int
    most_decimals: int
    tall: bool  # some have a third number


@dataclass(frozen=True, slots=True)
class WrittenGeometry:
    """The geometry of a feature: the positions of its points, or its polygons' rings."""

    kind: str
    points: Positions | None = None
    polygons: tuple[tuple[Positions, ...], ...] = ()


def read_json(data: bytes) -> Any:
    """The value in a file, numbers as ``Numero``; a byte order mark is passed over.

    Raises:
        Refused: bad UTF-8, no JSON, NaN or Infinity, two equal keys, nested too deep.
    """
    try:
        return parse_json(data, number=Numero)
    except JsonRefused as err:
        why = "demasiados niveles de anidamiento"
        match err.reason, *err.where:
            case Reason.UTF8, at:
                why = f"no es UTF-8: byte {at}"
            case Reason.CONSTANT, name:
                why = f"{name} no es un número de JSON"
            case Reason.TWIN, key:
                why = f"la clave {quoted(key)} está dos veces en un objeto"
            case ((Reason.CUT | Reason.SYNTAX), line, column):
                why = f"no es JSON: línea {line}, columna {column}"
            case Reason.SURROGATE, *_:
                why = "hay medio carácter (un sustituto suelto) en un texto"
        raise Refused(why) from err


def quoted(value: object) -> str:
    """A value of the file as it may be shown: clean, short, in quotes."""
    if isinstance(value, Mapping):
        return "un objeto"
    if isinstance(value, list):
        return "una lista"
    if value is None:
        return "null"
    text = clean_text(str(value), _MAX_QUOTED + 1)
    return f"«{text[:_MAX_QUOTED]}{'…' if len(text) > _MAX_QUOTED else ''}»"


def read_geometry(geometry: Mapping[str, Any]) -> WrittenGeometry:
    """The coordinates of a geometry of one of ``KINDS``.

    Raises:
        Refused: they are not nested as the type asks, empty, or not numbers.
    """
    kind = str(geometry["type"])
    coordinates = geometry.get("coordinates")
    depth = _DEPTH_OF[kind]
    if depth == 0:
        return WrittenGeometry(kind, _positions([coordinates], "el punto"))
    if depth == 1:
        return WrittenGeometry(kind, _positions(_list(coordinates, "coordinates"), "los puntos"))
    polygons = [coordinates] if depth == 2 else _list(coordinates, "coordinates")
    return WrittenGeometry(kind, polygons=tuple(_polygon(rings) for rings in polygons))


def _polygon(rings: object) -> tuple[Positions, ...]:
    return tuple(
        _positions(_list(ring, "un anillo"), f"el anillo {i}")
        for i, ring in enumerate(_list(rings, "un polígono"), start=1)
    )


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Refused(f"{what} no es una lista con contenido")
    return value


def _positions(positions: Sequence[Any], where: str) -> Positions:
    flat: list[str] = []
    tall = False
    for position in positions:
        if type(position) is not list or not 2 <= len(position) <= 4:
            raise Refused(f"{where}: una posición no es una lista de dos números")
        tall = tall or len(position) > 2
        flat.extend(position)
    if not all(type(value) is Numero for value in flat):
        raise Refused(f"{where}: hay algo que no es un número")
    lonlat = [text for position in positions for text in position[:2]]
    decimals = {decimals_of(text) for text in lonlat}
    xy = np.array([as_float(text) for text in lonlat]).reshape(-1, 2)
    if not np.isfinite(xy).all():
        raise Refused(f"{where}: hay un número que no es finito")
    return Positions(xy, min(decimals), max(decimals), tall)


def as_float(text: str) -> float:
    """The number; infinity for one of an absurd length."""
    return float(text) if len(text) <= _MAX_NUMBER else float("inf")


def decimals_of(text: str) -> int:
    """How many decimals a JSON number is written with: "-34.120" has three, "1e-6" has six."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if exponent:
        decimals -= int(exponent) if len(exponent) < 6 else 0
    return max(decimals, 0)
