"""Asking Prefect's server by the standard library alone: what asks often must be light.

Prefect's own client costs more processor than all of ``lindero status``. Nothing here waits longer
than ``TIMEOUT_S`` for an answer, follows a redirect or asks a proxy, and no text holds a secret.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from Modules.settings import Settings

TIMEOUT_S: Final = 10.0
TOO_LONG: Final = f"no contesta en {TIMEOUT_S:.0f} segundos"
CALLADO: Final = "no responde: ¿está levantado?"
NOT_PREFECT: Final = (KeyError, TypeError, ValueError, AttributeError)  # of an answer's shape
OTRA_COSA: Final = "contesta algo que no es de Prefect: ¿termina en /api?"


class ServerSilent(Exception):
    """A server does not say what was asked; the text is Spanish and follows its name."""


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """A Prefect server at an address such as ``http://127.0.0.1:4200/api``."""

    url: str
    auth: str | None = field(default=None, repr=False)  # user:password

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What lies at a path, None where there is nothing; what a POST of ``body`` answers.

        Raises:
            ServerSilent: it does not answer, refuses the password, or answers something else.
        """
        parts = urlsplit(self.url)
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        headers = {"Content-Type": "application/json"}
        if self.auth is not None:  # as Prefect's own client: UTF-8, not HTTP's Latin-1
            word = b64encode(self.auth.encode("utf-8")).decode("ascii")
            headers["Authorization"] = f"Basic {word}"
        method, data = ("GET", None) if body is None else ("POST", json.dumps(body))
        try:
            with closing(connect(parts.hostname or "", parts.port, timeout=TIMEOUT_S)) as line:
                line.request(method, f"{parts.path}{path}", data, headers)
                answer = line.getresponse()
                said = answer.read()
        except TimeoutError:
            raise ServerSilent(TOO_LONG) from None
        except (OSError, HTTPException):
            raise ServerSilent(CALLADO) from None
        if answer.status in (401, 403):
            raise ServerSilent("rechaza la clave: revisar PREFECT_SERVER_API_AUTH_STRING")
        if answer.status == 404 and body is None:
            return None
        if answer.status not in (200, 201):
            raise ServerSilent(f"contesta {answer.status}")
        try:
            return json.loads(said)
        except ValueError:
            raise ServerSilent(OTRA_COSA) from None


def open_server(settings: Settings) -> PrefectServer | None:
    """The server of the settings; None if there is none."""
    if settings.prefect_api_url is None:
        return None
    auth = settings.secret_text("PREFECT_SERVER_API_AUTH_STRING")
    return PrefectServer(settings.prefect_api_url, auth)


def read_moment(text: str) -> datetime:
    """A moment as the server writes it, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)
