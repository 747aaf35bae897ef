"""A small real portal for tests: a socket on loopback and one function that answers.

``answering(route)`` serves until the block ends. A route gets a ``Request`` and returns a
``Reply``; a ``Reply`` with ``raw`` sends these very bytes, headers and all, and then cuts the
connection, so that a test can send what no HTTP library would.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from Modules.portal.client import Limits, PortalClient, PortalConfig
from Modules.portal.profile import parse_profile
from Modules.words.domain import Campania, Fetched, Recurso

CLIENT_ID = "lindero-tests"
CLIENT_SECRET = "s3cret-of-the-tests/+="
SECOND_SECRET = "subscr1ption-of-the-tests"
TOKEN = "tok-en.of-the.tests-0123456789"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    reset: bool = False
    drip_s: float = 0.0  # with raw: one byte, this pause, the next byte, until the peer leaves


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps(value, ensure_ascii=False).encode()
    return Reply(status, body, {"Content-Type": "application/json", **names})


def gzip_reply(body: bytes) -> Reply:
    return Reply(200, gzip.compress(body), {"Content-Encoding": "gzip"})


Route = Callable[[Request], Reply]


@dataclass
class Dialect:
    url: str
    requests: list[Request]

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextmanager
def answering(route: Route) -> Iterator[Dialect]:
    requests: list[Request] = []
    leaving = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body leave in one write, so no wait for an acknowledgement

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", "0"))
            request = Request(
                self.command,
                unquote(parts.path),
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
                self.path,
            )
            requests.append(request)
            reply = route(request)
            with suppress(ConnectionError):
                self._send(reply)

        def _send(self, reply: Reply) -> None:
            if reply.reset:
                option = struct.pack("ii", 1, 0)  # linger 0: close sends a reset
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
                self.close_connection = True
                self.connection.close()
                return
            if reply.raw is not None:
                self.close_connection = True
                if reply.drip_s:
                    self._drip(reply)
                else:
                    self.connection.sendall(reply.raw)
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204 and reply.status != 304:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            self.wfile.flush()

        def _drip(self, reply: Reply) -> None:
            assert reply.raw is not None
            for byte in reply.raw:
                self.connection.sendall(bytes([byte]))
                if leaving.wait(reply.drip_s):
                    return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Dialect(f"http://127.0.0.1:{server.server_port}/api", requests)
    finally:
        leaving.set()
        server.shutdown()
        server.server_close()
        thread.join()


# --- the contract, small --------------------------------------------------------------------

POLYGON = {
    "type": "Polygon",
    "coordinates": [[[-63.1, -35.5], [-63.1, -35.51], [-63.09, -35.51], [-63.1, -35.5]]],
}


def lote(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"l{number:04d}",
        "campo_id": "c1",
        "nombre": f"Lote {number} Ñ",
        "campania": "25/26",
        "superficie_ha": "61.25",
        "siembras": [
            {
                "id": f"s{number}",
                "orden": 1,
                "cultivo": {"codigo": "TRI", "nombre": "Trigo"},
                "superficie_ha": 58.9,
            }
        ],
        "geometry": POLYGON,
        "updated_at": "2025-11-19T17:20:05-03:00",
        "deleted_at": None,
        **changes,
    }


WORLD: dict[str, list[dict[str, Any]]] = {
    "campanias": [
        {"id": "25", "codigo": "24/25", "desde": "2024-06-01", "hasta": "2025-05-31"},
        {"id": "26", "codigo": "25/26", "desde": "2025-06-01", "hasta": "2026-05-31"},
    ],
    "cultivos": [{"id": "1", "codigo": "TRI", "nombre": "Trigo"}],
    "zonas": [{"id": "z1", "nombre": "Oeste", "tipo": "region", "geometry": None}],
    "campos": [{"id": "c1", "nombre": "La Paz - Ñandú"}, {"id": "c2", "nombre": "El Bajo"}],
    "lotes": [lote(number) for number in range(1, 12)],
    "ambientes": [],
    "marcadores": [],
}


def token_reply(**extra: Any) -> Reply:
    return json_reply({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600, **extra})


def contract_page(request: Request, rows: Sequence[Any]) -> dict[str, Any]:
    """One page as the contract has it, for the page and size that the request asks for."""
    page, size = int(request.query.get("page", "1")), int(request.query.get("size", "200"))
    pages = -(-len(rows) // size)
    following = None
    if page < pages:
        target = request.target.replace(f"page={page}", f"page={page + 1}")
        following = target if "page=" in target else f"{target}&page={page + 1}"
    return {
        "items": list(rows[(page - 1) * size : page * size]),
        "page": page,
        "size": size,
        "total_items": len(rows),
        "total_pages": pages,
        "next": following,
        "snapshot_at": "2025-11-20T03:00:02-03:00",
    }


def contract_route(
    world: Mapping[str, Sequence[Any]] = WORLD,
    change: Callable[[Request], Reply | None] | None = None,
) -> Route:
    """The contract over a small world; ``change`` may answer some requests its own way."""

    def route(request: Request) -> Reply:
        if change is not None and (reply := change(request)) is not None:
            return reply
        name = request.path.removeprefix("/api/")
        if name == "auth/token":
            return token_reply()
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return json_reply({"title": "No autorizado", "status": 401}, 401)
        if name not in world:
            return json_reply({"title": "No existe", "status": 404}, 404)
        return json_reply(contract_page(request, world[name]), X_Request_Id=f"req-{name}")

    return route


# --- clients --------------------------------------------------------------------------------


def config_of(url: str, profile: str = "", **limits: Any) -> PortalConfig:
    """A client's settings with waits so short that a test does not feel them."""
    quick = {"requests_per_second": 10_000, "backoff_base_s": 0.001, "backoff_cap_s": 0.002}
    return PortalConfig(
        url,
        parse_profile(profile, "profile of the test"),
        CLIENT_ID,
        SecretStr(CLIENT_SECRET),
        Limits(**{**quick, **limits}),
        SecretStr(SECOND_SECRET),
    )


SEASON = Campania(25, 26)


def fetch(url: str, profile: str = "", recurso: Recurso = Recurso.LOTES, **limits: Any) -> Fetched:
    with PortalClient(config_of(url, profile, **limits)) as client:
        return client.fetch(recurso, SEASON)


def ids(fetched: Fetched) -> list[str]:
    return [record.values["id"] for record in fetched.records]
