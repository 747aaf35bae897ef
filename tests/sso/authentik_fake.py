"""A fake of Authentik's API: ours, stateful, as strict about names and types as theirs.

Paths, filters, fields, what is needed and what is given by default are those of the models of
authentik-client 2026.8.5. No Authentik was at hand.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

TOKEN = "un-token-de-Authentik-que-no-se-muestra"
BELOW = "/api/v3/"
EMBEDDED = "goauthentik.io/outposts/embedded"


def is_uuid(value: object) -> bool:
    return isinstance(value, str) and str(UUID(value)) == value


def is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def is_number(value: object) -> bool:
    return type(value) is int


def is_flag(value: object) -> bool:
    return type(value) is bool


# what a body needs, and what it may have: the type of each
SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "providers/proxy": (
        {
            "name": is_text,
            "authorization_flow": is_uuid,
            "invalidation_flow": is_uuid,
            "external_host": is_text,
        },
        {
            "mode": lambda one: one in ("proxy", "forward_single", "forward_domain"),
            "internal_host": is_text,
            "intercept_header_auth": is_flag,
        },
    ),
    "core/applications": ({"name": is_text, "slug": is_text}, {"provider": is_number}),
    "policies/expression": ({"name": is_text, "expression": is_text}, {}),
    "policies/bindings": (
        {"target": is_uuid, "order": is_number},
        {"policy": is_uuid, "enabled": is_flag, "negate": is_flag},
    ),
    "outposts/instances": ({}, {"providers": lambda one: all(map(is_number, one))}),
}
FILTERS = {
    "providers/proxy": {"name__iexact"},
    "core/applications": {"name", "slug"},
    "core/groups": {"name"},
    "flows/instances": {"slug"},
    "policies/expression": {"name"},
    "policies/bindings": {"policy", "target"},
    "outposts/instances": {"managed__iexact", "name__iexact"},
}


@dataclass(slots=True)
class FakeAuthentik:
    url: str
    held: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    ill: dict[str, int] = field(default_factory=dict)  # path: the status that it answers

    def new(self) -> None:
        """As one is after its installation, with another application in it."""
        self.calls.clear()
        self.ill.clear()
        flows = ("provider-authorization-implicit-consent", "provider-invalidation-flow")
        self.held = {kind: [] for kind in FILTERS}
        self.held["flows/instances"] = [
            {"pk": str(uuid4()), "slug": slug}
            for slug in ("otro", *(f"default-{one}" for one in flows))
        ]
        self.held["core/groups"] = [{"pk": str(uuid4()), "name": "admins"}]
        self.held["outposts/instances"] = [
            {"pk": str(uuid4()), "name": "otro", "managed": None, "providers": [3]},
            {
                "pk": str(uuid4()),
                "name": "authentik Embedded Outpost",
                "managed": EMBEDDED,
                "providers": [7],
            },
        ]

    def faults(self, kind: str, body: dict[str, Any], *, whole: bool) -> dict[str, list[str]]:
        needed, other = SHAPES[kind]
        found = {name: ["This field is required."] for name in needed if whole and name not in body}
        for name, value in body.items():
            if not ({**needed, **other}.get(name, lambda _: False))(value):
                found[name] = ["Not a valid value."]
        if "name" in body and any(one.get("name") == body["name"] for one in self.held[kind]):
            found["name"] = ["This field must be unique."]
        return found


@contextmanager
def authentik_fake() -> Iterator[FakeAuthentik]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if (kind := self._kind()) is None:
                return
            asked = {name: text[0] for name, text in parse_qs(urlsplit(self.path).query).items()}
            found = fake.held[kind]
            for name in FILTERS[kind] & set(asked):
                if name.endswith("__iexact"):
                    key, wanted = name.removesuffix("__iexact"), asked[name].lower()
                    found = [one for one in found if str(one[key]).lower() == wanted]
                else:
                    found = [one for one in found if str(one[name]) == asked[name]]
            if kind == "core/applications" and "superuser_full_list" not in asked:
                found = []  # those that the administrator may open: none of ours
            self._say(200, {"pagination": {"count": len(found)}, "results": found})

        def do_POST(self) -> None:
            if (kind := self._kind()) is None:
                return None
            body = self._body()
            if faults := fake.faults(kind, body, whole=True):
                return self._say(400, faults)
            key = len(fake.held[kind]) + 40 if kind == "providers/proxy" else str(uuid4())
            fake.held[kind].append({"pk": key, **body})
            return self._say(201, fake.held[kind][-1])

        def do_PATCH(self) -> None:
            if (kind := self._kind()) is None:
                return None
            key = urlsplit(self.path).path.rstrip("/").rpartition("/")[2]
            (thing,) = (one for one in fake.held[kind] if one["pk"] == key)
            body = self._body()
            if faults := fake.faults(kind, body, whole=False):
                return self._say(400, faults)
            thing.update(body)
            return self._say(200, thing)

        def _kind(self) -> str | None:
            """What is asked for, or nothing where the answer was given already."""
            place = urlsplit(self.path).path.removeprefix(BELOW)
            assert place.endswith("/"), "theirs answers a POST without the last slash by a redirect"
            kind = "/".join(place.split("/")[:2])
            fake.calls.append(f"{self.command} {kind}")
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self._say(403, {"detail": f"Token invalid: {self.headers['Authorization']}"})
            if kind in fake.ill:
                return self._say(fake.ill[kind], {"detail": "ill"})
            return kind

        def _body(self) -> dict[str, Any]:
            assert self.headers["Content-Type"] == "application/json"
            return dict(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _say(self, status: int, said: object) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fake = FakeAuthentik(f"http://127.0.0.1:{server.server_address[1]}")
        fake.new()
        try:
            yield fake
        finally:
            server.shutdown()
