"""The stores of a platform: real PostgreSQL and Redis that others use too."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from Modules.orchestration.deployments import DEPLOYMENTS
from Modules.settings import Settings, read_settings
from Modules.stack import databases
from Modules.stack import shared as stack_shared
from Modules.stack.local import free_port
from Modules.stack.plan import Database, Redis, database_url, redis_url, server_environment
from Modules.stack.processes import Spec, start, stop, wait_until
from Modules.words.errors import PipelineError, SettingsError
from tests.stack.plataforma import new_plataforma

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="no embedded servers on Windows"),
]
PASSWORD = "pl@taforma/w:rd %ñ?#1"
REDIS_PASSWORD = "r@d/i:s %ñ?#22"
OTHERS = {f"otra-app:{at}": str(at) for at in range(20)}
ANY_PASSWORD = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=24)
# SASLprep makes one of what Unicode holds to be the same (´, ﹴ), and asyncpg and PostgreSQL do by
# tables of different versions: what one of them changes, the other may not
POSTGRES_PASSWORD = ANY_PASSWORD.filter(partial(unicodedata.is_normalized, "NFKC"))


@dataclass(frozen=True, slots=True)
class Platform:
    """Stores with the data of others: a database of theirs, and keys in DB 0 of Redis."""

    admin: Database
    redis: Redis

    def sql(self, *orders: str) -> None:
        for order in orders:
            databases.ask(self.admin, order)

    def client(self, db: int) -> Any:
        return redis_client.Redis(self.redis.host, self.redis.port, db, self.redis.password)

    def settings(self, **more: str) -> Settings:
        ours = {
            "prefect_postgres_host": self.admin.host,
            "prefect_postgres_port": str(self.admin.port),
            "prefect_postgres_password": PASSWORD,
            "prefect_redis_messaging_host": self.redis.host,
            "prefect_redis_messaging_port": str(self.redis.port),
            "prefect_redis_messaging_password": self.redis.password,
            "prefect_redis_messaging_db": "3",
        }
        return read_settings({name: value for name, value in {**ours, **more}.items() if value})


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    # not below pytest's own folder: only root may enter that, and PostgreSQL is not root
    with tempfile.TemporaryDirectory(prefix="lindero-shared-") as folder, ExitStack() as open_:
        Path(folder).chmod(0o755)
        admin = Database("dba", PASSWORD, "127.0.0.1", free_port(None), "postgres")
        open_.enter_context(_postgres(Path(folder), admin))
        redis = Redis("127.0.0.1", free_port(None), REDIS_PASSWORD)
        open_.enter_context(_redis(Path(folder), redis))
        made = Platform(admin, redis)
        quoted = PASSWORD.replace("'", "''")
        made.sql(f"create role prefect login createdb password '{quoted}'")
        with made.client(0) as client:
            client.mset(OTHERS)
        yield made


@contextmanager
def _postgres(folder: Path, admin: Database) -> Iterator[None]:
    data = folder / "postgres"
    postgres = databases.find_postgres(data)
    account = databases.account_for(postgres, data)
    databases.make_database_folder(postgres, data, admin, account)
    command = postgres.command(data, admin.port, "UTC")
    log, told = folder / "postgres.log", {"PATH": os.environ["PATH"]}
    running = start(Spec("postgres", command, told, folder, log, account=account))
    try:
        wait_until(lambda: None if _answers(admin) else "silent", running, log, 60)
        yield
    finally:
        stop(running, patience_s=10)


def _answers(database: Database) -> bool:
    try:
        databases.ask(database)
    except databases.StackError:
        return False
    return True


@contextmanager
def _redis(folder: Path, redis: Redis, *more: str) -> Iterator[None]:
    """As a platform keeps one: its user may do all."""
    lines = (f"port {redis.port}", "bind 127.0.0.1", 'save ""', *more)
    typed = "\n".join((*lines, f'requirepass "{redis.password}"', ""))
    log, told = folder / f"redis-{redis.port}.log", {"PATH": os.environ["PATH"]}
    command = (str(databases.find_redis()), "-")
    running = start(Spec("redis", command, told, folder, log, typed=typed))
    client = redis_client.Redis(redis.host, redis.port, 0, redis.password)

    def fault() -> str | None:
        try:
            client.ping()
        except redis_client.ConnectionError:
            return "silent"
        return None

    try:
        wait_until(fault, running, log, 30)
        yield
    finally:
        client.close()
        stop(running, patience_s=10)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=POSTGRES_PASSWORD, of_redis=ANY_PASSWORD)
def test_any_password_opens_the_real_stores_by_the_addresses(
    platform: Platform, password: str, of_redis: str
) -> None:
    quoted = password.replace("'", "''")
    platform.sql(
        "drop role if exists cualquiera", f"create role cualquiera login password '{quoted}'"
    )
    database = replace(platform.admin, user="cualquiera", password=password)

    async def answer() -> int:
        engine = create_async_engine(database_url(database))
        try:
            async with engine.connect() as connection:
                return int((await connection.execute(text("select 7"))).scalar_one())
        finally:
            await engine.dispose()

    assert asyncio.run(answer()) == 7
    with platform.client(0) as client:
        client.config_set("requirepass", of_redis)
        try:
            url = redis_url(replace(platform.redis, password=of_redis), 3)
            with redis_client.Redis.from_url(url) as other:
                assert other.ping()
        finally:
            client.config_set("requirepass", REDIS_PASSWORD)


def test_the_database_is_made_once_by_however_many_come_at_once(platform: Platform) -> None:
    database = replace(platform.admin, user="prefect", name='pre"fect-a')
    faults: list[PipelineError] = []

    def make() -> None:
        try:
            databases.make_database(database)
        except PipelineError as err:
            faults.append(err)

    several = [threading.Thread(target=make) for _ in range(5)]
    for one in several:
        one.start()
    for one in several:
        one.join()

    assert faults == []  # and a thread that ends by another error is a failure of pytest's own
    question = "select count(*) from pg_database where datname = $1"
    assert databases.ask(platform.admin, question, database.name) == 1
    databases.ask(database, "create table kept (x int)")
    databases.make_database(database)
    assert databases.ask(database, "select count(*) from kept") == 0
    assert databases.ask(database, "select count(*) from pg_extension where extname='pg_trgm'") == 1


def test_who_may_not_make_the_database_is_told_who_can(platform: Platform) -> None:
    platform.sql("drop role if exists chico", f"create role chico login password '{PASSWORD}'")
    refused = platform.settings(prefect_postgres_user="chico", prefect_postgres_db="ninguna")
    with pytest.raises(SettingsError, match=r"chico no puede hacer create database \"ninguna\""):
        stack_shared.prepare("postgres", refused)
    platform.sql('create database "ninguna" owner chico')
    assert stack_shared.prepare("postgres", refused) == "listo"


def test_stores_that_are_ready_are_said_to_be(platform: Platform) -> None:
    told = platform.settings()
    assert stack_shared.prepare("postgres", told) == "listo"
    assert stack_shared.prepare("redis", told) == "listo"


def test_each_thing_that_is_missing_is_named(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def lacks(store: str, **more: str) -> str:
        with pytest.raises(SettingsError) as caught:
            stack_shared.prepare(store, platform.settings(**more))
        assert caught.value.exit_code == 2
        for secret in (PASSWORD, REDIS_PASSWORD, "another word 77"):
            assert secret not in str(caught.value)
        return str(caught.value)

    assert lacks("postgres", prefect_postgres_host="", prefect_postgres_password="") == (
        "PREFECT_POSTGRES_HOST: falta la máquina del PostgreSQL que se comparte; "
        "PREFECT_POSTGRES_PASSWORD: falta"
    )
    both = lacks("redis", prefect_redis_messaging_db="0", prefect_redis_messaging_password="corta")
    assert both == (
        "PREFECT_REDIS_MESSAGING_DB: la 0 es de los demás; por ejemplo 1; "
        "PREFECT_REDIS_MESSAGING_PASSWORD: necesita 12 caracteres o más"
    )
    assert "no la acepta" in lacks("postgres", prefect_postgres_password="another word 77")
    assert "no contesta" in lacks("postgres", prefect_postgres_port=str(free_port(None)))
    assert "DB index is out of range" in lacks("redis", prefect_redis_messaging_db="99")
    assert "no acepta" in lacks("redis", prefect_redis_messaging_password="another word 77")
    with platform.client(0) as others:  # a base that is not there sends nothing to that of others
        assert {key.decode() for key in others.scan_iter()} == set(OTHERS)

    evicting = Redis("127.0.0.1", free_port(None), REDIS_PASSWORD)
    with _redis(tmp_path, evicting, "maxmemory 100mb", "maxmemory-policy allkeys-lru"):
        said = lacks("redis", prefect_redis_messaging_port=str(evicting.port))
    assert "con maxmemory-policy allkeys-lru tira lo que Prefect guarda" in said

    with monkeypatch.context() as here:
        here.setattr(databases, "OLDEST_POSTGRES", 99)
        assert "y hace falta 99 o más" in lacks("postgres")
    with monkeypatch.context() as here:  # as one that is an hour behind
        ask = databases.ask

        def hour_ago(database: Database, question: str = "select 1", *arguments: object) -> object:
            late = question.replace("clock_timestamp()", "clock_timestamp() - interval '1 hour'")
            return ask(database, late, *arguments)

        here.setattr(databases, "ask", hour_ago)
        assert "difieren en 3600 s" in lacks("postgres")


def test_all_that_prefect_keeps_goes_to_one_database_that_is_not_0() -> None:
    redis = Redis("r", 6379, REDIS_PASSWORD, 4)
    database = Database("u", PASSWORD, "h", 5432, "d")
    api = stack_shared.stack_entry.api_of(read_settings({}))
    told = server_environment(database, redis, api, ui_api_url="http://x/api", tz="UTC").always
    assert told["PREFECT_REDIS_MESSAGING_DB"] == "4"
    assert told["PREFECT_SERVER_DOCKET_URL"].endswith("@r:6379/4")


@pytest.mark.slow
def test_a_night_on_shared_stores_leaves_the_keys_of_others_as_they_are(platform: Platform) -> None:
    """The real five processes less two: a trial night, and DB 0 as it was."""
    told = {
        "PREFECT_POSTGRES_HOST": platform.admin.host,
        "PREFECT_POSTGRES_PORT": str(platform.admin.port),
        "PREFECT_POSTGRES_PASSWORD": PASSWORD,
        "PREFECT_POSTGRES_DB": "prefect-noche",
        "PREFECT_REDIS_MESSAGING_HOST": platform.redis.host,
        "PREFECT_REDIS_MESSAGING_PORT": str(platform.redis.port),
        "PREFECT_REDIS_MESSAGING_PASSWORD": platform.redis.password,
        "PREFECT_REDIS_MESSAGING_DB": "3",
    }
    with new_plataforma(told) as here:
        here.up()
        run = here.start_run(DEPLOYMENTS["backup-prueba"].full_name)
        assert here.await_state(run, patience_s=240)["type"] == "COMPLETED", here.logs_of(run)
        with platform.client(0) as others, platform.client(3) as ours, platform.client(1) as docket:
            assert dict(zip(OTHERS, map(bytes.decode, others.mget(OTHERS)), strict=True)) == OTHERS
            assert {key.decode() for key in others.scan_iter()} == set(OTHERS)
            assert docket.dbsize() == 0
            assert ours.exists("prefect:runs:schedule_deployments")
            assert any(b"events" in key for key in ours.scan_iter("*events*"))
