"""The products of an accepted snapshot: each is built, and published, on its own.

One that fails is named and does not stop the others. What is built comes from the snapshot alone,
in a scratch folder; ``publish_files`` then writes only what changed.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from Modules.changes import Changes
from Modules.control_ambientes import notas_ambientes
from Modules.destinations import check_destination, expected_links
from Modules.domain import Campania, Modo
from Modules.errors import DataError, PipelineError, ProductError, PublishError, SnapshotDamaged
from Modules.fuente import Fuente
from Modules.producto_cultivos import build_cultivos
from Modules.producto_muestreos import build_muestreos
from Modules.producto_sustentabilidad import build_sustentabilidad
from Modules.publish import Published, publish_files
from Modules.reporte import Outcome, ProductoLine, productos_markdown
from Modules.settings import Settings
from Modules.snapshot_files import Snapshot
from Modules.snapshots import SnapshotStore

logger = logging.getLogger(__name__)

_NAMED_CAMPANIA = re.compile(r"_(\d\d-\d\d)(?=[_.])")  # cultivos_25-26.gpkg, eudr_25-26_X.geojson

Build = Callable[[Fuente, Path, Settings], Mapping[str, Path]]


@dataclass(frozen=True, slots=True)
class Producto:
    """One folder below the outputs and what fills it."""

    carpeta: str
    build: Build


@dataclass(frozen=True, slots=True)
class Encargo:
    """What the products of one snapshot have in common."""

    settings: Settings
    modo: Modo
    store: SnapshotStore
    fuente: Fuente
    now: datetime

    @property
    def outputs(self) -> Path:
        """Where the product folders are."""
        return self.settings.outputs_dir(self.modo)

    def is_ours(self, name: str) -> bool:
        """Whether a file of a product folder is of this campaña; the first one named counts."""
        named = _NAMED_CAMPANIA.search(name)
        return named is None or named[1] == self.fuente.campania.slug

    def link(self, producto: Producto) -> Path | None:
        """Where the product's folder must lead, if a link is configured for it."""
        links = expected_links(self.settings.lindero_symlink_config, self.outputs)
        return links.get(producto.carpeta)


@dataclass(frozen=True, slots=True)
class Resultado:
    """What became of one product."""

    carpeta: str
    folder: Path
    published: Published | None = None
    error: Exception | None = None


PRODUCTOS = (
    Producto("cultivos", lambda fuente, work, _settings: build_cultivos(fuente, work)),
    Producto(
        "muestreos",
        lambda fuente, work, settings: build_muestreos(
            fuente,
            work,
            puntos_por_ambiente=settings.lindero_muestreo_puntos,
            margen_m=settings.lindero_muestreo_margen_m,
        ),
    ),
    Producto(
        "sustentabilidad",
        lambda fuente, work, settings: build_sustentabilidad(
            fuente, work, puntos=settings.lindero_eudr_puntos
        ),
    ),
)


def last_accepted(settings: Settings, campania: str, modo: Modo) -> tuple[SnapshotStore, Snapshot]:
    """The newest accepted snapshot of a campaña, of whatever portal.

    Raises:
        DataError: there is none yet.
    """
    store = SnapshotStore(settings.store_dir(modo))
    season = Campania.parse(campania)
    snapshot = store.latest_accepted(season)
    if snapshot is None:
        raise DataError(
            f"there is no accepted backup of {season} ({modo}) yet; run lindero run backup first"
        )
    return store, snapshot


def read_fuente(store: SnapshotStore, snapshot: Snapshot, settings: Settings) -> Fuente:
    """A snapshot as products are given it: that of the first of a row of equal nights.

    Raises:
        SnapshotDamaged: it is not what its manifest says.
    """
    first = store.find(str(snapshot.first_equal))
    try:
        verdict = json.loads((first.path / "verdict.json").read_text(encoding="utf-8"))
        changes = Changes.from_dict(verdict["changes"])
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise SnapshotDamaged(f"{first.id}: verdict.json cannot be read") from err
    return Fuente(
        tables=store.read_tables(first),
        campania=first.campania,
        snapshot_id=first.id,
        changes=changes,
        zone=settings.zone,
    )


def order(
    settings: Settings, modo: Modo, store: SnapshotStore, snapshot: Snapshot, now: datetime
) -> Encargo:
    """Everything that the products of one snapshot have in common.

    Raises:
        SnapshotDamaged: the snapshot is not what its manifest says.
    """
    return Encargo(settings, modo, store, read_fuente(store, snapshot, settings), now)


def make(producto: Producto, encargo: Encargo) -> Resultado:
    """Build and publish one product; a failure is a result, not an exception."""
    folder = encargo.outputs / producto.carpeta
    try:
        check_destination(folder, must_be_link=encargo.link(producto))
        with encargo.store.scratch() as work:
            published = publish_files(
                producto.build(encargo.fuente, work, encargo.settings),
                folder,
                snapshot_id=str(encargo.fuente.snapshot_id),
                now=encargo.now,
                scope=encargo.is_ours,
            )
    except Exception as err:
        logger.error("%s: %s: %s", producto.carpeta, type(err).__name__, err, exc_info=err)  # noqa: TRY400
        return Resultado(producto.carpeta, folder, error=err)
    counts = (len(published.written), len(published.unchanged), len(published.removed))
    logger.info("%s: %d written, %d unchanged, %d removed", producto.carpeta, *counts)
    return Resultado(producto.carpeta, folder, published)


def failure(resultados: tuple[Resultado, ...]) -> PipelineError | None:
    """The error of a run in which a product failed: it names each; None if all were made."""
    failed = [one for one in resultados if one.error is not None]
    if not failed:
        return None
    names = "; ".join(f"{one.carpeta}: {_said(one.error)}" for one in failed)
    if all(isinstance(one.error, PublishError) for one in failed):
        return PublishError(names)
    return ProductError(f"{names}; the other products were made")


def _said(error: Exception | None) -> str:
    if isinstance(error, PipelineError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}"


def with_productos(
    outcome: Outcome, encargo: Encargo, resultados: tuple[Resultado, ...]
) -> Outcome:
    """The outcome of a run with its products added: figures, summary, and the error if any."""
    notes = notas_ambientes(encargo.fuente.tables)
    summary = productos_markdown(lines(resultados), notes)
    return replace(
        outcome,
        data={**outcome.data, "productos": as_data(resultados)},
        markdown="\n\n".join(part for part in (outcome.markdown, summary) if part),
        error=outcome.error or failure(resultados),
    )


def as_data(resultados: tuple[Resultado, ...]) -> dict[str, Any]:
    """The results for machines: by folder, what was done or what went wrong."""
    return {
        one.carpeta: {"error": _said(one.error)}
        if one.published is None
        else {
            "folder": str(one.folder),
            "written": len(one.published.written),
            "unchanged": len(one.published.unchanged),
            "removed": len(one.published.removed),
        }
        for one in resultados
    }


def lines(resultados: tuple[Resultado, ...]) -> tuple[ProductoLine, ...]:
    """The results for people."""
    return tuple(
        ProductoLine(one.carpeta, str(one.folder), error=_said(one.error))
        if one.published is None
        else ProductoLine(
            one.carpeta,
            str(one.folder),
            escritos=len(one.published.written),
            iguales=len(one.published.unchanged),
            quitados=len(one.published.removed),
            ajenos=one.published.left,
        )
        for one in resultados
    )
