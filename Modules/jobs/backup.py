"""The backup of one campaña: fetch, judge, keep, publish. Plain functions, one a stage.

``prepare`` and ``open_portal`` write nothing. ``fetch`` and ``judge`` hold the night in memory.
``keep`` makes it a snapshot, accepted or quarantined. Only what was accepted reaches ``publish``,
and what it publishes is read from the snapshot, never from the portal.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from importlib.metadata import version
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from Modules.disk.destinations import check_destination, expected_links
from Modules.disk.json_files import to_json
from Modules.disk.problems import in_full
from Modules.disk.publish import Published, intact, publish_files
from Modules.disk.publish_record import MANIFEST
from Modules.disk.run_lock import run_lock
from Modules.disk.safe_files import write_new
from Modules.jobs.outcome import Outcome
from Modules.jobs.temporada import ACTUAL_FACT
from Modules.night.verdict import Verdict, checked, rate, share_of
from Modules.settings import Settings
from Modules.store.fotos import NAME as ADJUNTOS
from Modules.store.fotos import adjuntos_of, marcas_of
from Modules.store.integrity import verify_folder
from Modules.store.numeros import LOTE, Numeros, copy_of, path_of, read_numeros, write_numeros
from Modules.store.numeros import NAME as NUMEROS
from Modules.store.numeros import TABLES as NUMBERED
from Modules.store.snapshot import Snapshot, proved_files, read_table, read_tables
from Modules.store.snapshots import SNAPSHOTS, Draft, SnapshotStore
from Modules.words.columns import LOTES
from Modules.words.domain import Campania, Fetched, Modo, Portal, Recurso
from Modules.words.errors import DataError, NightRefused, SnapshotDamaged
from Modules.words.finding import Finding, Severity
from Modules.words.folders import BACKUP as FOLDER
from Modules.words.spanish import corrida, number, short, why
from Modules.words.strict_json import without_lone_surrogates
from Modules.words.temporada import TERMINADA, current, over

if TYPE_CHECKING:  # a stage loads what it needs: the portal is asked before a table is there
    from Modules.diff.changes import Changes
    from Modules.jobs.portal_access import Access
    from Modules.night.figures import Resumen
    from Modules.night.survey import Survey
    from Modules.night.tables import Built, Tables
    from Modules.words.thresholds import Thresholds

MIN_FREE_BYTES = 50 * 1024**2  # a first night of a large company, before anything is known
MAX_REASONS = 3  # of a refusal, in its message; verdict.json has them all
MAX_NOTES = 3
SPARE = 3  # staging, the snapshot and its published copy

OnPage = Callable[[Recurso, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Job:
    settings: Settings
    campania: Campania
    modo: Modo
    store: SnapshotStore
    destination: Path  # <outputs>/Backup_Databaler


@dataclass(frozen=True, slots=True)
class Night:
    portal: Portal
    fetched: Mapping[Recurso, Fetched] = field(repr=False)
    built: Built = field(repr=False)
    resumen: Resumen = field(repr=False)
    seen: Survey = field(repr=False)
    verdict: Verdict
    changes: Changes = field(repr=False)
    parent: Snapshot | None
    actual: Campania | None = None  # the campaña that is on, if the portal tells

    @property
    def tables(self) -> Tables:
        return self.built.tables

    @property
    def over(self) -> Finding | None:
        """The warning that its campaña ended, while another is on."""
        return next((one for one in self.verdict.checks if one.code == TERMINADA), None)

    @property
    def superficie_ha(self) -> float:
        return float(self.tables.lotes["superficie_ha"].sum())


def prepare(settings: Settings, campania: str, *, modo: Modo) -> Job:
    """Check everything that can be checked before the first request.

    Raises:
        SettingsError: no campaña.
        PublishError: the destination could not be written in the end: a dangling link, a plain
            folder where a link is configured, read-only, full.
    """
    outputs = settings.outputs_dir(modo)
    store = SnapshotStore(settings.store_dir(modo))
    job = Job(settings, Campania.parse(campania), modo, store, outputs / FOLDER)
    last = store.latest_accepted(job.campania)
    check_destination(
        job.destination,
        need_bytes=max(MIN_FREE_BYTES, SPARE * last.size_bytes if last else 0),
        must_be_link=expected_links(settings.lindero_symlink_config, outputs).get(FOLDER),
    )
    return job


def fetch(job: Job, access: Access, on_page: OnPage | None = None) -> Mapping[Recurso, Fetched]:
    """Every list of the campaña, whole.

    Raises:
        SettingsError: the portal refuses the credentials or has no such campaña.
        ApiUnavailable, ApiRejected, ApiContractChanged, ApiIncomplete: see ``words.errors``.
    """
    from Modules.portal.client import PortalClient

    with PortalClient(access.config) as client:
        return client.fetch_all(job.campania, on_page)


def judge_night(
    job: Job,
    access: Access,
    fetched: Mapping[Recurso, Fetched],
    hoy: date | None = None,
    asked: Sequence[Campania] = (),
) -> Night:
    """Make the tables, compare them with the last accepted night, and come to a verdict.

    An accepted night that is damaged is passed over and named; with none that is sound, this one
    is refused, and kept all the same. On the day ``hoy`` (none: nobody looks) a campaña that ended
    is a warning, unless the one that is on is among those ``asked`` for in the same run.
    """
    from Modules.api_check.moved import moved_line
    from Modules.diff.changes import diff_tables
    from Modules.jobs.temporada import listed
    from Modules.night.checks import judge
    from Modules.night.figures import NOTHING, Nights, resumen
    from Modules.night.ground import moves_of
    from Modules.night.repair import BoundedRepair
    from Modules.night.survey import Survey, survey
    from Modules.night.tables import build_tables

    history = job.store.accepted(job.campania, access.portal)
    parent, before, damaged = _newest_sound(history)
    limits, profile = job.settings.thresholds(), access.config.profile
    built = build_tables(
        {recurso: answer.records for recurso, answer in fetched.items()},
        campania=job.campania,
        encodings=profile.encodings(),
        bbox=job.settings.lindero_bbox,
        mend=BoundedRepair(),
        previous=before,
        limits=limits,
    )
    moves = {} if before is None else moves_of(before, built.tables)
    now = resumen(built.tables, repairs=built.repairs, moves=moves)
    was = NOTHING if parent is None else _figures(parent)
    seen = survey(fetched)
    verdict = judge(
        Nights(built.tables, now, before, was, _best(history), limits, moves),
        built,
        seen,
        Survey.from_dict(None if parent is None else parent.manifest.get("seen")),
        lines=partial(moved_line, profile, fetched),
        caracteres_quitados=_lone_surrogates(fetched),
    )
    seasons = listed(fetched[Recurso.CAMPANIAS], profile.season.codigo)
    more = (
        None if hoy is None else over(job.campania, asked, seasons, hoy),
        _damaged(job, damaged, none_sound=parent is None) if history else _if_first(job),
        _another_portal(history, access.portal),
        _without_photos(parent, before, built.tables, fetched, limits),
    )
    return Night(
        portal=access.portal,
        fetched=fetched,
        built=built,
        resumen=now,
        seen=seen,
        verdict=verdict.with_checks(*filter(None, more)),
        changes=diff_tables(before, built.tables),
        parent=parent,
        actual=None if hoy is None else current(seasons, hoy),
    )


def _figures(night: Snapshot) -> Resumen:
    from Modules.night.figures import Resumen

    return Resumen.from_dict(night.manifest["resumen"])


def _best(history: Sequence[Snapshot]) -> Resumen | None:
    from Modules.night.figures import best_of, of_the_last_days

    recent = list(compress(history, of_the_last_days([night.id for night in history])))
    by_hand = [night.acceptance is not None for night in recent]
    return best_of([_figures(night) for night in recent], accepted_by_hand=by_hand)


def _another_portal(history: Sequence[Snapshot], portal: Portal) -> Finding | None:
    """What refuses a night where the last accepted one came from another portal.

    Whoever accepts this night says that the change is meant, and the next one is compared with it.
    """
    if not history or history[-1].portal.origin == portal.origin:
        return None
    note = (
        f"la última noche aceptada ({history[-1].id}) vino de {history[-1].portal.origin} y esta "
        f"de {portal.origin}. Si el portal cambió de dirección, aceptar esta noche una vez"
    )
    return checked("el portal es el mismo", Severity.ERROR, [note])


def _without_photos(
    parent: Snapshot | None,
    before: Tables | None,
    now: Tables,
    fetched: Mapping[Recurso, Fetched],
    limits: Thresholds,
) -> Finding | None:
    """What tells of marks that had photos, are there, were not edited, and have none tonight."""
    if parent is None or before is None:
        return None
    was, here = (one.marcadores.set_index("marcador_id")["updated_at"] for one in (before, now))
    had = [key for key in marcas_of(parent) if key in was.index and key in here.index]
    with_photos, _ = adjuntos_of(fetched[Recurso.MARCADORES].records)
    gone = [key for key in had if key not in with_photos and not here[key] > was[key]]
    enough = len(gone) >= limits.campo_min_lotes
    severity = rate(share_of(len(gone), len(had)), limits.emptied, limits.warning, enough=enough)
    notes = [
        f"«adjuntos» viene vacío en {number(len(gone))} de {number(len(had))} marcadores que "
        f"tenían fotos, sin que nadie los editara; el primero {min(gone, default='')}"
    ]
    return checked("marcadores: fotos que tenían", severity, notes)


def _lone_surrogates(fetched: Mapping[Recurso, Fetched]) -> dict[str, int]:
    """Of each list that has any, the halves of characters that its records are without."""
    counts = {
        recurso.value: sum(without_lone_surrogates(page.body)[1] for page in answer.pages)
        for recurso, answer in fetched.items()
    }
    return {name: count for name, count in counts.items() if count}


def _if_first(job: Job) -> Finding | None:
    """What refuses a first night that is the first only because others were lost.

    A damaged manifest does not say of which portal it is, so those of all portals count. In a
    trial a store that went away is only a warning.
    """
    folders = job.store.folders(job.campania)
    if lost := _lost_copies(job, {path.name for path in folders}):
        severity = Severity.WARNING if job.modo is Modo.TEST else Severity.ERROR
        note = (
            f"hay {len(lost)} backups publicados que no están guardados, el último {lost[-1]}: "
            "la carpeta LINDERO_STATE_DIR es otra o se perdió. Recuperarla, o aceptar esta noche"
        )
        return checked("backups con los que comparar", severity, [note])
    kept = [path for path in folders if path.parent.parent.name == SNAPSHOTS]
    damaged = {path for path, _ in job.store.damaged(job.campania)}
    return _damaged(job, [path.name for path in kept if path in damaged], none_sound=True)


def _lost_copies(job: Job, known: Set[str]) -> list[str]:
    """Ids of the nights that lie published and are not in the store.

    Whatever is removed from the store on purpose takes its copy along.
    """
    folder = job.destination / job.campania.slug
    try:
        names = {entry.name for entry in os.scandir(folder) if Path(entry, MANIFEST).is_file()}
    except FileNotFoundError:
        return []
    except OSError as err:
        return [f"({folder.name} no se puede leer: {why(err)})"]
    return sorted(names - known)


def _newest_sound(history: Sequence[Snapshot]) -> tuple[Snapshot | None, Tables | None, list[str]]:
    """The newest accepted night whose tables are sound, its tables, and the ids passed over."""
    damaged: list[str] = []
    for snapshot in reversed(history):
        try:
            return snapshot, read_tables(snapshot), damaged
        except SnapshotDamaged as err:
            corrida.warning("%s está dañado, no se puede comparar con él: %s", snapshot.id, err)
            damaged.append(str(snapshot.id))
    return None, None, damaged


def _damaged(job: Job, names: Sequence[str], *, none_sound: bool) -> Finding | None:
    """A check that names damaged nights; it refuses where there was no other to go by."""
    if not names:
        return None
    verify = "lindero backups verify"
    notes = [f"{name} está dañado: {verify} {name}{job.modo.flag}" for name in names]
    severity = Severity.ERROR if none_sound else Severity.WARNING
    return checked("backups sanos con los que comparar", severity, notes)


def keep(job: Job, night: Night, now: datetime) -> Snapshot:
    """Write the night as a snapshot: accepted, or quarantined with its diff."""
    draft = job.store.draft(job.campania, now)
    for answer in night.fetched.values():
        draft.write_pages(answer)
    draft.write_tables(night.tables)
    _number(job, night.tables, draft)
    marcas, _ = adjuntos_of(night.fetched[Recurso.MARCADORES].records)
    if marcas:
        draft.write(ADJUNTOS, to_json({"marcas": marcas}))
    verdict = {**night.verdict.to_dict(), "changes": night.changes.to_dict()}
    accepted, facts = night.verdict.accepted, _facts(job, night)
    return job.store.keep(draft, verdict=verdict, accepted=accepted, facts=facts)


def _number(job: Job, tables: Tables, draft: Draft) -> None:
    """Give what is new its numbers, keep them, and a copy of them in the snapshot.

    Numbers that cannot be read are no reason to lose a night: it goes without a copy, and says so.
    """
    path = path_of(job.store.root, job.campania)
    try:
        numeros = read_numeros(path, lambda: job.store.accepted(job.campania))
    except DataError as err:
        corrida.warning("%s: el backup queda sin su copia", err)
        return
    for kind, table in NUMBERED.items():
        numeros.of(kind, getattr(tables, table)[f"{kind}_id"])
    write_numeros(path, numeros)
    draft.write(NUMEROS, numeros.to_copy())


def publish(job: Job, snapshot: Snapshot, now: datetime) -> Published:
    """Copy a snapshot below the outputs, with ``lotes.gpkg`` and ``lotes.geojson`` for the eye.

    Raises:
        NightRefused: the snapshot was not accepted.
        SnapshotDamaged: a file of it is not what its manifest says; its copy is left alone.
        PublishError: a file could not be written; what was there before is intact.
    """
    from Modules.formats.geofiles import geojson_bytes, write_gpkg

    if not snapshot.accepted:
        raise NightRefused(f"{snapshot.id} está en cuarentena; ver lindero backups accept --help")
    folder = _folder(job, snapshot)
    with job.store.scratch() as work:
        built = proved_files(snapshot)
        lotes = read_table(snapshot, LOTES)
        built |= {"lotes.gpkg": work / "lotes.gpkg", "lotes.geojson": work / "lotes.geojson"}
        numeros = copy_of(snapshot) or Numeros()
        layer = lotes.assign(fid=numeros.of(LOTE, lotes["lote_id"]))
        write_gpkg({f"lotes_{job.campania.slug}": layer}, built["lotes.gpkg"], snapshot.id)
        write_new(built["lotes.geojson"], geojson_bytes(lotes))
        return publish_files(built, folder, snapshot_id=str(snapshot.id), now=now)


def accept_snapshot(
    settings: Settings,
    snapshot_id: str,
    *,
    reason: str,
    who: str,
    now: datetime,
    modo: Modo,
    although_empty: bool = False,
) -> Snapshot:
    """Take one quarantined snapshot, once, and publish it; again only to finish publishing.

    Raises:
        DataError: not in quarantine, taken already, damaged, older than an accepted one, or with
            an empty table that had data (unless ``although_empty``).
        RunLocked: a run of the same mode is on.
        PublishError: as ``publish``.
    """
    store = SnapshotStore(settings.store_dir(modo))
    with run_lock(settings.lindero_state_dir, modo):
        found = store.find(snapshot_id)
        job = prepare(settings, str(found.campania), modo=modo)
        if found.acceptance is None or intact(_folder(job, found)):  # else it was cut short
            found = store.accept(
                snapshot_id, reason=reason, who=who, now=now, although_empty=although_empty
            )
        publish(job, store.first_equal(found), now)
    return found


def publish_again(settings: Settings, snapshot_id: str, *, modo: Modo, now: datetime) -> Published:
    """Publish the copy of an accepted snapshot once more: what is missing there is written.

    Raises:
        SettingsError: no such snapshot.
        NightRefused: it was not accepted.
        SnapshotDamaged: it is not what its manifest says.
        RunLocked: a run of the same mode is on.
        PublishError: as ``publish``.
    """
    store = SnapshotStore(settings.store_dir(modo))
    with run_lock(settings.lindero_state_dir, modo):
        snapshot = store.find(snapshot_id)
        if problems := verify_folder(snapshot.path):
            raise SnapshotDamaged(f"{snapshot.id}: {in_full(problems[0])}; no se puede publicar")
        return publish(prepare(settings, str(snapshot.campania), modo=modo), snapshot, now)


def outcome(job: Job, night: Night, snapshot: Snapshot, published: Published | None) -> Outcome:
    """What the run came to, for machines and for people."""
    from Modules.diff.changes import cambios
    from Modules.jobs.report import calidad_datos, recepcion, resumen_markdown

    carpeta = _folder(job, job.store.first_equal(snapshot))
    parent, equal_to = night.parent, snapshot.equal_to
    return Outcome(
        data={
            "campania": str(job.campania),
            "modo": job.modo.value,
            "snapshot": str(snapshot.id),
            "snapshot_dir": str(snapshot.path),
            "accepted": snapshot.accepted,
            "first_night": night.verdict.first_night,
            "parent": None if parent is None else str(parent.id),
            "equal_to": None if equal_to is None else str(equal_to),
            "published_dir": None if published is None else str(carpeta),
            "files_written": 0 if published is None else len(published.written),
            "files_pending": [] if published is None else list(published.pending),
            "superficie_ha": round(night.superficie_ha, 4),
            "changes": len(cambios(night.changes)),
            "recursos": {
                name.lower(): dict(zip(("received", "accepted", "rejected"), rows, strict=True))
                for name, rows in recepcion(night).items()
            },
        },
        markdown=resumen_markdown(job, night, snapshot, published, carpeta),
        calidad=calidad_datos(night.verdict, night.built),
        error=None if snapshot.accepted else _refusal(job, night, snapshot),
        aviso="" if night.over is None else f"{night.over.line}. {night.over.todo}",
    )


def _refusal(job: Job, night: Night, snapshot: Snapshot) -> NightRefused:
    refusing = [check for check in night.verdict.checks if check.is_error]
    said = [f"{check.what}: {short(check.notes, MAX_NOTES)}" for check in refusing]
    return NightRefused(
        f"el backup {snapshot.id} quedó en cuarentena. {short(said, MAX_REASONS)}",
        command=f'lindero backups accept {snapshot.id}{job.modo.flag} --reason "…"',
    )


def _folder(job: Job, snapshot: Snapshot) -> Path:
    return job.destination / job.campania.slug / str(snapshot.id)


def _facts(job: Job, night: Night) -> dict[str, Any]:
    over = night.over
    return {
        "portal": {"origin": night.portal.origin, "profile": night.portal.profile},
        "environment": job.settings.lindero_environment,
        "parent": None if night.parent is None else str(night.parent.id),
        ACTUAL_FACT: None if night.actual is None else str(night.actual),
        TERMINADA: over and {"que": over.line, "hacer": over.todo},
        "resumen": night.resumen.to_dict(),
        "seen": night.seen.to_dict(),
        "request_ids": {
            recurso.value: [page.request_id for page in answer.pages]
            for recurso, answer in night.fetched.items()
        },
        "declared_totals": {
            recurso.value: answer.declared_total for recurso, answer in night.fetched.items()
        },
        "versions": {name: version(name) for name in ("lindero", "geopandas", "shapely", "pyarrow")}
        | {"python": platform.python_version()},
    }
