"""A prompt of the folder, ready to be run: its group of packages is there, its files are sound."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from Modules.words.errors import PromptInvalid, SettingsError
from Modules.words.finding import Finding

if TYPE_CHECKING:
    from Modules.prompts.files.bundle import Bundle
    from Modules.prompts.files.reading import Library

_GROUP: Final = ("alembic", "jinja2", "jsonschema", "pydantic_ai", "yaml")


def needed() -> None:
    """Raise SettingsError where the group ``prompts`` is not installed."""
    if any(find_spec(name) is None for name in _GROUP):
        raise SettingsError(
            "los prompts necesitan un grupo más de paquetes: uv sync --extra prompts "
            "(o pip install 'lindero[prompts]')"
        )


def checked(folder: Path) -> tuple[Library, list[Finding]]:
    """All files of a folder, and all that is wrong with them.

    Raises:
        SettingsError: as ``needed``.
    """
    needed()
    from Modules.prompts.files.reading import read_library
    from Modules.prompts.files.validate import validate

    library = read_library(folder)
    return library, list(validate(library).findings)


def refuse(findings: Iterable[Finding]) -> None:
    """Raise PromptInvalid for the first error among findings."""
    if wrong := [one for one in findings if one.is_error]:
        more = f" (y {len(wrong) - 1} más: lindero prompts validate)" if len(wrong) > 1 else ""
        raise PromptInvalid(f"{line_of(wrong[0])}{more}")


def line_of(one: Finding) -> str:
    """A finding in a line: file and line, key, what is wrong, what would be right."""
    item = f" {one.item}:" if one.item else ""
    return f"{one.where}:{item} {one.line}{f' → {one.todo}' if one.todo else ''}"


def sound_bundle(folder: Path, name: str) -> Bundle:
    """The flow or task of a name.

    Raises:
        SettingsError: as ``needed``.
        PromptInvalid: a file of the folder is wrong, or there is no such name.
    """
    library, findings = checked(folder)
    refuse(findings)
    from Modules.prompts.files.bundle import bundle_of

    return bundle_of(library, name)
