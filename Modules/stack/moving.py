"""The stack and all it knows in one file, and out of it onto another machine.

A plain tar with secrets in it: ``ajustes/`` (.env, OneDrive's links, profile, files of secrets),
``estado/`` (LINDERO_STATE_DIR), ``flujos/`` (the users'), ``prefect/`` (what pg_dump makes, and the
SQLite of ``--single``; that of the prompts stands in the state), and last ``manifiesto.json`` with
size and SHA-256 of each. Nothing of Redis: messages, turns and the services' queue are made again
out of the database. A restore proves the whole file, makes everything beside its place, and then
only renames.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from dotenv import dotenv_values

from Modules.disk import safe_files as files
from Modules.disk.delivery import REPLACES, deliver, look_at
from Modules.disk.destinations import check_destination
from Modules.disk.json_files import from_json, to_json
from Modules.disk.run_lock import HOLDER_NAME, only_one, run_lock
from Modules.disk.safe_files import FileFact
from Modules.orchestration.deployments import DEPLOYMENTS, OF_EMPRESAS, release
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
    *(
        Path(one.entrypoint.partition(":")[0]).name
        for one in {**DEPLOYMENTS, **OF_EMPRESAS}.values()
    ),
}
_TURNS: Final = "update concurrency_limit_v2 set active_slots = 0"  # nothing of there runs here
_FOLDER: Final = (  # that a run begins in: of our deployments and of the users'
    "update deployment set pull_steps = replace(pull_steps{0}, {2}, {3}){1} "
    "where pull_steps{0} <> ''"
)


def backup(settings: Settings, file: Path, *, now: datetime, overwrite: bool = False) -> list[str]:
    """Write the archive, whole or not at all, and read it back; its members.

    Raises:
        SettingsError, RunLocked, StackError: ``file`` is there; a night runs; no pg_dump.
        DataError, PublishError: a file cannot be read or written; an earlier ``file`` is intact.
    """
    name, ours = file.name, (settings.lindero_state_dir,)
    target = look_at(file.parent, [name], overwrite=True, keep_out=ours)
    if target.actions[name] == REPLACES and not overwrite:
        raise SettingsError(f"{file} ya existe: nombrar otro archivo, o agregar --overwrite")
    proved: list[str] = []

    def fill(folder: Path) -> dict[str, FileFact]:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            members = _state_files(settings) | _other_files(settings)
            _write(folder / name, members | _databases(settings, Path(scratch)), now)
        proved.extend(read(folder / name)["archivos"])
        return {name: files.fingerprint(folder / name)}

    with _quiet(settings):
        deliver(target, fill)
    return proved


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
        first = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="lindero-")))
        told = read(file, lambda name: first / name if name.startswith("ajustes/") else None)
        members, settings = told["archivos"], _settings_in(first)
        flows = [name for name in members if name.startswith("flujos/")]
        places = {
            name: path
            for name, path in _places(settings, first / ENV, flows).items()
            if name in members
            if not (path.is_file() and asdict(files.fingerprint(path)) == members[name])
        }
        places["estado"] = state = settings.lindero_state_dir.resolve()
        if (taken := [str(path) for path in places.values() if _holds(path)]) and not overwrite:
            raise SettingsError(
                f"ya existe {', '.join(taken)}: restaurar en otra carpeta, o agregar --overwrite, "
                "que lo aparta con otro nombre"
            )
        check_destination(state.parent, need_bytes=file.stat().st_size + _NEW_DATABASE_BYTES)
        drafts = {n: path.with_name(f".lindero-{path.name}.tmp") for n, path in places.items()}
        for path in drafts.values():
            files.remove_tree(path)
            undo.callback(_gone, path)
        _fill(file, drafts, settings, told)
        with _quiet(settings, down=True):
            pass
        aside = _swap([(drafts[n], path) for n, path in places.items()], f"{now:%Y%m%dT%H%M%S}")
    return told, settings, aside


def read(file: Path, place: Callable[[str], Path | None] = lambda _: None) -> dict[str, Any]:
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
                elif (path := place(name)) is None:
                    sha256 = hashlib.file_digest(cast("io.BufferedReader", data), "sha256")
                    found[name] = asdict(FileFact(member.size, sha256.hexdigest()))
                else:
                    files.make_folder(path.parent)
                    mode = member.mode & 0o777 | 0o600
                    found[name] = asdict(files.pour_new(data, path, mode))
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


def _write(draft: Path, members: Mapping[str, Path], now: datetime) -> None:
    told = {"formato": 1, "raiz": str(PROJECT_ROOT), "version": release(), "hecho": str(now)}
    told["archivos"] = facts = {}
    with tarfile.open(draft, "x:", format=tarfile.GNU_FORMAT, dereference=True) as tar:
        draft.chmod(0o600)
        for name, path in sorted(members.items()):
            facts[name] = asdict(files.fingerprint(path))
            tar.add(path, name)
        last = tarfile.TarInfo(MANIFEST)
        said = to_json(told)
        last.size, last.mtime = len(said), int(now.timestamp())
        tar.addfile(last, io.BytesIO(said))
    files.sync_file(draft)


def _other_files(settings: Settings) -> dict[str, Path]:
    """What is not of the state; a file of settings that lies there is carried with it."""
    state, scripts = settings.lindero_state_dir.resolve(), (PROJECT_ROOT / "scripts").glob("*.py")
    flows = [f"flujos/{one.name}" for one in scripts if one.name not in _OURS]
    places = _places(settings, PROJECT_ROOT / ".env", flows)
    return {
        name: path
        for name, path in places.items()
        if path.is_file() and not path.resolve().is_relative_to(state)
    }


def _places(settings: Settings, env: Path, flows: Iterable[str]) -> dict[str, Path]:
    """Where settings, the users' flows, and the files of secrets that ``env`` names lie here."""
    texts = dotenv_values(env, encoding="utf-8-sig")
    named = {f"ajustes/{name}_FILE": texts.get(f"{name}_FILE") for name in variable_names()}
    told = {
        "ajustes/perfil.toml": settings.databaler_profile,
        "ajustes/google_cuenta.json": settings.lindero_google_service_account,
        "ajustes/google_token.json": settings.lindero_google_token,
    }
    return {
        ENV: PROJECT_ROOT / ".env",
        "ajustes/enlaces.json": settings.lindero_symlink_config,
        "ajustes/integraciones.toml": settings.lindero_integrations,
        **{name: path for name, path in told.items() if path},
        **{name: below_root(path) for name, path in named.items() if path},
        **{name: PROJECT_ROOT / "scripts" / name.removeprefix("flujos/") for name in flows},
    }


def _settings_in(first: Path) -> Settings:
    """The settings of an archive, its secrets' files read where they are now."""
    if not (first / ENV).is_file():
        return load_settings()
    here = "".join(f"\n{one.name}={one}" for one in first.glob("ajustes/*_FILE"))
    (first / ".env").write_bytes((first / ENV).read_bytes() + here.encode())
    return load_settings(first / ".env")


def _state_files(settings: Settings) -> dict[str, Path]:
    """Every file of the state that is carried; a folder that cannot be read is no empty one."""
    state, prompts = settings.lindero_state_dir, settings.prompts_database
    written = {prompts.with_name(prompts.name + one) for one in ("", "-wal", "-shm")}  # copied
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
            left |= path in written
            if path.is_file() and not left and not (near and path.name in _STAYS):
                found[f"estado/{path.relative_to(state).as_posix()}"] = path
    return found


def _databases(settings: Settings, scratch: Path) -> dict[str, Path]:
    """Copies in ``scratch`` of the prompts' SQLite, which may be written meanwhile, and of
    Prefect's database: of five processes, of ``--single``, or both.
    """
    folder, found = local.stack_folder(settings), {}
    if (folder / "postgres").is_dir():
        found[DUMP] = scratch / "postgres.dump"
        with _postgres(settings) as database:
            _run(folder, "pg_dump", database, "--format=custom", f"--file={found[DUMP]}")
    prompts = settings.prompts_database
    for name, path in ((SQLITE, folder / SQLITE), (f"estado/{prompts.name}", prompts)):
        if path.is_file():
            found[name] = scratch / path.name
            with _sqlite(path) as held, _sqlite(found[name]) as copy:
                held.backup(copy)
    return found


def _fill(
    file: Path, drafts: Mapping[str, Path], settings: Settings, told: Mapping[str, Any]
) -> None:
    """Make the drafts: the database knows the project where it is now, and no turn is taken."""
    draft = replace(settings, lindero_state_dir=drafts["estado"])
    folder = local.stack_folder(draft)
    files.make_folder(folder / "prefect")
    (folder / "prefect").chmod(0o700)
    whole = {n: drafts["estado"] / n[7:] for n in told["archivos"] if n.startswith("estado/")}
    read(file, {**drafts, **whole, DUMP: folder / DUMP, SQLITE: folder / SQLITE}.get)
    roots = str(told["raiz"]), str(PROJECT_ROOT)
    texts = [tuple(json.dumps(one, ensure_ascii=plain) for one in roots) for plain in (True, False)]
    if (folder / SQLITE).is_file():
        with _sqlite(folder / SQLITE) as held:
            for pair in texts:
                held.execute(_FOLDER.format("", "", "?", "?"), pair)
            held.execute(_TURNS)
    if (folder / DUMP).is_file():
        with _postgres(draft) as database:
            arguments = ("--no-owner", "--exit-on-error", "--single-transaction")
            name = f"--dbname={database.name}"
            _run(folder, "pg_restore", database, name, *arguments, str(folder / DUMP))
            for pair in texts:
                databases.ask(database, _FOLDER.format("::text", "::jsonb", "$1", "$2"), *pair)
            databases.ask(database, _TURNS)
        files.remove_file(folder / DUMP)


@contextmanager
def _sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path)) as held, held:
            yield held
    except sqlite3.Error as err:
        raise StackError(f"la base {path} no se puede usar: {err}") from err


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


def _holds(path: Path) -> bool:
    """Whether a file is there, or a folder with one; a lock is none."""
    return any(one.is_file() and one.suffix != ".lock" for one in (path, *path.rglob("*")))


def _gone(path: Path) -> None:
    with suppress(PublishError):
        files.remove_tree(path)
