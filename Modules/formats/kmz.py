"""KMZ archives: the same content is the same bytes; too large a map is written in parts.

A KMZ is a ZIP with one ``doc.kml`` at its root, first, and icons beside it. Dates are fixed
(1 January 1980), so are the system and the rights it names; the level of deflate was chosen by
measuring (docs/decisions/0006).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from Modules.disk.safe_files import writing
from Modules.formats.kml_document import Document, in_parts
from Modules.words.errors import DataError
from Modules.words.names import unique_names
from Modules.words.spanish import count

LEVEL: Final = 3
DOC: Final = "doc.kml"
_PART_LENGTH: Final = 110  # characters of a name with " - parte 12" after it
_DATE: Final = (1980, 1, 1, 0, 0, 0)


def zip_bytes(
    parts: Mapping[str, bytes], stored: Mapping[str, bytes] = MappingProxyType({})
) -> bytes:
    """A ZIP of these members in this order, and behind them those that pack no smaller."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in (*parts.items(), *stored.items()):
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system, info.external_attr = 3, 0o100644 << 16  # Unix, a regular file
            how = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, data, how, LEVEL)
    return sink.getvalue()


def kmz_bytes(doc: bytes, icons: Mapping[str, bytes]) -> bytes:
    """An archive of a document and of icons by relative path, in the order of their names.

    Raises:
        DataError: an icon's path is none of ours.
    """
    for name in icons:
        if not name.startswith("files/") or ".." in name or not name.isascii():
            raise DataError(f"{name!r} no es un ícono de files/")
    return zip_bytes({DOC: doc}, dict(sorted(icons.items())))


def write_below(folder: Path, files: Iterable[tuple[str, bytes]]) -> dict[str, Path]:
    """Write new files below a scratch folder (publishing syncs them); path below it → file.

    Raises:
        PublishError: the disk refused.
    """
    built: dict[str, Path] = {}
    for name, data in files:
        path = built[name] = folder / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb", buffering=0) as file:
                file.write(data)
    return built


@dataclass(frozen=True, slots=True)
class Mapa:
    """One map before it is written; ``path`` is below its folder, without the extension."""

    path: str
    document: Document


@dataclass(slots=True)
class KmzWriter:
    """Packs maps, in parts where they are too large for a phone.

    ``avisos`` says which, in Spanish, for the report.
    """

    max_placemarks: int
    max_bytes: int
    avisos: list[str] = field(default_factory=list)

    def fits(self, document: Document, data: bytes) -> bool:
        """Whether a document, rendered as ``data``, is small enough for one file."""
        marks = sum(len(folder.placemarks) for folder in document.folders) + len(document.legend)
        return marks <= self.max_placemarks and len(data) <= self.max_bytes

    def packed(
        self, maps: Sequence[Mapa], paths: Sequence[str] = ()
    ) -> Iterator[tuple[str, bytes]]:
        """The files, path and bytes; ``paths``: of all maps in their folders, if these are some."""
        paths = paths or [one.path for one in maps]
        for mapa in maps:
            data = mapa.document.render()
            if self.fits(mapa.document, data):
                yield f"{mapa.path}.kmz", kmz_bytes(data, mapa.document.icons)
                continue
            for path, document in self._parts(mapa, paths):
                yield f"{path}.kmz", kmz_bytes(document.render(), document.icons)

    def _parts(self, mapa: Mapa, taken: Sequence[str]) -> Iterator[tuple[str, Document]]:
        parts = in_parts(
            mapa.document, max_placemarks=self.max_placemarks, max_bytes=self.max_bytes
        )
        self.avisos.append(
            f"{mapa.path}.kmz es demasiado grande para un teléfono "
            f"(más de {count(self.max_placemarks, 'elemento', 'elementos')} "
            f"o {self.max_bytes // 1_000_000} MB): está en {len(parts)} partes"
        )
        folder, _, name = mapa.path.rpartition("/")
        others = (other.rpartition("/") for other in taken)
        names = unique_names(
            {f"{name}/{i}": f"{name} - parte {i}" for i in range(1, len(parts) + 1)},
            max_length=_PART_LENGTH,
            taken=[other for parent, _, other in others if parent == folder],
        )
        for i, document in enumerate(parts, 1):
            path = "/".join(filter(None, (folder, names[f"{name}/{i}"])))
            yield path, document
