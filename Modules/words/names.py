"""Names of files, folders and layers out of what people called things, and their rules. Pure.

A name made here can be written on Windows, synchronised by OneDrive, and read by a person. The
same text gives the same name every night. Two things never share a name: where two would fall
together for a file system that knows neither case nor accents, all of them carry their id, so which
came first does not matter.

Before anything is published its path is checked against the rules of Windows and of OneDrive
together, so that a file that can be written here can be synchronised there. A name that breaks a
rule there is a mistake of ours and stops the publication.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ntpath import splitdrive
from pathlib import PurePosixPath
from typing import Final

from Modules.words.errors import PublishError
from Modules.words.text import clean_text

SIN_NOMBRE: Final = "sin nombre"
MAX_LENGTH: Final = 80  # characters; the folder above may already need 120 of Windows' 260
MAX_BYTES: Final = 200  # in UTF-8: of the 255 that Linux gives a name, the rest is for ".kmz" …
MAX_SLUG: Final = 60  # characters of a layer name
MIN_UNIQUE: Final = 24  # characters that hold a piece of a name and a hash

MAX_PART_BYTES: Final = 255  # of one name, in UTF-8, on Linux
MAX_PATH_CHARACTERS: Final = 400  # of a whole path in OneDrive; ours is only a part of it
_REFUSED: Final = re.compile(r'[\x00-\x1f\x7f"*:<>?\\|]')
_RESERVED: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])( *\..*| *)", re.IGNORECASE
)
_NOT_SYNCED: Final = frozenset({".lock", "desktop.ini", ".lindero.json"})

_FORBIDDEN: Final = re.compile(r'[/\\|:*?"<>;!]')  # GDAL's readers cut a path at ; and !
_VTI: Final = re.compile("_(?=vti_)", re.IGNORECASE)  # OneDrive takes no name with "_vti_"
_SAFE: Final = re.compile(r"[A-Za-z0-9]+(?:[ -][A-Za-z0-9]+)*")  # but for _RESERVED
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Co", "Cs"})
_BLANK: Final = frozenset("\u2800\u115f\u1160\u3164\uffa0")  # letters and signs by class, unseen
_TAKEN_BY_SQLITE: Final = ("gpkg_", "sqlite_", "rtree_", "idx_", "trigger_", "layer_styles")


def safe_name(text: str, max_length: int = MAX_LENGTH) -> str:
    """A name for a file (before its extension) or a folder; never empty, NFC.

    What Windows forbids becomes "-", so "Lote 3/4" is "Lote 3-4" and not "Lote 34". Invisible
    characters go, blanks are plain and single, a reserved name ("CON", "desktop.ini") gets a "_"
    in front. Longer than ``max_length`` characters (8 or more) or ``MAX_BYTES`` is cut.
    """
    if max_length < 8:
        raise ValueError(f"{max_length} characters are too few for a name; 8 at least")
    return _safe(text, max_length, MAX_BYTES)


def name_key(text: str) -> str:
    """What a file system that knows neither case nor accents takes a name for."""
    if text.isascii() and text.isprintable():
        return text.lower()
    flat = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).upper().casefold())
    return "".join(c for c in flat if not unicodedata.combining(c) and _visible(c))


def look(text: str) -> str:
    """What a person cannot tell apart: case, accents, blanks and what is invisible left aside."""
    return " ".join(name_key(clean_text(text)).split())


def ascii_text(text: str) -> str:
    """Without accents ("Ñandú" is "Nandu"), and of other alphabets nothing at all."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def unique_names(
    texts: Mapping[str, str], max_length: int = MAX_LENGTH, *, taken: Iterable[str] = ()
) -> dict[str, str]:
    """A safe name for each id, no two equal under ``name_key``, in the order of ``texts``.

    A name that is free is the text alone. Of names that collide all get their id: "7 (l-81)"; a
    hash of it where ids are long, odd, or collide themselves. The result does not depend on order.

    ``max_length`` is of each name, id included; ``taken`` are names that are something else.
    """
    if max_length < MIN_UNIQUE:
        raise ValueError(f"{max_length} characters do not hold a name and its id")
    names = {key: safe_name(text, max_length) for key, text in texts.items()}

    def with_id(key: str, attempt: int) -> str:
        mark = _mark(key, attempt, max_length - 11)
        room = max_length - len(mark) - 3
        return f"{_safe(texts[key], room, MAX_BYTES - len(mark) - 3)} ({mark})"

    return _told_apart(names, taken, with_id)


def slug(text: str) -> str:
    """A name for a layer: small letters, digits and "_", no accents; "" if nothing is left.

    Letters of other alphabets stay. Such a name needs no quotes in most of SQL.
    """
    flat = name_key(clean_text(text))
    return re.sub(r"[\W_]+", "_", flat).strip("_")[:MAX_SLUG].strip("_")


def layer_names(
    texts: Mapping[str, str], *, taken: Iterable[str] = (), otherwise: str = "capa"
) -> dict[str, str]:
    """A layer name for each id: its slug, with the id where two fall together.

    ``taken``: layers that are there already; ``otherwise``: of a text without letter or digit.
    """
    names = {key: _layer_name(text, otherwise) for key, text in texts.items()}

    def with_id(key: str, attempt: int) -> str:
        mark = slug(_mark(key, attempt, 20))
        return f"{_layer_name(texts[key], otherwise)[: MAX_SLUG - len(mark) - 1]}_{mark}"

    return _told_apart(names, taken, with_id)


def names_with_ids(
    names: Mapping[str, str], *, within: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What people read for each id: its name, with the id where another looks the same.

    ``within``: what each id belongs to; only names of one place are told apart.
    """
    places = within or {}
    looks = {key: (places.get(key), look(name)) for key, name in names.items()}
    count = Counter(looks.values())
    return {
        key: f"{name} ({key})" if count[looks[key]] > 1 else name for key, name in names.items()
    }


def check_names(names: Iterable[str]) -> None:
    """Refuse paths that leave the folder, that Windows or OneDrive refuse, or that fall together.

    Raises:
        PublishError: names the path and the rule.
    """
    seen: dict[str, str] = {}
    for name in names:
        if problem := name_problem(name):
            raise PublishError(f"no se puede publicar {name!r}: {problem}")
        key = folded(name)
        if key in seen:
            raise PublishError(f"{name!r} y {seen[key]!r} son un mismo archivo en Windows")
        seen[key] = name
    for key, name in seen.items():
        for parent in PurePosixPath(key).parents:
            if above := seen.get(str(parent)):
                raise PublishError(f"{name!r} está dentro de {above!r}, que es un archivo")


def name_problem(name: str) -> str | None:
    """What is wrong with a path below a published folder, or None."""
    if not name or name.startswith("/") or splitdrive(name)[0]:
        return "no es una ruta dentro de la carpeta"
    if len(name) > MAX_PATH_CHARACTERS:
        return f"más largo que {MAX_PATH_CHARACTERS} caracteres"
    for part in name.split("/"):
        lowered = part.casefold()
        half = any(unicodedata.category(letter) == "Cs" for letter in part)
        edge = part != part.strip() or part.endswith(".")
        rules = (
            (part in ("", ".", ".."), "la ruta tiene una parte vacía, '.' o '..'"),
            (_REFUSED.search(part), f"Windows no acepta algún carácter de {part!r}"),
            (_RESERVED.fullmatch(part), f"{part!r} es un nombre reservado"),
            (edge, f"{part!r} tiene en la punta espacio o punto"),
            (part.startswith("~$") or "_vti_" in lowered, f"OneDrive no acepta {part!r}"),
            (lowered in _NOT_SYNCED or lowered.endswith(".tmp"), f"{part!r} no se sincroniza"),
            (
                half or len(part.encode("utf-8")) > MAX_PART_BYTES,
                f"{part[:40]!r} es demasiado largo",
            ),
        )
        for broken, problem in rules:
            if broken:
                return problem
    return None


@lru_cache(maxsize=65_536)  # "1", "2" … are lotes of every campo
def _safe(text: str, max_length: int, max_bytes: int) -> str:
    short = len(text) <= min(max_length, max_bytes)
    if short and _SAFE.fullmatch(text) and not _RESERVED.fullmatch(text):  # as nearly all there is
        return text
    visible = "".join(c for c in clean_text(text, 4 * MAX_LENGTH) if _visible(c))
    plain = unicodedata.normalize("NFC", " ".join(visible.split()))
    plain = _VTI.sub("-", _FORBIDDEN.sub("-", plain))
    name = _cut(plain, max_length, max_bytes) or SIN_NOMBRE
    if name.casefold().endswith(".tmp"):  # OneDrive leaves such files alone
        name = f"{name[:-4]}-{name[-3:]}"
    if name[0] in ".~" or name_problem(name) or name_problem(f"{name}.x"):
        name = f"_{name}"
    return _cut(name, max_length, max_bytes)


def _layer_name(text: str, otherwise: str) -> str:
    name = slug(text) or otherwise
    return f"c_{name}" if name.startswith(_TAKEN_BY_SQLITE) else name


def _visible(letter: str) -> bool:
    return unicodedata.category(letter) not in _INVISIBLE and letter not in _BLANK


def _cut(name: str, max_length: int, max_bytes: int) -> str:
    """At most so long in characters and bytes, no blank at the ends, no dot at the end."""
    short = name[:max_length].encode("utf-8")[:max_bytes].decode("utf-8", errors="ignore")
    return short.strip(" ").rstrip(" .")


def _told_apart(
    names: dict[str, str], taken: Iterable[str], with_id: Callable[[str, int], str]
) -> dict[str, str]:
    """The names, those that fall together renamed ``with_id(key, attempt)`` until none do."""
    reserved = {name_key(name) for name in taken}
    attempt = 0
    while True:
        keys = {key: name_key(name) for key, name in names.items()}
        count = Counter(keys.values())
        colliding = [key for key, one in keys.items() if count[one] > 1 or one in reserved]
        if not colliding:
            return names
        names |= {key: with_id(key, attempt) for key in colliding}
        attempt += 1


def _mark(key: str, attempt: int, room: int) -> str:
    """The id itself if that is plain and short and was not tried yet, else a hash of it."""
    if attempt == 0 and len(key) <= room and _PLAIN_ID.fullmatch(key) and not _VTI.search(key):
        return key
    return hashlib.sha256(f"{attempt}:{key}".encode("utf-8", "surrogatepass")).hexdigest()[:10]


def folded(name: str) -> str:
    """A path as Windows compares it: case and composition do not matter."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
