"""A stub of Authentik's outpost: ours, with the paths, the redirects and the headers of theirs.

The login behind it is a real OIDC provider (``login.mjs``), by code with PKCE. What Authentik does
beyond that is not shown by it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

BELOW = "/outpost.goauthentik.io"
COOKIE = "authentik_proxy_stub"
CLIENT, SECRET = "lindero", "secreto-de-prueba-del-login"
WHO = {"username": "sub", "email": "email", "name": "name", "uid": "sub"}


@dataclass(slots=True)
class Outpost:
    """Whom it lets in, where they log in, and the sessions that it knows."""

    url: str
    groups: tuple[str, ...] = ("admins", "agronomia")
    issuer: str = ""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    begun: dict[str, tuple[str, str]] = field(default_factory=dict)  # state: verifier and address
    left_out: tuple[str, ...] = ()  # what it does not say of who came

    def session(self, sub: str, *groups: str) -> dict[str, str]:
        """The cookie of somebody who has logged in already."""
        key = secrets.token_urlsafe()
        about = {"sub": sub, "email": f"{sub}@empresa.example", "name": f"Señora {sub}"}
        self.sessions[key] = {**about, "groups": list(groups)}
        return {COOKIE: key}

    def back(self, origin: str) -> str:
        return f"{origin}{BELOW}/callback"

    def claims(self, code: str, verifier: str, origin: str) -> dict[str, Any]:
        """Who a code is, asked of the provider, which knows us by our secret."""
        told = urlsplit(self.issuer)
        told_host = {"Host": told.netloc}
        with requests.Session() as session:
            session.trust_env = False
            tokens = session.post(
                f"http://127.0.0.1:{told.port}/token",
                data={
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self.back(origin),
                    "code_verifier": verifier,
                },
                auth=(CLIENT, SECRET),
                headers=told_host,
                timeout=30,
            )
            tokens.raise_for_status()
            bearer = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
            about = session.get(
                f"http://127.0.0.1:{told.port}/me", headers=told_host | bearer, timeout=30
            )
            about.raise_for_status()
            return dict(about.json())


@contextmanager
def outpost_stub() -> Iterator[Outpost]:
    """The outpost on a free port of loopback."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            origin = f"{self.headers['X-Forwarded-Proto']}://{self.headers['X-Forwarded-Host']}"
            match asked.path.removeprefix(BELOW):
                case "/auth/caddy" | "/auth/traefik":
                    self._auth(origin)
                case "/start":
                    self._start(origin, query["rd"])
                case "/callback":
                    self._callback(origin, query)
                case "/sign_out":
                    outpost.sessions.pop(self._cookie(), None)
                    self._say(200, "hasta mañana")
                case _:
                    self._say(404, "aquí no hay nada")

        def _auth(self, origin: str) -> None:
            asked = f"{origin}{self.headers['X-Forwarded-Uri']}"
            if (about := outpost.sessions.get(self._cookie())) is None:
                to = f"{origin}{BELOW}/start?{urlencode({'rd': asked})}"
                return self._say(302, "", Location=to)
            if not set(about["groups"]) & set(outpost.groups):
                return self._say(403, f"{about['name']} no está en ningún grupo de los que entran")
            said = {f"X-Authentik-{name.title()}": about[of] for name, of in WHO.items()}
            said["X-Authentik-Groups"] = "|".join(about["groups"])
            return self._say(
                200, "", **{k: v for k, v in said.items() if k not in outpost.left_out}
            )

        def _start(self, origin: str, asked: str) -> None:
            if not asked.startswith(f"{origin}/"):
                return self._say(400, "esa dirección no es de aquí")
            state, verifier = secrets.token_urlsafe(), secrets.token_urlsafe(48)
            outpost.begun[state] = verifier, asked
            digest = hashlib.sha256(verifier.encode()).digest()
            told = {
                "client_id": CLIENT,
                "response_type": "code",
                "scope": "openid",
                "redirect_uri": outpost.back(origin),
                "state": state,
                "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
            return self._say(302, "", Location=f"{outpost.issuer}/auth?{urlencode(told)}")

        def _callback(self, origin: str, query: dict[str, str]) -> None:
            if (begun := outpost.begun.pop(query.get("state", ""), None)) is None:
                return self._say(400, "nadie empezó ese ingreso")
            verifier, asked = begun
            key = secrets.token_urlsafe()
            outpost.sessions[key] = outpost.claims(query["code"], verifier, origin)
            cookie = f"{COOKIE}={key}; Path=/; HttpOnly; SameSite=Lax"
            return self._say(302, "", Location=asked, **{"Set-Cookie": cookie})

        def _cookie(self) -> str:
            held = SimpleCookie(self.headers.get("Cookie", ""))
            return held[COOKIE].value if COOKIE in held else ""

        def _say(self, status: int, text: str, **headers: str) -> None:
            body = f"<!doctype html><meta charset=utf-8><h1>{text}</h1>".encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value.encode().decode("latin-1"))  # UTF-8, as theirs
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        outpost = Outpost(f"http://127.0.0.1:{server.server_address[1]}")
        try:
            yield outpost
        finally:
            server.shutdown()
