"""ISOXML (ISO 11783-10, versions 4.3 and 3.3): ``TASKDATA.XML`` for terminals of machines. Pure.

Elements and attributes are those of the two schemas, and what the schemas ask of each attribute is
in ``_RULES``: nothing else can be written. ``PNT`` is WGS 84 in degrees with nine decimals (0.1
mm): C is north, D east. A ``PLN`` has the shell as ``LSG`` of type 1 and the holes as type 2, all
closed. Of several parts version 4 has a ``PLN`` each; version 3 takes one for all, every shell with
its holes behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias
from xml.sax.saxutils import quoteattr

import numpy as np
import shapely

from Modules.formats.kml_geometry import positions
from Modules.geo.arrays import Shapes
from Modules.words.errors import DataError

NAME: Final = "TASKDATA/TASKDATA.XML"  # in the root of the stick, in capitals
MAX_TEXT: Final = 32  # characters of a name
MAX_ZONES: Final = 254  # of a task: codes from 1
BOUNDARY, ZONE = 1, 2  # types of a PLN
PLANNED: Final = 1  # status of a task

Rings: TypeAlias = list[list[str]]  # of each part: its shell, then its holes, as LSG
_Rule: TypeAlias = range | str | None  # a number; the id of what the three letters say; text
_IDS: Final = range(1, 10**11)  # with the three letters 4 to 14 characters
_M2, _BYTE, _STATUS = range(4_294_967_295), range(255), range(1, 5)
_RULES: Final[Mapping[str, Mapping[str, _Rule]]] = {  # ends in "!": required
    "CTR": {"A!": "CTR", "B!": None},
    "FRM": {"A!": "FRM", "B!": None, "I": "CTR"},
    "PFD": {"A!": "PFD", "B": None, "C!": None, "D!": _M2, "E": "CTR", "F": "FRM"},
    "TSK": {"A!": "TSK", "B": None, "C": "CTR", "D": "FRM", "E": "PFD", "G!": _STATUS},
    "TZN": {"A!": _BYTE, "B": None, "C": _BYTE},
}


def contours(shapes: Shapes) -> list[Rings]:
    """The rings of each polygon or multipolygon, degrees EPSG:4326, shells counter-clockwise.

    Raises:
        DataError: something empty, no polygon, or beyond the earth.
    """
    parts, owner = shapely.get_parts(np.asarray(shapes, dtype=object), return_index=True)
    areas = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    if len(np.unique(owner[areas])) < len(shapes) or not areas.all():
        raise DataError("una geometría vacía o que no es un polígono no cabe en ISOXML")
    if (np.abs(shapely.get_coordinates(parts)) > (180, 90)).any():
        raise DataError("hay coordenadas que no son grados: no caben en ISOXML")
    parts = shapely.orient_polygons(parts, exterior_cw=False)
    rings, part = shapely.get_rings(parts, return_index=True)
    texts = positions(rings, '<PNT A="2" C="%.9f" D="%.9f"/>', "", decimals=9, step=-1)
    found: list[Rings] = [[] for _ in shapes]
    shells = (np.diff(part, prepend=-1) != 0).tolist()
    for text, at, shell in zip(texts, owner[part].tolist(), shells, strict=True):
        if shell:
            found[at].append([])
        found[at][-1].append(f'<LSG A="{1 if shell else 2}">{text}</LSG>')
    return found


def polygons(version: int, kind: int, rings: Rings) -> str:
    """The ``PLN`` of one geometry."""
    parts = rings if version > 3 else [[ring for part in rings for ring in part]]
    return "".join(f'<PLN A="{kind}">{"".join(part)}</PLN>' for part in parts)


def element(tag: str, inside: str = "", **given: str | int | None) -> str:
    """One element with its attributes in order; ids and references are numbers.

    Raises:
        DataError: an attribute is missing, unknown, or not what the schemas allow.
    """
    texts = [tag]
    for key, rule in _RULES[tag].items():
        value = given.pop(name := key[0], None)
        if value is None and name == key:
            continue
        if rule is None:
            good = isinstance(value, str) and 0 < len(value) <= MAX_TEXT
        else:
            good = isinstance(value, int) and value in (_IDS if isinstance(rule, str) else rule)
        if not good:
            raise DataError(f"ISOXML: {tag} no admite {name}={value!r}")
        prefix = rule if isinstance(rule, str) else ""
        texts.append(f"{name}={quoteattr(f'{prefix}{value}')}")
    if given:
        raise DataError(f"ISOXML: {tag} no tiene {', '.join(given)}")
    head = " ".join(texts)
    return f"<{head}>{inside}</{tag}>" if inside else f"<{head}/>"


def taskdata(version: int, elements: Iterable[str]) -> bytes:
    """The file, UTF-8: customers, farms, fields and tasks in this order."""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ISO11783_TaskData VersionMajor="{version}" VersionMinor="3" '
        'ManagementSoftwareManufacturer="Lindero" ManagementSoftwareVersion="1" '
        'DataTransferOrigin="1">\n'
    )
    return "".join((head, *(f"{one}\n" for one in elements), "</ISO11783_TaskData>\n")).encode()
