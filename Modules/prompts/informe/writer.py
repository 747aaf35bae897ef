"""Who writes the texts of a report: the flow that ``LINDERO_INFORME_PROMPT`` names.

Texts are kept in ``informe_25-26.json`` of the store under the hash of flow and facts: equal facts
are asked once, cost once, and give the same bytes. What is kept is what the model wrote; whether it
may be printed is for ``check``, each time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from Modules.disk.json_files import from_json, to_json
from Modules.disk.safe_files import make_folder, write_beside
from Modules.integrations.access import PromptAccess
from Modules.products.source import Fuente
from Modules.prompts.asker import Asker
from Modules.settings import Settings
from Modules.words.domain import Campania
from Modules.words.errors import DataError, PromptInvalid

Texts = Mapping[str, Sequence[str]]  # sentences by section


class Writer:
    """A flow of ``facts_of`` to sentences by section: ``{"resumen": ["…"], "cambios": ["…"]}``."""

    def __init__(self, settings: Settings, name: str, access: PromptAccess | None = None) -> None:
        """Raise what ``Asker`` raises for a flow that cannot be run."""
        self._asker, self._access = Asker(settings, name), access

    def key(self, facts: Mapping[str, Any]) -> str:
        """What equal texts have in common."""
        of = {"flujo": self._asker.bundle.sha256, "hechos": facts}
        return hashlib.sha256(to_json(of)).hexdigest()

    def write(self, facts: Mapping[str, Any], fuente: Fuente) -> Texts:
        """Ask the model, which may use tools; raises as ``Asker.ask``, and PromptInvalid."""
        from Modules.prompts.calls.model_caller import ModelCaller, key_of
        from Modules.prompts.calls.tools import tools_of

        async def go() -> Any:
            async with ModelCaller(partial(key_of, access=self._access)) as caller:
                given, tools = {"hechos": facts}, tools_of(fuente)
                return await self._asker.ask(given, self.key(facts), caller, tools)

        return _texts(asyncio.run(go()))


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
