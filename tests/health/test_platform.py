"""The platform as it is looked at, and the note of the watch for those who cannot look."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from Modules.health.platform import NOTE_HOLDS, Part, Platform, look, note, note_file
from Modules.settings import Settings
from Modules.stack.checks import redis
from Modules.stack.pings import RedisRefused, ask_postgres, ask_redis
from Modules.stack.plan import Database, Redis
from Modules.words.secret import Secret

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
POOL = {"type": "process", "is_paused": False}


def beat(age_s: float) -> dict[str, str]:
    return {"name": "lindero", "last_heartbeat_time": (NOW - timedelta(seconds=age_s)).isoformat()}


@contextmanager
def prefect(answers: dict[str, Any]) -> Iterator[str]:
    """A server that answers these paths: JSON, or a status; 404 to all others."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = answers.get(self.path.removeprefix("/api"), 404)
            self.send_response(said if isinstance(said, int) else 200)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *args: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join(10)


def answers(**more: Any) -> dict[str, Any]:
    known = {
        "/ready": {"message": "OK"},
        "/work_pools/local-pool": POOL,
        "/work_pools/local-pool/workers/filter": [beat(5), beat(9000)],
    }
    return known | more


def seen(tmp_path: Path, said: dict[str, Any], now: datetime = NOW) -> Platform:
    with prefect(said) as url:
        found = look(Settings(prefect_api_url=url, lindero_state_dir=tmp_path), now)
    assert found is not None
    return found


def ill(found: Platform) -> dict[str, str]:
    return {one.nombre: one.mal for one in found.partes if one.mal is not None}


def test_without_a_server_there_is_no_platform(tmp_path: Path) -> None:
    assert look(Settings(lindero_state_dir=tmp_path), NOW) is None


def test_a_worker_that_beats_and_a_pool_are_well(tmp_path: Path) -> None:
    found = seen(tmp_path, answers())
    assert ill(found) == {}
    assert found.part("worker") == Part("worker", senal=NOW - timedelta(seconds=5))
    assert found.part("redis") is None  # nobody can see it from here
    assert found.nota is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"/work_pools/local-pool/workers/filter": [beat(60)]}, {}),
        ({"/work_pools/local-pool/workers/filter": [beat(61)]}, {"worker": "no da señales"}),
        ({"/work_pools/local-pool/workers/filter": []}, {"worker": "no da señales"}),
        ({"/work_pools/local-pool": POOL | {"is_paused": True}}, {"pool": "está en pausa"}),
        (
            {"/work_pools/local-pool": POOL | {"type": "docker"}},
            {"pool": "es de tipo docker, y hace falta process"},
        ),
        ({"/work_pools/local-pool": 404}, {"pool": "no está"}),
        ({"/work_pools/local-pool": 500}, {"server": "contesta 500"}),
        (
            {"/ready": 503},
            {"postgres": "no le contesta al servidor de Prefect", "server": "contesta 503"},
        ),
        (
            {"/work_pools/local-pool": {"a": 1}},
            {"server": "contesta algo que no es de Prefect: ¿termina en /api?"},
        ),
    ],
)
def test_each_part_is_seen_by_what_it_answers(
    tmp_path: Path, more: dict[str, Any], expected: dict[str, str]
) -> None:
    assert ill(seen(tmp_path, answers(**more))) == expected


def test_what_cannot_be_reached_is_taken_from_a_fresh_note(tmp_path: Path) -> None:
    settings = Settings(lindero_state_dir=tmp_path)
    parts = (Part("redis", "no responde"), Part("worker", "no da señales"))
    note(settings, Platform(NOW, parts))
    fresh = seen(tmp_path, answers(), NOW + timedelta(seconds=20))
    assert ill(fresh) == {"redis": "no responde"}  # the worker is looked at, and is well
    assert fresh.nota == NOW
    stale = seen(tmp_path, answers(), NOW + NOTE_HOLDS + timedelta(seconds=1))
    assert stale.part("redis") is None
    assert stale.nota == NOW


def test_a_note_tells_since_when_a_part_is_as_it_is(tmp_path: Path) -> None:
    settings = Settings(lindero_state_dir=tmp_path)
    gone = answers(**{"/work_pools/local-pool/workers/filter": []})
    rounds = [answers(), answers(), gone, gone]
    since = []
    for n, said in enumerate(rounds):
        found = seen(tmp_path, said, NOW + timedelta(seconds=30 * n))
        note(settings, found)
        worker = found.part("worker")
        assert worker is not None
        since.append(worker.desde)
    assert since == [None, NOW, NOW + timedelta(seconds=60), NOW + timedelta(seconds=60)]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"cuando": 3, "partes": []}', '{"partes": 1}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    path = note_file(Settings(lindero_state_dir=tmp_path))
    path.parent.mkdir()
    path.write_text(content, "utf-8")
    assert seen(tmp_path, answers()).nota is None


# --- Redis and PostgreSQL, by their protocols -----------------------------------------------------


@contextmanager
def saying(*replies: bytes) -> Iterator[int]:
    """A port that answers whoever comes with these bytes, a connection each."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            for reply in replies:
                line, _ = door.accept()
                with line:
                    line.recv(4096)
                    line.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield door.getsockname()[1]
        thread.join(10)


def test_redis_is_asked_as_redis_wants_it() -> None:
    with saying(b"+OK\r\n+OK\r\n$5\r\na\r\nbc\r\n$-1\r\n:7\r\n") as port:
        found = ask_redis(Redis("127.0.0.1", port, "x"), ("GET", "a"), ("GET", "b"), ("DEL", "c"))
    assert found == ["a\r\nbc", None, "7"]


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ((b"-WRONGPASS invalid\r\n",), "no acepta PREFECT_REDIS_MESSAGING_PASSWORD"),
        ((b"+OK\r\n+OK\r\n-MISCONF disk\r\n",), "no escribe (MISCONF disk)"),
        ((b"+OK\r\n+OK\r\n+OK\r\n$3\r\nold\r\n",), "no guarda lo que se le escribe"),
        ((b"",), "no responde"),
        ((b"HTTP/1.1 400\r\n",), "no responde"),
        ((b"+OK\r\n+OK\r\n-NOPERM key\r\n", b"+OK\r\n+OK\r\n+PONG\r\n"), "responde"),
    ],
)
def test_a_redis_that_does_not_do_its_work_is_said(replies: tuple[bytes, ...], said: str) -> None:
    with saying(*replies) as port:
        assert redis(Redis("127.0.0.1", port, "canario")).text == said


def test_a_refusal_of_redis_is_an_error_of_its_own() -> None:
    with (
        saying(b"+OK\r\n-ERR DB index is out of range\r\n") as port,
        pytest.raises(RedisRefused, match="out of range"),
    ):
        ask_redis(Redis("127.0.0.1", port, "x"), ("PING",), db=99)


@pytest.mark.parametrize(
    ("reply", "well"), [(b"N", True), (b"S", True), (b"H", False), (b"", False)]
)
def test_postgres_greets_or_does_not(reply: bytes, well: bool) -> None:
    with saying(reply) as port:
        assert ask_postgres(Database("u", "p", "127.0.0.1", port, "d")) is well


def test_stores_named_in_the_settings_are_looked_at(tmp_path: Path) -> None:
    with prefect(answers()) as url, saying(b"N") as postgres, saying(b"") as dead:
        settings = Settings(
            prefect_api_url=url,
            lindero_state_dir=tmp_path,
            prefect_postgres_port=postgres,
            prefect_redis_messaging_host="localhost",
            prefect_redis_messaging_port=dead,
            prefect_redis_messaging_password=Secret("canario-7f3a9c"),
        )
        found = look(settings, NOW)
    assert found is not None
    assert ill(found) == {"redis": "no responde"}
    assert found.part("postgres") == Part("postgres")
    assert "canario" not in str(found)
