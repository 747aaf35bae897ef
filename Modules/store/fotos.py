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
_LINES: Final = ({"clave", "sha256"}, {"clave", "falla"})
_ADDRESS: Final = ("url", "href", "link", "enlace", "direccion", "archivo")
_KIND: Final = ("tipo", "mime", "mime_type", "content_type", "tipo_mime")
_PASSING: Final = re.compile(  # parameters of an address that sign it for a while
    r"x-(amz|goog)-.*|.*token.*|.*signature.*|sig|expir.*|policy|key-pair-id|se|sp|sv|sr|st|spr|sk.*",
    re.IGNORECASE,
)

Adjuntos = tuple[dict[str, list[str]], dict[str, str]]  # claves by mark, address by clave


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
        return self._path(".datos.jpg" if self.metadatos else ".jpg")

    @property
    def mini(self) -> bytes:
        return self._path(".mini.jpg").read_bytes()

    def _path(self, ending: str = "") -> Path:
        return self.carpeta / self.sha256[:2] / f"{self.sha256}{ending}"

    def made(self, data: bytes | None = None) -> bool:
        """Make what is published of it, out of ``data`` or of what was kept; whether it is there.

        Raises:
            DataError: it is no photo.
            PublishError: the disk refused.
        """
        came, mini = self._path(), self._path(".mini.jpg")
        if self.grande.is_file() and mini.is_file():
            return True
        if data is None and came.is_file():
            data = came.read_bytes()
        if data is None or hashlib.sha256(data).hexdigest() != self.sha256:
            return False
        faces = {self.grande: publicable(data, GRANDE, metadatos=self.metadatos)}
        make_folder(came.parent)
        for path, face in {came: data, **faces, mini: publicable(data, MINI)}.items():
            write_beside(path, face)
        return True


def adjuntos_of(records: Iterable[Record]) -> Adjuntos:
    """The photos of each mark, by its id, as claves; and the address of each clave.

    What says that it is something else than a picture is left out.
    """
    found: dict[str, list[str]] = {}
    for values in (one.values for one in records if isinstance(one.values, Mapping)):
        given, key = values.get("adjuntos"), clean.identifier(values.get("id"))
        own = filter(None, map(_link, given if isinstance(given, list) else ()))
        if key is not None and (links := list(dict.fromkeys(own))):
            found[key] = links
    lasting: dict[str, set[str]] = {}
    for link in (link for own in found.values() for link in own):
        lasting.setdefault(_lasting(link), set()).add(link)
    clave_of = {  # where two differ in what passes only, they may still be two photos
        link: hashlib.sha256((link if len(links) > 1 else kept).encode()).hexdigest()
        for kept, links in lasting.items()
        for link in links
    }
    claves = {key: [clave_of[link] for link in own] for key, own in found.items()}
    return claves, {clave: link for link, clave in clave_of.items()}


def _link(adjunto: Any) -> str | None:
    if isinstance(adjunto, Mapping):
        kinds = (kind for name in _KIND if "/" in (kind := str(adjunto.get(name))))
        if any(not kind.lower().startswith("image/") for kind in kinds):
            return None
        return _link(next((adjunto[name] for name in _ADDRESS if adjunto.get(name)), None))
    return adjunto.encode("utf-8", "replace").decode() if isinstance(adjunto, str) else None


def _lasting(link: str) -> str:
    try:
        parts = urlsplit(link)
    except ValueError:
        return link
    query = [pair for pair in parse_qsl(parts.query) if not _PASSING.fullmatch(pair[0])]
    return parts._replace(query=urlencode(sorted(query)), fragment="").geturl()


def marcas_of(snapshot: Snapshot) -> Mapping[str, list[str]]:
    """The claves of each mark of a snapshot; none where it has no such file, or a damaged one."""
    try:
        marcas = from_json((snapshot.path / NAME).read_bytes(), source=NAME)["marcas"]
        return {key: [*map(str, claves)] for key, claves in marcas.items()}
    except (OSError, DataError, LookupError, TypeError, AttributeError):
        return {}


class Fotos:
    """The photos of a store.

    ``fallas``: of each clave, night by night, why it was no photo.
    """

    def __init__(self, root: Path, *, metadatos: bool = False) -> None:
        """PublishError: the index is there and cannot be read."""
        self.folder, self._metadatos = root / FOLDER, metadatos
        self._index = self.folder / "indice.jsonl"
        self._of: dict[str, Foto] = {}
        self.fallas: dict[str, list[str]] = {}
        self._lines = [line for line in read_lines(self._index) if line.keys() in _LINES]
        for line in self._lines:
            self._take(**line)

    def _take(self, clave: str = "", sha256: str = "", falla: str = "") -> None:
        if sha256:
            self._of[clave] = Foto(sha256, self.folder, self._metadatos)
        else:
            self.fallas.setdefault(clave, []).append(falla)

    def get(self, clave: str) -> Foto | None:
        """The photo of a clave, if it is here and whole; PublishError where the disk refuses."""
        foto = self._of.get(clave)
        with suppress(DataError, OSError):
            return foto if foto and foto.made() else None
        return None

    def keep(self, clave: str, data: bytes) -> None:
        """Keep what an address gave; DataError if that is no photo, PublishError as ``get``."""
        foto = Foto(hashlib.sha256(data).hexdigest(), self.folder, self._metadatos)
        foto.made(data)
        self.note(clave, sha256=foto.sha256)

    def note(self, clave: str, **what: str) -> None:
        """Write down what an address came to: ``sha256``, or the ``falla``."""
        self._lines.append({"clave": clave, **what})
        make_folder(self.folder)
        append_line(self._index, self._lines[-1])
        self._take(clave, **what)

    def only(self, claves: Collection[str]) -> None:
        """Remove what none of these names."""
        kept = [line for line in self._lines if line.get("clave") in claves]
        if len(kept) < len(self._lines):
            lines = "".join(f"{json.dumps(line, sort_keys=True)}\n" for line in kept)
            write_beside(self._index, lines.encode())
        hashes = {line.get("sha256") for line in kept}
        for path in (path for folder in folders(self.folder) for path in entries(folder)):
            if path.name.split(".")[0] not in hashes:
                remove_file(path)
