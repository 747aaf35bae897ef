"""What ``up``, ``restart`` and ``stay`` decide, on real stores and without Prefect."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from Modules.settings import Settings, read_settings
from Modules.stack import local
from Modules.stack.checks import WELL, Health, ill
from Modules.stack.entry import database_of
from Modules.stack.local import RUN_NAME, Stack
from Modules.stack.processes import FOLDER_VARIABLE, Running, of_stack, stop_strays
from Modules.words.errors import RunLocked, SettingsError, StackError

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="no embedded servers on Windows"),
]
SECRETS = {
    "prefect_postgres_password": "p@ss/w:rd %ñ?#1",
    "prefect_redis_messaging_password": "r@d/i:s %ñ?#22",
    "prefect_server_api_auth_string": "campo:a@u/t:h %n?#3",
}
IDLE = "import time; time.sleep(300)"


def _settings(folder: Path, **more: str) -> Settings:
    port = str(_free_port())  # who works here may have a stack on the usual one
    told = {"lindero_state_dir": str(folder), "lindero_port": port, **more}
    return read_settings({**SECRETS, **told})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def stores() -> Iterator[Stack]:
    """A PostgreSQL and a Redis that do their work, and nothing of Prefect's."""
    folder = Path(tempfile.mkdtemp(prefix="lindero-stores-"))  # PostgreSQL is not root
    folder.chmod(0o755)
    ports = {name: _free_port() for name in ("postgres", "redis", "server", "worker")}
    stack = local.stack_at(_settings(folder), ports, {}, single=False)
    (stack.folder / "redis").mkdir(parents=True)
    for name in ("postgres", "redis"):
        stack.start(name)
    for name in ("postgres", "redis"):
        stack.await_healthy(name)
    yield stack
    local.down(_settings(folder))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def given(stores: Stack) -> dict[str, str]:
    """The two as the ``.env`` of another project names them."""
    return {
        "lindero_port": str(_free_port()),
        "prefect_postgres_host": "127.0.0.1",
        "prefect_postgres_port": str(stores.ports["postgres"]),
        "prefect_postgres_db": "de_otros",
        "prefect_redis_messaging_host": "localhost",
        "prefect_redis_messaging_port": str(stores.ports["redis"]),
    }


def test_a_redis_that_nobody_remembers_is_found_by_where_it_works(stores: Stack) -> None:
    """It hides its environment; a second one on the same files would tear them."""
    redis, postgres = stores.process("redis"), stores.process("postgres")
    assert redis is not None
    assert postgres is not None

    found = {process.pid for process in of_stack(stores.folder)}

    assert {redis.pid, postgres.pid} <= found
    assert psutil.Process(redis.pid).environ().get(FOLDER_VARIABLE) is None  # or this is no test
    assert of_stack(stores.folder.parent) == []
    stop_strays(stores.folder, spare=stores.alive())
    assert {one.name for one in stores.alive()} == {"postgres", "redis"}


def test_a_note_that_is_lost_or_torn_is_read_from_its_copy(stores: Stack) -> None:
    note, before = stores.folder / RUN_NAME, stores.alive()
    whole = note.read_bytes()

    for torn in (whole[: len(whole) // 2], b"", b"null"):
        note.write_bytes(torn)
        assert stores.alive() == before
    note.unlink()
    assert stores.alive() == before
    stores.note(before)
    assert note.read_bytes() == whole


def test_stores_that_are_there_already_are_used_and_listed_as_of_others(
    stores: Stack, given: dict[str, str], tmp_path: Path
) -> None:
    settings = _settings(tmp_path, **given)
    stack = local._chosen(settings, single=False)

    for name in ("postgres", "redis"):
        assert stack.fault(name) is None

    assert stack.own == ("server", "services", "worker")
    assert (
        local.databases.ask(database_of(stack.settings), "select current_database()") == "de_otros"
    )
    assert stack._told("server")["PREFECT_POSTGRES_PORT"] == given["prefect_postgres_port"]
    assert stack._told("server")["PREFECT_REDIS_MESSAGING_HOST"] == "localhost"
    where = f"localhost:{given['prefect_redis_messaging_port']}"
    assert stack.health("redis").text == f"responde (de afuera, en {where})"
    assert stack.health("redis").ok


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"prefect_postgres_port": "9"}, "PREFECT_POSTGRES_HOST, PREFECT_POSTGRES_PORT: en 127"),
        ({"prefect_redis_messaging_port": "9"}, "PREFECT_REDIS_MESSAGING_HOST, PREFECT_REDIS"),
        (
            {"prefect_postgres_password": "not the one, mind"},
            "PREFECT_POSTGRES_PASSWORD: PostgreSQL",
        ),
        (
            {"prefect_redis_messaging_password": "not it either, mind"},
            "no acepta PREFECT_REDIS_MESSAGING",
        ),
    ],
)
def test_a_store_that_will_not_do_is_refused_by_name_before_anything_starts(
    given: dict[str, str], tmp_path: Path, more: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        local.up(_settings(tmp_path, **{**given, **more}))

    assert "mind" not in str(refused.value)
    assert local.find(_settings(tmp_path)) is None


def test_a_store_that_forbids_to_create_is_refused_by_name(
    stores: Stack, given: dict[str, str], tmp_path: Path
) -> None:
    admin = database_of(stores.settings)
    local.databases.ask(admin, "drop role if exists nadie")
    local.databases.ask(admin, "create role nadie login password 'nobody of 77 here'")
    told = {**given, "prefect_postgres_user": "nadie", "prefect_postgres_db": "suya"}
    told["prefect_postgres_password"] = "nobody of 77 here"

    with pytest.raises(SettingsError, match=r"PREFECT_POSTGRES_USER: nadie no puede hacer"):
        local.up(_settings(tmp_path, **told))


def test_a_single_server_and_stores_of_others_do_not_go_together(
    given: dict[str, str], tmp_path: Path
) -> None:
    told = _settings(tmp_path, **given)

    with pytest.raises(SettingsError, match=r"PREFECT_POSTGRES_HOST.*--single"):
        local.up(told, single=True)


def test_a_stack_on_its_own_stores_is_not_moved_to_others_while_it_runs(
    stores: Stack, given: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match=r"PREFECT_POSTGRES_HOST.*primero: lindero stack down"):
        local.up(_settings(stores.settings.lindero_state_dir, **given))

    assert {one.name for one in stores.alive()} == {"postgres", "redis"}


def test_a_restart_is_refused_while_a_run_is_at_work_and_says_what_becomes_of_it(
    stores: Stack,
) -> None:
    settings = _settings(stores.settings.lindero_state_dir)
    run = subprocess.Popen(
        [sys.executable, "-c", IDLE, "prefect.engine"], env={FOLDER_VARIABLE: str(stores.folder)}
    )
    try:
        with pytest.raises(RunLocked, match=r"sigue, y espera .* --now"):
            local.restart(settings, ("redis",))
        with pytest.raises(RunLocked, match=r"se corta con el worker.* --now"):
            local.restart(settings, ())
        assert run.poll() is None
    finally:
        run.kill()
        run.wait()
    assert {one.name for one in stores.alive()} == {"postgres", "redis"}


def test_a_restart_of_what_is_not_ours_or_does_not_run_is_refused(
    stores: Stack, tmp_path: Path
) -> None:
    with pytest.raises(StackError, match="lindero stack up"):
        local.restart(_settings(tmp_path), ("redis",))
    with pytest.raises(SettingsError, match="nadie: no es un proceso"):
        local.restart(_settings(stores.settings.lindero_state_dir), ("nadie",))


def test_what_failed_to_start_leaves_running_what_ran(
    stores: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Stack, name: str) -> Running:
        raise StackError(f"{name} no se puede empezar")

    before, said = stores.alive(), []
    monkeypatch.setattr(Stack, "start", refuse)

    with pytest.raises(StackError, match="server no se puede empezar"):
        local._start_missing(local.replace(stores, tell=said.append))

    assert stores.alive() == before
    assert said == ["Queda corriendo: postgres, redis"]


def test_what_runs_and_is_ill_is_started_anew_alone_and_only_after_its_time(
    stores: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "MEND_PATIENCE_S", 1)
    monkeypatch.setattr(local, "_STEPS", local._STEPS[:1])
    before = {one.name: one.pid for one in stores.alive()}
    was_ill = ("redis", before["redis"])

    def health(self: Stack, name: str) -> Health:
        running = self.process(name)
        assert running is not None
        return ill("está colgado") if (name, running.pid) == was_ill else WELL

    monkeypatch.setattr(Stack, "health", health)
    said: list[str] = []

    assert local._start_missing(local.replace(stores, tell=said.append)) == ("redis",)

    after = {one.name: one.pid for one in stores.alive()}
    assert after["postgres"] == before["postgres"]
    assert after["redis"] != before["redis"]
    assert not psutil.pid_exists(before["redis"])
    assert said[-1].startswith("redis no está listo después de 1 s: está colgado")
    assert said[-1].endswith("Se lo reinicia, sólo a él")


def test_who_stays_starts_again_what_dies_and_stops_all_of_it_in_the_end(
    stores: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(stores.settings.lindero_state_dir)
    monkeypatch.setattr(local, "_STEPS", local._STEPS[:1])
    monkeypatch.setattr(Stack, "own", ("postgres", "redis"))
    monkeypatch.setattr(local, "up", lambda *_, **__: (stores, local._start_missing(stores)))
    rounds, said = iter([None, "kill", None]), []

    def pause(_: float) -> None:
        try:
            if next(rounds) == "kill":
                running = stores.process("redis")
                assert running is not None
                process = psutil.Process(running.pid)
                process.kill()
                psutil.wait_procs([process], timeout=10)
        except StopIteration:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(local.time, "sleep", pause)
    kept = signal.getsignal(signal.SIGTERM)
    stopped: list[Settings] = []
    monkeypatch.setattr(local, "down", lambda told, **_: stopped.append(told))
    try:
        local.stay(settings, single=False, tell=said.append)
    finally:
        signal.signal(signal.SIGTERM, kept)

    assert said == ["Se había caído, y se levantó: redis"]
    assert stopped == [settings]


def test_down_says_that_it_cuts_a_run_that_is_at_work(tmp_path: Path) -> None:
    folder, said = local.stack_folder(_settings(tmp_path)), list[str]()
    folder.mkdir(parents=True)
    run = subprocess.Popen(
        [sys.executable, "-c", IDLE, "prefect.engine"], env={FOLDER_VARIABLE: str(folder)}
    )
    try:
        assert local.down(_settings(tmp_path), tell=said.append) == ()
        assert run.wait(20) != 0
    finally:
        run.kill()
        run.wait()
    assert len(said) == 1
    assert "se corta con el worker: queda Crashed, y nada publicado a medias" in said[0]
    local.down(_settings(tmp_path), tell=said.append)
    assert len(said) == 1, "none is at work"
