"""The doors of a Prefect server: every route it publishes, every websocket in its source."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

WAIT_S = 20
POLICY = 1008  # how a websocket that was opened already says 403
_PARAMETER = re.compile(r"\{[^}]+\}")
_ROUTER = re.compile(r"^router\b.*?prefix=\"([^\"]+)\"", re.M | re.S)
_WEBSOCKET = re.compile(r"^@router\.websocket\(\s*\"([^\"]+)\"", re.M)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one knock."""

    method: str
    path: str
    status: int
    text: str

    @property
    def door(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"


def knock(session: requests.Session, origin: str, headers: dict[str, str]) -> Iterator[Answer]:
    """Ask every route of ``/openapi.json`` for every method it has."""
    spec = session.get(f"{origin}/openapi.json", timeout=WAIT_S).json()
    for path, methods in spec["paths"].items():
        url = f"{origin}/api{_PARAMETER.sub(str(uuid4()), path)}"
        for method in methods:
            answer = session.request(method.upper(), url, headers=headers, timeout=WAIT_S)
            yield Answer(method.upper(), f"/api{path}", answer.status_code, answer.text)


def shown(session: requests.Session, origin: str) -> Iterator[Answer]:
    """What every route that only reads answers to a person who knows the auth string.

    All ``GET`` and all ``POST …/filter``; of a route about one thing, that thing for five of the
    things that its filter lists.
    """
    paths = session.get(f"{origin}/openapi.json", timeout=WAIT_S).json()["paths"]
    ids: dict[str, list[str]] = {}
    for path in sorted(paths):
        if path.endswith("/filter") and "{" not in path and "post" in paths[path]:
            answer = session.post(f"{origin}/api{path}", json={}, timeout=WAIT_S)
            yield Answer("POST", f"/api{path}", answer.status_code, answer.text)
            listed = answer.json() if answer.ok else []
            if isinstance(listed, list):
                ids[path.removesuffix("/filter")] = [one["id"] for one in listed if "id" in one][:5]
    for path, methods in paths.items():
        if "get" in methods:
            known = ids.get(path.partition("/{")[0], []) if "{" in path else [""]
            for one in known or [str(uuid4())]:
                url = f"{origin}/api{_PARAMETER.sub(one, path)}"
                answer = session.get(url, timeout=WAIT_S)
                yield Answer("GET", f"/api{path}", answer.status_code, answer.text)


def websockets() -> list[str]:
    """Paths of the websockets that the source of Prefect's API declares."""
    spec = importlib.util.find_spec("prefect")
    assert spec is not None
    assert spec.submodule_search_locations
    server = Path(spec.submodule_search_locations[0]) / "server"
    found, declared = [], 0
    for module in sorted(server.rglob("*.py")):
        text = module.read_text(encoding="utf-8")
        declared += len(re.findall(r"\.websocket\(|websocket_route|WebSocketRoute\(", text))
        prefix = _ROUTER.search(text)
        paths = _WEBSOCKET.findall(text)
        found += [f"/api{prefix[1]}{path}" for path in paths if prefix]
    assert len(found) == declared, "a websocket is declared in a way this does not read"
    return [_PARAMETER.sub("local-pool", path) for path in found]


def greet(origin: str, path: str, *, hello: bool, token: str | None = None) -> str:
    """Open a websocket; what it came to: a status, a code of closing, or the first answer."""
    address = origin.replace("http://", "ws://") + path
    try:
        with connect(
            address, subprotocols=["prefect"] if hello else None, proxy=None, open_timeout=WAIT_S
        ) as socket:
            if hello:
                socket.send(json.dumps({"type": "auth", "token": token}))
            return str(json.loads(socket.recv(timeout=WAIT_S))["type"])
    except InvalidStatus as err:
        return f"status {err.response.status_code}"
    except ConnectionClosed as err:
        return f"closed {err.rcvd.code if err.rcvd else None}"
