"""Verification of backups and of their published copies, and what to do about what was found.

Of the newest accepted backup of each campaña, or of more, every file is read. Whatever is asked
for, the manifests of all backups are proved, and the chain that they make: each states the hash of
the one it was compared with. Nothing is written and no lock is taken: a backup is never written in
place, and a folder that is being published is read again.

A finding names the backup's id or the published folder (``where``), the file below it (``item``),
what is wrong and what to do in Spanish; its one note is English, as in logs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from Modules.disk.json_files import read_lines
from Modules.disk.problems import SOLTAR, Damage, problem_of
from Modules.disk.publish_record import MANIFEST
from Modules.disk.published import CheckedFolder, check_folder, published_sha256
from Modules.disk.safe_files import entries, fingerprint, folders, of_the_system
from Modules.products import registry
from Modules.products.entry import Producto
from Modules.settings import Settings
from Modules.store.chain import rewritten, sample
from Modules.store.integrity import expected_files, prove_manifests, verify_folder
from Modules.store.manifest import JSON_NAME, SUMS_NAME
from Modules.store.numeros import check_numeros
from Modules.store.prune import LOG_NAME
from Modules.store.snapshot import Snapshot
from Modules.store.snapshots import ACCEPTANCES, SNAPSHOTS, Held, SnapshotStore
from Modules.words.domain import Modo, SnapshotId
from Modules.words.errors import DataError, PublishError
from Modules.words.finding import Finding, Report
from Modules.words.folders import BACKUP, INFORME_CAMPANIA, PLAN_MUESTREO


class Scope(StrEnum):
    """Which backups are read in full."""

    NEWEST = "newest"
    SAMPLE = "sample"
    ALL = "all"


_BY_COMMAND: Final = {PLAN_MUESTREO: "plan-muestreo", INFORME_CAMPANIA: "informe-campania"}


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification read and found."""

    leidos: tuple[str, ...]  # backups of which every file was read
    manifiestos: int  # backups whose manifests were proved
    carpetas: tuple[str, ...]  # published folders that were read
    report: Report
    ajenos: tuple[str, ...]  # files in published folders and the store, not ours; no damage
    sanos: tuple[Snapshot, ...] = ()  # of ``leidos``, those whose manifest is sound

    def to_dict(self) -> dict[str, Any]:
        return {
            "sano": self.report.passed,
            "leidos": self.leidos,
            "manifiestos": self.manifiestos,
            "carpetas": self.carpetas,
            "hallazgos": as_dicts(self.report),
            "ajenos": self.ajenos,
        }


def as_dicts(report: Report) -> list[dict[str, str]]:
    """Damaged files as ``lindero backups verify --json`` and the result of the week tell them."""
    return [
        {
            "lugar": one.where,
            "archivo": one.item,
            "problema": one.what,
            "que_hacer": one.todo,
            "codigo": one.code,
            "detalle": one.notes[0],
        }
        for one in report.findings
    ]


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all checks of a verification need; every manifest of the store was read once."""

    root: Path  # of the store
    outputs: Path
    suffix: str  # of a command to be typed
    survey: Mapping[Path, Held]  # by folder
    by_id: Mapping[str, Held]
    accepted: Sequence[Snapshot]  # those whose manifest is sound, oldest first

    @classmethod
    def of(cls, settings: Settings, modo: Modo, store: SnapshotStore) -> _Bench:
        """Read every manifest of the store."""
        held = store.survey()
        sound = [one.snapshot for one in held if one.snapshot is not None and one.snapshot.accepted]
        accepted = sorted(sound, key=lambda one: one.id.number)
        survey = {one.path: one for one in held}
        by_id = {one.path.name: one for one in reversed(held)}  # the accepted one, if there are two
        return cls(store.root, settings.outputs_dir(modo), modo.flag, survey, by_id, accepted)

    @property
    def latest(self) -> list[Snapshot]:
        """The newest accepted night of each campaña."""
        return list({snapshot.campania: snapshot for snapshot in self.accepted}.values())

    def first_equal(self, snapshot: Snapshot) -> Path:
        """The folder of the night that held the same data first; its own if that is gone."""
        first = self.by_id.get(str(snapshot.first_equal))
        return snapshot.path if first is None else first.path

    def copy_of(self, folder: Path) -> Path:
        return self.outputs / BACKUP / folder.parent.name / folder.name


def verify_backups(
    settings: Settings,
    modo: Modo,
    *,
    ids: Sequence[str] = (),
    scope: Scope = Scope.NEWEST,
    now: datetime,
) -> Verification:
    """Verify backups and published folders of one mode.

    Args:
        ids: backups to read in full; then only these and their copies are looked at.
        scope: which ones if none is named.
        now: timezone-aware; its local date chooses the sample.

    Raises:
        SettingsError: no such backup.
        DataError: there is none at all, so nothing could be verified.
    """
    store = SnapshotStore(settings.store_dir(modo))
    bench = _Bench.of(settings, modo, store)
    if not bench.survey:
        raise DataError(f"no hay ningún backup en {store.root}; primero: lindero run backup")
    today = now.astimezone(settings.zone).date()
    full = [store.folder(one) for one in ids] or _chosen(bench, scope, today)
    wanted = set(full)
    proved = [held for held in bench.survey.values() if not ids or held.path in wanted]
    found = []
    for folder in full:
        held = bench.survey.get(folder)
        problems = verify_folder(folder, held.proof if held else None)
        if folder.is_dir():  # else it was pruned while it was read
            found += [_of_snapshot(bench, folder, problem) for problem in problems]
    for held in proved:
        problems = [] if held.path in wanted else list(held.proof.problems)
        found += [_of_snapshot(bench, held.path, problem) for problem in problems]
    found += _check_chain(bench, {held.path for held in proved})
    found += _check_places(bench, proved)
    strangers = [] if ids else store.strangers()
    if not ids:
        found += [_stranger(path) for path in strangers if not of_the_system(path.name)]
        found += _check_lost(bench)
        numbers = (check_numeros(bench.root, night) for night in bench.latest)
        found += [problem for problem in numbers if problem is not None]
        found += _check_published(bench, every=scope is Scope.ALL)
    copies = [
        (place, check_folder(folder)) for place, folder in _published(bench, full if ids else None)
    ]
    found += [
        replace(problem, where=place, todo=_mend_copy(bench, copy.folder, problem))
        for place, copy in copies
        for problem in copy.problems
    ]
    found += [one for _, copy in copies for one in _against_store(bench, copy)]
    # each file and kind of problem once, in the order found
    distinct = {(one.where, one.item, one.code): one for one in reversed(found)}
    foreign = [path for path in strangers if of_the_system(path.name)]
    foreign += [path for folder in full for path in folder.rglob("*") if of_the_system(path.name)]
    return Verification(
        leidos=tuple(folder.name for folder in full),
        manifiestos=len(proved),
        carpetas=tuple(place for place, _ in copies),
        report=Report(tuple(reversed(distinct.values()))),
        sanos=tuple(
            held.snapshot for folder in full if (held := bench.survey.get(folder)) and held.snapshot
        ),
        ajenos=(
            *(f"{place}/{name}" for place, copy in copies for name in copy.foreign),
            *(path.relative_to(store.root).as_posix() for path in sorted(foreign)),
        ),
    )


def _chosen(bench: _Bench, scope: Scope, today: date) -> list[Path]:
    """The backups to read in full, damaged ones too: the choice is by folder, not by manifest."""
    by_id = {SnapshotId.parse(name): held.path for name, held in bench.by_id.items()}
    if scope is Scope.ALL:
        return [by_id[one] for one in sorted(by_id)]
    placed = [path for path in bench.survey if path.parent.parent.name == SNAPSHOTS]
    ids = sorted((SnapshotId.parse(path.name), path.parent.name) for path in placed)
    of_seasons = {season: one for one, season in ids}  # the newest of each, sound or not
    of_portals = {(one.campania, one.portal): one.id for one in bench.accepted}
    newest = {*of_seasons.values(), *of_portals.values()}
    if scope is Scope.NEWEST:
        return [by_id[one] for one in sorted(newest)]
    return [by_id[one] for one in sample(list(by_id), newest, today)]


def _published(bench: _Bench, only: Sequence[Path] | None) -> Iterator[tuple[str, Path]]:
    """Published folders that are there, with the name that people know them by."""
    base = bench.outputs.name
    if only is None:
        for producto, carpeta in _product_folders():
            folder = bench.outputs / carpeta
            ours = (folder / MANIFEST).exists() or _made_before(bench, producto)
            if ours and entries(folder):
                yield f"{base}/{carpeta}", folder
        for carpeta in _BY_COMMAND:
            if (bench.outputs / carpeta / MANIFEST).exists():
                yield f"{base}/{carpeta}", bench.outputs / carpeta
    wanted = None if only is None else {bench.copy_of(folder) for folder in only}
    for copy in _copies(bench):
        if wanted is None or copy in wanted:
            yield f"{base}/{BACKUP}/{copy.parent.name}/{copy.name}", copy


def _copies(bench: _Bench) -> list[Path]:
    """Folders of published copies: of ours by their record, or of a backup that the store has."""
    mine = set(map(bench.copy_of, bench.survey))
    return [
        copy
        for season in folders(bench.outputs / BACKUP, links=True)
        for copy in folders(season, links=True)
        if entries(copy) and ((copy / MANIFEST).exists() or copy in mine)
    ]


def _check_chain(bench: _Bench, proved: set[Path]) -> Iterator[Finding]:
    as_published = [
        str(snapshot.id)
        for snapshot in bench.accepted
        if published_sha256(bench.copy_of(snapshot.path), SUMS_NAME) == snapshot.manifest_sha256
    ]
    proofs = (held.proof for held in bench.survey.values())  # one that is damaged is no witness
    sound = [one.snapshot for one in proofs if one.snapshot is not None and not one.problems]
    places = {str(snapshot.id): snapshot.path for snapshot in sound}
    for name, other in rewritten(sound, as_published):
        if places[name] in proved:
            what = f"no es el manifiesto con el que se hizo {other}, o que {other} nombra"
            problem = problem_of(JSON_NAME, what, Damage.CHAIN, f"con {other}")
            yield _of_snapshot(bench, places[name], problem)


def _check_places(bench: _Bench, proved: Sequence[Held]) -> Iterator[Finding]:
    """Sound snapshots among the accepted ones that nobody accepted."""
    for held in proved:
        if held.refused and not held.proof.problems:
            what = held.refused.removeprefix(f"{held.path.name}: ")
            if held.unreadable:
                where, night = held.path.name, held.proof.snapshot
                line = {"id": where, "manifest_sha256": night.manifest_sha256 if night else ""}
                todo = (
                    f"no mueva nada: recupere {ACCEPTANCES} de una copia; si no hay, borre lo que "
                    f"no se lee y agregue la línea {json.dumps(line)}"
                )
                yield problem_of(ACCEPTANCES, what, Damage.UNREADABLE, where=where, todo=todo)
                continue
            detalle = "está entre los aceptados y nadie lo aceptó"
            problem = problem_of(JSON_NAME, what, Damage.PLACE, detalle)
            yield _of_snapshot(bench, held.path, problem)


def _of_snapshot(bench: _Bench, folder: Path, problem: Finding) -> Finding:
    return replace(problem, where=folder.name, todo=_mend_snapshot(bench, folder, problem))


def _mend_snapshot(bench: _Bench, folder: Path, problem: Finding) -> str:
    """What to do about a file of a snapshot."""
    held = bench.survey.get(folder)
    proof = held.proof if held else prove_manifests(folder)
    listed = expected_files(folder, proof).get(problem.item)
    expected = None if listed is None else listed.sha256
    if problem.code == Damage.EXTRA or (problem.code == Damage.NOT_A_FILE and not expected):
        return "sáquelo de la carpeta del backup"
    if problem.code == Damage.PLACE:
        return f"muévalo de vuelta a quarantine/{folder.parent.name}"
    if problem.code in (Damage.CHAIN, Damage.CONTRADICTION):
        return "averigüe quién lo cambió; compárelo con su copia publicada"
    sound = _sound_copy(bench, folder, problem.item, expected)
    if sound is None:
        return "no hay copia sana: use otro backup (lindero backups list)"
    return f"copie el mismo archivo, que allí está sano, de {sound}"


def _sound_copy(bench: _Bench, folder: Path, file: str, expected: str | None) -> Path | None:
    """A folder in which this file has the very bytes that it should have."""
    copied = bench.copy_of(folder)
    if file in (JSON_NAME, SUMS_NAME):
        expected = published_sha256(copied, file)
    places = [copied]
    held = bench.by_id.get(folder.name)
    if held is not None and held.snapshot is not None:  # the tables of equal nights are the same
        first = bench.first_equal(held.snapshot)
        places += [first, bench.copy_of(first)]
    for place in places if expected else ():
        with suppress(OSError):
            if fingerprint(place / file).sha256 == expected:
                return place
    return None


def _check_lost(bench: _Bench) -> Iterator[Finding]:
    """Backups that others name, or that were published, and that are gone without a prune."""
    named: dict[str, str] = {}  # id → campaña in paths
    for snapshot in (one.snapshot for one in bench.survey.values() if one.snapshot):
        for other in (snapshot.parent, snapshot.first_equal):
            if other is not None:
                named[str(other)] = snapshot.campania.slug
    named |= {copy.name: copy.parent.name for copy in _copies(bench)}
    there = set(bench.by_id)
    with suppress(PublishError):  # a list that cannot be read: nothing was taken out on purpose
        there |= {str(entry.get("id")) for entry in read_lines(bench.root / LOG_NAME)}
    for name in sorted(set(named) - there):
        copy = bench.outputs / BACKUP / named[name] / name
        place = bench.root / SNAPSHOTS / named[name] / name
        hacer = (
            f"copie los archivos de {copy} que nombra su {SUMS_NAME} a {place}"
            if published_sha256(copy, SUMS_NAME)
            else f'no hay copia; si se borró a propósito, agregue {{"id": "{name}"}} a {LOG_NAME}'
        )
        what, where = "falta, y ninguna limpieza lo quitó", f"{SNAPSHOTS}/{named[name]}"
        yield problem_of(name, what, Damage.MISSING, where=where, todo=hacer)


def _stranger(path: Path) -> Finding:
    return problem_of(
        path.name,
        "está donde sólo van backups, con un nombre que no es de ninguno",
        Damage.PLACE,
        "no es un backup",
        where=path.parent.name,
        todo="si es un backup con otro nombre, devuélvale el suyo; si no, sáquelo",
    )


def _check_published(bench: _Bench, *, every: bool) -> Iterator[Finding]:
    """What must be published and is not there at all: the last night of each campaña, products.

    ``every``: the copies of all accepted nights, not of the last one only.
    """
    nights = bench.accepted if every else bench.latest
    for first in dict.fromkeys(map(bench.first_equal, nights)):
        if not entries(bench.copy_of(first)):
            command = f"lindero backups publish {first.name}{bench.suffix}"
            yield _not_there(bench, bench.copy_of(first), command)
    for producto, carpeta in _product_folders():
        folder = bench.outputs / carpeta
        never_empty = carpeta not in producto.pueden_faltar
        if never_empty and not entries(folder) and _made_before(bench, producto):
            yield _not_there(bench, folder, f"lindero run {producto.comando}{bench.suffix}")


def _not_there(bench: _Bench, folder: Path, command: str) -> Finding:
    what = "la carpeta publicada falta o está vacía"
    where = folder.parent.relative_to(bench.outputs.parent).as_posix()
    return problem_of(folder.name, what, Damage.MISSING, where=where, todo=f"corra {command}")


def _product_folders() -> Iterator[tuple[Producto, str]]:
    return ((one, carpeta) for one in registry.PRODUCTOS for carpeta in one.carpetas)


def _made_before(bench: _Bench, producto: Producto) -> bool:
    """Whether this store's nights were ever made into this product: there is a receipt."""
    return any((bench.root / "products").glob(f"{producto.nombre}-*.json"))


def _mend_copy(bench: _Bench, folder: Path, problem: Finding) -> str:
    """What to do about a file of a published folder. What is missing is written again."""
    carpeta = folder.relative_to(bench.outputs).as_posix()
    if problem.code == Damage.HELD:
        return SOLTAR
    if problem.code == Damage.EDITED:
        return "nada: la próxima corrida guarda la edición al lado, como (editado), y lo renueva"
    stays = problem.code == Damage.MISSING or problem.item == MANIFEST
    first = "" if stays else "borre ese archivo y "
    if producto := registry.of_folder(carpeta):
        return f"{first}corra lindero run {producto.comando}{bench.suffix}"
    if command := _BY_COMMAND.get(carpeta):
        return f"{first}corra lindero run {command}{bench.suffix}"
    return f"{first}corra lindero backups publish {folder.name}{bench.suffix}"


def _against_store(bench: _Bench, copy: CheckedFolder) -> Iterator[Finding]:
    """A snapshot in the store that is not the one that was published under its id."""
    fact = copy.files.get(SUMS_NAME)
    if fact is None or any(problem.item == SUMS_NAME for problem in copy.problems):
        return
    held = bench.by_id.get(copy.folder.name)
    if held is None or held.snapshot is None or not held.snapshot.accepted:
        return
    if bench.copy_of(held.path) != copy.folder or held.proof.problems:
        return
    if held.snapshot.manifest_sha256 != fact.sha256:
        what = "no es el manifiesto que se publicó"
        problem = problem_of(JSON_NAME, what, Damage.CHAIN, "con su copia publicada")
        yield _of_snapshot(bench, held.path, problem)
