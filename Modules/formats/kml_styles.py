"""Shared styles of a KMZ, and its icons: pictures made here, never a link. Pure.

A style has a name that placemarks point at (a ``StyleMap``) and two faces, normal and highlighted.
Colours come as #RRGGBB and go out as KML's aabbggrr. Fills are about half transparent, outlines
opaque. The balloon is the same template for every placemark of a kind: it names the fields, the
placemarks' untyped ``Data`` hold them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from lxml import etree

from Modules.formats import kml_text

FILL_ALPHA: Final = 0x80
HIGHLIGHT_ALPHA: Final = 0xB3
WHITE: Final = "#FFFFFF"
_SIDE: Final = 32  # pixels of an icon


@dataclass(frozen=True, slots=True)
class Estilo:
    """A style of polygons, lines and points. ``icon`` is "punto" or "cuadro".

    ``icon_scale`` 0 shows no icon; ``label_scale`` 0 no label.
    """

    id: str
    color: str  # #RRGGBB
    fill: bool = True
    line: str | None = None  # #RRGGBB; the colour, darker, if not given
    width: float = 2.0
    icon: str = "cuadro"
    icon_scale: float = 0.0
    label_scale: float = 0.0
    balloon: tuple[str, ...] | None = None  # names of the ``Data`` it shows; they carry labels
    description: bool = False  # whether the balloon shows that of its placemark, too
    plain: bool = False  # icon and label only, no highlight: labels, entries of a legend

    @property
    def icon_name(self) -> str:
        """Path in the archive."""
        return f"files/{self.icon}-{self.color[1:].lower()}.png"


CONTORNO: Final = Estilo("contorno", WHITE, fill=False, line=WHITE, width=3.0)
ETIQUETA: Final = Estilo("etiqueta", WHITE, label_scale=0.8, plain=True)  # without an icon


def cultivo_style(key: str, color: str) -> Estilo:
    return Estilo(kml_text.xml_id("cultivo", key), color)


def punto_style(style_id: str, color: str) -> Estilo:
    """Of a marcador or of a sampling point."""
    return Estilo(style_id, color, icon="punto", icon_scale=0.8, label_scale=0.7)


@lru_cache(maxsize=4096)
def leyenda_style(style: Estilo) -> Estilo:
    """What an entry of the legend looks like: its icon in the list, nothing on the map."""
    return Estilo(f"leyenda-{style.id}", style.color, icon=style.icon, plain=True)


@lru_cache(maxsize=4096)
def style_text(style: Estilo) -> str:
    """Two ``Style`` and the ``StyleMap`` that joins them (or one), as text for KML's namespace."""
    if style.plain:
        return f"{etree.tostring(_points(style, style.id, 1.0), encoding='unicode')}\n"
    elements = [_style(style, highlighted=on) for on in (False, True)]
    style_map = etree.Element("StyleMap", id=style.id)
    for key, part in (("normal", "normal"), ("highlight", "resaltado")):
        pair = etree.SubElement(style_map, "Pair")
        _child(pair, "key", key)
        _child(pair, "styleUrl", f"#{style.id}.{part}")
    texts = [etree.tostring(item, encoding="unicode") for item in (*elements, style_map)]
    return "\n".join(texts) + "\n"


def kml_color(color: str, alpha: int) -> str:
    """#RRGGBB and an opacity of 0 to 255 → aabbggrr."""
    red, green, blue = color[1:3], color[3:5], color[5:7]
    return f"{alpha:02x}{blue}{green}{red}".lower()


@lru_cache(maxsize=1024)
def icon_png(name: str) -> bytes:
    """The icon of a path such as ``files/punto-1b9e77.png``: 32 × 32, RGBA."""
    shape, _, color = name.removeprefix("files/").removesuffix(".png").partition("-")
    rgb = bytes.fromhex(color)
    image = np.zeros((_SIDE, _SIDE, 4), np.uint8)
    axis = np.abs(np.arange(_SIDE) - (_SIDE - 1) / 2)
    far = np.hypot(*np.meshgrid(axis, axis)) if shape == "punto" else np.maximum.outer(axis, axis)
    image[far <= _SIDE / 2 - 1] = 255
    image[far <= _SIDE / 2 - 3] = (*(value // 3 for value in rgb), 255)
    image[far <= _SIDE / 2 - 5] = (*rgb, 255)
    return _png(image)


def icons(styles: Iterable[Estilo]) -> dict[str, bytes]:
    """The icons that some styles need, by path, in order."""
    return {name: icon_png(name) for name in sorted({style.icon_name for style in styles})}


def _style(style: Estilo, *, highlighted: bool) -> etree._Element:
    face = "resaltado" if highlighted else "normal"
    grow = 1.25 if highlighted else 1.0
    element = _points(style, f"{style.id}.{face}", grow)
    line = etree.SubElement(element, "LineStyle")
    darker = "".join(f"{part * 2 // 3:02x}" for part in bytes.fromhex(style.color[1:]))
    _child(line, "color", kml_color(style.line or f"#{darker}", 0xFF))
    _child(line, "width", f"{style.width * (2 if highlighted else 1):g}")
    poly = etree.SubElement(element, "PolyStyle")
    _child(poly, "color", kml_color(style.color, HIGHLIGHT_ALPHA if highlighted else FILL_ALPHA))
    if not style.fill:
        _child(poly, "fill", "0")
    if style.balloon is not None:
        rows = "".join(
            f"<tr><td><b>$[{name}/displayName]</b></td><td>$[{name}]</td></tr>"
            for name in style.balloon
        )
        below = "$[description]" if style.description else ""
        html = f'<h3>$[name]</h3><table border="0" cellpadding="2">{rows}</table>{below}'
        _child(etree.SubElement(element, "BalloonStyle"), "text", html)
    return element


def _points(style: Estilo, style_id: str, grow: float) -> etree._Element:
    element = etree.Element("Style", id=style_id)
    icon = etree.SubElement(element, "IconStyle")
    _child(icon, "scale", f"{style.icon_scale * grow:g}")
    _child(etree.SubElement(icon, "Icon"), "href", style.icon_name)
    _child(etree.SubElement(element, "LabelStyle"), "scale", f"{style.label_scale * grow:g}")
    return element


def _child(parent: etree._Element, tag: str, text: str) -> None:
    etree.SubElement(parent, tag).text = text


def _png(image: np.ndarray) -> bytes:
    """RGBA pixels (height, width, 4) as PNG (ISO/IEC 15948): one IDAT, no filter."""
    height, width = image.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
