"""The token that Google is asked with: had in one of three ways, renewed, saved; a person's login.

google-auth makes, signs and reads what goes to the token's address, but the way there is ours, so
that no library waits and sends again on its own. What that address answers may hold secrets: errors
quote its one word for the reason, and are not chained to google-auth's.
"""

from __future__ import annotations

import json
import re
import threading
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials
from requests import RequestException

from Modules.disk.safe_files import make_folder, write_beside
from Modules.integrations.access import GoogleAccess
from Modules.portal.answers import Answer
from Modules.portal.asking import Ask
from Modules.words.errors import (
    ApiAuth,
    ApiContractChanged,
    ApiUnavailable,
    PublishError,
    SettingsError,
)
from Modules.words.secret import Secret
from Modules.words.spanish import corrida, why

SCOPES: Final = (
    "https://www.googleapis.com/auth/drive.metadata.readonly",  # to find a sheet; no file's content
    "https://www.googleapis.com/auth/spreadsheets",
)
PATIENCE_S: Final = 300
_AUTH_URL: Final = ("https://accounts.google.com/o/oauth2/auth", "/o/oauth2/auth")
_TOKEN_URL: Final = ("https://oauth2.googleapis.com/token", "/token")  # real, below an endpoint
_SAVED: Final = "LINDERO_GOOGLE_TOKEN"
_AGAIN: Final = "entrar otra vez: lindero google login"


class GoogleToken:
    """The token of an access; any number of threads may ask for it. Opens nothing when made.

    ``login`` names what holds the credentials; ``send`` brings the answer of the token's address.
    """

    def __init__(self, access: GoogleAccess, send: Callable[[Ask], Answer]) -> None:
        self.login, self._remedy = "LINDERO_GOOGLE_…", _AGAIN
        self._access, self._send = access, send
        self._credentials: Any = None  # google-auth's, of either kind
        self._lock = threading.Lock()

    def header(self, refused: str | None = None) -> str:
        """What ``Authorization`` is; a new one where the last is over, or was ``refused``.

        Raises:
            SettingsError: no way in, or one whose file cannot be read; names the variable.
            ApiAuth: Google does not renew it.
        """
        with self._lock:
            if self._credentials is None:
                self._credentials = self._take()
            if not self._credentials.valid or f"Bearer {self._credentials.token}" == refused:
                self._renew()
            return f"Bearer {self._credentials.token}"

    def _take(self) -> Any:
        access = self._access
        if access.service_account:
            self._remedy = "bajar otra clave JSON de la consola de Google"
            info = self._read(access.service_account, "LINDERO_GOOGLE_SERVICE_ACCOUNT")
        elif access.token and access.token.is_file():
            info = self._read(access.token, _SAVED)
        elif access.refresh_token:
            self.login = "LINDERO_GOOGLE_REFRESH_TOKEN"
            info = {"refresh_token": access.refresh_token.get_secret_value(), **access.client()}
        else:
            raise SettingsError(
                "no hay con qué entrar a Google: poner LINDERO_GOOGLE_SERVICE_ACCOUNT o "
                "LINDERO_GOOGLE_REFRESH_TOKEN, o correr lindero google login"
            )
        made: Any
        try:
            if access.service_account:
                made = service_account.Credentials.from_service_account_info(info, scopes=SCOPES)
                self.login = f"{self.login} ({made.service_account_email})"
            else:  # a renewal that names permissions is refused where others were given
                made = Credentials.from_authorized_user_info({**info, "scopes": None})
        except (GoogleAuthError, ValueError, TypeError, AttributeError):  # their texts may quote it
            raise SettingsError(f"{self.login} no sirve para entrar; {self._remedy}") from None
        return made if access.endpoint is None else made.with_token_uri(access.url(*_TOKEN_URL))

    def _read(self, source: Path | Secret, variable: str) -> dict[str, Any]:
        self.login = variable
        try:
            if isinstance(source, Secret):
                return dict(json.loads(source.get_secret_value()))
            return dict(json.loads(source.read_text(encoding="utf-8-sig")))
        except (OSError, ValueError, TypeError, RecursionError) as err:
            text = f"{variable} no se puede leer como JSON ({type(err).__name__})"
            raise SettingsError(f"{text}; {self._remedy}") from None

    def _renew(self) -> None:
        try:
            self._credentials.refresh(self._ask)
        except GoogleAuthError as err:
            answer = err.args[1] if len(err.args) > 1 else None
            word = str(answer.get("error")) if isinstance(answer, dict) else ""
            said = word if re.fullmatch("[a-z_]{1,40}", word) else "sin decir por qué"
            text = f"Google no da un token con {self.login} ({said}); {self._remedy}"
            raise ApiAuth(text) from None
        except (ValueError, TypeError, AttributeError):
            raise ApiContractChanged("Google contesta algo que no es un token") from None
        try:
            if self._access.token and self.login == _SAVED:
                _save(self._access.token, self._credentials)
        except PublishError as err:  # this one is good all the same
            corrida.warning("el token renovado de Google no se guardó: %s", err)

    def _ask(
        self, url: str, method: str, body: bytes, headers: Mapping[str, str], **_: object
    ) -> SimpleNamespace:
        what = "Google, pedir un token"
        answer = self._send(Ask(what, method, url, tuple(headers.items()), body))
        return SimpleNamespace(status=answer.status, headers=answer.headers, data=answer.body)


def log_in(access: GoogleAccess, *, port: int = 0, patience_s: float = PATIENCE_S) -> Path:
    """Wait until somebody agreed in a browser, save the token for this user alone and say where.

    ``port``: where this machine waits for the browser's answer; 0 is any.

    Raises:
        SettingsError: no OAuth client, or nobody agreed in time.
        ApiAuth: refused, or not all that is needed was ticked.
        ApiUnavailable: Google cannot be reached.
        PublishError: the token cannot be saved.
    """
    from google_auth_oauthlib.flow import InstalledAppFlow, WSGITimeoutError
    from oauthlib.oauth2 import OAuth2Error

    if access.token is None:
        raise SettingsError(f"falta {_SAVED}, el archivo donde se guarda el token")
    addresses = {"auth_uri": access.url(*_AUTH_URL), "token_uri": access.url(*_TOKEN_URL)}
    config = {"installed": {**access.client(), **addresses}}
    try:
        credentials = InstalledAppFlow.from_client_config(config, SCOPES).run_local_server(
            bind_addr="127.0.0.1",
            port=port,
            open_browser=_has_browser(),
            timeout_seconds=patience_s,
            prompt="consent",  # without it a second login gives nothing that can be renewed
            authorization_prompt_message="Abrir en el navegador, y aceptar todo:\n{url}",
            success_message="Listo: Lindero ya entra a Google. Se puede cerrar esta página.",
        )
    except WSGITimeoutError:
        raise SettingsError("nadie aceptó a tiempo en el navegador; probar otra vez") from None
    except (OAuth2Error, Warning) as err:  # a Warning is oauthlib's: fewer permissions were ticked
        said = getattr(err, "error", "faltan permisos")
        text = f"Google no da el token ({said}); probar otra vez, y tildar y aceptar todo"
        raise ApiAuth(text) from None
    except RequestException as err:
        raise ApiUnavailable(f"no se llega a Google ({type(err).__name__})") from None
    except OSError as err:
        raise SettingsError(f"no se puede esperar en el puerto {port}: {why(err)}") from err
    _save(access.token, credentials)
    return access.token


def _save(path: Path, credentials: Any) -> None:
    make_folder(path.parent)
    write_beside(path, credentials.to_json().encode(), 0o600)


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
