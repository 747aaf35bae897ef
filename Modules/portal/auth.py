"""Who we are to the portal: tokens and keys, their renewal, and what must never be shown.

A token is renewed at 90 % of its life and once when the portal refuses it. The id and the secret
come from the environment; no credential is ever part of an address.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote_plus, urlencode

from Modules.portal.answers import NotThere
from Modules.portal.asking import Ask, check_url, join, written
from Modules.portal.coercion import dig, split_path
from Modules.portal.sections import ApiKey, Auth, Basic, NoAuth, StaticBearer, TokenAuth
from Modules.words.errors import ApiAuth, ApiContractChanged, ApiRejected, SettingsError

_SENDABLE = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_SHORTEST_SECRET = 4  # shorter ones would blot out half of a message
RENEW_AT = 0.9
T = TypeVar("T")

Get = Callable[[Ask, Mapping[str, str]], object]  # one request, through the retry loop


class Authenticator:
    """Gives the headers of a request; any number of threads may ask."""

    def __init__(
        self, auth: Auth, base_url: str, client_id: str, client_secret: str, second: str = ""
    ) -> None:
        """Checks that what the kind needs is there ("" is missing) and can be sent.

        Raises:
            SettingsError: a credential is missing, or has characters that no header can carry.
        """
        needs_id = isinstance(auth, TokenAuth | Basic) or (
            isinstance(auth, ApiKey) and bool(auth.id_header)
        )
        if needs_id and not client_id:
            raise SettingsError(f"falta DATABALER_CLIENT_ID; auth {auth.kind} lo necesita")
        if not isinstance(auth, NoAuth) and not client_secret:
            raise SettingsError(f"falta DATABALER_CLIENT_SECRET; auth {auth.kind} lo necesita")
        self._second_field = auth.second_field if isinstance(auth, TokenAuth) else ""
        if (auth.second_header or self._second_field) and not second:
            raise SettingsError("falta DATABALER_SECOND_SECRET; lo manda [auth] del perfil")
        self._auth, self._base_url = auth, base_url
        self._id, self._secret, self._second = client_id, client_secret, second
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        self._hide(self._secret)
        self._hide(second)
        self._always = {auth.second_header: _sendable(second)} if auth.second_header else {}
        self._headers: Mapping[str, str] = self._always | self._fixed_headers()
        self._renew_at = 0.0 if isinstance(auth, TokenAuth) else float("inf")  # at once, or never

    @property
    def renewable(self) -> bool:
        """Whether a refused token can be had anew."""
        return isinstance(self._auth, TokenAuth)

    @property
    def let_in(self) -> bool:
        """Whether there are headers to ask with: a first login was good, or none is needed."""
        return self._renew_at > 0

    def enter(self, get: Get) -> Mapping[str, str]:
        """Headers for a request now; logs in or renews first where it is time.

        Raises:
            ApiAuth: the portal refuses the credentials.
        """
        with self._lock:
            if time.monotonic() >= self._renew_at:
                self._log_in(get)
            return self._headers

    def renew(self, stale: Mapping[str, str], get: Get) -> Mapping[str, str]:
        """Headers after a refusal; one login serves all threads that hold the same stale ones."""
        with self._lock:
            if self._headers is stale:
                self._log_in(get)
            return self._headers

    def alone(self, get: Get, use: Callable[[Mapping[str, str]], T]) -> T:
        """What ``use`` makes of a new token that no other thread has used before it."""
        with self._lock:
            self._log_in(get)
            return use(self._headers)

    def redact(self, text: str) -> str:
        """The text with every secret blotted out."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _log_in(self, get: Get) -> None:
        auth = self._auth
        if not isinstance(auth, TokenAuth):
            raise ApiAuth("el portal rechaza las credenciales; revisar DATABALER_CLIENT_SECRET")
        asked_at = time.monotonic()
        ask, headers = self._login_request(auth)
        try:
            document = get(ask, headers)
        except ApiAuth as err:
            raise ApiAuth(_REFUSED) from err
        except NotThere as err:
            todo = "nadie juzgó las credenciales; revisar DATABALER_BASE_URL y path en [auth]"
            raise SettingsError(f"{err}; {todo}") from err
        except ApiRejected as err:
            raise ApiAuth(f"{_REFUSED} ({err})") from err
        token = dig(document, split_path(auth.token))
        if not isinstance(token, str) or not _SENDABLE.fullmatch(token):
            raise ApiContractChanged(
                f"token: en la respuesta no hay un token que sirva en {auth.token!r}"
            )
        self._hide(token)
        self._headers = self._always | {auth.header: f"{auth.prefix} {token}".strip()}
        self._renew_at = asked_at + RENEW_AT * self._life_s(auth, document)

    def _login_request(self, auth: TokenAuth) -> tuple[Ask, dict[str, str]]:
        url = auth.path
        url = check_url(url, "auth.path") if "://" in url else join(self._base_url, url)
        fields, headers = dict(auth.fields), dict(self._always)
        if self._second_field:
            fields[self._second_field] = self._second
        if auth.client_auth == "basic":  # RFC 6749 §2.3.1: both form-encoded first
            headers["Authorization"] = _basic(quote_plus(self._id), quote_plus(self._secret))
            self._hide(headers["Authorization"].partition(" ")[2])
        else:
            fields |= {auth.id_field: self._id, auth.secret_field: self._secret}
        if auth.body == "form":
            body = urlencode([(name, written(value)) for name, value in fields.items()])
            kind = "application/x-www-form-urlencoded"
        else:
            body, kind = json.dumps(fields), "application/json"
        return Ask("token", "POST", url, (), body.encode(), kind), headers

    @staticmethod
    def _life_s(auth: TokenAuth, document: object) -> float:
        found = dig(document, split_path(auth.expires_in)) if auth.expires_in else None
        if isinstance(found, str) and re.fullmatch(r"\d{1,9}", found, re.ASCII):
            found = int(found)
        if isinstance(found, int | float) and not isinstance(found, bool) and found > 0:
            return float(found)
        return auth.lifetime_s if auth.lifetime_s is not None else float("inf")

    def _fixed_headers(self) -> dict[str, str]:
        match self._auth:
            case ApiKey() | StaticBearer() as auth:
                headers = {auth.header: f"{auth.prefix} {_sendable(self._secret)}".strip()}
                if isinstance(auth, ApiKey) and auth.id_header:
                    headers[auth.id_header] = _sendable(self._id)
                return headers
            case Basic():
                value = _basic(self._id, self._secret)
                self._hide(value.partition(" ")[2])
                return {"Authorization": value}
        return {}

    def _hide(self, secret: str) -> None:
        if len(secret) >= _SHORTEST_SECRET:
            self._secrets |= {secret, quote_plus(secret)}


_REFUSED = (
    "el portal rechaza las credenciales; revisar DATABALER_CLIENT_ID y DATABALER_CLIENT_SECRET"
)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _sendable(secret: str) -> str:
    if not _SENDABLE.fullmatch(secret):
        raise SettingsError(
            "DATABALER_CLIENT_ID, _CLIENT_SECRET o _SECOND_SECRET tiene caracteres que un "
            "encabezado no puede llevar (un salto de línea, un espacio en la punta, un acento); "
            "copiarlo otra vez"
        )
    return secret
