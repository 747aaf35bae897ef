"""Who writes the texts of a report: the flow that ``LINDERO_INFORME_PROMPT`` names.

Texts are kept in ``informe_25-26.json`` of the store under the hash of flow and facts: equal facts
are asked once, cost once, and give the same bytes. What is kept is what the model wrote; whether it
may be printed is for ``check``, each time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from Modules.disk.json_files import from_json, to_json
from Modules.disk.safe_files import make_folder, write_beside
from Modules.prompts.ready import sound_bundle
from Modules.settings import Settings
from Modules.words.domain import Campania
from Modules.words.errors import DataError, PromptInvalid

Texts = Mapping[str, Sequence[str]]  # sentences by section
ENV: Final = "prod"


class Writer:
    """A flow of ``facts_of`` to sentences by section: ``{"resumen": ["…"], "cambios": ["…"]}``."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Raise SettingsError or PromptInvalid for a flow that cannot be run."""
        self._settings = settings
        self._bundle = sound_bundle(settings.lindero_prompts_dir, name)
        self._sha256 = self._bundle.sha256

    def key(self, facts: Mapping[str, Any]) -> str:
        """What equal texts have in common."""
        return hashlib.sha256(to_json({"flujo": self._sha256, "hechos": facts})).hexdigest()

    def write(self, facts: Mapping[str, Any]) -> Texts:
        """Ask the model; what it costs is kept as an execution.

        Raises:
            PromptFailed: a step came to nothing, by cause.
            PromptInvalid: the flow gives no sentences by section.
            SettingsError: the key of a provider is missing.
            StoreUnavailable: what it costs could not be kept.
        """
        from Modules.prompts.calls.engine import MemoryJournal, run_bundle
        from Modules.prompts.calls.model_caller import ModelCaller
        from Modules.prompts.store import open_store

        given = {"hechos": facts}

        async def go(journal: MemoryJournal) -> Any:
            async with ModelCaller() as caller:
                return await run_bundle(
                    self._bundle, given, env=ENV, caller=caller, journal=journal
                )

        store = open_store(self._settings)
        with store.here(self._bundle, ENV, given, client="(informe)") as here:
            here.output = asyncio.run(go(MemoryJournal(here.journal))).output
        return _texts(here.output)


def kept(root: Path, campania: Campania, key: str) -> Texts | None:
    """The texts that were written for a key; None where there are none, or they cannot be read."""
    path = _path(root, campania)
    try:
        found = from_json(path.read_bytes(), source=str(path))
        return _texts(found["textos"]) if found["de"] == key else None
    except (OSError, DataError, PromptInvalid, KeyError):
        return None


def keep(root: Path, campania: Campania, key: str, texts: Texts) -> None:
    """Keep the texts of the newest facts, in place of those before.

    Raises:
        PublishError: the disk refused.
    """
    make_folder(root)
    write_beside(_path(root, campania), to_json({"de": key, "textos": texts}))


def _path(root: Path, campania: Campania) -> Path:
    return root / f"informe_{campania.slug}.json"


def _texts(output: Any) -> Texts:
    sections = output.values() if isinstance(output, Mapping) else [None]
    if not all(isinstance(one, list) and all(isinstance(s, str) for s in one) for one in sections):
        raise PromptInvalid("el flujo del informe no da listas de frases por sección: ver output")
    return dict(output)
