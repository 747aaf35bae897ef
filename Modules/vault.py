"""Secrets out of a Vault or an OpenBao: AppRole, KV version 2, a path by environment and service.

``secret/data/<LINDERO_VAULT_PROJECT>/<LINDERO_ENTORNO>/<service>`` holds for each service the
variables of ``SERVICES``, spelled as in ``.env``. ``deploy/vault`` has the policy of what is read
here, and the agent that writes the same into files; the tests hold both to this table.

A process reads each path once: a run keeps what it began with, a rotated secret is the next one's.
Only ``settings`` imports this, and only where ``LINDERO_SECRETS`` names the Vault.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from Modules.words.errors import ApiUnavailable, SettingsError

try:
    import hvac
    import hvac.exceptions as said
    from requests.exceptions import RequestException
except ImportError as err:
    raise SettingsError(
        "LINDERO_SECRETS: para leer de Vault falta hvac; pip install 'lindero[vault]'"
    ) from err

MOUNT: Final = "secret"
SERVICES: Final = {
    "avisos": ("LINDERO_ALERT_WEBHOOK_URL", "LINDERO_ALERT_SMTP_URL", "LINDERO_WATCH_URL"),
    "databaler": ("DATABALER_CLIENT_SECRET", "DATABALER_SECOND_SECRET"),
    "google": ("LINDERO_GOOGLE_CLIENT_SECRET", "LINDERO_GOOGLE_REFRESH_TOKEN"),
    "jira": ("LINDERO_JIRA_TOKEN",),
    "postgres": ("PREFECT_POSTGRES_PASSWORD",),
    "prefect": ("PREFECT_SERVER_API_AUTH_STRING",),
    "prompts": ("LINDERO_PROMPTS_DATABASE_URL", "OPENROUTER_API_KEY"),
    "redis": ("PREFECT_REDIS_MESSAGING_PASSWORD",),
}
NAMED: Final = "prompts"  # beside its own it holds keys by the names that models.yaml gives them
_TIMEOUT_S: Final = 10


@cache
def read_secrets(
    url: str, role_id: str, secret_id: str, place: str, services: tuple[str, ...]
) -> dict[str, str]:
    """The secrets of these services by variable; one that a path does not hold is left out.

    ``place``: project and environment, as ``lindero/production``.

    Raises:
        SettingsError: sealed or not initialized, the role is refused, its policy forbids a path, a
            path or all that it should hold is missing; each names what, never a value.
        ApiUnavailable: it does not answer, or cannot just now.
    """
    if unknown := sorted({*services} - {*SERVICES}):
        raise SettingsError(
            f"LINDERO_VAULT_SERVICES: no hay un servicio {unknown[0]!r}; hay: {', '.join(SERVICES)}"
        )
    found: dict[str, str] = {}
    try:
        client = hvac.Client(url=url, timeout=_TIMEOUT_S)
        _log_in(client, role_id, secret_id)
        for service in services:
            path, names = f"{place}/{service}", SERVICES[service]
            held = _read(client, path, role_id, secret_id)
            asked = held if service == NAMED else names
            told = {name: held[name] for name in asked if isinstance(held.get(name), str)}
            if not any(told.values()):
                raise SettingsError(
                    f"{MOUNT}/data/{path} está en Vault sin {' ni '.join(names)}; agregarla: "
                    f"bao kv patch {MOUNT}/{path} {names[0]}=…"
                )
            found |= {name: text for name, text in told.items() if text}
    except said.VaultNotInitialized as err:
        raise SettingsError(f"el Vault de {url} no está inicializado: bao operator init") from err
    except said.VaultDown as err:
        raise SettingsError(
            f"el Vault de {url} está sellado; abrirlo: bao operator unseal, y correr otra vez"
        ) from err
    except (said.VaultError, RequestException) as err:
        raise ApiUnavailable(
            f"LINDERO_VAULT_URL: el Vault de {url} no contesta ({type(err).__name__}); lo que ya "
            "corre sigue con los secretos que leyó, lo nuevo espera a que vuelva"
        ) from err
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise SettingsError(f"LINDERO_VAULT_URL: lo que contesta en {url} no es un Vault") from err
    return found


def _log_in(client: Any, role_id: str, secret_id: str) -> None:
    try:
        answer = client.auth.approle.login(role_id, secret_id, use_token=False)
    except (said.InvalidRequest, said.Forbidden, said.Unauthorized, said.InvalidPath) as err:
        raise SettingsError(
            "LINDERO_VAULT_ROLE_ID, LINDERO_VAULT_SECRET_ID: Vault no acepta ese rol con ese "
            "secreto; el secreto pudo vencer: bao write -f auth/approle/role/…/secret-id"
        ) from err
    client.token = answer["auth"]["client_token"]


def _read(client: Any, path: str, role_id: str, secret_id: str) -> dict[str, Any]:
    read = client.secrets.kv.v2.read_secret_version
    try:
        try:
            answer = read(path, mount_point=MOUNT, raise_on_deleted_version=True)
        except said.Forbidden:  # or the token is over: a new one tells which
            _log_in(client, role_id, secret_id)
            answer = read(path, mount_point=MOUNT, raise_on_deleted_version=True)
    except said.Forbidden as err:
        raise SettingsError(
            f"la política del rol de Vault no deja leer {MOUNT}/data/{path}; la de "
            "deploy/vault/policy.hcl es la que hace falta"
        ) from err
    except said.InvalidPath as err:
        raise SettingsError(
            f"en Vault no hay {MOUNT}/data/{path}; ponerlo con bao kv put, o sacar "
            f"{path.rpartition('/')[2]} de LINDERO_VAULT_SERVICES"
        ) from err
    return dict(answer["data"]["data"])
