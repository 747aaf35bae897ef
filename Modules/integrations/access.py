"""What it takes to get in at a neighbour: checked when it is made, opened by nobody here.

Made of the settings (``of``), or by a Prefect block of the same values. No ``repr`` shows a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final, Self

from dotenv import dotenv_values

from Modules.portal.asking import check_url
from Modules.settings import Settings, secret_named
from Modules.words.errors import SettingsError
from Modules.words.secret import Secret

_JIRA_EXAMPLE: Final = "https://empresa.atlassian.net"


@dataclass(frozen=True, slots=True)
class JiraAccess:
    """A site of Jira Cloud, an account's e-mail and its API token.

    ``login`` names what holds the two, for what is said of a refusal.
    """

    url: str
    user: str = field(repr=False)
    token: Secret = field(repr=False)
    login: str = "LINDERO_JIRA_USER y LINDERO_JIRA_TOKEN"

    def __post_init__(self) -> None:
        """Raise SettingsError for an address where no secret may be sent, or a user that is none.

        Names the setting; never quotes what it holds.
        """
        object.__setattr__(self, "url", check_url(self.url, "LINDERO_JIRA_URL", _JIRA_EXAMPLE))
        if ":" in self.user or not self.user.strip():  # RFC 7617 §2: a colon ends the user
            raise SettingsError("LINDERO_JIRA_USER tiene que ser el correo de la cuenta de Jira")
        if not self.token.get_secret_value():
            raise SettingsError("LINDERO_JIRA_TOKEN está vacío: va el token de API de la cuenta")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Of the environment.

        Raises:
            SettingsError: one is missing, by name, or cannot be used.
        """
        url, user = settings.lindero_jira_url, settings.lindero_jira_user
        token = settings.lindero_jira_token
        if url is None or user is None or token is None:
            given = {"URL": url, "USER": user, "TOKEN": token}
            names = " y ".join(f"LINDERO_JIRA_{one}" for one, value in given.items() if not value)
            raise SettingsError(f"para entrar a Jira falta {names}; ver docs/settings.md")
        return cls(url, user, token)


@dataclass(frozen=True, slots=True)
class GoogleAccess:
    """Three ways into Google; the first that is there is taken, in this order.

    ``service_account``: the JSON key of one, its file or its text. ``token``: the file that
    ``lindero google login`` writes. ``refresh_token``: with the OAuth client it was given to.
    """

    service_account: Path | Secret | None = None
    token: Path | None = None
    refresh_token: Secret | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    endpoint: str | None = None  # of a made-up Google, in place of the real one

    def __post_init__(self) -> None:
        """Raise SettingsError for an endpoint where no secret may be sent."""
        if self.endpoint is not None:
            url = check_url(self.endpoint, "LINDERO_GOOGLE_ENDPOINT", "http://127.0.0.1:8798")
            object.__setattr__(self, "endpoint", url)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Of the environment; whether there is a way in shows when it is taken.

        Raises:
            SettingsError: the endpoint cannot be used.
        """
        given = settings.below("lindero_google_")
        given["token"] = given["token"] or settings.lindero_state_dir / "google_token.json"
        return cls(**given)

    def client(self) -> dict[str, str]:
        """The OAuth client, as Google's forms name it; SettingsError names what is missing."""
        if not self.client_id or not self.client_secret:
            given = {"ID": self.client_id, "SECRET": self.client_secret}
            names = " y ".join(f"LINDERO_GOOGLE_CLIENT_{one}" for one in given if not given[one])
            raise SettingsError(f"para entrar a Google falta {names}; ver docs/settings.md")
        secret = self.client_secret.get_secret_value()
        return {"client_id": self.client_id, "client_secret": secret}

    def url(self, real: str, path: str) -> str:
        """An address of Google's: ``real``, or ``path`` below the endpoint."""
        return real if self.endpoint is None else f"{self.endpoint}{path}"


@dataclass(frozen=True, slots=True)
class PromptAccess:
    """Keys of providers of models: lines ``NAME=key``, read when one is needed.

    With a ``base_url`` they are of that address alone, and it takes no key of the environment.
    """

    keys: Secret = field(default_factory=lambda: Secret(""))
    base_url: str = ""

    def key(self, name: str, base_url: str) -> Secret | None:
        """The key of that name for an address; SettingsError as ``named`` and ``secret_named``."""
        same = self.base_url.rstrip("/") == base_url.rstrip("/")
        own = self.named().get(name.upper()) if same or not self.base_url else None
        return own if own is not None or same else secret_named(name)

    def named(self) -> dict[str, Secret]:
        """The keys by name; SettingsError for a line that is no name with a key, without it."""
        found = dotenv_values(stream=StringIO(self.keys.get_secret_value()), interpolate=False)
        if not all(found.values()):
            raise SettingsError("prompt-credentials, Claves: cada línea es NOMBRE=clave")
        return {name.upper(): Secret(key) for name, key in found.items() if key}
