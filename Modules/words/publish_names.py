"""Which names may be published below a folder. Pure.

Rules: those of Windows and of OneDrive together, so that a file that can be written here can be
synchronised there. Naming products well is not done here; a name that breaks a rule is a mistake of
ours and stops the publication.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from Modules.words.errors import PublishError

MAX_PART_BYTES: Final = 255  # of one name, in UTF-8, on Linux
MAX_PATH_CHARACTERS: Final = 400  # of a whole path in OneDrive; ours is only a part of it
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f"*:<>?\\|]')
_RESERVED: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])( *\..*| *)", re.IGNORECASE
)
_NOT_SYNCED: Final = frozenset({".lock", "desktop.ini", ".lindero.json"})


def check_names(names: Iterable[str]) -> None:
    """Refuse paths that leave the folder, that Windows or OneDrive refuse, or that fall together.

    Raises:
        PublishError: names the path and the rule.
    """
    seen: dict[str, str] = {}
    for name in names:
        if problem := name_problem(name):
            raise PublishError(f"{name!r} cannot be published: {problem}")
        folded = _folded(name)
        if folded in seen:
            raise PublishError(f"{name!r} and {seen[folded]!r} are one file on Windows")
        seen[folded] = name
    for folded, name in seen.items():
        for parent in PurePosixPath(folded).parents:
            if str(parent) in seen:
                raise PublishError(f"{name!r} lies in {seen[str(parent)]!r}, which is a file")


def name_problem(name: str) -> str | None:
    """What is wrong with a path below a published folder, or None."""
    if not name or name.startswith("/") or PureWindowsPath(name).drive:
        return "it is not a path below the folder"
    if len(name) > MAX_PATH_CHARACTERS:
        return f"longer than {MAX_PATH_CHARACTERS} characters"
    problems = (_part_problem(part) for part in name.split("/"))
    return next((problem for problem in problems if problem), None)


def _part_problem(part: str) -> str | None:
    """What is wrong with one name in a path."""
    lowered = part.casefold()
    rules = (
        (part in ("", ".", ".."), "it is not a plain path below the folder"),
        (_FORBIDDEN.search(part) is not None, f"a character that Windows forbids in {part!r}"),
        (_RESERVED.fullmatch(part) is not None, f"{part!r} is a reserved name"),
        (part != part.strip() or part.endswith("."), f"{part!r} begins or ends in a blank or dot"),
        (part.startswith("~$") or "_vti_" in lowered, f"OneDrive does not take {part!r}"),
        (lowered in _NOT_SYNCED or lowered.endswith(".tmp"), f"{part!r} is not synchronised"),
        (_surrogate(part) or len(part.encode("utf-8")) > MAX_PART_BYTES, f"{part[:40]!r} too long"),
    )
    return next((problem for broken, problem in rules if broken), None)


def _surrogate(part: str) -> bool:
    return any(unicodedata.category(letter) == "Cs" for letter in part)


def _folded(name: str) -> str:
    """A path as Windows compares it: case and composition do not matter."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
