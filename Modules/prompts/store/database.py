"""The database of the prompts: SQLite in the state folder, or PostgreSQL; made and moved on.

Every transaction that writes holds the database (SQLite) or the rows that it touches (PostgreSQL)
from its start. Whatever the database says comes out as an error of ours, without a value or a
password in it.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, create_engine, event, func, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from Modules.disk.run_lock import only_one
from Modules.disk.safe_files import make_folder
from Modules.words.errors import (
    DataError,
    PipelineError,
    PublishError,
    SettingsError,
    StoreUnavailable,
)

HEAD: Final = "0001"  # the newest of the migrations: who finds it loads none
VERSION_TABLE: Final = "prompts_version"  # Prefect's own migrations keep theirs in alembic_version
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_PATIENCE_S: Final = 30
_SETTING: Final = "LINDERO_PROMPTS_DATABASE_URL"
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_OF_THE_DISK: Final = {
    sqlite3.SQLITE_READONLY: "no se puede escribir",
    sqlite3.SQLITE_PERM: "no hay permiso",
    sqlite3.SQLITE_IOERR: "el disco da un error",
    sqlite3.SQLITE_FULL: "no queda lugar en el disco",
    sqlite3.SQLITE_CANTOPEN: "no se puede abrir",
}


class Database:
    """An open database of the newest form; ``url`` is one of SQLAlchemy's.

    Raises:
        StoreUnavailable: it does not answer.
        SettingsError: its address is wrong, or a newer Lindero made it.
        DataError: it is damaged, or is no database of prompts.
        PublishError: its folder or file cannot be written.
    """

    def __init__(self, url: str | URL) -> None:
        address = _address(url)
        self._sqlite = address.get_backend_name() == "sqlite"
        self.where = f"{address.database if self._sqlite else address.host}"
        if self._sqlite:
            make_folder(Path(self.where).parent)
            told: dict[str, Any] = {"connect_args": {"timeout": _PATIENCE_S}}
        else:
            alive = {"connect_timeout": 5, "tcp_user_timeout": _PATIENCE_S * 1000}
            told = {"connect_args": alive, "pool_pre_ping": True}
        engine = create_engine(address, pool_size=5, max_overflow=15, hide_parameters=True, **told)
        if self._sqlite:
            event.listen(engine, "connect", _of_sqlite)
            event.listen(engine, "begin", _begin)
        self._engine = engine
        self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        weakref.finalize(self, engine.dispose)
        self._prepare()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self._named(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, turn: str | None = None) -> Iterator[Connection]:
        """A transaction, all of it or nothing; those of the same ``turn`` come one by one."""
        with self._named(), self._writer.begin() as connection:
            if turn is not None and not self._sqlite:  # where every writer is alone anyway
                connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(turn))))
            yield connection

    def insert(self, table: Table) -> Any:
        """An INSERT that knows ON CONFLICT."""
        return sqlite.insert(table) if self._sqlite else postgresql.insert(table)

    def _prepare(self) -> None:
        """Make what is not there, or move it on; by one process at a time."""
        with self.reading() as connection:
            if (found := _revision(connection)) == HEAD:
                return
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        known = {one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
        if found is not None and found not in known:
            raise SettingsError(
                f"la base de prompts {self.where} la hizo un Lindero más nuevo (forma {found}, y "
                f"este conoce hasta la {HEAD}): actualizar Lindero, o restaurar la base de antes"
            )
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with ExitStack() as alone:
            if self._sqlite:  # who changes its journal waits for nobody: no two may
                lock, busy = Path(f"{self.where}.lock"), self._unavailable("otro la está haciendo")
                alone.enter_context(only_one(lock, lambda: busy, _PATIENCE_S))
                with self._named(), self._engine.execution_options(begin="").begin() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection = alone.enter_context(self.writing("lindero prompts"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (DatabaseError, InterfaceError, PoolTimeout) as err:
            raise self._error(err) from err

    def _error(self, err: SQLAlchemyError) -> PipelineError:
        cause = getattr(err, "orig", None)
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without what makes it more precise
        if said := _OF_THE_DISK.get(code):
            return PublishError(
                f"la base de prompts {self.where}: {said}; revisar el disco y los permisos de la "
                "carpeta"
            )
        if code and code not in _BUSY:
            return DataError(
                f"la base de prompts {self.where} está dañada, o no es una base de prompts "
                f"({cause}): restaurarla de un lindero stack backup, o apartarla"
            )
        if isinstance(err, ProgrammingError):
            state = getattr(cause, "sqlstate", None) or type(cause).__name__
            return SettingsError(
                f"{_SETTING}: en la base de {self.where} faltan permisos o tablas ({state})"
            )
        return self._unavailable(type(cause or err).__name__)

    def _unavailable(self, cause: str) -> StoreUnavailable:
        more = "" if self._sqlite else f"; si cambió la dirección o la contraseña: {_SETTING}"
        said = f"la base de prompts {self.where} no contesta ({cause}); volver a probar{more}"
        return StoreUnavailable(said)


def _address(url: str | URL) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # its text quotes the password
        raise SettingsError(f"{_SETTING} no es la dirección de una base") from None
    backend = address.drivername.partition("+")[0]
    if backend in ("postgres", "postgresql"):
        return address.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and address.database:
        return address.set(drivername="sqlite")
    raise SettingsError(f"{_SETTING}: {backend} no sirve; tiene que ser postgresql://…")


def _of_sqlite(raw: sqlite3.Connection, _record: object) -> None:
    raw.isolation_level = None  # transactions begin where we say
    raw.execute("PRAGMA foreign_keys=ON")
    raw.execute("PRAGMA synchronous=FULL")  # what was accepted outlives a power cut


def _begin(connection: Connection) -> None:
    if said := connection.get_execution_options().get("begin", "BEGIN"):
        connection.exec_driver_sql(said)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    return None if found is None else str(found)
