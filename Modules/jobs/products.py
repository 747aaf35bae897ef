"""The products of an accepted snapshot: each is built, and published, on its own.

One that fails is named and does not stop the others. What is built comes from the snapshot alone,
in a scratch folder; ``publish_files`` then writes only what changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from Modules.diff.changes import Changes
from Modules.disk.destinations import apart, check_destination, expected_links
from Modules.disk.json_files import from_json
from Modules.disk.publish import Published, intact, publish_files
from Modules.disk.publish_record import read_record
from Modules.disk.safe_files import entries, make_folder, write_beside, writing
from Modules.jobs import temporada
from Modules.jobs.code_version import BELOW_PRODUCTS, code_sha256
from Modules.jobs.outcome import Outcome, Resultado
from Modules.jobs.report import productos_markdown
from Modules.products.entry import CADA_NOCHE, Hechas, Hecho, Producto
from Modules.products.muestreos.control import notas_ambientes
from Modules.products.registry import made_by
from Modules.products.runner import Runner
from Modules.products.source import Fuente, Propio, propio_of
from Modules.settings import Settings
from Modules.store.clasificadas import Clasificada, read_clasificadas, read_of
from Modules.store.fotos import Foto, Fotos, marcas_of
from Modules.store.numeros import Numeros, path_of, read_numeros, write_numeros
from Modules.store.snapshot import Snapshot, read_table, read_tables, read_verdict
from Modules.store.snapshots import SnapshotStore
from Modules.store.tareas import Tarea, read_tareas
from Modules.words.columns import LOTES
from Modules.words.domain import Campania, Modo
from Modules.words.errors import (
    DataError,
    PipelineError,
    ProductError,
    PublishError,
    SnapshotDamaged,
)

if TYPE_CHECKING:
    import geopandas as gpd

    from Modules.night.tables import Tables

logger = logging.getLogger(__name__)

_NAMED_CAMPANIA = re.compile(r"_(\d\d-\d\d)(?=[_. ])")  # cultivos_25-26.gpkg, eudr_25-26_X.geojson


@dataclass(frozen=True, slots=True)
class Recibo:
    """What a product was last made from, and with which warnings; ``hechas``: see ``Hecho``."""

    made_from: str = ""
    avisos: tuple[str, ...] = ()
    codigo: str = ""
    hechas: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Encargo:
    settings: Settings
    modo: Modo
    store: SnapshotStore
    fuente: Fuente
    now: datetime
    origin: str  # hash of the snapshot that the data are of
    tareas: tuple[Tarea, ...] = ()  # of the campaña, as the ledger has them
    clasificadas: Mapping[str, Clasificada] = field(default_factory=dict)  # by the mark's id
    avisos: tuple[str, ...] = ()
    fotos: Mapping[str, tuple[Foto, ...]] = field(default_factory=dict)  # by the mark's id

    @property
    def outputs(self) -> Path:
        return self.settings.outputs_dir(self.modo)

    def is_ours(self, name: str) -> bool:
        """Whether a file of a product folder is of this campaña: by its folder or its name."""
        slug = self.fuente.campania.slug
        if "/" in name:
            return name.split("/")[0] == slug
        named = _NAMED_CAMPANIA.search(name)
        return named is None or named[1] == slug

    def link(self, carpeta: str) -> Path | None:
        """Where a product folder must lead, if a link is configured for it."""
        return expected_links(self.settings.lindero_symlink_config, self.outputs).get(carpeta)

    def declared(self, producto: Producto) -> dict[str, Any]:
        """What it is given beside the night."""
        given = {name: getattr(self.settings, name) for name in producto.ajustes}
        if producto.tareas:
            given |= {"tareas": self.tareas, "clasificadas": self.clasificadas}
        if producto.fotos and self.fotos:
            given["fotos"] = self.fotos
        if producto.vecinas:
            given["vecinas"] = self._vecinas(producto)
        if propio := self._propio(producto):
            given["propio"] = propio
        return given

    def _propio(self, producto: Producto) -> Propio | None:
        """What people put into the product's first folder for it."""
        lying: list[Path] = []
        with suppress(OSError):  # the publication names such a folder
            lying = entries(self.outputs / producto.carpetas[0]) if producto.propio else []
        wanted = producto.propio.index
        named = [path for path in lying if path.name.casefold() in producto.propio]
        if not named:
            return None
        return propio_of(min(named, key=lambda path: wanted(path.name.casefold())))

    def _vecinas(self, producto: Producto) -> dict[str, tuple[str, ...]]:
        """The files of this campaña in the folders that lie beside the product's first."""
        links = expected_links(self.settings.lindero_symlink_config, self.outputs)
        away = apart(self.outputs, producto.carpetas[0], producto.vecinas, links)
        found = {}
        for carpeta in (one for one in producto.vecinas if one not in away):
            with suppress(PublishError):  # its own product says so
                record, _ = read_record(self.outputs / carpeta)
                found[carpeta] = tuple(sorted(filter(self.is_ours, record.files)))
        return found

    def hechas(self, producto: Producto) -> Hechas:
        """What tells the bytes of a file that shows the same as the one made last time.

        None of one that was made by other code, of something else, or was touched since.
        """
        recibo = _read_receipt(self.receipt(producto))
        made = recibo.hechas if recibo.codigo == self.codigo(producto) else {}

        def lying(name: str, shows: str) -> bytes | None:
            noted, sha256 = made.get(name, ("", ""))
            if noted != shows:
                return None
            try:
                found = (self.outputs / producto.carpetas[0] / name).read_bytes()
            except OSError:
                return None
            return found if hashlib.sha256(found).hexdigest() == sha256 else None

        return lying

    def receipt(self, producto: Producto) -> Path:
        """Where it is noted what a product was last made from."""
        name = f"{producto.nombre}-{self.fuente.campania.slug}.json"
        return self.store.root / "products" / name

    def made_from(self, producto: Producto) -> str:
        """What a product depends on: the data, what it is given and the code, as one hash."""
        beside = {"vueltas": self.fuente.numeros.vueltas}
        given = repr({**beside, **self.declared(producto)})
        parts = (self.origin, given, self.codigo(producto))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def codigo(self, producto: Producto) -> str:
        """What makes a product, and for people of which time."""
        folders = (f"products/{name}" for name in producto.paquetes)
        return f"{code_sha256(*BELOW_PRODUCTS, *folders)} {self.settings.tz}"


PRODUCTOS = made_by(CADA_NOCHE)


def in_pieces(lista: Sequence[Producto], run: Runner) -> tuple[Producto, ...]:
    """The same products; those that are made in pieces have ``run`` run them."""
    return tuple(
        replace(one, build=partial(one.build, run=run)) if one.tramos else one for one in lista
    )


def asked(settings: Settings, campania: str | None, modo: Modo) -> tuple[Campania, ...]:
    """The campañas to make products of: those named, or what ``actual`` was last night.

    Raises:
        SettingsError: no campaña.
        DataError: ``actual``, and there is no accepted backup yet.
    """
    found = temporada.asked(settings, campania)
    found = found or temporada.of_store(SnapshotStore(settings.store_dir(modo)))
    if not found:
        raise _none_yet(SnapshotStore(settings.store_dir(modo)), modo)
    return found


def last_accepted(settings: Settings, campania: str, modo: Modo) -> tuple[SnapshotStore, Snapshot]:
    """The newest accepted snapshot of a campaña, of whatever portal.

    Raises:
        DataError: there is none yet.
    """
    store = SnapshotStore(settings.store_dir(modo))
    season = Campania.parse(campania)
    snapshot = store.latest_accepted(season)
    if snapshot is None:
        raise _none_yet(store, modo, season)
    return store, snapshot


def _none_yet(store: SnapshotStore, modo: Modo, campania: Campania | None = None) -> DataError:
    of = "" if campania is None else f" de {campania}"
    run = f"lindero run backup{store.among_trials(campania)}"
    return DataError(f"todavía no hay un backup aceptado{of} ({modo}); primero: {run}")


def order(
    settings: Settings, modo: Modo, store: SnapshotStore, snapshot: Snapshot, now: datetime
) -> Encargo:
    """Everything that the products of one snapshot have in common.

    Raises:
        SnapshotDamaged: the snapshot is not what its manifest says.
        DataError: the numbers given so far are damaged, and no snapshot has a copy.
    """
    first = store.first_equal(snapshot)
    numeros = read_numeros(
        path_of(store.root, first.campania), lambda: store.accepted(first.campania)
    )
    fuente = source_of(store, first, read_tables(first), settings.zone, numeros)
    tareas: tuple[Tarea, ...] = ()
    avisos: tuple[str, ...] = ()
    try:
        tareas = read_tareas(store.root).de(first.campania)
    except DataError as err:  # no night is lost for it
        avisos = (f"las columnas de tareas quedaron vacías: {err}",)
    read: dict[str, Clasificada] = {}
    try:
        read = read_of(read_clasificadas(store.root), fuente.tables.marcadores)
    except DataError as err:
        avisos += (f"sin lo que se leyó en los marcadores: {err}",)
    encargo = Encargo(
        settings, modo, store, fuente, now, first.manifest_sha256, tareas, read, avisos
    )
    return with_fotos(encargo, snapshot)


def with_fotos(encargo: Encargo, snapshot: Snapshot) -> Encargo:
    """The same with the photos of the snapshot's marks, as far as they were brought."""
    marcas = marcas_of(snapshot) if encargo.settings.lindero_fotos else {}
    if not marcas:
        return encargo
    try:
        fotos = Fotos(encargo.store.root, metadatos=encargo.settings.lindero_fotos_metadatos)
        here = {key: tuple(filter(None, map(fotos.get, own))) for key, own in marcas.items()}
    except PublishError as err:  # no night is lost for it
        return replace(encargo, avisos=(*encargo.avisos, f"sin las fotos: {err}"))
    return replace(encargo, fotos={key: own for key, own in sorted(here.items()) if own})


def source_of(
    store: SnapshotStore, night: Snapshot, tables: Tables, zone: ZoneInfo, numeros: Numeros
) -> Fuente:
    """A night as products are given it; ``tables`` are its own, or equal ones.

    Raises:
        SnapshotDamaged: its verdict is not what its manifest says, or does not tell what changed.
    """
    verdict = read_verdict(night)
    try:
        changes, checks = Changes.from_dict(verdict["changes"]), tuple(verdict["checks"])
    except (KeyError, TypeError) as err:
        raise SnapshotDamaged(f"{night.id}: verdict.json no dice qué cambió") from err

    @cache
    def before() -> gpd.GeoDataFrame | None:
        try:
            kept = night.parent and store.find(str(night.parent), night.campania)
            return read_table(kept, LOTES) if kept else None
        except PipelineError as err:
            logger.info("%s: the night before it cannot be read: %s", night.id, err)
            return None

    return Fuente(tables, night.campania, night.id, changes, zone, numeros, checks, before)


def make(producto: Producto, encargo: Encargo) -> tuple[Resultado, ...]:
    """Build a product and publish its folders; a failure is a result, not an exception.

    A product that the same code made from the same data, and that lies there as it was left, is
    not made again.
    """
    folders = {carpeta: encargo.outputs / carpeta for carpeta in producto.carpetas}
    try:
        made_from = encargo.made_from(producto)  # before building: the code may change meanwhile
        for carpeta, folder in folders.items():
            check_destination(folder, must_be_link=encargo.link(carpeta))
        if (avisos := _current(producto, encargo, made_from)) is not None:
            found = [_untouched(carpeta, encargo) for carpeta in producto.carpetas]
            return (replace(found[0], avisos=avisos), *found[1:])
        with encargo.store.scratch() as work:
            with writing(producto.nombre):  # what a library meets on a full disk
                given = encargo.declared(producto)
                if producto.hechas:
                    given["hechas"] = encargo.hechas(producto)
                hecho = producto.build(encargo.fuente, work, **given)
            numeros = encargo.fuente.numeros
            write_numeros(path_of(encargo.store.root, encargo.fuente.campania), numeros)
            sources = [path for built in hecho.carpetas.values() for path in built.values()]
            once = len(set(sources)) == len(sources)  # of one in two folders each has its own
            resultados = tuple(
                _publish(carpeta, hecho.carpetas.get(carpeta, {}), encargo, work if once else None)
                for carpeta in producto.carpetas
            )
    except Exception as err:  # noqa: BLE001 - one product must not sink the others
        _log_failure(producto.nombre, err)
        return tuple(Resultado(carpeta, folder, error=err) for carpeta, folder in folders.items())
    avisos = hecho.avisos
    if all(one.error is None for one in resultados):
        try:
            _note(producto, encargo, made_from, hecho)
        except PublishError as err:
            avisos += (f"la próxima vez se hace de nuevo aunque nada cambie: {err}",)
    return (replace(resultados[0], avisos=avisos), *resultados[1:])


def _publish(
    carpeta: str, built: Mapping[str, Path], encargo: Encargo, scratch: Path | None
) -> Resultado:
    folder = encargo.outputs / carpeta
    own_id, now, ours = str(encargo.fuente.snapshot_id), encargo.now, encargo.is_ours
    try:
        done = publish_files(
            built, folder, snapshot_id=own_id, now=now, scope=ours, scratch=scratch
        )
    except Exception as err:  # noqa: BLE001 - one folder must not sink the others
        _log_failure(carpeta, err)
        return Resultado(carpeta, folder, error=err)
    return Resultado(carpeta, folder, done)


def _log_failure(name: str, err: Exception) -> None:
    unexpected = None if isinstance(err, PipelineError) else err  # a named error says enough
    logger.error("%s: %s: %s", name, type(err).__name__, err, exc_info=unexpected)


def _current(producto: Producto, encargo: Encargo, made_from: str) -> tuple[str, ...] | None:
    """The warnings of a product that need not be made again; None if it has to be."""
    recibo = _read_receipt(encargo.receipt(producto))
    whole = recibo.made_from == made_from and all(
        intact(encargo.outputs / carpeta, scope=encargo.is_ours) for carpeta in producto.carpetas
    )
    return recibo.avisos if whole else None


def _untouched(carpeta: str, encargo: Encargo) -> Resultado:
    folder = encargo.outputs / carpeta
    record, _ = read_record(folder)
    names = tuple(sorted(filter(encargo.is_ours, record.files)))
    return Resultado(carpeta, folder, Published((), names, ()))


def _note(producto: Producto, encargo: Encargo, made_from: str, hecho: Hecho) -> None:
    receipt = encargo.receipt(producto)
    make_folder(receipt.parent)
    noted: dict[str, Any] = {"made_from": made_from, "avisos": list(hecho.avisos)}
    if hecho.hechas:
        noted |= {"codigo": encargo.codigo(producto), "hechas": dict(hecho.hechas)}
    write_beside(receipt, json.dumps(noted, ensure_ascii=False).encode())


def _read_receipt(path: Path) -> Recibo:
    """What was noted; nothing where there is none, or it is damaged."""
    try:
        noted = from_json(path.read_bytes(), source=path.name)
        avisos = tuple(str(aviso) for aviso in noted["avisos"])
        hechas = {
            name: (str(one), str(sha)) for name, (one, sha) in noted.get("hechas", {}).items()
        }
        return Recibo(str(noted["made_from"]), avisos, str(noted.get("codigo")), hechas)
    except (OSError, DataError, KeyError, TypeError, ValueError, AttributeError):
        return Recibo()


def failure(resultados: Sequence[Resultado]) -> PipelineError | None:
    """The error of a run in which a product failed: it names each; None if all were made."""
    failed = [one for one in resultados if one.error is not None]
    if not failed:
        return None
    names = "; ".join(f"{one.carpeta}: {one.falla}" for one in failed)
    if all(isinstance(one.error, PublishError) for one in failed):
        return PublishError(names)
    return ProductError(f"{names}; los demás productos se hicieron")


def with_productos(outcome: Outcome, encargo: Encargo, resultados: Sequence[Resultado]) -> Outcome:
    """The outcome of a run with its products added: figures, summary, and the error if any."""
    notes = [*encargo.avisos, *(aviso for one in resultados for aviso in one.avisos)]
    notes += notas_ambientes(encargo.fuente.tables)
    summary = productos_markdown(resultados, notes)
    return replace(
        outcome,
        data={**outcome.data, "productos": {one.carpeta: one.to_dict() for one in resultados}},
        markdown="\n\n".join(part for part in (outcome.markdown, summary) if part),
        error=outcome.error or failure(resultados),
    )
