"""The report of a season, made of the last accepted night and published: Markdown, HTML and PDF.

A model may write its texts: the flow that ``LINDERO_INFORME_PROMPT`` names. Where none does, or it
fails, or says what the facts do not, the plain text of the sections stands. The same night gives
the same bytes.

Texts are kept in ``informe_25-26.json`` of the store under the hash of flow and facts: equal facts
are asked once, cost once, and give the same bytes. What is kept is what the model wrote; whether it
may be printed is for ``check``, each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from Modules.diff.differences import diferencias
from Modules.disk.destinations import check_destination
from Modules.disk.json_files import from_json, to_json
from Modules.disk.publish import publish_files
from Modules.disk.safe_files import make_folder, write_beside, write_new
from Modules.formats.report_page import Estado, Seccion, html_of, markdown_of
from Modules.integrations.access import PromptAccess
from Modules.jobs.outcome import Resultado
from Modules.jobs.products import Encargo
from Modules.products.informe.facts import facts_of, names_of
from Modules.products.informe.product import paper_of
from Modules.products.source import Fuente
from Modules.prompts.asker import Asker
from Modules.prompts.informe.check import Facts
from Modules.prompts.informe.sections import sections_of, with_texts
from Modules.settings import Settings
from Modules.store.snapshot import read_tables
from Modules.words.domain import Campania
from Modules.words.errors import DataError, PipelineError, PromptInvalid
from Modules.words.folders import INFORME_CAMPANIA
from Modules.words.spanish import day, inesperada

logger = logging.getLogger(__name__)
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


def ask(encargo: Encargo, writer: Writer) -> str:
    """Have the texts of a report written, unless they are; what is said of a model that failed.

    It may take minutes, so no run of the same mode waits for it: no lock is held.

    Raises:
        SnapshotDamaged: as ``make``.
        PublishError: the texts could not be kept.
    """
    facts, root, season = _facts(encargo), encargo.store.root, encargo.fuente.campania
    if kept(root, season, key := writer.key(facts)) is not None:
        return ""
    try:
        texts = writer.write(facts, encargo.fuente)
    except PipelineError as err:
        return f"Sin texto del modelo, que falló: {err}"
    except Exception as err:
        logger.exception("a fault of ours")
        return f"Sin texto del modelo, por una {inesperada(type(err).__name__)}"
    keep(root, season, key, texts)
    return ""


def _facts(encargo: Encargo) -> dict[str, Any]:
    """With what changed since the first accepted night that is kept, of this season and portal."""
    fuente = encargo.fuente
    mine = encargo.store.find(str(fuente.snapshot_id), fuente.campania)
    first = encargo.store.accepted(fuente.campania, mine.portal)[0]
    if first.id == mine.id:
        return facts_of(fuente, None)
    since = day(first.id.utc.astimezone(fuente.zone).date())
    return facts_of(fuente, (since, diferencias(read_tables(first), read_tables(mine))))


def sections_for(encargo: Encargo, writer: Writer | None = None) -> tuple[Seccion, ...]:
    """The sections of a report, with what ``ask`` had written for these facts, if it holds.

    Raises:
        SnapshotDamaged: the night, or the first of its season, is not what its manifest says.
    """
    facts, fuente = _facts(encargo), encargo.fuente
    sections = sections_of(facts)
    texts = writer and kept(encargo.store.root, fuente.campania, writer.key(facts))
    return with_texts(sections, texts or {}, Facts(facts, names_of(fuente)))


def make(encargo: Encargo, writer: Writer | None = None, failed: str = "") -> tuple[Resultado, ...]:
    """Write and publish the report of a season; ``failed``: what is said of the model in it.

    Raises:
        SnapshotDamaged: as ``sections_for``.
        PublishError: the disk refused, or the folder is not what it should be.
    """
    folder = encargo.outputs / INFORME_CAMPANIA
    check_destination(folder, must_be_link=encargo.link(INFORME_CAMPANIA))
    sections = sections_for(encargo, writer)
    avisos = (failed,) if failed else ()
    season = encargo.fuente.campania
    titulo, stem = f"Informe de campaña {season}", f"{INFORME_CAMPANIA}_{season.slug}"
    texts: Final = {"md": markdown_of, "html": html_of}
    with encargo.store.scratch() as work:
        built: dict[str, Path] = {}
        for end, render in texts.items():
            built[f"{stem}.{end}"] = path = work / f"{stem}.{end}"
            write_new(path, render(titulo, sections, avisos).encode())
        built[f"{stem}.pdf"] = path = work / f"{stem}.pdf"
        said = Estado("", bien=not avisos, lineas=avisos)
        write_new(path, paper_of(encargo.fuente, titulo, sections, said))
        own_id = str(encargo.fuente.snapshot_id)
        done = publish_files(
            built, folder, snapshot_id=own_id, now=encargo.now, scope=encargo.is_ours
        )
    refused = tuple(f"{one.titulo}: {one.aviso}" for one in sections if one.aviso)
    return (Resultado(INFORME_CAMPANIA, folder, done, avisos=(*avisos, *refused)),)
