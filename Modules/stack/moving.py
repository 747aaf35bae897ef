"""The stack and all it knows in one file, and out of it onto another machine.

A plain tar with secrets in it: ``ajustes/`` (.env, OneDrive's links, profile, files of secrets),
``estado/`` (LINDERO_STATE_DIR), ``flujos/`` (the users'), ``prefect/`` (what pg_dump makes, and the
SQLite of ``--single``), and last ``manifiesto.json`` with size and SHA-256 of each. Nothing of
Redis: messages, turns and the services' queue are made again out of the database. A restore proves
the whole file, makes everything beside its place, and then only renames.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, cast

from dotenv import dotenv_values

from Modules.disk import safe_files as files
from Modules.disk.delivery import refuse_ours
from Modules.disk.destinations import check_destination
from Modules.disk.json_files import from_json, to_json
from Modules.disk.run_lock import HOLDER_NAME, only_one, run_lock
from Modules.disk.safe_files import writing
from Modules.orchestration.deployments import DEPLOYMENTS, release
from Modules.settings import PROJECT_ROOT, Settings, below_root, load_settings, variable_names
from Modules.stack import databases, local
from Modules.stack.entry import database_of
from Modules.stack.plan import Database
from Modules.stack.processes import recall
from Modules.words.domain import Modo
from Modules.words.errors import DataError, PublishError, SettingsError, StackError
from Modules.words.names import name_problem
from Modules.words.spanish import why

MANIFEST, ENV = "manifiesto.json", "ajustes/.env"
DUMP, SQLITE = "prefect/postgres.dump", "prefect/prefect.db"
_MAX_MANIFEST: Final = 64 * 1024**2
_NEW_DATABASE_BYTES: Final = 256 * 1024**2  # what an empty PostgreSQL and its journal take
_STAYS: Final = {"stack", "watch", "staging", HOLDER_NAME}  # of this machine, now; and drafts
_NOT_CARRIED: Final = ("estado/stack/", "estado/watch/")
_OURS: Final = {
    *("__init__.py", "ejemplo_propio.py"),
    *(Path(one.entrypoint.partition(":")[0]).name for one in DEPLOYMENTS.values()),
}
_TURNS: Final = "update concurrency_limit_v2 set active_slots = 0"  # nothing of there runs here
_FOLDER: Final = (  # that a run begins in: of our deployments and of the users'
    "update deployment set pull_steps = replace(pull_steps{0}, $1, $2){1} where pull_steps{0} <> ''"
)


def backup(settings: Settings, file: Path, *, now: datetime, overwrite: bool = False) -> list[str]:
    """Write the archive, whole or not at all, and read it back; its members.

    Raises:
        SettingsError, RunLocked, StackError: ``file`` is there; a night runs; no pg_dump.
        DataError, PublishError: a file cannot be read or written; an earlier ``file`` is intact.
    """
    file = file.absolute()
    if os.path.lexists(file) and not overwrite:
        raise SettingsError(f"{file} ya existe: nombrar otro archivo, o agregar --overwrite")
    refuse_ours(file.parent, (settings.lindero_state_dir,))
    check_destination(file.parent)
    with tempfile.TemporaryDirectory(prefix=".lindero-", suffix=".tmp", dir=file.parent) as name:
        draft = Path(name, file.name)
        with _quiet(settings), writing(file):
            members = _state_files(settings) | _settings_files(settings)
            _write(draft, members | _databases(settings, Path(name)), now)
        told = read(draft, {})
        files.move(draft, file)
        files.sync_folder(file.parent)
    return list(told["archivos"])


def restore(
    file: Path, *, now: datetime, overwrite: bool = False
) -> tuple[dict[str, Any], Settings, list[Path]]:
    """Put an archive where its settings and this environment say, all of it or nothing.

    Returns:
        The archive's manifest, its settings here, and the new names of what was put aside.

    Raises:
        DataError, SettingsError: the archive is damaged; something is in a place.
        RunLocked, StackError, PublishError: a night or the stack runs; no database; no room.
    """
    with ExitStack() as undo:
        env = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="lindero-")), ".env")
        spare = {f"ajustes/{n}_FILE": env.with_name(f"{n}_FILE") for n in variable_names()}
        told = read(file, {ENV: env, **spare})
        secrets = _secret_files(env)
        with env.open("ab") as lines:  # that of their places, which are still empty
            lines.writelines(
                f"\n{n[8:]}={spare[n]}".encode() for n in secrets if n in told["archivos"]
            )
        settings, members = (
            load_settings(env if ENV in told["archivos"] else None),
            told["archivos"],
        )
        flows = {n: PROJECT_ROOT / "scripts" / n[7:] for n in members if n.startswith("flujos/")}
        places = {
            name: path
            for name, path in (flows | _places(settings) | secrets).items()
            if name in members
            if not (path.is_file() and asdict(files.fingerprint(path)) == members[name])
        }
        places["estado"] = state = settings.lindero_state_dir.resolve()
        taken = [
            str(path)
            for path in places.values()
            if any(one.is_file() and one.suffix != ".lock" for one in (path, *path.rglob("*")))
        ]
        if taken and not overwrite:
            raise SettingsError(
                f"ya existe {', '.join(taken)}: restaurar en otra carpeta, o agregar --overwrite, "
                "que lo aparta con otro nombre"
            )
        check_destination(state.parent, need_bytes=file.stat().st_size + _NEW_DATABASE_BYTES)
        drafts = {n: path.with_name(f".lindero-{path.name}.tmp") for n, path in places.items()}
        for path in drafts.values():
            files.remove_tree(path)
            undo.callback(_gone, path)
        draft = replace(settings, lindero_state_dir=drafts.pop("estado"))
        prefect = local.stack_folder(draft) / "prefect"
        files.make_folder(prefect)
        prefect.chmod(0o700)
        whole = {n: draft.lindero_state_dir / n[7:] for n in members if n.startswith("estado/")}
        whole |= {DUMP: prefect / "postgres.dump", SQLITE: prefect / "prefect.db"}
        read(file, whole | drafts)
        _refill(draft, prefect, str(told["raiz"]))
        drafts["estado"] = draft.lindero_state_dir
        with _quiet(settings, down=True):
            pass
        aside = _swap([(drafts[n], path) for n, path in places.items()], f"{now:%Y%m%dT%H%M%S}")
    return told, settings, aside


def read(file: Path, places: Mapping[str, Path]) -> dict[str, Any]:
    """Prove an archive whole, and write the members that have a place, to new files; its manifest.

    Raises:
        DataError, PublishError: it is damaged, cut short or hostile; no room.
    """
    found: dict[str, dict[str, Any]] = {}
    said = b""
    try:
        with tarfile.open(file, "r:") as tar:
            for member in tar:
                name = member.name
                data = tar.extractfile(member) if member.type == tarfile.REGTYPE else None
                bad = name_problem(name) or name.startswith(_NOT_CARRIED) or name in found
                if data is None or member.sparse or bad or said:
                    raise DataError(f"{file}: {name!r} no va en un archivo de lindero stack")
                if name == MANIFEST:
                    said = data.read(_MAX_MANIFEST)
                else:
                    sha256 = _sha256(data, places.get(name), member.mode & 0o777 | 0o600)
                    found[name] = {"size": member.size, "sha256": sha256}
    except OSError as err:
        raise DataError(f"{file} no se puede leer: {why(err)}") from err
    except (tarfile.TarError, EOFError, ValueError) as err:
        raise DataError(f"{file} está dañado, o no es de lindero stack backup") from err
    if not said:
        raise DataError(f"{file} está cortado o dañado: no llega a {MANIFEST}")
    told = from_json(said, source=f"{file}: {MANIFEST}")
    listed = told.get("archivos")
    if told.get("formato") != 1 or not isinstance(listed, dict):
        raise DataError(f"{file}: {MANIFEST} es de otra versión; actualizar Lindero")
    if wrong := sorted(n for n in {*found, *listed} if found.get(n) != listed.get(n)):
        raise DataError(f"{file} está dañado: {wrong[0]} no es como dice {MANIFEST}")
    return told


def _sha256(data: IO[bytes], target: Path | None, mode: int) -> str:
    """Of a member, or of the new file that it was copied to."""
    if target is None:
        return hashlib.file_digest(cast("io.BufferedReader", data), "sha256").hexdigest()
    files.make_folder(target.parent)
    with writing(target), target.open("xb") as out:
        target.chmod(mode)
        shutil.copyfileobj(data, out, files.CHUNK_BYTES)
        out.flush()
        os.fsync(out.fileno())
    return files.fingerprint(target).sha256


def _write(draft: Path, members: Mapping[str, Path], now: datetime) -> None:
    told = {"formato": 1, "raiz": str(PROJECT_ROOT), "version": release(), "hecho": str(now)}
    told["archivos"] = facts = {}
    manifest = draft.with_name(MANIFEST)
    with tarfile.open(draft, "x:", format=tarfile.GNU_FORMAT, dereference=True) as tar:
        for name, path in sorted(members.items()):
            facts[name] = asdict(files.fingerprint(path))
            tar.add(path, name)
        manifest.write_bytes(to_json(told))
        tar.add(manifest, MANIFEST)
    draft.chmod(0o600)
    files.sync_file(draft)


def _settings_files(settings: Settings) -> dict[str, Path]:
    """What holds settings, and the users' own flows; what lies in the state is carried with it."""
    state, scripts = settings.lindero_state_dir.resolve(), PROJECT_ROOT / "scripts"
    flows = {f"flujos/{one.name}": one for one in scripts.glob("*.py") if one.name not in _OURS}
    places = flows | _places(settings) | _secret_files(PROJECT_ROOT / ".env")
    kept = {n: path for n, path in places.items() if not path.resolve().is_relative_to(state)}
    return {name: path for name, path in kept.items() if path.is_file()}


def _places(settings: Settings) -> dict[str, Path]:
    """Where the files of settings lie."""
    places = {ENV: PROJECT_ROOT / ".env", "ajustes/enlaces.json": settings.lindero_symlink_config}
    if (profile := settings.databaler_profile) is not None:
        places["ajustes/perfil.toml"] = profile
    return places


def _secret_files(env: Path) -> dict[str, Path]:
    """Files that hold the value of a variable NAME, as a line NAME_FILE of a .env says."""
    texts = dotenv_values(env, encoding="utf-8-sig")
    named = {name: texts.get(f"{name}_FILE") for name in variable_names()}
    return {f"ajustes/{name}_FILE": below_root(path) for name, path in named.items() if path}


def _state_files(settings: Settings) -> dict[str, Path]:
    """Every file of the state that is carried; a folder that cannot be read is no empty one."""
    state = settings.lindero_state_dir
    found = {}

    def refuse(err: OSError) -> None:
        raise DataError(f"{err.filename} no se puede leer: {why(err)}") from err

    for root, folders, names in os.walk(state, onerror=refuse):
        near = len(Path(root).relative_to(state).parts) < 2
        folders[:] = [name for name in folders if not (near and name in _STAYS)]
        for path in (Path(root, name) for name in (*folders, *names)):
            if files.is_link(path):
                raise DataError(f"{path} es un enlace, que no se puede llevar: sacarlo")
            left = files.of_the_system(path.name) or path.suffix in (".tmp", ".lock")
            if path.is_file() and not left and not (near and path.name in _STAYS):
                found[f"estado/{path.relative_to(state).as_posix()}"] = path
    return found


def _databases(settings: Settings, scratch: Path) -> dict[str, Path]:
    """Copies in ``scratch`` of Prefect's database: of five processes, of ``--single``, or both."""
    folder, found = local.stack_folder(settings), {}
    if (folder / "postgres").is_dir():
        found[DUMP] = scratch / "postgres.dump"
        with _postgres(settings) as database:
            _run(folder, "pg_dump", database, "--format=custom", f"--file={found[DUMP]}")
    if (folder / SQLITE).is_file():
        found[SQLITE] = scratch / "prefect.db"
        with _sqlite(folder / SQLITE) as held, _sqlite(found[SQLITE]) as copy:
            held.backup(copy)
    return found


def _refill(settings: Settings, prefect: Path, there: str) -> None:
    """Make the databases of a draft, with the project where it is now and no turn taken."""
    dump, folder = prefect / "postgres.dump", local.stack_folder(settings)
    roots = there, str(PROJECT_ROOT)
    texts = [tuple(json.dumps(one, ensure_ascii=plain) for one in roots) for plain in (True, False)]
    if (prefect / "prefect.db").is_file():
        with _sqlite(prefect / "prefect.db") as held:
            for pair in texts:
                held.execute(_FOLDER.format("", ""), pair)
            held.execute(_TURNS)
    if dump.is_file():
        with _postgres(settings) as database:
            arguments = ("--no-owner", "--exit-on-error", "--single-transaction", str(dump))
            _run(folder, "pg_restore", database, f"--dbname={database.name}", *arguments)
            for pair in texts:
                databases.ask(database, _FOLDER.format("::text", "::jsonb"), *pair)
            databases.ask(database, _TURNS)
        files.remove_file(dump)


@contextmanager
def _sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path)) as held, held:
            yield held
    except sqlite3.Error as err:
        raise StackError(f"la base de Prefect en {path} no se puede usar: {err}") from err


@contextmanager
def _postgres(settings: Settings) -> Iterator[Database]:
    """The stack's PostgreSQL: the one that runs or is another's, else started for the block."""
    if "postgres" in local.stores_of_others(settings):
        yield database_of(settings)
        return
    note, before = recall(local.stack_folder(settings) / local.RUN_NAME)
    ports = {"worker": 0, **note.get("ports", {}), "postgres": local.free_port(None)}
    stack = local.find(settings) or local.stack_at(settings, ports, {}, single=False)
    if any(one.name == "postgres" for one in stack.alive()):
        yield database_of(stack.settings)
        return
    try:
        stack.start("postgres")
        stack.await_healthy("postgres")
        yield database_of(stack.settings)
    finally:
        stack.stop("postgres")
        stack.note(before)


def _run(folder: Path, program: str, database: Database, *arguments: str) -> None:
    """One of PostgreSQL's own programs; the password is in its environment only."""
    path = databases.find_postgres(folder / "postgres").programs / program
    told = {"PGHOST": database.host, "PGPORT": str(database.port), "PGUSER": database.user}
    told |= {"PGPASSWORD": database.password, "PGDATABASE": database.name, "PGSSLMODE": "disable"}
    command, environment = (str(path), *arguments), {**os.environ, **told}
    try:
        subprocess.run(command, env=environment, capture_output=True, check=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as err:
        said = getattr(err, "stderr", "").strip() or f"no se puede empezar {path}; lo trae uv sync"
        raise StackError(f"{program} no pudo: {said.splitlines()[0]}") from err


@contextmanager
def _quiet(settings: Settings, *, down: bool = False) -> Iterator[None]:
    """No night begins, and nobody starts or stops the stack, during the block; ``down``: it is."""
    with ExitStack() as held:
        for modo in Modo:
            if settings.store_dir(modo).is_dir():
                held.enter_context(run_lock(settings.lindero_state_dir, modo))
        if (folder := local.stack_folder(settings)).is_dir():
            held.enter_context(only_one(folder / "stack.lock", local.busy))
        if down and (stack := local.find(settings)) is not None and stack.alive():
            raise StackError("la plataforma corre en esta máquina; primero: lindero stack down")
        yield


def _swap(swaps: Sequence[tuple[Path, Path]], mark: str) -> list[Path]:
    """Put each draft in its place, or none; the new names of what was there."""
    aside = []
    with ExitStack() as undo:
        for draft, place in swaps:
            if os.path.lexists(place):
                aside.append(place.with_name(f"{place.name}.antes-{mark}"))
                files.move(place, aside[-1])
                undo.callback(files.move, aside[-1], place)
            files.move(draft, place)
            undo.callback(files.move, place, draft)
            files.sync_folder(place.parent)
        undo.pop_all()
    return aside


def _gone(path: Path) -> None:
    with suppress(PublishError):
        files.remove_tree(path)
