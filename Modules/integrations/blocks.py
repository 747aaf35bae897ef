"""Credentials as Prefect blocks: kept by its server, edited in its page, used by name.

What a block leaves empty is what the environment says. The server keeps a block encrypted, by a key
in the same database unless ``PREFECT_SERVER_ENCRYPTION_KEY`` is one, and tells it to its clients.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from httpx import HTTPError, HTTPStatusError
from prefect.blocks.abstract import CredentialsBlock
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockTypeUpdate
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from pydantic import ConfigDict, Field, HttpUrl, SecretStr

from Modules.api_check.check import check_api
from Modules.integrations.access import GoogleAccess, JiraAccess, PromptAccess
from Modules.integrations.jira import Jira
from Modules.jobs import portal_access, temporada
from Modules.portal.client import PortalClient
from Modules.settings import Settings, load_settings, read_settings
from Modules.words.domain import Modo
from Modules.words.errors import ApiContractChanged, PipelineError, SettingsError, StackError
from Modules.words.secret import Secret

if TYPE_CHECKING:  # loaded once somebody asks
    from Modules.integrations.google import Google

_LOGOS: Final = "https://cdn.jsdelivr.net/gh"
# Prefect's page shows what is fenced so, with the block's name
_BY_NAME: Final = '```python\n# parámetro de {}:\ncredentials_block_name = "BLOCK_NAME"\n```'
_EMPTY: Final = (
    "Campo vacío: lo que dice el .env; con otra dirección que la del .env, sólo lo de acá."
)


def _field(title: str, description: str) -> Any:
    return Field(default="", title=title, description=description)


class Credentials(CredentialsBlock):
    """What all of them share."""

    model_config = ConfigDict(hide_input_in_errors=True, validate_default=True)

    @abstractmethod
    def access(self, settings: Settings) -> Any:
        """What it takes to get in, out of the settings where a field is empty; SettingsError."""

    def test_connection(self) -> dict[str, Any]:
        """``status`` is ``ok`` or ``error``, and beside it what is known; no error of ours."""
        try:
            return dict(self._asked())
        except PipelineError as err:
            return {"status": "error", "message": str(err)}

    def _asked(self) -> Any:
        return self.get_client().test_connection()


class DatabalerCredentials(Credentials):
    """What it takes to get in at the portal."""

    _block_type_name = "Databaler: credenciales"
    _block_type_slug = "databaler-credentials"
    _logo_url = HttpUrl(f"{_LOGOS}/twitter/twemoji@14.0.2/assets/svg/1f33e.svg")
    _description = f"Con qué entra Lindero al portal de Databaler. {_EMPTY}"
    _code_example = _BY_NAME.format("Backup Databaler Lotes")

    base_url: str = _field("Dirección", "Por ejemplo https://databaler.example/base-portal/api/v1")
    client_id: str = _field("Usuario", "Usuario, id de cliente o nombre de la clave de la API")
    client_secret: SecretStr = _field("Contraseña", "Su contraseña, secreto o clave")
    second_secret: SecretStr = _field("Segundo secreto", "Donde el perfil del portal manda uno")

    def access(self, settings: Settings) -> Settings:
        """The settings with this portal in the place of theirs."""
        return _over(settings, self, "databaler_", "base_url")

    def get_client(self) -> PortalClient:
        """A client of the portal, which is a context manager."""
        with portal_access.open_portal(self.access(load_settings()), Modo.PROD) as access:
            return PortalClient(access.config)

    def _asked(self) -> dict[str, str]:
        settings = self.access(load_settings())
        with portal_access.open_portal(settings, Modo.PROD) as access:
            season = temporada.asked_of(access, settings, None, datetime.now(UTC))
            report = check_api(access.config, season)
        if report.exit_code:
            raise ApiContractChanged("no contesta como se espera: lindero api check dice qué")
        return {"status": "ok", "server": report.portal}


class GoogleCredentials(Credentials):
    """What it takes to get in at Google Drive and Sheets."""

    _block_type_name = "Google: credenciales"
    _block_type_slug = "google-credentials"
    _logo_url = HttpUrl(f"{_LOGOS}/devicons/devicon@v2.16.0/icons/google/google-original.svg")
    _description = "Con qué cuenta lee Lindero las planillas de Google. Vacío: la que dice el .env."
    _code_example = _BY_NAME.format("plan-muestreo-a-jira")

    service_account: SecretStr = _field("Cuenta de servicio", "El JSON de su clave; alcanza con él")
    refresh_token: SecretStr = _field("Token", "El que se renueva, si no hay cuenta de servicio")
    client_id: str = _field("Cliente OAuth", "Sólo con token; termina en .googleusercontent.com")
    client_secret: SecretStr = _field("Secreto del cliente", "Sólo con token: el de ese cliente")

    def access(self, settings: Settings) -> GoogleAccess:
        """The way in that is here, or that of the settings where none is."""
        found, client_id = GoogleAccess.of(settings), self.client_id.strip()
        account, refresh = _kept(self.service_account), _kept(self.refresh_token)
        if account or refresh:
            found = replace(found, service_account=account, token=None, refresh_token=refresh)
        secret = _kept(self.client_secret) or found.client_secret
        return replace(found, client_id=client_id or found.client_id, client_secret=secret)

    def get_client(self) -> Google:
        from Modules.integrations.google import Google

        return Google(self.access(load_settings()))


class JiraCredentials(Credentials):
    """What it takes to get in at Jira Cloud."""

    _block_type_name = "Jira: credenciales"
    _block_type_slug = "jira-credentials"
    _logo_url = HttpUrl(f"{_LOGOS}/devicons/devicon@v2.16.0/icons/jira/jira-original.svg")
    _description = f"Con qué cuenta crea Lindero las tareas en Jira Cloud. {_EMPTY}"
    _code_example = _BY_NAME.format("plan-muestreo-a-jira")

    url: str = _field("Sitio", "Por ejemplo https://empresa.atlassian.net")
    user: str = _field("Correo", "El de la cuenta que crea las tareas")
    token: SecretStr = _field("Token de API", "De esa cuenta; no su contraseña")

    def access(self, settings: Settings) -> JiraAccess:
        found = JiraAccess.of(_over(settings, self, "lindero_jira_", "url"))
        return replace(found, login="jira-credentials") if _plain(self.token) else found

    def get_client(self) -> Jira:
        return Jira(self.access(load_settings()))


class PromptCredentials(Credentials):
    """The keys of providers of models."""

    _block_type_name = "Prompts: claves"
    _block_type_slug = "prompt-credentials"
    _logo_url = HttpUrl(f"{_LOGOS}/twitter/twemoji@14.0.2/assets/svg/1f511.svg")
    _description = f"Con qué claves pregunta Lindero a los proveedores de modelos. {_EMPTY}"
    _code_example = _BY_NAME.format("Informe de Campaña")

    base_url: str = _field("Dirección", "La de un proveedor de models.yaml; vacía: la de todos")
    keys: SecretStr = _field("Claves", "Una por línea, por su nombre: OPENROUTER_API_KEY=…")

    def access(self, settings: Settings) -> PromptAccess:  # noqa: ARG002 - theirs go by name
        return PromptAccess(Secret(_plain(self.keys)), _plain(self.base_url))

    def get_client(self) -> PromptAccess:
        """The keys, with which ``Modules.prompts`` asks."""
        return self.access(load_settings())

    def _asked(self) -> dict[str, str]:
        names = ", ".join(self.get_client().named())
        return {"status": "ok", "keys": names, "message": "no se preguntó a ningún proveedor"}


BLOCKS: Final = (DatabalerCredentials, GoogleCredentials, JiraCredentials, PromptCredentials)


def settled(settings: Settings, name: str, *kinds: type[Credentials]) -> list[Any]:
    """The ``access`` of each kind by its block of that name; where it has none, by the settings.

    Raises:
        SettingsError: no server, no such block of any kind (those there are are named), or what it
            takes is in neither block nor settings.
        StackError: the server does not give it.
    """
    try:
        return [one.access(settings) for one in _found(name, kinds)]
    except SettingsError as err:
        raise SettingsError(f"bloque {name}: {err}") from err
    except HTTPError as err:
        said = f"bloque {name}: el servidor de Prefect no lo da ({type(err).__name__})"
        raise StackError(said) from err


def register(*, dry_run: bool) -> Mapping[str, str]:
    """Put our types of block on the server; each is ``nuevo``, ``cambia``, or ``igual``: let be."""
    found, fields = dict[type[Credentials], str](), BlockTypeUpdate.updatable_fields()
    with get_client(sync_client=True) as client:
        for kind in BLOCKS:
            ours, found[kind] = kind._to_block_type(), "nuevo"
            checksum = kind._calculate_schema_checksum()
            with suppress(ObjectNotFound):
                held, found[kind] = client.read_block_type_by_slug(ours.slug), "cambia"
                client.read_block_schema_by_checksum(checksum, kind.get_block_schema_version())
                if held.model_dump(include=fields) == ours.model_dump(include=fields):
                    found[kind] = "igual"
    for kind in BLOCKS if not dry_run else ():
        if found[kind] != "igual":
            kind.register_type_and_schema()
    return {kind.get_block_type_slug(): estado for kind, estado in found.items()}


def _found(name: str, kinds: Sequence[type[Credentials]]) -> list[Credentials]:
    """The blocks of that name, an empty one where a kind has none; of one kind at least."""
    if PREFECT_API_URL.value() is None:
        raise SettingsError("está en un servidor de Prefect, y PREFECT_API_URL no nombra ninguno")
    slugs = {kind: kind.get_block_type_slug() for kind in kinds}
    found, there = dict[type[Credentials], Credentials](), list[str]()
    with get_client(sync_client=True) as client:
        for kind, slug in slugs.items():
            with suppress(ObjectNotFound):
                data = client.read_block_document_by_name(name, slug).data
                found[kind] = kind(**{key: str(it) for key, it in data.items() if it is not None})
        for slug in slugs.values() if not found else ():
            with suppress(HTTPStatusError):  # no such type: nobody deployed yet
                held = client.read_block_documents_by_type(slug, include_secrets=False)
                there += sorted(f"{slug}/{one.name}" for one in held)
    if found:
        return [found.get(kind) or kind() for kind in kinds]
    raise SettingsError(
        f"no está entre los que hay: {', '.join(there) or 'ninguno'}; se hace en la página de "
        "Prefect, Blocks, donde lindero deploy pone los tipos"
    )


def _over(settings: Settings, block: Credentials, prefix: str, address: str) -> Settings:
    """The settings with a block's fields, each behind ``prefix``, in the place of theirs.

    With another ``address`` nothing of theirs is used: a secret is not sent where it was not meant.
    """
    given = {prefix + name: _plain(getattr(block, name)) for name in type(block).model_fields}
    found = read_settings({name: text for name, text in given.items() if text})
    here, there = (getattr(one, prefix + address) for one in (found, settings))
    alone = None not in (here, there) and here != there
    ours = {name: getattr(found, name) for name, text in given.items() if text or alone}
    return replace(settings, **ours)


def _plain(value: str | SecretStr) -> str:
    """A field without what a person pasted around it: Prefect's page takes several lines."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value.strip()
    return text.strip("\r\n")


def _kept(secret: SecretStr) -> Secret | None:
    return Secret(text) if (text := _plain(secret)) else None
