"""The report of a season, made of the last accepted night and published: Markdown, HTML and PDF.

A model may write its texts (``writer``); where none does, or it fails, or says what the facts do
not, the plain text of the sections stands. The same night gives the same bytes.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from Modules.diff.differences import diferencias
from Modules.disk.destinations import check_destination
from Modules.disk.publish import publish_files
from Modules.disk.safe_files import write_new
from Modules.formats.report_page import Estado, Seccion, html_of, markdown_of
from Modules.jobs.outcome import Resultado
from Modules.jobs.products import Encargo
from Modules.products.informe.facts import facts_of, names_of
from Modules.products.informe.product import paper_of
from Modules.prompts.informe.check import Facts
from Modules.prompts.informe.sections import sections_of, with_texts
from Modules.prompts.informe.writer import Writer, keep, kept
from Modules.store.snapshot import read_tables
from Modules.words.errors import PipelineError
from Modules.words.folders import INFORME_CAMPANIA
from Modules.words.spanish import day, inesperada

logger = logging.getLogger(__name__)


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
