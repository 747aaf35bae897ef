"""A server that answers otherwise than Prefect: each in Spanish, never with the secret."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from Modules.health import prefect_http
from Modules.health.prefect_http import read_server
from Modules.orchestration import prefect_api
from Modules.orchestration.prefect_api import OTRA_COSA, PrefectServer, ServerSilent, open_server
from Modules.settings import Settings
from Modules.words.secret import Secret

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CANARY = "canario-7f3a9c"
SEEN: list[str] = []


@contextmanager
def answering(status: int, body: bytes = b"{}", location: str = "") -> Iterator[str]:
    """A server that says the same to everybody; yields its address."""
    release = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            SEEN.append(self.headers.get("Authorization", ""))
            if status == 0:
                release.wait(30)
                return
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *args: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            release.set()
            server.shutdown()
            thread.join(10)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"", "rechaza la clave: revisar PREFECT_SERVER_API_AUTH_STRING"),
        (403, b"", "rechaza la clave: revisar PREFECT_SERVER_API_AUTH_STRING"),
        (404, b"{}", OTRA_COSA),
        (503, b"{}", "contesta 503"),
        (307, b"", "contesta 307"),
        (200, b"<html>", OTRA_COSA),
        (200, b"[]", OTRA_COSA),
        (200, b'[{"state": null}]', OTRA_COSA),
        (200, b'"hola"', OTRA_COSA),
    ],
)
def test_what_is_not_prefect_is_said(status: int, body: bytes, said: str) -> None:
    with answering(status, body, "http://127.0.0.1:9/elsewhere") as url:
        server = PrefectServer(url, f"admin:{CANARY}")
        servidor = read_server(server, now=NOW)
    assert servidor.error == said
    assert CANARY not in repr(server) + repr(servidor)


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_api, "TIMEOUT_S", 0.5)
    with answering(0) as url, pytest.raises(ServerSilent, match="no contesta en"):
        prefect_http.check(PrefectServer(url))


def test_the_auth_string_of_the_settings_is_sent_as_prefect_wants_it() -> None:
    with answering(401) as url:
        secret = Secret(f"admin:{CANARY}:ñ")
        settings = Settings(prefect_api_url=url, prefect_server_api_auth_string=secret)
        server = open_server(settings)
        assert server is not None
        with pytest.raises(ServerSilent):
            prefect_http.check(server)
    scheme, _, token = SEEN[-1].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(token).decode() == f"admin:{CANARY}:ñ"


def test_no_server_is_no_server() -> None:
    assert open_server(Settings()) is None


@pytest.mark.parametrize(("paused", "said"), [(True, "default del pool lindero"), (False, "")])
def test_the_paused_queue_of_a_late_run_is_read(paused: bool, said: str) -> None:
    due = (NOW - timedelta(hours=1)).isoformat()
    late = {
        **{"deployment_id": "d", "tags": [], "work_pool_name": "lindero"},
        "state": {"name": "Late", "state_details": {"scheduled_time": due}},
        "work_queue_name": "default",
    }
    said_by_prefect = {
        "/ready": {},
        "/admin/version": "3",
        "/work_pools/lindero/queues/default": {"is_paused": paused},
    }

    class Prefect(PrefectServer):
        def ask(self, path: str, body: Any = None) -> Any:
            if path.startswith("/deployments/name/"):
                return {"id": "d", "created": due, "schedules": []}
            if path == "/flow_runs/filter":
                return [late] if "any_" in body["flow_runs"]["state"]["type"] else []
            return said_by_prefect[path]

    servidor = read_server(Prefect("http://x/api"), now=NOW)
    assert servidor.error is None
    assert {one.cola_en_pausa for one in servidor.programas} == {said}
