"""Credentials as Prefect blocks: kept by its server, edited in its page, used by name.

What a block leaves empty is what the environment says; so is everything where none is named. A
block that names another address than the environment stands alone, so that the secret of one portal
is never sent to another. Nothing is opened before ``get_client``.

The server keeps the fields of a block encrypted, by a key in the same database unless
``PREFECT_SERVER_ENCRYPTION_KEY`` is set, and shows them to whoever has the password of its API.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Literal, TypeVar

from httpx import HTTPError, HTTPStatusError, codes
from prefect.blocks.abstract import CredentialsBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from pydantic import ConfigDict, Field, HttpUrl, SecretStr, ValidationError

from Modules.api_check.check import check_api
from Modules.jobs import portal_access, temporada
from Modules.portal.client import PortalClient
from Modules.settings import Settings, load_settings, read_settings
from Modules.words.domain import Modo
from Modules.words.errors import ApiUnavailable, PipelineError, SettingsError

C = TypeVar("C", bound="Credentials")
BlockState = Literal["nuevo", "cambia", "igual"]

_BY_NAME: Final = "Se usa por su nombre: parámetro credentials_block_name de {}."
_OF_THE_TYPE: Final = ("name", "logo_url", "description", "documentation_url", "code_example")


def _logo(path: str) -> HttpUrl:
    return HttpUrl(f"https://cdn.jsdelivr.net/gh/{path}.svg")


def _text(title: str, description: str) -> Any:
    return Field(default="", title=title, description=description)


def _secret(title: str, description: str) -> Any:
    return Field(default=SecretStr(""), title=title, description=description)


class Credentials(CredentialsBlock):
    """What all of them share. A field is the setting of its name behind ``_prefix``."""

    model_config = ConfigDict(hide_input_in_errors=True)
    _prefix: ClassVar[str]
    _address: ClassVar[str]  # the field that says to whom the others are sent

    def over(self, settings: Settings) -> Settings:
        """The settings with what this block says in the place of theirs.

        Raises:
            SettingsError: a field is not what its setting may be; no secret is quoted.
        """
        given = {self._prefix + name: _plain(getattr(self, name)) for name in self._fields()}
        try:
            found = read_settings({name: text for name, text in given.items() if text})
        except SettingsError as err:
            raise SettingsError(f"{self._called()}: {err}") from err
        here, there = (getattr(one, self._prefix + self._address) for one in (found, settings))
        alone = None not in (here, there) and here != there
        ours = {name: getattr(found, name) for name, text in given.items() if text or alone}
        return replace(settings, **ours)

    def test_connection(self) -> dict[str, Any]:
        """``status`` is ``ok`` or ``error``, and beside it what is known; no error of ours."""
        try:
            return self._asked()
        except PipelineError as err:
            return {"status": "error", "error": str(err)}

    def _asked(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.get_client().test_connection()
        return answer

    def _called(self) -> str:
        return f"bloque {self.get_block_type_slug()}/{self._block_document_name or '(sin nombre)'}"

    @classmethod
    def _fields(cls) -> tuple[str, ...]:
        return tuple(cls.model_fields)


class DatabalerCredentials(Credentials):
    """What it takes to get in at the portal."""

    _block_type_name = "Databaler: credenciales"
    _block_type_slug = "databaler-credentials"
    _logo_url = _logo("twitter/twemoji@14.0.2/assets/svg/1f33e")
    _description = (
        "Con qué entra Lindero al portal de Databaler. Un campo vacío es lo que dice el .env de "
        "donde corre; si la dirección es otra que la de ese .env, vale sólo lo que está acá."
    )
    _code_example = _BY_NAME.format("Backup Databaler Lotes")
    _prefix = "databaler_"
    _address = "base_url"

    base_url: str = _text("Dirección", "Por ejemplo https://databaler.example/base-portal/api/v1")
    client_id: str = _text("Usuario", "Usuario, id de cliente o nombre de la clave de la API")
    client_secret: SecretStr = _secret("Contraseña", "Su contraseña, secreto o clave")
    second_secret: SecretStr = _secret(
        "Segundo secreto", "Donde el perfil del portal manda uno: una clave de suscripción"
    )

    def get_client(self) -> PortalClient:
        """A client of the portal, which is a context manager.

        Raises:
            SettingsError: one of what it takes is neither here nor in the environment.
        """
        with portal_access.open_portal(self.over(load_settings()), Modo.PROD) as access:
            return PortalClient(access.config)

    def _asked(self) -> dict[str, Any]:
        settings = self.over(load_settings())
        with portal_access.open_portal(settings, Modo.PROD) as access:
            season = temporada.asked_of(access, settings, None, datetime.now(UTC))
            report = check_api(access.config, season)
        known = {"portal": report.portal, "perfil": report.profile, "campania": report.campania}
        if report.exit_code:
            said = "contesta, pero no como se espera: lindero api check dice qué"
            return {"status": "error", "error": said, **known}
        return {"status": "ok", **known}


BLOCKS: Final[tuple[type[Credentials], ...]] = (DatabalerCredentials,)


@dataclass(frozen=True, slots=True)
class BlockChange:
    """A type of block beside what the server held of it."""

    tipo: str
    estado: BlockState


def databaler(settings: Settings, name: str) -> Settings:
    """The settings with the portal of the block of that name; as they are without a name.

    Raises:
        SettingsError: no server, no such block (those there are are named), or a field of it is
            wrong.
        ApiUnavailable: the server does not answer.
    """
    if not name:
        return settings
    (block,) = _named(name, DatabalerCredentials)
    return settings if block is None else block.over(settings)


def register(*, dry_run: bool) -> tuple[BlockChange, ...]:
    """Make the types of block known to the server; what is equal is not touched.

    Raises:
        HTTPError: the server refuses one, or does not answer.
    """
    changes = []
    with get_client(sync_client=True) as client:
        for kind in BLOCKS:
            changes.append(BlockChange(kind.get_block_type_slug(), _compared(client, kind)))
            if changes[-1].estado != "igual" and not dry_run:
                kind.register_type_and_schema()
    return tuple(changes)


def _compared(client: SyncPrefectClient, kind: type[Credentials]) -> BlockState:
    checksum, version = kind._calculate_schema_checksum(), kind.get_block_schema_version()
    try:
        held = client.read_block_type_by_slug(kind.get_block_type_slug())
    except ObjectNotFound:
        return "nuevo"
    ours = kind._to_block_type()
    if any(getattr(held, one) != getattr(ours, one) for one in _OF_THE_TYPE):
        return "cambia"
    try:
        client.read_block_schema_by_checksum(checksum, version)
    except ObjectNotFound:
        return "cambia"
    return "igual"


def _named(name: str, *kinds: type[C]) -> list[C | None]:
    """The block of that name of each kind; one of several may be missing."""
    if PREFECT_API_URL.value() is None:
        raise SettingsError(
            f"PREFECT_API_URL: el bloque {name!r} está en un servidor de Prefect, y no hay uno "
            "configurado; sin bloque valen las variables de .env"
        )
    try:
        with get_client(sync_client=True) as client:
            found = [_read(client, kind, name) for kind in kinds]
            if any(found):
                return found
            there = [f"{kind.get_block_type_slug()}: {_listed(client, kind)}" for kind in kinds]
    except HTTPStatusError as err:
        said = f"contesta {err.response.status_code}"
        raise SettingsError(f"no se lee el bloque {name!r}: el servidor {said}") from err
    except HTTPError as err:
        raise ApiUnavailable(
            f"no se lee el bloque {name!r}: el servidor de Prefect no contesta"
        ) from err
    raise SettingsError(
        f"no hay un bloque {name!r}; hay de {'; de '.join(there)}. Se hacen en la página de "
        "Prefect, Blocks, y los tipos los pone ahí lindero deploy"
    )


def _read(client: SyncPrefectClient, kind: type[C], name: str) -> C | None:
    try:
        held = client.read_block_document_by_name(name, kind.get_block_type_slug())
        block = kind.model_validate(held.data)
    except ObjectNotFound:
        return None
    except ValidationError:  # its text may quote a field
        slug = kind.get_block_type_slug()
        raise SettingsError(
            f"bloque {slug}/{name}: un campo no es texto; guardarlo de nuevo"
        ) from None
    block._block_document_name = name
    return block


def _listed(client: SyncPrefectClient, kind: type[Credentials]) -> str:
    slug = kind.get_block_type_slug()
    try:
        there = client.read_block_documents_by_type(slug, include_secrets=False)
    except HTTPStatusError as err:
        if err.response.status_code != codes.NOT_FOUND:
            raise
        there = []
    return ", ".join(sorted(one.name or "" for one in there)) or "ninguno"


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value.strip()
