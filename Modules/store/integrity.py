"""Proof that one snapshot on disk is whole, in stages, each damaged file named. Nothing writes.

1. ``manifest.sha256`` and ``manifest.json``: readable, agreed, without contradictions
2. missing and extra files, links and other things that do not belong
3. sizes and hashes
4. raw pages readable, as many as the manifest says
5. tables readable and equal to the manifest's counts, ids and areas
6. the verdict readable and of the same opinion as the manifest

A file that fails a stage is not looked at by the next ones. Where a manifest itself is damaged, the
hashes of the sound one of the two still prove the other files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from Modules.disk.json_files import from_json
from Modules.disk.problems import Damage, problem_of
from Modules.disk.safe_files import fingerprint, of_the_system
from Modules.store.manifest import JSON_NAME, SUMS_NAME, VERDICT_NAME, from_sums
from Modules.store.snapshot import (
    Snapshot,
    load_with_sums,
    read_raw,
    read_table,
    table_facts,
    table_path,
)
from Modules.words.columns import TABLES, Table
from Modules.words.domain import Recurso
from Modules.words.errors import DataError, SnapshotDamaged
from Modules.words.finding import Finding
from Modules.words.spanish import why

_MANIFESTS: Final = (JSON_NAME, SUMS_NAME)
_AREA: Final = "superficie_ha"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file of a snapshot should be; ``size`` is None where only the sums are left."""

    size: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What the manifests of a folder come to, the first stage: a few small files are read."""

    snapshot: Snapshot | None  # None: they cannot be read, or do not agree
    problems: tuple[Finding, ...]


def prove_manifests(folder: Path) -> Proof:
    """Whether the two manifests agree on every file, and the manifest with itself."""
    try:
        snapshot, sums = load_with_sums(folder)
    except SnapshotDamaged as err:
        file, _, what = str(err).removeprefix(f"{folder.name}: ").partition(": ")
        missing = not os.path.lexists(folder / file)
        damage = Damage.MISSING if missing else Damage.MANIFEST
        return Proof(None, (problem_of(file, what, damage),))
    return Proof(snapshot, tuple(_check_manifests(snapshot, sums)))


def verify_folder(folder: Path, proof: Proof | None = None) -> list[Finding]:
    """Everything that is wrong with a snapshot, each with its file; empty: nothing.

    ``proof``: of its manifests, where they were read already.
    """
    proof = proof or prove_manifests(folder)
    snapshot, listed = proof.snapshot, expected_files(folder, proof)
    problems = [*proof.problems, *_check_files(folder, listed)]
    if snapshot is None:
        return problems
    damaged = {problem.item for problem in problems}
    problems += _check_pages(snapshot, damaged)
    for table in TABLES.values():
        if table_path(table.name) in listed and table_path(table.name) not in damaged:
            problems += _check_table(snapshot, table)
    if VERDICT_NAME in listed and VERDICT_NAME not in damaged:
        problems += _check_verdict(snapshot)
    return problems


def expected_files(folder: Path, proof: Proof) -> Mapping[str, Expected]:
    """What the files should be, by whichever manifest is sound or can still be read."""
    if proof.snapshot is not None:
        return _by_manifest(proof.snapshot.manifest)
    left = (JSON_NAME, SUMS_NAME) if proof.problems[0].item == SUMS_NAME else (SUMS_NAME, JSON_NAME)
    for name in left:
        with suppress(OSError, DataError, KeyError, TypeError, ValueError):
            data = (folder / name).read_bytes()
            if name == JSON_NAME:
                return _by_manifest(from_json(data, source=JSON_NAME))
            sums = from_sums(data).items()
            return {path: Expected(None, sha256) for path, sha256 in sums if path != JSON_NAME}
    return {}


def _check_manifests(snapshot: Snapshot, sums: Mapping[str, str]) -> Iterator[Finding]:
    listed = {path: fact.sha256 for path, fact in snapshot.facts.items()}
    for path in sorted(set(listed) ^ (set(sums) - {JSON_NAME})):
        what = f"no lista los mismos archivos que {JSON_NAME}: {path}"
        yield problem_of(SUMS_NAME, what, Damage.MANIFEST)
    for path in sorted(set(listed) & set(sums)):
        if listed[path] != sums[path]:
            what = f"el SHA-256 de {path} no es el de {JSON_NAME}"
            yield problem_of(SUMS_NAME, what, Damage.MANIFEST)
    for path in (*map(table_path, TABLES), VERDICT_NAME):
        if path not in listed:
            yield problem_of(JSON_NAME, f"no lista {path}", Damage.MANIFEST)
    for what in _contradictions(snapshot, listed):
        yield problem_of(JSON_NAME, what, Damage.CONTRADICTION)


def _by_manifest(manifest: Mapping[str, Any]) -> Mapping[str, Expected]:
    return {
        str(file["path"]): Expected(int(file["size"]), str(file["sha256"]))
        for file in manifest["files"]
    }


def _contradictions(snapshot: Snapshot, listed: Mapping[str, str]) -> Iterator[str]:
    """What the manifest says twice and not alike."""
    manifest = snapshot.manifest
    if len(listed) != len(manifest["files"]):
        yield "lista dos veces un archivo"
    try:
        taken = {datetime.fromisoformat(manifest[name]) for name in ("utc", "local")}
        if taken != {snapshot.id.utc}:
            yield "sus horas no son las de su id"
        if snapshot.equal_to not in (None, snapshot.parent):
            yield "es igual a una noche que no es la anterior"
        if (snapshot.equal_to is None) != (snapshot.first_equal == snapshot.id):
            yield "equal_to y first_equal no concuerdan"
        if (snapshot.parent is None) != (manifest["parent_manifest_sha256"] is None):
            yield "nombra una noche anterior sin su hash, o un hash sin la noche"
        for recurso in Recurso:
            found = sum(path.startswith(f"raw/{recurso.value}-") for path in listed)
            pages = manifest["pages"].get(recurso.value, {"pages": 0, "requests": []})
            if not pages["pages"] == len(pages["requests"]) == found:
                yield f"dice {pages['pages']} páginas de {recurso.value} y lista {found}"
        if (figures := manifest.get("resumen")) is None:
            return
        for key, fact in (("filas", "rows"), (_AREA, _AREA)):  # the next night is compared with it
            for table, stated in figures[key].items():
                if stated != manifest["tables"][table][fact]:
                    yield f"el resumen dice {key} {stated} de {table}, y las tablas otra cosa"
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        yield f"no se entiende ({type(err).__name__}: {err})"


def _check_files(folder: Path, listed: Mapping[str, Expected]) -> list[Finding]:
    """Missing, extra, of another size, of another content."""
    if not listed:
        return []
    found = dict(_walk(folder))
    problems = [
        problem_of(path, "falta", Damage.MISSING) for path in sorted(set(listed) - set(found))
    ]
    for path, fault in sorted(found.items()):
        if fault is not None:
            problems.append(problem_of(path, fault, Damage.NOT_A_FILE))
        elif path not in listed:
            problems.append(problem_of(path, "sobra: el manifiesto no lo conoce", Damage.EXTRA))
        else:
            problems += _check_file(folder, path, listed[path])
    return problems


def _walk(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Every entry below the folder but the manifests: its path, and why it may not be there.

    What the system puts beside files is foreign, and passed over.
    """
    for root, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            path = Path(root, name)
            relative = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                if relative not in _MANIFESTS and not of_the_system(name):
                    yield relative, None
            elif not stat.S_ISDIR(mode):
                yield relative, "un enlace o archivo especial; acá van sólo archivos comunes"
            elif os.access(path, os.R_OK) and not any(path.iterdir()):
                yield relative, "una carpeta vacía que el manifiesto no conoce"


def _check_file(folder: Path, path: str, expected: Expected) -> list[Finding]:
    try:
        fact = fingerprint(folder / path)
    except OSError as err:
        return [problem_of(path, f"no se puede leer: {why(err)}", Damage.UNREADABLE)]
    if fact.sha256 == expected.sha256:
        if expected.size in (None, fact.size):
            return []
        what = f"dice {expected.size} bytes de {path}, que tiene {fact.size} y el SHA-256 correcto"
        return [problem_of(JSON_NAME, what, Damage.CONTRADICTION)]
    if expected.size not in (None, fact.size):
        what = f"{fact.size} bytes en lugar de {expected.size}"
        return [problem_of(path, what, Damage.SIZE, what)]
    return [problem_of(path, "el SHA-256 no es el del manifiesto", Damage.CONTENT)]


def _check_pages(snapshot: Snapshot, damaged: set[str]) -> Iterator[Finding]:
    for path in snapshot.facts:
        if path.startswith("raw/") and path not in damaged:
            try:
                if not read_raw(snapshot, path):
                    yield problem_of(path, "una página vacía", Damage.UNREADABLE)
            except SnapshotDamaged as err:
                yield problem_of(path, str(err), Damage.UNREADABLE)


def _check_table(snapshot: Snapshot, table: Table) -> Iterator[Finding]:
    """The bytes of the table are proved: what does not fit is in the manifest."""
    try:
        facts = table_facts(read_table(snapshot, table), table)
    except SnapshotDamaged as err:
        yield problem_of(table_path(table.name), str(err), Damage.UNREADABLE)
        return
    stated = snapshot.manifest["tables"].get(table.name)
    if facts != stated:
        what = f"{table_path(table.name)} tiene {facts}, el manifiesto dice {stated}"
        detalle = f"tabla {table.name}: hay {facts['rows']} filas"
        yield problem_of(JSON_NAME, what, Damage.CONTRADICTION, detalle)


def _check_verdict(snapshot: Snapshot) -> Iterator[Finding]:
    try:
        verdict = from_json((snapshot.path / VERDICT_NAME).read_bytes(), source=VERDICT_NAME)
    except (OSError, DataError) as err:
        yield problem_of(VERDICT_NAME, f"no se puede leer: {err}", Damage.UNREADABLE)
        return
    stated = snapshot.manifest["accepted"]
    if verdict.get("accepted", stated) is not stated:
        what = f"dice accepted: {stated}, {VERDICT_NAME} dice otra cosa"
        yield problem_of(JSON_NAME, what, Damage.CONTRADICTION)
