"""Environments, addresses and secrets of the stack's processes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.settings.models.root import Settings as PrefectSettings
from redis.connection import parse_url
from sqlalchemy import make_url

from Modules.stack.plan import (
    AUTH_STRING,
    DATABASE_PASSWORD,
    REDIS_PASSWORD,
    SECRETS,
    Api,
    Database,
    Redis,
    check_secrets,
    database_url,
    redis_url,
    server_environment,
    single_environment,
    worker_environment,
)
from Modules.words.errors import SettingsError

API = Api("http://prefect-server:4200/api", "admin:a-long-API-word-77")
DATABASE = Database("prefect", "p@ss/w:rd %ñ?#1", "postgres", 5432, "prefect")
REDIS = Redis("redis", 6379, "r@d/i:s %ñ?#22")
UI = "http://127.0.0.1:4200/api"
TZ = "America/Argentina/Buenos_Aires"
GOOD = {
    DATABASE_PASSWORD: "p@ss/w:rd %ñ1",
    REDIS_PASSWORD: "Zk3-Pq9_Lw7xT",
    AUTH_STRING: "admin:Zk3-Pq9_Lw7xT",
}
ANY_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)


@given(user=ANY_TEXT, password=ANY_TEXT)
def test_a_database_address_gives_back_parts_of_any_characters(user: str, password: str) -> None:
    url = make_url(database_url(Database(user, password, "127.0.0.1", 5433, "prefect")))

    assert (url.username, url.password) == (user, password)
    assert (url.host, url.port, url.database) == ("127.0.0.1", 5433, "prefect")
    assert url.drivername == "postgresql+asyncpg"


@given(password=ANY_TEXT)
def test_a_redis_address_gives_back_a_password_of_any_characters(password: str) -> None:
    parts = parse_url(redis_url(Redis("127.0.0.1", 6380, password), 1))

    assert (parts["password"], parts["host"]) == (password, "127.0.0.1")
    assert (parts["port"], parts["db"]) == (6380, 1)


def test_the_address_of_the_issue_is_spelled_as_it_must_be() -> None:
    database = Database("prefect", "p@ss/w:rd", "postgres", 5432, "prefect")

    assert database_url(database) == (
        "postgresql+asyncpg://prefect:p%40ss%2Fw%3Ard@postgres:5432/prefect"
    )


def test_an_address_of_ip_version_6_stands_in_brackets() -> None:
    assert "@[::1]:6379/" in redis_url(Redis("::1", 6379, "x"), 0)


@pytest.mark.parametrize("name", ["a/b", "a?b", "a b", "a#b", "a%20b"])
def test_a_database_name_that_no_address_can_hold_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="PREFECT_POSTGRES_DB"):
        database_url(Database("prefect", "x", "postgres", 5432, name))


def test_every_variable_of_the_plan_is_one_that_prefect_knows() -> None:
    known = {name.upper() for name in _prefect_variables(PrefectSettings)}
    planned = {
        name
        for environment in (
            server_environment(DATABASE, REDIS, API, ui_api_url=UI, tz=TZ),
            worker_environment(API, ui_url=UI, tz=TZ),
        )
        for name in (*environment.always, *environment.defaults)
        if name.startswith("PREFECT_") and not name.startswith("PREFECT_REDIS_")
    }

    assert planned <= known


def _prefect_variables(model: type) -> set[str]:
    """The canonical variables of Prefect's settings, by walking its nested models."""
    found: set[str] = set()
    for name, info in model.model_fields.items():  # type: ignore[attr-defined]
        nested = info.annotation
        if isinstance(nested, type) and hasattr(nested, "model_fields"):
            found |= _prefect_variables(nested)
        else:
            found.add(f"{model.model_config['env_prefix']}{name}")  # type: ignore[attr-defined]
    return found


def test_redis_holds_messages_order_leases_and_docket() -> None:
    told = server_environment(DATABASE, REDIS, API, ui_api_url=UI, tz=TZ).always

    assert told["PREFECT_SERVER_EVENTS_MESSAGING_BROKER"] == "prefect_redis.messaging"
    assert told["PREFECT_SERVER_EVENTS_MESSAGING_CACHE"] == "prefect_redis.messaging"
    assert told["PREFECT_SERVER_EVENTS_CAUSAL_ORDERING"] == "prefect_redis.ordering"
    assert told["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"] == "prefect_redis.lease_storage"
    assert told["PREFECT_SERVER_DOCKET_URL"].startswith("redis://:r%40d%2Fi%3As")
    assert told["PREFECT_REDIS_MESSAGING_PASSWORD"] == REDIS.password


def test_the_worker_is_told_no_secret_but_that_of_the_api() -> None:
    inherited = {
        **GOOD,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database_url(DATABASE),
        "PREFECT_SERVER_DOCKET_URL": redis_url(REDIS, 1),
        "PREFECT_REDIS_MESSAGING_URL": redis_url(REDIS, 0),
        "LINDERO_ALERT_SMTP_URL": "smtps://a:secret-of-mail@mail:465",
        "DATABALER_CLIENT_SECRET": "the flow needs it",
        "PATH": "/bin",
    }

    told = worker_environment(API, ui_url=UI, tz=TZ).over(inherited)

    text = "\n".join(told.values())
    for secret in (GOOD[DATABASE_PASSWORD], GOOD[REDIS_PASSWORD], "p%40ss", "r%40d", "of-mail"):
        assert secret not in text
    assert not set(SECRETS) & set(told)
    assert told["PREFECT_API_AUTH_STRING"] == API.auth
    assert told["DATABALER_CLIENT_SECRET"] == "the flow needs it"
    assert told["PATH"] == "/bin"


def test_the_server_is_told_no_secret_of_the_portal() -> None:
    inherited = {"DATABALER_CLIENT_SECRET": "of-the-portal", **GOOD}

    told = server_environment(DATABASE, REDIS, API, ui_api_url=UI, tz=TZ).over(inherited)

    assert "of-the-portal" not in told.values()
    assert DATABASE_PASSWORD not in told


def test_a_file_of_a_secret_goes_where_the_secret_goes() -> None:
    files = {
        f"{name}_FILE": f"/run/secrets/{name}" for name in (*SECRETS, "DATABALER_CLIENT_SECRET")
    }

    server = server_environment(DATABASE, REDIS, API, ui_api_url=UI, tz=TZ).over(files)
    worker = worker_environment(API, ui_url=UI, tz=TZ).over(files)

    assert not [name for name in server if name.endswith("_FILE")]
    assert [name for name in worker if name.endswith("_FILE")] == ["DATABALER_CLIENT_SECRET_FILE"]


def test_only_our_own_page_may_read_the_api() -> None:
    told = server_environment(DATABASE, REDIS, API, ui_api_url=UI, tz=TZ).over({})

    allowed = "http://127.0.0.1:4200,http://localhost:4200"
    assert told["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == allowed


def test_figures_may_be_tuned_and_addresses_may_not() -> None:
    inherited = {
        "PREFECT_CLIENT_MAX_RETRIES": "3",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "",
        "PREFECT_API_URL": "http://elsewhere:1/api",
    }

    told = worker_environment(API, ui_url=UI, tz=TZ).over(inherited)

    assert told["PREFECT_CLIENT_MAX_RETRIES"] == "3"
    assert told["PREFECT_WORKER_HEARTBEAT_SECONDS"] == "10"
    assert told["PREFECT_CLIENT_RETRY_EXTRA_CODES"] == "500,502,504"
    assert told["PREFECT_API_URL"] == API.url


def test_old_runs_go_and_nobody_is_told_of_us() -> None:
    for environment in (
        server_environment(DATABASE, REDIS, API, ui_api_url=UI, tz=TZ),
        single_environment(API, ui_api_url=UI, tz=TZ),
    ):
        told = environment.over({})
        assert told["PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"] == "events,flow_runs"
        assert told["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
        assert told["PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT"] == "false"
        assert told["DO_NOT_TRACK"] == "1"
        assert told["TZ"] == TZ


def test_a_single_server_is_told_of_no_database_and_no_redis() -> None:
    told = single_environment(API, ui_api_url=UI, tz=TZ).over(
        {"PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://x", **GOOD}
    )

    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in told
    assert not {DATABASE_PASSWORD, REDIS_PASSWORD} & set(told)


def test_no_record_shows_its_secret() -> None:
    environment = server_environment(DATABASE, REDIS, API, ui_api_url=UI, tz=TZ)
    shown = f"{DATABASE} {REDIS} {API} {environment}"

    assert "p@ss" not in shown
    assert "p%40ss" not in shown
    assert "r@d" not in shown
    assert "API-word" not in shown


def test_good_secrets_pass() -> None:
    check_secrets(GOOD)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        (DATABASE_PASSWORD, None, "falta"),
        (DATABASE_PASSWORD, "", "falta"),
        (DATABASE_PASSWORD, "eleven-char", "12 caracteres"),
        (DATABASE_PASSWORD, "prefectprefect", "es una que todo el mundo conoce"),
        (DATABASE_PASSWORD, "Changeme-1234", "es una que todo el mundo conoce"),
        (DATABASE_PASSWORD, "postgres_password", "es una que todo el mundo conoce"),
        (DATABASE_PASSWORD, "123456789012", "es una que todo el mundo conoce"),
        (DATABASE_PASSWORD, "aaaaaaaaaaaaaaa", "es una que todo el mundo conoce"),
        (
            DATABASE_PASSWORD,
            "línea una\nlínea dos",
            "tiene un salto de línea u otro carácter de control",
        ),
        (REDIS_PASSWORD, "redis-redis-2026", "es una que todo el mundo conoce"),
        (AUTH_STRING, "no-colon-in-here", "usuario:contraseña"),
        (AUTH_STRING, ":no-user-in-here", "usuario:contraseña"),
        (AUTH_STRING, "administrator:short", "12 caracteres"),
        (AUTH_STRING, "admin:adminadmin12", "es una que todo el mundo conoce"),
        (
            AUTH_STRING,
            "admin:contraseña-larga-y-buena",
            "tiene una letra que no es ASCII; Prefect contesta 500",
        ),
    ],
)
def test_a_bad_secret_is_refused_by_name_and_never_shown(
    name: str, value: str | None, fault: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        check_secrets({**GOOD, name: value})

    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert fault in message
    assert "\n" not in message
    assert not value or value not in message


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        check_secrets(dict.fromkeys(SECRETS))

    assert all(f"{name}: falta" in str(caught.value) for name in SECRETS)


@pytest.mark.parametrize("secret", ["47382910473829", "!!??%%$$##@@", "campo-verde-viento-sur"])
def test_an_odd_secret_is_not_taken_for_a_default(secret: str) -> None:
    check_secrets({REDIS_PASSWORD: secret})
