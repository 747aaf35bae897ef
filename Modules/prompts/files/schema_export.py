"""The formats of the files as JSON Schema, for editors that complete and underline."""

from __future__ import annotations

from typing import Any

from Modules.prompts.files.models import KINDS
from Modules.words.errors import SettingsError


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``task``, ``flow``, ``eval`` or ``models``.

    Raises:
        SettingsError: another kind.
    """
    if kind not in KINDS:
        raise SettingsError(f"no hay un formato {kind}; hay: {', '.join(KINDS)}")
    found = KINDS[kind].model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
