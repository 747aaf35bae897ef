"""The store of snapshots below ``data/lindero/<modo>``: draft, keep, list, accept.

```text
staging/<id>/                a night being written; swept when the next one begins
snapshots/25-26/<id>/        accepted nights, immutable
quarantine/25-26/<id>/       refused nights, immutable
acceptances.jsonl            who accepted which refused night, when and why; bound to its hash;
                             unreadable where a night rests on it: AcceptancesUnreadable
last_number                  the number in the last id given out
numeros_25-26.json           the numbers of features and samples: see ``numeros``
tareas.json                  our issues in Jira, as they last were: see ``tareas``
clasificadas.json            what words of marks were read as: see ``clasificadas``
fotos/                       the photos of marks: see ``fotos``
```

A night is written in staging, file by file and flushed; ``manifest.sha256`` comes last; then the
whole folder is renamed. So a kill or a power cut at any moment leaves either no snapshot or a
whole one. Callers hold ``run_lock``: the store does not guard against two writers. Whatever writes
raises a ``PublishError`` where the disk refuses.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from Modules.disk.json_files import append_line, read_lines, to_json
from Modules.disk.problems import in_full
from Modules.disk.safe_files import (
    FileFact,
    entries,
    folders,
    is_link,
    make_folder,
    move,
    remove_file,
    remove_tree,
    sync_folder,
    write_beside,
    write_new,
    writing,
)
from Modules.store.integrity import Proof, prove_manifests, verify_folder
from Modules.store.manifest import FORMAT, JSON_NAME, SUMS_NAME, VERDICT_NAME, to_sums
from Modules.store.snapshot import Snapshot, load, page_path, table_facts, table_path
from Modules.words.columns import CAMPOS, LOTES, RECHAZADOS, TABLES
from Modules.words.domain import Campania, Fetched, Modo, Portal, SnapshotId
from Modules.words.errors import (
    AcceptancesUnreadable,
    DataError,
    PublishError,
    SettingsError,
    SnapshotDamaged,
)

if TYPE_CHECKING:
    from Modules.night.tables import Tables

__all__ = ["Draft", "Held", "Snapshot", "SnapshotStore"]

ZSTD_LEVEL: Final = 3
STAGING: Final = "staging"
SNAPSHOTS: Final = "snapshots"
QUARANTINE: Final = "quarantine"
ACCEPTANCES: Final = "acceptances.jsonl"
LAST_NUMBER: Final = "last_number"
ULTIMO: Final = "ultimo"
ANTERIOR: Final = "anterior"
_ADD_TEST: Final = "; en las pruebas sí: agregar --test"
_SHORT_ID: Final = re.compile(r"\d{1,6}|\d{4}-\d\d(-\d\d(T\d{0,6}Z?)?)?")
_NEVER_EMPTY: Final = (CAMPOS.name, LOTES.name)


class Draft:
    """A night being written in staging. Not a snapshot until ``SnapshotStore.keep``."""

    def __init__(self, path: Path, snapshot_id: SnapshotId, campania: Campania, now: datetime):
        self.path = path
        self.id = snapshot_id
        self.campania = campania
        self.now = now
        self.files: dict[str, FileFact] = {}
        self.pages: dict[str, dict[str, Any]] = {}
        self.tables: dict[str, dict[str, Any]] = {}

    def write_pages(self, fetched: Fetched) -> None:
        """Keep the raw pages of one resource: one standard zstd frame each."""
        import pyarrow as pa

        make_folder(self.path / "raw")
        codec = pa.Codec("zstd", compression_level=ZSTD_LEVEL)
        for page in fetched.pages:
            path = page_path(fetched.recurso, page.number)
            body = codec.compress(page.body, asbytes=True)
            self.files[path] = write_new(self.path / path, body)
        self.pages[fetched.recurso.value] = {
            "pages": len(fetched.pages),
            "records": len(fetched.records),
            "declared_total": fetched.declared_total,
            "walks": fetched.walks,
            "requests": [
                {"page": page.number, "path": page.path, "request_id": page.request_id}
                for page in fetched.pages
            ],
        }

    def write_tables(self, tables: Tables) -> None:
        """Keep every table as GeoParquet; DataError if one is not as ``columns.TABLES`` says."""
        from Modules.formats.geofiles import table_bytes

        make_folder(self.path / "tables")
        for name, df in tables.as_dict().items():
            path = table_path(name)
            self.files[path] = write_new(self.path / path, table_bytes(df, TABLES[name]))
            self.tables[name] = table_facts(df, TABLES[name])

    def write(self, name: str, data: bytes) -> None:
        """Keep one more file at the top of the folder."""
        self.files[name] = write_new(self.path / name, data)


@dataclass(frozen=True, slots=True)
class Held:
    """A folder that should be a snapshot, with what its manifests came to when they were read."""

    path: Path
    proof: Proof
    snapshot: Snapshot | None = None  # as ``find`` gives it; None where ``damaged`` names it
    refused: str = ""  # why, where the manifests agree
    unreadable: bool = False  # because the log of acceptances cannot be read


class SnapshotStore:
    """The snapshots of one mode; ``root`` is ``data/lindero/<modo>``."""

    def __init__(self, root: Path):
        self.root = root

    def draft(self, campania: Campania, now: datetime) -> Draft:
        """Begin a night: sweep what killed runs left, give out the next id.

        ``now`` is timezone-aware; the number rises whatever the clock says.
        """
        self.sweep()
        given_out = [_number(path.name) for path in self.folders()]
        with suppress(OSError, ValueError):  # the note, or what lies there if that is higher
            given_out.append(int((self.root / LAST_NUMBER).read_text("ascii")))
        number = 1 + max(given_out, default=0)
        snapshot_id = SnapshotId(number, now.astimezone(UTC).replace(microsecond=0))
        make_folder(self.root / STAGING)
        write_beside(self.root / LAST_NUMBER, f"{number}\n".encode("ascii"))
        path = self.root / STAGING / str(snapshot_id)
        make_folder(path)
        return Draft(path, snapshot_id, campania, now)

    def sweep(self) -> tuple[str, ...]:
        """Remove drafts of killed runs; the names of what was removed."""
        orphans = folders(self.root / STAGING)
        for path in orphans:
            remove_tree(path)
        for temp in self.root.glob(".lindero-*.tmp"):
            remove_file(temp)
        return tuple(path.name for path in orphans)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for building products, gone after the block; swept if the run is killed."""
        make_folder(self.root / STAGING)
        with writing(self.root / STAGING):
            path = Path(tempfile.mkdtemp(prefix="scratch-", dir=self.root / STAGING))
        try:
            yield path
        finally:
            remove_tree(path)

    def keep(
        self, draft: Draft, *, verdict: Mapping[str, Any], accepted: bool, facts: Mapping[str, Any]
    ) -> Snapshot:
        """Close a draft: verdict, manifest, hashes, then one rename into its place.

        ``facts`` go into the manifest: ``portal`` (origin and profile) is needed, ``parent`` is the
        id of the accepted snapshot that the night was compared with, or None; the rest is any
        JSON-able (versions, counts …) under names that are not the store's own.

        Raises:
            DataError: verdict or facts are not JSON-able or clash with the store's names.
            SettingsError, SnapshotDamaged: the parent is not there, or not sound.
        """
        parent = self.find(facts["parent"]) if facts.get("parent") else None
        own = _manifest(draft, accepted=accepted, parent=parent)
        if clash := sorted({*own, "files"} & set(facts)):
            raise DataError(f"{JSON_NAME}: los nombres {', '.join(clash)} son del depósito")
        draft.write(VERDICT_NAME, to_json(verdict))
        files = [
            {"path": path, "size": fact.size, "sha256": fact.sha256}
            for path, fact in sorted(draft.files.items())
        ]
        draft.write(JSON_NAME, to_json({"parent": None, **facts, **own, "files": files}))
        for folder in ("raw", "tables"):
            if (draft.path / folder).is_dir():
                sync_folder(draft.path / folder)
        sync_folder(draft.path)
        sums = to_sums({path: fact.sha256 for path, fact in draft.files.items()})
        write_new(draft.path / SUMS_NAME, sums)
        sync_folder(draft.path)
        place = SNAPSHOTS if accepted else QUARANTINE
        return self._load(self._settle(draft.path, place, draft.campania))

    def accepted(
        self, campania: Campania | None = None, portal: Portal | None = None
    ) -> list[Snapshot]:
        """Accepted snapshots whose manifest is sound, oldest first; see ``damaged`` for others.

        ``portal``: only those that a night of this one is compared with, see ``Portal.line``.
        """
        return self._list(SNAPSHOTS, campania, portal)

    def latest_accepted(self, campania: Campania, portal: Portal | None = None) -> Snapshot | None:
        """The newest of ``accepted``, or None."""
        return next(reversed(self.accepted(campania, portal)), None)

    def quarantined(self, campania: Campania | None = None) -> list[Snapshot]:
        """Refused snapshots whose manifest is sound, oldest first."""
        return self._list(QUARANTINE, campania, None)

    def damaged(self, campania: Campania | None = None) -> list[tuple[Path, str]]:
        """Folders that should be snapshots and are not, with what is wrong."""
        found = []
        for path in self.folders(campania):
            try:
                self._load(path)
            except SnapshotDamaged as err:
                found.append((path, str(err)))
        return found

    def folders(
        self, campania: Campania | None = None, places: Sequence[str] = (SNAPSHOTS, QUARANTINE)
    ) -> list[Path]:
        """Every folder that should be a snapshot, sound or not, accepted ones first."""
        return [
            path
            for place in places
            for season in folders(self.root / place)
            if campania is None or season.name == campania.slug
            for path in folders(season)
            if _number(path.name)
        ]

    def strangers(self) -> list[Path]:
        """What lies where only snapshots belong: under another name, or no folder at all."""
        places = [self.root / place for place in (SNAPSHOTS, QUARANTINE)]
        seasons = [path for place in places if not is_link(place) for path in entries(place)]
        inside = [path for season in seasons if not is_link(season) for path in entries(season)]
        plain = set(self.folders()) | {path for path in seasons if _is_season(path)}
        return [path for path in (*seasons, *inside) if path not in plain]

    def survey(self) -> list[Held]:
        """All of ``folders``, each with its manifests read once."""
        found = []
        for path in self.folders():
            held = Held(path, prove_manifests(path))
            if held.proof.snapshot is not None:
                try:
                    held = replace(held, snapshot=self._placed(held.proof.snapshot))
                except AcceptancesUnreadable as err:
                    held = replace(held, refused=str(err), unreadable=True)
                except SnapshotDamaged as err:
                    held = replace(held, refused=str(err))
            found.append(held)
        return found

    def folder(self, snapshot_id: str, campania: Campania | None = None) -> Path:
        """Where a snapshot lies, sound or not.

        ``snapshot_id``: its id, the number at its end ("42") or how it begins ("2025-11-20"), if
        that says which; ``ultimo``, the newest accepted one (of ``campania``, if given), or
        ``anterior``, the one before it of the same campaña and portal.

        Raises:
            SettingsError: no id, or no such snapshot, or more than one.
            DataError: nothing was accepted yet, or only one.
        """
        if snapshot_id in (ULTIMO, ANTERIOR):
            return self._newest(snapshot_id, campania).path
        if _SHORT_ID.fullmatch(snapshot_id) is None:
            snapshot_id = str(SnapshotId.parse(snapshot_id))
        there = self.folders()
        found = _named(there, snapshot_id)
        if len(found) > 1:
            names = ", ".join(path.name for path in found[:10])
            raise SettingsError(f"{snapshot_id} es el nombre corto de varios snapshots: {names}")
        if not found:
            trials = SnapshotStore(self.root.with_name(Modo.TEST.value))
            hint = _ADD_TEST if _named(trials.folders(), snapshot_id) else ""
            raise SettingsError(f"no hay un backup {snapshot_id} en {self.root}{hint}")
        return found[0]

    def _newest(self, name: str, campania: Campania | None) -> Snapshot:
        last = next(reversed(self.accepted(campania)), None)
        of = "" if campania is None else f" de {campania}"
        if last is None:
            hint = self.among_trials(campania)
            raise DataError(
                f"todavía no hay un backup aceptado{of}; primero: lindero run backup{hint}"
            )
        if name == ULTIMO:
            return last
        earlier = self.accepted(last.campania, last.portal)[:-1]
        if not earlier:
            raise DataError(f"{last.id} es el único backup aceptado de su campaña y portal")
        return earlier[-1]

    def among_trials(self, campania: Campania | None = None) -> str:
        """A hint where production has no accepted night (of a campaña) and only the trials do."""
        trials = SnapshotStore(self.root.with_name(Modo.TEST.value))
        there = self.root != trials.root and bool(trials.folders(campania, (SNAPSHOTS,)))
        return _ADD_TEST if there else ""

    def find(self, snapshot_id: str, campania: Campania | None = None) -> Snapshot:
        """The snapshot that ``folder`` finds, accepted or not.

        Raises:
            SettingsError, DataError: as ``folder``.
            SnapshotDamaged: its manifest is not sound.
        """
        return self._load(self.folder(snapshot_id, campania))

    def first_equal(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot that held the data first: itself, or the first of a row of equal nights.

        What is published carries its id, so an unchanged night publishes nothing new, but mends a
        publication that was cut short. Where it was pruned, the same data are in this one.
        """
        if snapshot.first_equal == snapshot.id:
            return snapshot
        try:
            return self.find(str(snapshot.first_equal))
        except SettingsError:
            return snapshot

    def accept(
        self,
        snapshot_id: str,
        *,
        reason: str,
        who: str,
        now: datetime,
        although_empty: bool = False,
    ) -> Snapshot:
        """Accept one refused night, once: log it, bound to its hash, then move it over.

        Raises:
            SettingsError: no such snapshot, no reason, or it is accepted already.
            SnapshotDamaged: it is not what its manifest says.
            DataError: a newer one of the same campaña is accepted already, or a table
                is empty that had data, or that never is, and nobody said that this is right.
        """
        snapshot = self.find(snapshot_id)
        if snapshot.accepted:
            raise SettingsError(f"{snapshot.id} ya está aceptado; no hay nada que hacer")
        if not reason.strip():
            raise SettingsError("falta un motivo, por ejemplo: --reason 'campo vendido'")
        if problems := verify_folder(snapshot.path):
            raise SnapshotDamaged(f"{snapshot.id}: {in_full(problems[0])}; no se puede aceptar")
        newest = self.latest_accepted(snapshot.campania, snapshot.portal)
        if newest is not None and snapshot.id < newest.id:
            raise DataError(f"{snapshot.id} es anterior a {newest.id}, que ya está aceptado")
        if (empty := _emptied(snapshot, newest)) and not although_empty:
            raise DataError(
                f"{snapshot.id} no tiene filas de {', '.join(empty)}; los productos saldrían "
                "vacíos. Si el portal de verdad no tiene ninguna: agregar --aunque-vacio"
            )
        self._log_acceptance(snapshot, reason=reason.strip(), who=who, now=now)
        return self._load(self._settle(snapshot.path, SNAPSHOTS, snapshot.campania))

    def _settle(self, source: Path, place: str, campania: Campania) -> Path:
        """Rename a whole folder into its place, durably."""
        target = self.root / place / campania.slug / source.name
        make_folder(target.parent)
        if os.path.lexists(target):
            raise PublishError(f"{target} ya está en el lugar; un backup nunca se reemplaza")
        move(source, target)
        sync_folder(target.parent)
        sync_folder(source.parent)
        return target

    def _load(self, folder: Path) -> Snapshot:
        """A snapshot by its folder; in ``snapshots`` it must have been accepted by someone."""
        return self._placed(load(folder))

    def _placed(self, snapshot: Snapshot) -> Snapshot:
        in_place = snapshot.path.parent.parent.name == SNAPSHOTS
        by_hand = in_place and not snapshot.manifest["accepted"]
        logged = self._acceptance(snapshot) if by_hand else None
        if by_hand and logged is None and (bad := self._unreadable_lines()):
            raise AcceptancesUnreadable(
                f"{ACCEPTANCES}: no se pueden leer {bad} de sus líneas; "
                f"no se sabe quién aceptó {snapshot.id}"
            )
        if by_hand and logged is None:
            raise SnapshotDamaged(
                f"{snapshot.id}: está entre los aceptados, pero nadie lo aceptó ({ACCEPTANCES} no "
                "tiene un renglón con su hash)"
            )
        return replace(snapshot, accepted=in_place, acceptance=logged)

    def _list(self, place: str, campania: Campania | None, portal: Portal | None) -> list[Snapshot]:
        found = []
        for path in self.folders(campania, (place,)):
            with suppress(SnapshotDamaged):
                found.append(self._load(path))
        return sorted(
            (one for one in found if portal is None or one.portal.line == portal.line),
            key=lambda one: one.id.number,
        )

    def _log_acceptance(self, snapshot: Snapshot, *, reason: str, who: str, now: datetime) -> None:
        if self._acceptance(snapshot) is not None:
            return  # logged by a run that was killed before the move
        entry = {
            "id": str(snapshot.id),
            "campania": str(snapshot.campania),
            "manifest_sha256": snapshot.manifest_sha256,
            "reason": reason,
            "who": who,
            "utc": now.astimezone(UTC).isoformat(timespec="seconds"),
        }
        append_line(self.root / ACCEPTANCES, entry)

    def _acceptance(self, snapshot: Snapshot) -> dict[str, Any] | None:
        """The log's entry for exactly this snapshot; a torn line counts as none."""
        mine = {"id": str(snapshot.id), "manifest_sha256": snapshot.manifest_sha256}
        try:
            entries = list(read_lines(self.root / ACCEPTANCES))
        except PublishError as err:
            raise AcceptancesUnreadable(f"{err}; no se sabe quién aceptó {snapshot.id}") from err
        return next((one for one in entries if mine.items() <= one.items()), None)

    def _unreadable_lines(self) -> int:
        """How many lines of the log say nothing that can be read."""
        log = self.root / ACCEPTANCES
        lines = log.read_bytes().splitlines() if log.is_file() else []
        return sum(bool(line.strip()) for line in lines) - sum(1 for _ in read_lines(log))


def _manifest(draft: Draft, *, accepted: bool, parent: Snapshot | None) -> dict[str, Any]:
    """What the store itself says of a night."""
    hashes = {path: fact.sha256 for path, fact in draft.files.items() if path.startswith("tables/")}
    equal = parent if parent is not None and hashes == parent.table_hashes else None
    return {
        "format": FORMAT,
        "id": str(draft.id),
        "campania": str(draft.campania),
        "accepted": accepted,
        "utc": draft.now.astimezone(UTC).isoformat(timespec="seconds"),
        "local": draft.now.isoformat(timespec="seconds"),
        "parent_manifest_sha256": None if parent is None else parent.manifest_sha256,
        "equal_to": None if equal is None else str(equal.id),
        "first_equal": str(draft.id if equal is None else equal.first_equal),
        "pages": draft.pages,
        "tables": draft.tables,
    }


def _emptied(snapshot: Snapshot, before: Snapshot | None) -> list[str]:
    """Tables without a row that are never empty, or were not in the last accepted night."""

    def rows(night: Snapshot, table: str) -> int:
        return int(night.manifest["tables"][table]["rows"])

    return [
        table
        for table in TABLES
        if table != RECHAZADOS.name
        and rows(snapshot, table) == 0
        and (table in _NEVER_EMPTY or (before is not None and rows(before, table) > 0))
    ]


def _is_season(path: Path) -> bool:
    """Whether a folder is named like a campaña in paths."""
    with suppress(SettingsError):
        return (
            path.is_dir()
            and not is_link(path)
            and Campania.parse(path.name.replace("-", "/")).slug == path.name
        )
    return False


def _named(folders: Sequence[Path], name: str) -> list[Path]:
    """The snapshots that an id means: that one, else those whose number or beginning it is."""
    if whole := [path for path in folders if path.name == name]:
        return whole[:1]
    if name.isdecimal():
        return [path for path in folders if _number(path.name) == int(name)]
    return [path for path in folders if path.name.startswith(name)]


def _number(name: str) -> int:
    """The number in a snapshot id; 0 if the name is none."""
    try:
        return SnapshotId.parse(name).number
    except SettingsError:
        return 0
