"""Settings: one frozen object; environment over ``.env`` over defaults.

Each field is one variable, spelled as in ``.env.example`` (a test holds the two together). Secrets
are ``SecretStr``: they print as stars. Paths that are not absolute are below the project's root,
never below the current folder.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv.parser import parse_stream
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from Modules.words.domain import BoundingBox, Campania, Modo
from Modules.words.errors import SettingsError
from Modules.words.thresholds import Thresholds

PROJECT_ROOT = Path(__file__).resolve().parent.parent
_DASK_ADDRESS = re.compile(r"(tcp|tls)://[^\s/@]+:\d+")
TASK_RUNNERS_HERE = ("serial", "threads", "processes")
OWN_PREFIXES = ("LINDERO_", "DATABALER_")


def _read_campania(value: object) -> object:
    try:
        return Campania.parse(value) if isinstance(value, str) else value
    except SettingsError as err:
        raise ValueError(str(err)) from err


def _read_bbox(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        min_lon, min_lat, max_lon, max_lat = (float(part) for part in value.split(","))
    except ValueError as err:
        raise ValueError("needs four numbers: min_lon,min_lat,max_lon,max_lat") from err
    if not (-180 <= min_lon < max_lon <= 180 and -90 <= min_lat < max_lat <= 90):
        raise ValueError("is not min_lon,min_lat,max_lon,max_lat in degrees")
    return BoundingBox(min_lon, min_lat, max_lon, max_lat)


def _read_resolutions(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        resolutions = tuple(sorted({int(part) for part in value.split(",")}))
    except ValueError as err:
        raise ValueError("needs whole numbers with commas between them") from err
    if not resolutions or not 0 <= resolutions[0] <= resolutions[-1] <= 15:
        raise ValueError("H3 resolutions go from 0 to 15")
    return resolutions


def _below_root(path: Path) -> Path:
    try:
        path = path.expanduser()
    except RuntimeError as err:
        raise ValueError("begins with ~ and names a home that is not known") from err
    return path if path.is_absolute() else PROJECT_ROOT / path


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not an http(s) address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, query or fragment")
    return value.rstrip("/")


def _task_runner(value: str) -> str:
    if value in (*TASK_RUNNERS_HERE, "dask") or _DASK_ADDRESS.fullmatch(value):
        return value
    raise ValueError("is not serial, threads, processes, dask or the tcp:// address of Dask")


def _read_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return time.fromisoformat(value)
    except ValueError as err:
        raise ValueError("is not a time of day like 07:00") from err


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise ValueError("is not a time zone that this machine knows") from err
    return value


CampaniaValue = Annotated[Campania, NoDecode, BeforeValidator(_read_campania)]
BoundingBoxValue = Annotated[BoundingBox, NoDecode, BeforeValidator(_read_bbox)]
ResolutionsValue = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_read_resolutions)]
RootedPath = Annotated[Path, AfterValidator(_below_root)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Share = Annotated[float, Field(gt=0, le=10)]


class Settings(BaseSettings):
    """All settings of a run. See ``.env.example`` for the variables, one line each."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    databaler_base_url: HttpUrl | None = Field(
        None,
        description="Address of the Databaler portal; without it the demo portal answers",
        examples=["https://databaler.example/base-portal/api/v1"],
    )
    databaler_client_id: str | None = Field(
        None, description="User, client id or name of the API key", examples=["lindero"]
    )
    databaler_client_secret: SecretStr | None = Field(
        None, description="Its password, client secret or API key", examples=["…"]
    )
    databaler_profile: RootedPath | None = Field(
        None,
        description="TOML file that says how the portal differs from the assumed contract",
        examples=["perfil.toml"],
    )

    lindero_campania: CampaniaValue = Field(
        Campania(25, 26), description="Campaña of a run that names none", examples=["25/26"]
    )
    lindero_outputs_dir: RootedPath = Field(
        Path("outputs"), description="Where products go", examples=["outputs"]
    )
    lindero_test_outputs_dir: RootedPath = Field(
        Path("test_outputs"), description="Where products of a trial go", examples=["test_outputs"]
    )
    lindero_state_dir: RootedPath = Field(
        Path("data/lindero"), description="Where snapshots are kept", examples=["data/lindero"]
    )
    lindero_symlink_config: RootedPath = Field(
        Path("symlink_config.json"),
        description="Which product folders must be links, and to where",
        examples=["symlink_config.json"],
    )
    lindero_environment: Literal["local", "production"] = Field(
        "local", description="Named in summaries and manifests", examples=["production"]
    )
    lindero_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Detail of the logs", examples=["INFO"]
    )

    lindero_portal_concurrency: int = Field(
        4, ge=1, le=32, description="Requests to the portal at a time", examples=["4"]
    )
    lindero_portal_requests_per_second: float = Field(
        5.0, gt=0, le=10_000, description="Requests to the portal in a second", examples=["5"]
    )
    lindero_bbox: BoundingBoxValue = Field(
        BoundingBox(),
        description="min_lon,min_lat,max_lon,max_lat; a row outside is rejected",
        examples=["-76,-56,-34,6"],
    )

    lindero_guard_rows_drop: Share = Field(
        0.10, description="Share of rows lost that refuses a night", examples=["0.10"]
    )
    lindero_guard_area_drop: Share = Field(
        0.10, description="Share of area lost that refuses a night", examples=["0.10"]
    )
    lindero_guard_ids_replaced: Share = Field(
        0.20, description="Share of ids replaced that refuses a night", examples=["0.20"]
    )
    lindero_guard_unusable_geometry: Share = Field(
        0.05, description="Share of unusable geometry that refuses a night", examples=["0.05"]
    )
    lindero_guard_growth: Share = Field(
        0.50, description="Share of growth that refuses a night", examples=["0.50"]
    )
    lindero_guard_best_drop: Share = Field(
        0.15, description="Drop against the best of the last 30 that refuses", examples=["0.15"]
    )
    lindero_guard_warning: Share = Field(
        0.02, description="Share of any of these that gives a warning", examples=["0.02"]
    )

    lindero_demo_size: Literal["small", "company", "stress"] = Field(
        "small", description="Size of the demo portal's made-up world", examples=["small"]
    )
    lindero_demo_day: int = Field(
        0, ge=0, le=3650, description="Day of the made-up world; it moves on", examples=["0"]
    )

    lindero_retention_daily: int = Field(
        14, ge=1, description="Daily snapshots kept", examples=["14"]
    )
    lindero_retention_weekly: int = Field(
        8, ge=0, description="Weekly snapshots kept", examples=["8"]
    )
    lindero_retention_monthly: int = Field(
        24, ge=0, description="Monthly snapshots kept", examples=["24"]
    )
    lindero_retention_quarantine_days: int = Field(
        90, ge=1, description="Days that refused nights are kept", examples=["90"]
    )
    lindero_h3_resolutions: ResolutionsValue = Field(
        (9, 10, 11), description="H3 resolutions of the hexagons", examples=["9,10,11"]
    )

    lindero_task_runner: Annotated[str, AfterValidator(_task_runner)] = Field(
        "processes",
        description="Who makes the hexagons: serial, threads, processes, dask or a Dask address",
        examples=["tcp://dask-scheduler:8786"],
    )
    lindero_task_workers: int = Field(
        2, ge=1, le=64, description="How many of them at a time, on this machine", examples=["2"]
    )
    lindero_muestreo_puntos: int = Field(
        3, ge=1, le=100, description="Sampling points proposed per ambiente", examples=["3"]
    )
    lindero_muestreo_margen_m: float = Field(
        20.0, ge=0, le=1000, description="Metres that they keep from its edge", examples=["20"]
    )
    lindero_eudr_puntos: bool = Field(
        default=False, description="Declare plots under 4 ha as points (EUDR)", examples=["false"]
    )

    lindero_late_after: Annotated[time, BeforeValidator(_read_time)] = Field(
        time(7),
        description="Local time after which a nightly run that was due before is late",
        examples=["07:00"],
    )
    lindero_late_runs: Literal["run", "skip"] = Field(
        "run",
        description="What a late nightly run does: run all the same, or skip",
        examples=["skip"],
    )
    lindero_alert_webhook_url: SecretStr | None = Field(
        None,
        description="Webhook that is told of a failed, crashed or cancelled night",
        examples=["https://hooks.example/…"],
    )
    lindero_alert_email: str | None = Field(
        None, description="Address that is told instead, or too", examples=["campo@empresa.example"]
    )
    lindero_alert_smtp_url: SecretStr | None = Field(
        None,
        description="Mail server for it: smtps://user:password@host:port",
        examples=["smtps://lindero:…@mail.empresa.example:465"],
    )
    lindero_uid: int = Field(
        1000,
        ge=1,
        description="User of the containers; it owns data, logs and outputs",
        examples=["1000"],
    )
    lindero_gid: int = Field(1000, ge=1, description="Its group", examples=["1000"])
    lindero_port: int = Field(
        4200,
        ge=1,
        le=65535,
        description="Port of loopback that the Prefect UI answers on",
        examples=["4200"],
    )

    prefect_postgres_user: str = Field(
        "prefect", description="User of Prefect's database", examples=["prefect"]
    )
    prefect_postgres_password: SecretStr | None = Field(
        None, description="Password of Prefect's database", examples=["…"]
    )
    prefect_postgres_db: str = Field(
        "prefect", description="Name of Prefect's database", examples=["prefect"]
    )
    prefect_postgres_host: str = Field(
        "127.0.0.1", description="Host of Prefect's database", examples=["postgres"]
    )
    prefect_postgres_port: int = Field(
        5432, ge=1, le=65535, description="Its port", examples=["5432"]
    )
    prefect_redis_messaging_host: str = Field(
        "127.0.0.1", description="Host of Redis", examples=["redis"]
    )
    prefect_redis_messaging_port: int = Field(
        6379, ge=1, le=65535, description="Its port", examples=["6379"]
    )
    prefect_redis_messaging_password: SecretStr | None = Field(
        None, description="Password of Redis", examples=["…"]
    )
    prefect_api_url: HttpUrl | None = Field(
        None,
        description="Prefect server; without it each run brings its own",
        examples=["http://127.0.0.1:4200/api"],
    )
    prefect_server_api_auth_string: SecretStr | None = Field(
        None, description="user:password of the Prefect server", examples=["admin:…"]
    )
    tz: Annotated[str, AfterValidator(_zone)] = Field(
        "America/Argentina/Buenos_Aires",
        description="Time zone of schedules and of what people read",
        examples=["America/Argentina/Buenos_Aires"],
    )

    def outputs_dir(self, modo: Modo) -> Path:
        """Root of the products of ``modo``."""
        if modo is Modo.TEST:
            return self.lindero_test_outputs_dir
        return self.lindero_outputs_dir

    def store_dir(self, modo: Modo) -> Path:
        """Root of the snapshots of ``modo``."""
        return self.lindero_state_dir / modo.value

    def thresholds(self) -> Thresholds:
        """When a night is refused."""
        return Thresholds(
            rows_loss=self.lindero_guard_rows_drop,
            area_loss=self.lindero_guard_area_drop,
            ids_replaced=self.lindero_guard_ids_replaced,
            unusable_geometry=self.lindero_guard_unusable_geometry,
            growth=self.lindero_guard_growth,
            best_loss=self.lindero_guard_best_drop,
            warning=self.lindero_guard_warning,
        )

    @property
    def on_a_cluster(self) -> bool:
        """Whether the hexagons are made by Dask, through Prefect."""
        return self.lindero_task_runner not in TASK_RUNNERS_HERE

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of what people read."""
        return ZoneInfo(self.tz)


def load_settings(env_file: Path | None = None) -> Settings:
    """Read the settings from the environment and the ``.env`` of the project's root.

    Raises:
        SettingsError: a value is wrong or a variable is misspelled; one line that names the
            variable, what was wrong and an example, never the value of a secret.
    """
    dotenv = PROJECT_ROOT / ".env" if env_file is None else env_file
    _refuse_misspelled([*_names_in(dotenv), *os.environ])
    try:
        return Settings(_env_file=dotenv, _env_file_encoding="utf-8-sig")  # type: ignore[call-arg]
    except ValidationError as err:
        raise SettingsError("; ".join(_line(item) for item in err.errors())) from None


def check_portal(settings: Settings, modo: Modo) -> None:
    """Whether there is a portal for this mode.

    Raises:
        SettingsError: a production run without a portal.
    """
    if modo is Modo.PROD and settings.databaler_base_url is None:
        raise SettingsError(
            "no portal is configured, and the demo portal's made-up fields may only be used in a "
            "trial: set DATABALER_BASE_URL, or add --test (test=True)"
        )


def variable_names() -> tuple[str, ...]:
    """The variables in the order of ``.env.example``."""
    return tuple(name.upper() for name in Settings.model_fields)


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
        raise SettingsError(f"{dotenv.name}: not UTF-8 text; save it as UTF-8") from None
    except OSError as err:
        raise SettingsError(f"{dotenv.name}: cannot be read ({type(err).__name__})") from err
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            before, line = binding.original.string, binding.original.line
            line += len(before[: len(before) - len(before.lstrip())].splitlines())
            raise SettingsError(f"{dotenv.name}: line {line} is not NAME=value; is a quote open?")
    return [binding.key for binding in bindings if binding.key is not None]


def _refuse_misspelled(names: Sequence[str]) -> None:
    known = variable_names()
    for name in sorted(names):
        if name.upper().startswith(OWN_PREFIXES) and name.upper() not in known:
            raise SettingsError(f"{name} is not a setting; {_nearest(name.upper(), known)}")


def _nearest(name: str, known: Sequence[str]) -> str:
    """A hint for a misspelled name; what all names begin with makes none of them near."""
    prefix = next(prefix for prefix in OWN_PREFIXES if name.startswith(prefix))
    rests = [one.removeprefix(prefix) for one in known if one.startswith(prefix)]
    near = difflib.get_close_matches(name.removeprefix(prefix), rests, n=1, cutoff=0.6)
    return f"did you mean {prefix}{near[0]}?" if near else "see docs/settings.md"


def _line(error: Any) -> str:
    field = str(error["loc"][0]).lower()
    message = str(error["msg"]).removeprefix("Value error, ")
    example = Settings.model_fields[field].examples
    return (
        f"{field.upper()}: {message}; for example {field.upper()}={example[0] if example else ''}"
    )
