"""Photos of marks, kept by what they hold: ``fotos/`` in the store.

```text
fotos/indice.jsonl             what each address came to: a SHA-256, or why it is no photo
fotos/ab/<sha256>              the photo as it came, once however many marks have it
fotos/ab/<sha256>.jpg          as it is published; .datos.jpg: with its EXIF; .mini.jpg: small
```

A snapshot says in ``adjuntos.json`` which marks have which addresses, each as a hash (``clave``)
of what of it does not change from night to night: never the address, which may hold a token. What
no kept snapshot names is removed. Lost or damaged files come again with the next night.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from Modules.disk.json_files import append_line, from_json, read_lines
from Modules.disk.safe_files import entries, folders, make_folder, remove_file, write_beside
from Modules.formats.fotos import GRANDE, MINI, publicable
from Modules.store.snapshot import Snapshot
from Modules.words import text as clean
from Modules.words.domain import Record
from Modules.words.errors import DataError

NAME: Final = "adjuntos.json"  # in a snapshot
FOLDER: Final = "fotos"
TRIES: Final = 3  # nights that a file which is no photo is asked for
_INDEX: Final = "indice.jsonl"
_ADDRESS: Final = ("url", "href", "link", "enlace", "direccion", "archivo")
_KIND: Final = ("tipo", "mime", "mime_type", "content_type", "tipo_mime")
_PASSING: Final = re.compile(  # parameters of an address that sign it for a while
    r"x-(amz|goog)-.*|.*token.*|.*signature.*|sig|expir.*|policy|key-pair-id|se|sp|sv|sr|st|spr|sk.*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Foto:
    """One photo, ready to be published."""

    sha256: str  # of the photo as it came
    carpeta: Path = field(repr=False, compare=False)
    metadatos: bool = False

    @property
    def nombre(self) -> str:
        """Of its file, wherever it is published."""
        return f"{self.sha256[:20]}.jpg"

    @property
    def grande(self) -> Path:
        return self._path(f"{'.datos' * self.metadatos}.jpg")

    @property
    def mini(self) -> bytes:
        return self._path(".mini.jpg").read_bytes()

    def _path(self, rest: str = "") -> Path:
        return self.carpeta / self.sha256[:2] / f"{self.sha256}{rest}"

    def made(self, data: bytes | None = None) -> bool:
        """Make what is published of it where it is missing; whether it is there then.

        Raises:
            DataError: ``data`` is no photo.
            PublishError: the disk refused.
        """
        if self.grande.is_file() and self._path(".mini.jpg").is_file():
            return True
        if data is None:
            with suppress(OSError):
                data = self._path().read_bytes()
        if data is None or hashlib.sha256(data).hexdigest() != self.sha256:
            return False
        faces = publicable(data, GRANDE, metadatos=self.metadatos), publicable(data, MINI)
        make_folder(self._path().parent)
        for path, face in zip(
            (self._path(), self.grande, self._path(".mini.jpg")), (data, *faces), strict=True
        ):
            write_beside(path, face)
        return True


def adjuntos_of(records: Iterable[Record]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The photos of each mark, by its id, as hashes; and the address of each hash.

    What says that it is something else than a picture is left out.
    """
    found: dict[str, list[str]] = {}
    for record in records:
        values = record.values if isinstance(record.values, Mapping) else {}
        given, key = values.get("adjuntos"), clean.identifier(values.get("id"))
        links = filter(None, map(_address, given if isinstance(given, list) else ()))
        if key is not None and (own := list(dict.fromkeys(links))):
            found[key] = own
    lasting: dict[str, set[str]] = {}
    for link in {link for links in found.values() for link in links}:
        lasting.setdefault(_lasting(link), set()).add(link)
    # two addresses that differ in what passes only may still be two photos
    claves = {
        link: hashlib.sha256((link if len(links) > 1 else kept).encode()).hexdigest()
        for kept, links in lasting.items()
        for link in links
    }
    addresses = {clave: link for link, clave in sorted(claves.items())}
    return {key: [claves[link] for link in links] for key, links in found.items()}, addresses


def _address(adjunto: Any) -> str | None:
    if isinstance(adjunto, Mapping):
        kinds = [kind for name in _KIND if isinstance(kind := adjunto.get(name), str)]
        if any("/" in kind and not kind.lower().startswith("image/") for kind in kinds):
            return None
        adjunto = next((adjunto[name] for name in _ADDRESS if adjunto.get(name)), None)
    return adjunto.encode("utf-8", "replace").decode() if isinstance(adjunto, str) else None


def _lasting(link: str) -> str:
    try:
        parts = urlsplit(link)
    except ValueError:
        return link
    query = [pair for pair in parse_qsl(parts.query) if not _PASSING.fullmatch(pair[0])]
    return parts._replace(query=urlencode(sorted(query)), fragment="").geturl()


def marcas_of(snapshot: Snapshot) -> dict[str, list[str]]:
    """What a snapshot says of the photos of its marks; nothing where it has no such file."""
    with suppress(OSError, DataError, KeyError):
        marcas: dict[str, list[str]] = from_json((snapshot.path / NAME).read_bytes(), source=NAME)[
            "marcas"
        ]
        return marcas
    return {}


class Fotos:
    """The photos of a store."""

    def __init__(self, root: Path, *, metadatos: bool = False) -> None:
        """Reads what each address came to.

        Raises:
            PublishError: the index is there and cannot be read.
        """
        self.folder, self.metadatos = root / FOLDER, metadatos
        self._lines = list(read_lines(self.folder / _INDEX))
        self._of: dict[str, str] = {}
        self.fallas: dict[str, list[str]] = {}  # of each clave why it was no photo, by night
        for line in self._lines:
            self._take(line)

    def _take(self, line: Mapping[str, Any]) -> None:
        clave = str(line.get("clave"))
        if "sha256" in line:
            self._of[clave] = str(line["sha256"])
        else:
            self.fallas.setdefault(clave, []).append(str(line.get("falla")))

    def get(self, clave: str) -> Foto | None:
        """The photo of a clave, if it is here and whole."""
        if (sha256 := self._of.get(clave)) is None:
            return None
        foto = Foto(sha256, self.folder, self.metadatos)
        with suppress(DataError):
            return foto if foto.made() else None
        return None

    def keep(self, clave: str, data: bytes) -> None:
        """Keep the photo that an address gave.

        Raises:
            DataError: it is none.
            PublishError: the disk refused.
        """
        foto = Foto(hashlib.sha256(data).hexdigest(), self.folder, self.metadatos)
        foto.made(data)
        self.note(clave, sha256=foto.sha256)

    def note(self, clave: str, **what: str) -> None:
        line = {"clave": clave, **what}
        make_folder(self.folder)
        append_line(self.folder / _INDEX, line)
        self._lines.append(line)
        self._take(line)

    def only(self, claves: Collection[str]) -> None:
        """Remove what none of these names."""
        kept = [line for line in self._lines if line.get("clave") in claves]
        shas = {str(line.get("sha256")) for line in kept}
        if len(kept) < len(self._lines):
            lines = "".join(f"{json.dumps(line, sort_keys=True)}\n" for line in kept)
            write_beside(self.folder / _INDEX, lines.encode())
        for folder in folders(self.folder):
            for path in entries(folder):
                if path.name.split(".")[0] not in shas:
                    remove_file(path)
