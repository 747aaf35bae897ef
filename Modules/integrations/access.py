"""What it takes to get in at a neighbour: checked when it is made, opened by nobody here.

Made of the settings (``of``), or by a Prefect block of the same values. No ``repr`` shows a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from Modules.portal.asking import check_url
from Modules.settings import Settings
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
