"""A KML 2.2 document: values in, the bytes of ``doc.kml`` out. Pure.

Elements stand in the order of the OGC 2.2 schema, in its namespace, with stable ``xs:ID`` ids;
no NetworkLink, no ``gx:``, nothing remote. ``Document > Folder > Placemark``, no deeper. Static
parts (styles) are made with lxml; placemarks are filled into one template for each kind, a column
at a time, every value escaped (why not lxml for all: docs/decisions/0006). Tests validate whole
documents against the schema.

``Snippet`` is the spelling that Earth reads in its list; the schema has it beside ``snippet``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from Modules.formats.kml_geometry import LookAt
from Modules.formats.kml_styles import Estilo, icons, leyenda_style, style_text
from Modules.formats.kml_text import html, title, xml, xml_id
from Modules.words.spanish import count, hectares

MAX_PLACEMARKS: Final = 1_000
MAX_BYTES: Final = 10_000_000  # unpacked

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<kml xmlns="http://www.opengis.net/kml/2.2">\n<Document id="documento">\n'
)
_PHOTO_PIXELS: Final = 280  # of a balloon on a phone
_TAIL: Final = "</Document>\n</kml>\n"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of placemark: the prefix of its ids, and its data with the labels that people read."""

    prefix: str
    fields: Mapping[str, str]  # name → displayName, both ours: safe as they are
    hidden: tuple[str, ...] = ()  # in the data, not in the balloon

    @property
    def balloon(self) -> tuple[str, ...]:
        """The names of the data that its balloon shows."""
        return tuple(name for name in self.fields if name not in self.hidden)

    @property
    def template(self) -> str:
        """A ``%`` template: id, name, snippet, style, one value for each field, geometry."""
        data = "".join(
            f'<Data name="{name}"><displayName>{xml(label)}</displayName><value>%s</value></Data>'
            for name, label in self.fields.items()
        )
        return (
            '<Placemark id="%s"><name>%s</name><Snippet maxLines="1">%s</Snippet>'
            f"<styleUrl>#%s</styleUrl><ExtendedData>{data}</ExtendedData>%s</Placemark>\n"
        )


LABEL_TEMPLATE: Final = (
    '<Placemark id="%s"><name>%s</name><styleUrl>#etiqueta</styleUrl>%s%s</Placemark>\n'
)
_REGION: Final = (
    "<Region><LatLonAltBox><north>%.7f</north><south>%.7f</south><east>%.7f</east><west>%.7f</west>"
    "</LatLonAltBox><Lod><minLodPixels>%d</minLodPixels></Lod></Region>"
)


def placemarks(
    kind: Kind,
    *,
    keys: Sequence[str],
    names: Sequence[str],
    snippets: Sequence[str],
    styles: Sequence[str],
    values: Mapping[str, Sequence[str]],
    geometries: Sequence[str],
) -> list[str]:
    """Placemarks of one kind, a column at a time; ``values`` has one for each field of the kind.

    ``keys`` are distinct ids in the portal, made ``xs:ID`` here; ``styles`` ids of styles. Names
    (titles), snippets (lines of the list), values and geometries (of ``kml_geometry``) are escaped.
    """
    ids = [xml_id(kind.prefix, key) for key in keys]
    columns = [values[name] for name in kind.fields]
    rows = zip(ids, names, snippets, styles, *columns, geometries, strict=True)
    return list(map(kind.template.__mod__, rows))


def with_photos(text: str, style: str, paths: Sequence[str], said: str) -> str:
    """A placemark in another style, with pictures in its description and what is ``said`` below."""
    shown = "".join(f'<img src="{path}" width="{_PHOTO_PIXELS}"/><br/>' for path in paths)
    head, _, rest = text.partition("</Snippet>")
    _, _, rest = rest.partition("</styleUrl>")
    described = f"<description>{xml(shown + html(said))}</description>"
    return f"{head}</Snippet>{described}<styleUrl>#{style}</styleUrl>{rest}"


def labels(
    kind: Kind,
    keys: Sequence[str],
    names: Sequence[str],
    points: Sequence[str],
    regions: Sequence[str] | None = None,
) -> list[str]:
    """Label placemarks at points inside what ``kind`` and ``keys`` name; ``regions``: see there."""
    ids = [xml_id(f"etiqueta-{kind.prefix}", key) for key in keys]
    shown = regions or [""] * len(ids)
    return list(map(LABEL_TEMPLATE.__mod__, zip(ids, names, shown, points, strict=True)))


def region(box: Sequence[float], pixels: int) -> str:
    """When a placemark is shown: while a box takes ``pixels`` of the screen.

    ``box`` is west, south, east, north, degrees EPSG:4326. A viewer that knows no level of detail
    shows it always.
    """
    west, south, east, north = box
    return _REGION % (north, south, east, west, pixels)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of placemarks; ``keys`` says what each belongs to, so that a split keeps company."""

    name: str
    placemarks: Sequence[str] = field(repr=False)
    keys: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the legend. ``point`` is a KML Point where Earth flies when it is tapped."""

    style: Estilo
    name: str
    amount: int
    words: tuple[str, str]  # "lote", "lotes"
    superficie_ha: float | None
    point: str

    @property
    def detail(self) -> str:
        """ "3 lotes · 120,50 ha"."""
        parts = (count(self.amount, *self.words), hectares(self.superficie_ha))
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Document:
    """All that a ``doc.kml`` says."""

    name: str
    lines: tuple[str, ...]  # of the description: plain text
    look_at: LookAt
    styles: tuple[Estilo, ...]  # in order, ids distinct
    legend: tuple[Entry, ...]
    folders: tuple[Folder, ...]
    photos: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # by path

    @property
    def icons(self) -> dict[str, bytes]:
        """The icons and photos to put beside ``doc.kml``, by path."""
        return icons(self.styles) | dict(self.photos)

    def render(self) -> bytes:
        """The document, UTF-8."""
        look = self.look_at
        texts = [
            _HEAD,
            f"<name>{title(self.name)}</name>\n<open>1</open>\n",
            f'<Snippet maxLines="1">{title(self.lines[0])}</Snippet>\n',
            f"<description>{xml(self._description())}</description>\n",
            f"<LookAt><longitude>{look.lon:.7f}</longitude><latitude>{look.lat:.7f}</latitude>"
            "<altitude>0</altitude><heading>0</heading><tilt>0</tilt>"
            f"<range>{look.range_m:.0f}</range></LookAt>\n",
            *map(style_text, self.styles),
            *(style_text(leyenda_style(entry.style)) for entry in self.legend),
        ]
        legend = Folder("Leyenda", [_legend_placemark(entry) for entry in self.legend], ())
        for folder in (*self.folders, legend):
            if folder.placemarks:
                key = xml_id("carpeta", folder.name)
                texts.append(f'<Folder id="{key}"><name>{title(folder.name)}</name>\n')
                texts += [*folder.placemarks, "</Folder>\n"]
        return "".join((*texts, _TAIL)).encode("utf-8")

    def _description(self) -> str:
        """HTML: what this is and from when, and the legend as a table."""
        lines = "<br>".join(html(line) for line in self.lines)
        rows = "".join(
            f'<tr><td bgcolor="{entry.style.color}">&nbsp;&nbsp;&nbsp;&nbsp;</td>'
            f"<td>{html(entry.name)}</td><td>{html(entry.detail)}</td></tr>"
            for entry in self.legend
        )
        table = f'<table border="0" cellpadding="3">{rows}</table>' if rows else ""
        return f"<p>{lines}</p>{table}"


def in_parts(document: Document, *, max_placemarks: int, max_bytes: int) -> list[Document]:
    """The document as several, by group of its folders; each says which part it is."""
    bare = replace(document, folders=())
    parts = split_folders(
        document.folders,
        max_placemarks=max_placemarks - len(document.legend),
        max_bytes=max_bytes - len(bare.render()) - 1_000,
    )
    made = []
    for number, part in enumerate(parts, start=1):
        texts = "".join(chain.from_iterable(folder.placemarks for folder in part))
        photos = {path: data for path, data in document.photos.items() if path in texts}
        name = f"{document.name} (parte {number} de {len(parts)})"
        made.append(replace(bare, name=name, folders=part, photos=photos))
    return made


def split_folders(
    folders: Sequence[Folder], *, max_placemarks: int, max_bytes: int
) -> list[tuple[Folder, ...]]:
    """Folders as parts that stay below both limits; what belongs together stays together.

    One thing that is larger than a limit makes a part of its own. Below the limits, and for
    nothing, it is one part.
    """
    amounts: dict[str, list[int]] = {}  # key → placemarks, bytes
    for folder in folders:
        for key, text in zip(folder.keys, folder.placemarks, strict=True):
            amount = amounts.setdefault(key, [0, 0])
            amount[0] += 1
            amount[1] += len(text.encode("utf-8"))
    part_of: dict[str, int] = {}
    part = used = size = 0
    for key, (amount_, bytes_) in amounts.items():
        if used and (used + amount_ > max_placemarks or size + bytes_ > max_bytes):
            part, used, size = part + 1, 0, 0
        part_of[key], used, size = part, used + amount_, size + bytes_
    parts: list[tuple[Folder, ...]] = []
    for number in range(part + 1):
        kept = []
        for folder in folders:
            picked = [i for i, key in enumerate(folder.keys) if part_of[key] == number]
            texts, keys = [folder.placemarks[i] for i in picked], [folder.keys[i] for i in picked]
            kept.append(replace(folder, placemarks=texts, keys=keys))
        parts.append(tuple(kept))
    return parts


def _legend_placemark(entry: Entry) -> str:
    style = leyenda_style(entry.style)
    return (
        f'<Placemark id="entrada-{entry.style.id}"><name>{title(entry.name)}</name>'
        f'<Snippet maxLines="1">{title(entry.detail)}</Snippet>'
        f"<styleUrl>#{style.id}</styleUrl>{entry.point}</Placemark>\n"
    )
