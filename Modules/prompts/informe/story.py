"""The report of a season, made of the last accepted night and published: Markdown and HTML.

Who writes the texts is passed in; where nobody does, or who does fails, the report is the plain
text of its sections, and the same night gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from Modules.diff.change import Diferencias
from Modules.diff.differences import diferencias
from Modules.disk.destinations import check_destination
from Modules.disk.publish import publish_files
from Modules.disk.safe_files import write_new
from Modules.jobs.outcome import Resultado
from Modules.jobs.products import Encargo
from Modules.prompts.informe.check import Facts
from Modules.prompts.informe.facts import facts_of, names_of
from Modules.prompts.informe.sections import Seccion, html_of, markdown_of, sections_of, with_texts
from Modules.store.snapshot import read_tables, read_verdict
from Modules.words.errors import PipelineError
from Modules.words.folders import INFORME_CAMPANIA
from Modules.words.spanish import day

Writer = Callable[[Mapping[str, Any]], Mapping[str, Sequence[str]]]  # facts -> sentences by section


def report_of(encargo: Encargo, write: Writer | None = None) -> tuple[tuple[Seccion, ...], str]:
    """The sections of a report, and what is said of a writer that failed.

    Raises:
        SnapshotDamaged: the night, or the first of its season, is not what its manifest says.
    """
    store, fuente = encargo.store, encargo.fuente
    verdict = read_verdict(store.find(str(fuente.snapshot_id), fuente.campania))
    facts = facts_of(fuente, verdict, _season(encargo))
    sections = sections_of(facts)
    if write is None:
        return sections, ""
    try:
        texts = write(facts)
    except PipelineError as err:
        return sections, f"Sin texto del modelo, que falló: {err}"
    return with_texts(sections, texts, Facts(facts, names_of(fuente))), ""


def _season(encargo: Encargo) -> tuple[str, Diferencias] | None:
    """What changed since the first accepted night of the season that is kept, of this portal."""
    fuente = encargo.fuente
    mine = encargo.store.find(str(fuente.snapshot_id), fuente.campania)
    first = encargo.store.accepted(fuente.campania, mine.portal)[0]
    if first.id == mine.id:
        return None
    since = day(first.id.utc.astimezone(fuente.zone).date())
    return since, diferencias(read_tables(first), read_tables(mine))


def make(encargo: Encargo, write: Writer | None = None) -> tuple[Resultado, ...]:
    """Write and publish the report of a season.

    Raises:
        SnapshotDamaged: as ``report_of``.
        PublishError: the disk refused, or the folder is not what it should be.
    """
    folder = encargo.outputs / INFORME_CAMPANIA
    check_destination(folder, must_be_link=encargo.link(INFORME_CAMPANIA))
    sections, failed = report_of(encargo, write)
    avisos = (failed,) if failed else ()
    season = encargo.fuente.campania
    titulo, stem = f"Informe de campaña {season}", f"{INFORME_CAMPANIA}_{season.slug}"
    texts: Final = {"md": markdown_of, "html": html_of}
    with encargo.store.scratch() as work:
        built: dict[str, Path] = {}
        for end, render in texts.items():
            built[f"{stem}.{end}"] = path = work / f"{stem}.{end}"
            write_new(path, render(titulo, sections, avisos).encode())
        own_id = str(encargo.fuente.snapshot_id)
        done = publish_files(
            built, folder, snapshot_id=own_id, now=encargo.now, scope=encargo.is_ours
        )
    refused = tuple(f"{one.titulo}: {one.aviso}" for one in sections if one.aviso)
    return (Resultado(INFORME_CAMPANIA, folder, done, avisos=(*avisos, *refused)),)
