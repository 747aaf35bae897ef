"""Settings: one frozen object; environment over ``.env`` over defaults.

Each field is one variable, spelled as in ``.env.example`` (a test holds the two together). Secrets
print as stars; for each, ``…_FILE`` may name a file with it instead. Paths that are not absolute
are below the project's root, never below the current folder. Read by hand rather than by
pydantic-settings, whose import costs more processor than all of ``lindero status``:
docs/decisions/0008-start.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from datetime import time
from difflib import get_close_matches
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from Modules.empresas import FOLDER as EMPRESAS
from Modules.empresas import SECRETS, Empresa, Lista, named, read_lista
from Modules.words.domain import BoundingBox, Campania, Modo
from Modules.words.errors import SettingsError
from Modules.words.secret import FILE, NONE, Secret
from Modules.words.temporada import read_campanias
from Modules.words.thresholds import Thresholds

PROJECT_ROOT = Path(__file__).resolve().parent.parent
_DASK_ADDRESS = re.compile(r"(tcp|tls)://[^\s/@]+:\d+")
_ISO2 = re.compile(r"[A-Z]{2}")
_NO_FRACTION = re.compile(r"(?<=\d)\.0+$")
_ONLY: list[Mapping[str, str]] = []  # see ``only``
_PORTAL: ContextVar[bool] = ContextVar("portal", default=True)  # see ``without_portal``
TASK_RUNNERS_HERE = ("serial", "threads", "processes")
OWN_PREFIXES = ("LINDERO_", "DATABALER_")
SOURCES = ("vault", "env", "dotenv")  # of secrets


def number(
    parse: Callable[[str], float] = float,
    kind: str = "un número",
    *,
    ge: float = -inf,
    gt: float = -inf,
    le: float = inf,
) -> Callable[[str], Any]:
    def read(value: str) -> float:
        try:
            found = parse(value)
        except ValueError as err:
            raise ValueError(f"tiene que ser {kind}") from err
        if not found <= le:  # so that what is no number is refused too
            raise ValueError(f"tiene que ser {le} o menos")
        if found < ge:
            raise ValueError(f"tiene que ser {ge} o más")
        if found <= gt:
            raise ValueError(f"tiene que ser más que {gt}")
        return found

    return read


def whole(*, ge: int, le: float = inf) -> Callable[[str], int]:
    return number(
        lambda value: int(_NO_FRACTION.sub("", value.strip())), "un número entero", ge=ge, le=le
    )


port = whole(ge=1, le=65535)


def one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            *most, last = map(repr, words)
            raise ValueError(f"tiene que ser {', '.join(most)} o {last}")
        return value

    return read


def flag(value: str) -> bool:
    """Yes or no, in any of the usual words."""
    yes, no = ("1", "true", "t", "yes", "y", "on"), ("0", "false", "f", "no", "n", "off")
    if value.lower() not in (*yes, *no):
        raise ValueError("tiene que ser true o false")
    return value.lower() in yes


def read_bbox(value: str) -> BoundingBox:
    """Four numbers in degrees."""
    try:
        min_lon, min_lat, max_lon, max_lat = (float(part) for part in value.split(","))
    except ValueError as err:
        raise ValueError("hacen falta cuatro números: lon_min,lat_min,lon_max,lat_max") from err
    if not (-180 <= min_lon < max_lon <= 180 and -90 <= min_lat < max_lat <= 90):
        raise ValueError("no es lon_min,lat_min,lon_max,lat_max en grados")
    return BoundingBox(min_lon, min_lat, max_lon, max_lat)


def read_resolutions(value: str) -> tuple[int, ...]:
    try:
        resolutions = tuple(sorted({int(part) for part in value.split(",")}))
    except ValueError as err:
        raise ValueError("hacen falta números enteros separados con comas") from err
    if not resolutions or not 0 <= resolutions[0] <= resolutions[-1] <= 15:
        raise ValueError("las resoluciones H3 van de 0 a 15")
    return resolutions


def words(value: str) -> tuple[str, ...]:
    """With commas between them."""
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def read_sources(value: str) -> tuple[str, ...]:
    sources = words(value)
    if not sources or not {*sources} <= {*SOURCES}:
        raise ValueError(f"tienen que ser de {', '.join(SOURCES)}, con comas")
    return sources


def read_countries(value: str) -> tuple[tuple[str, str], ...]:
    """Pairs of an id and a country of two letters, with commas between them."""
    pairs = [part.strip().rpartition("=") for part in value.split(",") if part.strip()]
    if wrong := [code for found, _, code in pairs if not found or not _ISO2.fullmatch(code)]:
        raise ValueError(f"{wrong[0]!r} no termina en = y un país de dos letras")
    return tuple((found.strip(), code) for found, _, code in pairs)


def below_root(value: str) -> Path:
    """A path; one that is not absolute hangs below the project."""
    try:
        path = Path(value).expanduser()
    except RuntimeError as err:
        raise ValueError("empieza con ~ y nombra una carpeta personal que no se conoce") from err
    return path if path.is_absolute() else PROJECT_ROOT / path


def http_url(value: str) -> str:
    """An address without user, password, query or fragment."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no es una dirección http(s)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("no puede llevar usuario, contraseña, consulta ni fragmento")
    return value.rstrip("/")


def task_runner(value: str) -> str:
    if value in (*TASK_RUNNERS_HERE, "dask") or _DASK_ADDRESS.fullmatch(value):
        return value
    raise ValueError("no es serial, threads, processes, dask ni la dirección tcp:// de un Dask")


def read_time(value: str) -> time:
    try:
        return time.fromisoformat(value)
    except ValueError as err:
        raise ValueError("no es una hora del día como 07:00") from err


def read_time_or_never(value: str) -> time | None:
    return None if value.strip().lower() == "nunca" else read_time(value)


def time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise ValueError("no es una zona horaria que esta máquina conozca") from err
    return value


share = number(gt=0, le=10)


def setting(
    read: Callable[[str], object], default: str | None, description: str, example: str | None = None
) -> Any:
    """A field of ``Settings``: how its text is read, what it is where nobody says, what it is for.

    ``default`` is text as in ``.env``, and the example too, unless another one says more.
    """
    facts = {"read": read, "description": description, "example": example or default}
    return field(default=None if default is None else read(default), metadata=facts)


def secret(description: str, example: str = "…") -> Any:
    """A field that is a secret: none where nobody says."""
    return setting(Secret, None, description, example)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a run. See ``.env.example`` for the variables, one line each."""

    # fmt: off
    databaler_base_url: str | None = setting(http_url, None,
        "Dirección del portal de Databaler; sin ella contesta el de demostración",
        "https://databaler.example/base-portal/api/v1")
    databaler_client_id: str | None = setting(str, None,
        "Usuario, id de cliente o nombre de la clave de la API", "lindero")
    databaler_client_secret: Secret | None = secret("Su contraseña, secreto o clave")
    databaler_second_secret: Secret | None = secret(
        "Segundo secreto, donde el perfil manda uno: una clave de suscripción")
    databaler_profile: Path | None = setting(below_root, None,
        "Archivo TOML que dice en qué se aparta el portal del contrato supuesto", "perfil.toml")
    databaler_credentials_block: str = setting(str, "",
        "Bloque databaler-credentials de Prefect con el que entran los backups; vacío: lo de acá",
        "databaler")

    lindero_campania: tuple[Campania, ...] = setting(read_campanias, "25/26",  # none: actual
        "Campaña de las corridas que no nombran otra; varias con comas, o actual: la que el portal "
        "tiene activa")
    lindero_outputs_dir: Path = setting(below_root, "outputs", "Dónde van los productos")
    lindero_test_outputs_dir: Path = setting(below_root, "test_outputs",
        "Dónde van los productos de una prueba")
    lindero_state_dir: Path = setting(below_root, "data/lindero", "Dónde se guardan los backups")
    lindero_symlink_config: Path = setting(below_root, "symlink_config.json",
        "Qué carpetas de productos tienen que ser enlaces, y adónde llevan")
    lindero_environment: Literal["local", "production"] = setting(
        one_of("local", "production"), "local",
        "Se nombra en los resúmenes y manifiestos: local o production", "production")
    lindero_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting(
        one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO",
        "Detalle de los registros: DEBUG, INFO, WARNING o ERROR")

    lindero_portal_concurrency: int = setting(whole(ge=1, le=32), "4", "Pedidos al portal a la vez")
    lindero_portal_requests_per_second: float = setting(number(le=10_000, gt=0), "5",
        "Pedidos al portal por segundo")
    lindero_fotos: bool = setting(flag, "true",
        "Traer las fotos que adjuntan los marcadores y mostrarlas: true o false")
    lindero_fotos_hosts: tuple[str, ...] = setting(words, "",
        "Máquinas de las que se traen fotos, además del portal; ninguna ve sus credenciales",
        "fotos.empresa.example")
    lindero_fotos_minutos: float = setting(number(gt=0, le=600), "10",
        "Minutos que la noche les da, y ni uno más; las que falten vienen la noche siguiente")
    lindero_fotos_mb: int = setting(whole(ge=1, le=200), "20",
        "MB de la foto más grande que se trae")
    lindero_fotos_metadatos: bool = setting(flag, "false",
        "Publicarlas con sus metadatos (dónde y con qué se sacaron): true o false")
    lindero_bbox: BoundingBox = setting(read_bbox, "-76,-56,-34,6",
        "lon_min,lat_min,lon_max,lat_max; una fila de afuera se rechaza")

    lindero_guard_rows_drop: float = setting(share, "0.10",
        "Parte de las filas perdidas que rechaza una noche")
    lindero_guard_area_drop: float = setting(share, "0.10",
        "Parte de la superficie perdida que rechaza una noche")
    lindero_guard_ids_replaced: float = setting(share, "0.20",
        "Parte de los ids cambiados que rechaza una noche")
    lindero_guard_unusable_geometry: float = setting(share, "0.05",
        "Parte de las geometrías inservibles que rechaza una noche")
    lindero_guard_growth: float = setting(share, "0.50",
        "Crecimiento que rechaza una noche en la que además faltan filas")
    lindero_guard_best_drop: float = setting(share, "0.15",
        "Caída contra la mejor de las últimas 30 noches que rechaza una noche")
    lindero_guard_emptied: float = setting(share, "0.05",
        "Parte de las filas que tenían una columna completa y llegan sin ella, que rechaza una "
        "noche")
    lindero_guard_warning: float = setting(share, "0.02",
        "Parte de cualquiera de estas que da un aviso")

    lindero_demo_size: Literal["mini", "small", "company", "stress"] = setting(
        one_of("mini", "small", "company", "stress"), "small",
        "Tamaño del mundo inventado del portal de demostración: mini, small, company o stress")
    lindero_demo_day: int = setting(whole(ge=0, le=3650), "0",
        "Día del mundo inventado; de un día a otro cambia")

    lindero_retention_daily: int = setting(whole(ge=1), "14", "Backups diarios que se conservan")
    lindero_retention_weekly: int = setting(whole(ge=0), "8", "Backups semanales que se conservan")
    lindero_retention_monthly: int = setting(whole(ge=0), "24",
        "Backups mensuales que se conservan")
    lindero_retention_quarantine_days: int = setting(whole(ge=1), "90",
        "Días que se conservan las noches rechazadas")
    lindero_h3_resolutions: tuple[int, ...] = setting(read_resolutions, "9,10,11",
        "Resoluciones H3 de los hexágonos")

    lindero_task_runner: str = setting(task_runner, "processes",
        "Quién hace los tramos de KMZ, muestreos y H3: serial, threads, processes, dask o la "
        "dirección de un Dask",
        "tcp://dask-scheduler:8786")
    lindero_task_workers: int = setting(whole(ge=1, le=64), "2",
        "Cuántos a la vez, en esta máquina")
    lindero_muestreo_puntos: int = setting(whole(ge=1, le=100), "3",
        "Puntos de muestreo que se proponen por ambiente")
    lindero_muestreo_margen_m: float = setting(number(ge=0, le=1000), "20",
        "Metros que guardan hasta su borde")
    lindero_eudr_puntos: bool = setting(flag, "false",
        "Declarar como puntos los lotes de menos de 4 ha (EUDR): true o false")
    lindero_eudr_paises: tuple[tuple[str, str], ...] = setting(read_countries, "",
        "País de campos o lotes por id, donde el borde deja dudas (EUDR)", "114=AR,230=UY")

    lindero_late_after: time = setting(read_time, "07:00",
        "Hora local desde la que llega tarde una corrida nocturna que tenía que empezar antes")
    lindero_night_by: time | None = setting(read_time_or_never, "06:30",
        "Hora local para la que tiene que estar publicada la noche; si no está, status lo dice y "
        "se avisa. nunca: no se mira")
    lindero_late_runs: Literal["run", "skip"] = setting(one_of("run", "skip"), "run",
        "Qué hace una corrida que llega tarde: run (corre igual) o skip (no corre)", "skip")
    lindero_redo_until: time = setting(read_time, "06:30",
        "Hora local hasta la que se hace otra vez, una sola vez, una noche que se cortó")
    lindero_alert_webhook_url: Secret | None = secret(
        "Webhook al que se avisa de una noche mala, o que no llega, y de la plataforma caída",
        "https://hooks.example/…")
    lindero_alert_email: str | None = setting(str, None,
        "Correo al que se avisa, en lugar de eso o además", "campo@empresa.example")
    lindero_alert_smtp_url: Secret | None = secret(
        "Servidor de correo para eso: smtps://usuario:contraseña@servidor:puerto",
        "smtps://lindero:…@mail.empresa.example:465")
    lindero_informe_a: str = setting(str, "",
        "A quién se le manda el informe de cada noche buena: correos, y chat para el webhook",
        "ana@empresa.example,chat")
    lindero_watch_url: Secret | None = secret(
        "Dirección de afuera que se pide tras cada noche buena", "https://hc.example/…")
    lindero_company: str = setting(str, "", "Empresa que nombran los avisos", "Campos del Sur SA")
    lindero_host: str = setting(str, "",
        "Máquina que nombran los avisos; vacío: como ella se llama", "servidor-oficina")
    lindero_page_url: str | None = setting(http_url, None,
        "Página de Prefect en los enlaces de los avisos; sin ella, la de esta máquina",
        "https://prefect.empresa.example")
    lindero_uid: int = setting(whole(ge=1), "1000",
        "Usuario de los contenedores; es el dueño de datos, registros y productos")
    lindero_gid: int = setting(whole(ge=1), "1000", "Su grupo")
    lindero_port: int = setting(port, "4200",
        "Puerto de esta máquina en el que contesta la página de Prefect")

    lindero_integrations: Path = setting(below_root, "integrations.toml",
        "Archivo TOML con lo de Jira y las planillas: proyecto, tipos, componentes, responsables")
    lindero_jira_url: str | None = setting(http_url, None,
        "Sitio de Jira Cloud donde van las tareas", "https://empresa.atlassian.net")
    lindero_jira_user: str | None = setting(str, None,
        "Correo de la cuenta que las crea", "lindero@empresa.example")
    lindero_jira_token: Secret | None = secret("Token de API de esa cuenta")

    lindero_google_service_account: Path | None = setting(below_root, None,
        "Clave JSON de la cuenta de servicio con la que se entra a Google Drive y Sheets",
        "data/lindero/cuenta_google.json")
    lindero_google_token: Path | None = setting(below_root, None,
        "Dónde guarda el token lindero google login; sin ella, google_token.json entre los backups",
        "data/lindero/google_token.json")
    lindero_google_client_id: str | None = setting(str, None,
        "Cliente OAuth de Google, para lindero google login", "…apps.googleusercontent.com")
    lindero_google_client_secret: Secret | None = secret("Su secreto")
    lindero_google_refresh_token: Secret | None = secret(
        "Token de Google que se renueva, donde no hay cuenta de servicio ni token guardado")
    lindero_google_endpoint: str | None = setting(http_url, None,
        "Otra dirección en lugar de las de Google: la de un Google de demostración",
        "http://127.0.0.1:8798")

    lindero_prompts_dir: Path = setting(below_root, "prompts",
        "Carpeta con los prompts: tareas, flujos, casos y models.yaml")
    lindero_informe_prompt: str | None = setting(str, None,
        "Flujo que escribe el informe de campaña; sin él, lo escribe Lindero con tablas",
        "informe-campania")
    lindero_marcas_prompt: str | None = setting(str, None,
        "Prompt que lee el texto de los marcadores de recorrida; sin él, no se lee ninguno",
        "clasificar-marcador")
    lindero_marcas_espera_s: float = setting(number(gt=0, le=1800), "120",
        "Segundos que la noche lo espera, y ni uno más; lo que falte se pregunta en la siguiente")
    lindero_marcas_usd: float | None = setting(number(gt=0), None,
        "Dólares que puede costar por noche leer marcadores; sin él, los que cueste", "0.50")
    lindero_prompts_database_url: Secret | None = secret(
        "Base PostgreSQL de los prompts; sin ella, SQLite entre los backups",
        "postgresql+psycopg://lindero:…@postgres.empresa.example/prompts")
    lindero_prompts_who: str = setting(str, "",
        "Quién figura en el historial de los prompts; vacío: el usuario de la máquina",
        "Ana Gómez")
    openrouter_api_key: Secret | None = secret("Clave de OpenRouter, para los modelos de prompts")
    lindero_prompts_port: int = setting(port, "4280",
        "Puerto de esta máquina en el que contesta la API de prompts")
    lindero_prompts_rate: int = setting(whole(ge=1, le=1_000_000), "600",
        "Pedidos por minuto que la API de prompts acepta de cada cliente")

    prefect_postgres_user: str = setting(str, "prefect", "Usuario de la base de Prefect")
    prefect_postgres_password: Secret | None = secret("Contraseña de la base de Prefect")
    prefect_postgres_db: str = setting(str, "prefect", "Nombre de la base de Prefect")
    prefect_postgres_host: str | None = setting(str, None,
        "Máquina de una base que ya está; si no, `lindero stack` levanta una", "postgres")
    prefect_postgres_port: int | None = setting(port, None, "Su puerto", "5432")
    prefect_redis_messaging_host: str | None = setting(str, None,
        "Máquina de un Redis que ya está; si no, `lindero stack` levanta uno", "redis")
    prefect_redis_messaging_port: int | None = setting(port, None, "Su puerto", "6379")
    prefect_redis_messaging_db: int = setting(whole(ge=0), "0",
        "Número de base de ese Redis; en uno que usan otros, 1 o más", "1")
    prefect_redis_messaging_password: Secret | None = secret("Contraseña de Redis")
    prefect_api_url: str | None = setting(http_url, None,
        "Servidor de Prefect; sin ella las corridas a mano andan sin servidor",
        "http://127.0.0.1:4200/api")
    prefect_server_api_auth_string: Secret | None = secret(
        "usuario:contraseña del servidor de Prefect", "admin:…")
    tz: str = setting(time_zone, "America/Argentina/Buenos_Aires",
        "Zona horaria de los horarios y de lo que lee la gente")

    lindero_entorno: Literal["", "production", "staging"] = setting(
        one_of("production", "staging", ""), "",
        "Entorno de quienes tienen dos: production o staging, que lleva otros nombres y otro pool",
        "staging")
    lindero_sso_host: str = setting(str, "",
        "Nombre de la puerta con un solo ingreso, en deploy/; el de staging es otro",
        "lindero.empresa.example")
    lindero_k8s_pool: str = setting(str, "",
        "Pool de un clúster de Kubernetes, donde KMZ y H3 se rehacen en Jobs", "k8s-pool")
    lindero_secrets: tuple[str, ...] = setting(read_sources, "env,dotenv",
        "De dónde salen los secretos, el primero que lo tiene: vault, env, dotenv",
        "vault,env,dotenv")
    lindero_vault_url: str | None = setting(http_url, None,
        "Dirección de un Vault u OpenBao", "https://vault.empresa.example:8200")
    lindero_vault_role_id: str | None = setting(str, None, "Su AppRole: id del rol", "…")
    lindero_vault_secret_id: Secret | None = secret("Y su secret id")
    lindero_vault_project: str = setting(str, "lindero",
        "Carpeta de los secretos: secret/data/<ésta>/<entorno>/<servicio>")
    lindero_vault_services: tuple[str, ...] = setting(words, "databaler,postgres,prefect,redis",
        "Servicios que se leen: avisos, databaler, google, jira, postgres, prefect, prompts, redis",
        "databaler,prefect")

    lindero_empresas: Path | None = setting(below_root, None,
        "Archivo TOML con las demás empresas que esta instalación respalda", "empresas.toml")
    lindero_empresa: str = setting(str, "",
        "De cuál de ellas es este comando, como lindero --empresa; vacío: la de siempre",
        "Campos del Sur SA")
    lindero_empresas_tandas: int = setting(whole(ge=1, le=64), "2",
        "Corridas de Prefect que se las reparten")
    lindero_empresas_a_la_vez: int = setting(whole(ge=1, le=32), "1",
        "Empresas a la vez en cada una")
    lindero_empresas_minutos: float = setting(number(gt=0, le=600), "20",
        "Minutos que puede tardar una; después se corta, y se dice")
    # fmt: on

    def outputs_dir(self, modo: Modo) -> Path:
        return self.lindero_test_outputs_dir if modo is Modo.TEST else self.lindero_outputs_dir

    def store_dir(self, modo: Modo) -> Path:
        return self.lindero_state_dir / modo.value

    def secret_text(self, variable: str) -> str | None:
        """The text of a secret, by its variable; None where there is none."""
        secret: Secret | None = getattr(self, variable.lower())
        return None if secret is None else secret.get_secret_value()

    @property
    def prompts_database(self) -> Path:
        """The SQLite of the prompts, where no other database is set."""
        return self.lindero_state_dir / "prompts.sqlite3"

    def below(self, prefix: str) -> dict[str, Any]:
        """The settings whose names begin so, by the rest of their names."""
        ours = (one.name for one in fields(self) if one.name.startswith(prefix))
        return {name.removeprefix(prefix): getattr(self, name) for name in ours}

    def thresholds(self) -> Thresholds:
        return Thresholds(**self.below("lindero_guard_"))

    @property
    def on_a_cluster(self) -> bool:
        """Whether the hexagons are made by Dask, through Prefect."""
        return self.lindero_task_runner not in TASK_RUNNERS_HERE

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tz)


def load_settings(env_file: Path | None = None, *, vault: bool = True) -> Settings:
    """Read the settings from the environment and the ``.env`` of the project's root.

    Secrets come from where ``LINDERO_SECRETS`` says; without ``vault`` a Vault is not asked.

    Raises:
        SettingsError: a value is wrong or a variable is misspelled; one line that names the
            variable, what was wrong and an example, never the value of a secret. Or the Vault
            refuses: ``vault.read_secrets``.
        ApiUnavailable: a Vault is to be asked, and does not answer.
    """
    return read_settings(_texts(env_file, vault=vault))


def secret_named(name: str) -> Secret | None:
    """A secret that is no setting, by the name that a file of the user's gives it; None: not there.

    Raises:
        SettingsError: its ``…_FILE`` is not read, or both are there; any error of the settings.
    """
    texts, key = _texts(None), name.lower()
    try:
        found = _of_file(key, texts) if _twin(key) in texts else Secret(texts.get(key, ""))
    except ValueError as err:
        raise SettingsError(f"{name}: {err}") from err
    return found if found is not None and found.get_secret_value() else None


def _texts(env_file: Path | None, *, vault: bool = True) -> Mapping[str, str]:
    """What the settings say, of the company that ``LINDERO_EMPRESA`` names."""
    if _ONLY:
        return _ONLY[-1]
    texts = _texts_of_all(env_file, vault=vault)
    if name := texts.get("lindero_empresa"):
        base = read_settings(texts)
        return _texts_of(named(empresas(base), name), texts, base)
    return texts


def empresas(settings: Settings) -> Lista:
    """The companies of ``LINDERO_EMPRESAS``; none where that names no file.

    Raises:
        SettingsError: the file cannot be read; what is wrong in an entry is in the list.
    """
    path = settings.lindero_empresas
    try:
        text = "" if path is None else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise SettingsError(f"LINDERO_EMPRESAS: no se lee {path} ({type(err).__name__})") from None
    return _read_empresas(text, path.name if path else "", settings.lindero_outputs_dir)


@lru_cache(maxsize=2)
def _read_empresas(text: str, source: str, outputs: Path) -> Lista:
    readers = {one.name: one.metadata["read"] for one in fields(Settings)}
    return read_lista(text, source, outputs, readers)


def settings_of_each() -> Iterator[tuple[str, Settings | SettingsError]]:
    """Of each company, by its name, its settings, or why it has none."""
    texts = _texts_of_all(None, vault=True)
    base = read_settings(texts)
    for name, one in empresas(base).items():
        try:
            if isinstance(one, SettingsError):
                raise one
            yield name, read_settings(_texts_of(one, texts, base))
        except SettingsError as err:
            yield name, err


def _texts_of(one: Empresa, texts: Mapping[str, str], base: Settings) -> dict[str, str]:
    """What the settings say of a company: its entry over those of all, but no way into a portal of
    others, nor whom their nights are told to; SettingsError: a variable is not there.
    """
    portal, others = "databaler_", ("lindero_informe_a", "lindero_watch_url")
    found = {name: text for name, text in texts.items() if not name.startswith((portal, *others))}
    own, secretos = one.ajustes, one.secretos
    if not _PORTAL.get():
        own, secretos = {n: text for n, text in own.items() if not n.startswith(portal)}, {}
    for key, variable in secretos.items():
        pairs = ((SECRETS[key], variable.lower()), (_twin(SECRETS[key]), _twin(variable.lower())))
        held = {name: texts[other] for name, other in pairs if texts.get(other)}
        if not held:
            raise one.wrong(f"{key}: no está la variable que nombra")
        found |= held
    return {
        **found,
        **own,
        "lindero_company": one.nombre,
        "lindero_empresa": one.nombre,
        "lindero_outputs_dir": str(one.carpeta),
        "lindero_test_outputs_dir": str(base.lindero_test_outputs_dir / one.slug),
        "lindero_state_dir": str(base.lindero_state_dir / EMPRESAS / one.slug),
    }


def _texts_of_all(env_file: Path | None, *, vault: bool) -> Mapping[str, str]:
    dotenv = PROJECT_ROOT / ".env" if env_file is None else env_file
    _refuse_misspelled([*_names_in(dotenv), *os.environ])
    written = dotenv_values(dotenv, encoding="utf-8-sig") if dotenv.is_file() else {}
    here = {name.lower(): text for name, text in os.environ.items() if text}
    there = {
        key: text
        for name, text in written.items()
        if text and _twin(key := name.lower()) not in here
    }
    texts = {**there, **here}
    if "lindero_secrets" not in texts:
        return texts
    settings = read_settings(texts)
    own = {name.lower(): text for name, text in written.items() if text}
    sources = {"env": here, "dotenv": own}
    if vault and "vault" in settings.lindero_secrets:
        sources["vault"] = _of_vault(settings)
    return _by_order(texts, sources, settings.lindero_secrets)


def _of_vault(settings: Settings) -> dict[str, str]:
    """What the Vault of these settings holds, by the name of the field."""
    needed = ("lindero_vault_url", "lindero_vault_role_id", "lindero_vault_secret_id")
    if missing := [name.upper() for name in needed if getattr(settings, name) is None]:
        raise SettingsError(f"LINDERO_SECRETS: para leer de Vault falta {', '.join(missing)}")
    from Modules.vault import read_secrets  # late: who has no Vault does not wait for its client

    url, role, secret_id = (getattr(settings, name) for name in needed)
    place = f"{settings.lindero_vault_project}/{settings.lindero_entorno or 'production'}"
    held = read_secrets(
        url, role, secret_id.get_secret_value(), place, settings.lindero_vault_services
    )
    return {name.lower(): text for name, text in held.items()}


def _by_order(
    texts: Mapping[str, str], sources: Mapping[str, Mapping[str, str]], order: Sequence[str]
) -> dict[str, str]:
    """``texts`` with each secret out of the first source that has it, or its file, and no other.

    What opens the Vault cannot lie in it: it stays as it is. What of a Vault is no setting is a
    secret by a name of the user's.
    """
    ordered, ours = dict(texts), {one.name for one in fields(Settings)}
    named = {key for key in sources.get("vault", {}) if not {key, _twin(key)} & ours}
    for name in (*secret_names(), *named):
        if name != "lindero_vault_secret_id":
            both = (name, _twin(name))
            held = (sources[one] for one in order if one in sources)
            first = next((one for one in held if any(key in one for key in both)), {})
            for key in both:
                ordered.pop(key, None)
            ordered |= {key: first[key] for key in both if key in first}
    return ordered


def told_here(name: str) -> str:
    """A variable of this process, not judged: ``load_settings`` refuses a wrong one."""
    dotenv, written = PROJECT_ROOT / ".env", {}
    with suppress(OSError, UnicodeDecodeError):
        written = dotenv_values(dotenv, interpolate=False, encoding="utf-8-sig")
    return os.environ.get(name) or written.get(name) or ""


@contextmanager
def only(texts: Mapping[str, str]) -> Iterator[None]:
    """For the block ``load_settings`` reads these texts, and nothing of this machine: a demo's."""
    _ONLY.append(texts)
    try:
        yield
    finally:
        _ONLY.pop()


@contextmanager
def without_portal() -> Iterator[None]:
    """For the block the settings of one company of many hold no way into its portal, and need none
    of its secrets: what is made out of its backups asks nobody, and a Job knows no secret.
    """
    before = _PORTAL.set(False)
    try:
        yield
    finally:
        _PORTAL.reset(before)


def read_settings(texts: Mapping[str, str]) -> Settings:
    """Settings out of texts by the name of the field; other names are passed over.

    Raises:
        SettingsError: as ``load_settings``.
    """
    values, wrong = dict[str, Any](), []
    for one in fields(Settings):
        try:
            if one.metadata["read"] is Secret and _twin(one.name) in texts:
                values[one.name] = _of_file(one.name, texts)
            elif one.name in texts:
                values[one.name] = one.metadata["read"](texts[one.name])
        except (ValueError, SettingsError) as err:
            name = one.name.upper()
            wrong.append(f"{name}: {err}; por ejemplo {name}={one.metadata['example']}")
    if wrong:
        raise SettingsError("; ".join(wrong))
    return Settings(**values)


def check_portal(settings: Settings, modo: Modo) -> None:
    """Whether there is a portal for this mode.

    Raises:
        SettingsError: a production run without a portal.
    """
    if modo is Modo.PROD and settings.databaler_base_url is None:
        raise SettingsError(
            "no hay un portal configurado, y los campos inventados del portal de demostración "
            "son sólo para pruebas: poner DATABALER_BASE_URL, o agregar --test (test=True)"
        )


def variable_names() -> tuple[str, ...]:
    """The variables in the order of ``.env.example``."""
    return tuple(one.name.upper() for one in fields(Settings))


def secret_names() -> tuple[str, ...]:
    return tuple(one.name for one in fields(Settings) if one.metadata["read"] is Secret)


def _twin(name: str) -> str:
    """Of a field the name of its file, and the other way round."""
    return name.removesuffix(FILE.lower()) if name.endswith(FILE.lower()) else name + FILE.lower()


def _of_file(name: str, texts: Mapping[str, str]) -> Secret | None:
    """A secret that stands in a file, without the end of its last line; ``NONE`` is none."""
    variable, path = _twin(name).upper(), below_root(texts[_twin(name)])
    if name in texts:
        raise ValueError(f"está, y también {variable}; dejar una de las dos")
    try:
        text = path.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as err:  # the latter's text quotes bytes of the file
        raise ValueError(f"no se lee {path}, de {variable} ({type(err).__name__})") from None
    if not text:
        raise ValueError(f"{path}, de {variable}, está vacío; si no hay ninguno: {NONE}")
    return None if text == NONE else Secret(text, path)


def _names_in(dotenv: Path) -> list[str]:
    """The variables of a ``.env``.

    Raises:
        SettingsError: it is not UTF-8 text, or a line of it is no assignment; such a line would
            be left out without a word.
    """
    if not dotenv.is_file():
        return []
    try:
        with dotenv.open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except UnicodeDecodeError:  # its text quotes bytes of the file
        raise SettingsError(f"{dotenv.name}: no es texto UTF-8; guardarlo como UTF-8") from None
    except OSError as err:
        raise SettingsError(f"{dotenv.name}: no se puede leer ({type(err).__name__})") from err
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            before, line = binding.original.string, binding.original.line
            line += len(before[: len(before) - len(before.lstrip())].splitlines())
            raise SettingsError(
                f"{dotenv.name}: el renglón {line} no es NOMBRE=valor; ¿quedó una comilla abierta?"
            )
    return [binding.key for binding in bindings if binding.key is not None]


def _refuse_misspelled(names: Sequence[str]) -> None:
    known = (*variable_names(), *(_twin(name).upper() for name in secret_names()))
    for name in sorted(names):
        prefix = next((prefix for prefix in OWN_PREFIXES if name.upper().startswith(prefix)), None)
        if prefix is not None and name.upper() not in known:
            # what all names begin with makes none of them near
            rests = [one.removeprefix(prefix) for one in known if one.startswith(prefix)]
            near = get_close_matches(name.upper().removeprefix(prefix), rests, n=1)
            hint = f"¿quiso decir {prefix}{near[0]}?" if near else "ver docs/settings.md"
            raise SettingsError(f"{name} no es una variable de Lindero; {hint}")
