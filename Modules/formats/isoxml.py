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

from Modules.formats.kml_geometry import Shapes, positions
from Modules.words.errors import DataError

NAME: Final = "TASKDATA/TASKDATA.XML"  # in the root of the stick, in capitals
MAX_TEXT: Final = 32  # characters of a name
MAX_ZONES: Final = 254  # of a task: codes from 1
LINDERO, FORMATO = "Lindero", "1"  # who wrote it, and the release of what is written here
BOUNDARY, ZONE = 1, 2  # types of a PLN
PLANNED: Final = 1  # status of a task

Rings: TypeAlias = list[list[str]]  # of each part: its shell, then its holes, as LSG
_IDS: Final = range(1, 10**11)  # with the three letters 4 to 14 characters
_M2: Final = range(4_294_967_295)
_BYTE: Final = range(255)
_TEXT: Final = range(1, MAX_TEXT + 1)  # characters
_RULES: Final[
    Mapping[str, Mapping[str, tuple[str | None, range, bool]]]
] = {  # attribute → prefix of a number, what is allowed, whether it has to be there
    "CTR": {"A": ("CTR", _IDS, True), "B": (None, _TEXT, True)},
    "FRM": {"A": ("FRM", _IDS, True), "B": (None, _TEXT, True), "I": ("CTR", _IDS, False)},
    "PFD": {
        "A": ("PFD", _IDS, True),
        "B": (None, _TEXT, False),
        "C": (None, _TEXT, True),
        "D": ("", _M2, True),
        "E": ("CTR", _IDS, False),
        "F": ("FRM", _IDS, False),
    },
    "TSK": {
        "A": ("TSK", _IDS, True),
        "B": (None, _TEXT, False),
        "C": ("CTR", _IDS, False),
        "D": ("FRM", _IDS, False),
        "E": ("PFD", _IDS, False),
        "G": ("", range(1, 5), True),
    },
    "TZN": {"A": ("", _BYTE, True), "B": (None, _TEXT, False), "C": ("", _BYTE, False)},
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
    rings, part = shapely.get_rings(
        shapely.orient_polygons(parts, exterior_cw=False), return_index=True
    )
    form = '<PNT A="2" C="%.{n}f" D="%.{n}f"/>'
    texts = positions(rings, form, "", decimals=9, north_first=True)
    found: list[Rings] = [[] for _ in shapes]
    before = -1
    for text, at in zip(texts, part.tolist(), strict=True):
        if at != before:
            found[owner[at]].append([])
        found[owner[at]][-1].append(f'<LSG A="{1 if at != before else 2}">{text}</LSG>')
        before = at
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
    rules = _RULES[tag]
    missing = [name for name, rule in rules.items() if rule[2] and given.get(name) is None]
    if missing or given.keys() - rules.keys():
        raise DataError(f"ISOXML: {tag} no puede ir sin {missing} o con {sorted(given)}")
    texts = [tag]
    for name, (prefix, allowed, _) in rules.items():
        if (value := given.get(name)) is not None:
            size = len(value) if isinstance(value, str) else value
            if isinstance(value, str) != (prefix is None) or size not in allowed:
                raise DataError(f"ISOXML: {tag} no admite {name}={value!r}")
            texts.append(f"{name}={quoteattr((prefix or '') + str(value))}")
    head = " ".join(texts)
    return f"<{head}>{inside}</{tag}>" if inside else f"<{head}/>"


def taskdata(version: int, elements: Iterable[str]) -> bytes:
    """The file, UTF-8: customers, farms, fields and tasks in this order."""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ISO11783_TaskData VersionMajor="{version}" VersionMinor="3" '
        f'ManagementSoftwareManufacturer="{LINDERO}" ManagementSoftwareVersion="{FORMATO}" '
        'DataTransferOrigin="1">\n'
    )
    return "".join((head, *(f"{one}\n" for one in elements), "</ISO11783_TaskData>\n")).encode()
