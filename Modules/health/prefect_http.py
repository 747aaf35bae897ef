"""The Prefect server, read over HTTP without Prefect: for a watch that stands outside it.

Nothing is written, no server is started, no profile of the user is read. Every answer comes within
``TIMEOUT_S``, redirects are refused, and what went wrong is said in Spanish, never with the secret.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from Modules.health.rules import BAD, Programa, Run, Servidor
from Modules.orchestration.deployments import DEPLOYMENTS, Deployment
from Modules.settings import Settings

TIMEOUT_S: Final = 10.0
RUNS: Final = 60  # of each flow; the newest
DONE: Final = ("COMPLETED", *BAD)
NOBODY_TOOK: Final = ("Late", "Scheduled")  # not AwaitingRetry or AwaitingConcurrencySlot
CALLADO: Final = "no responde: ¿está levantado?"
NOT_PREFECT: Final = (KeyError, TypeError, ValueError, AttributeError)  # of an answer's shape
OTRA_COSA: Final = "contesta algo que no es de Prefect: ¿termina en /api?"


class ServerSilent(Exception):
    """The server does not say what was asked; the text is Spanish and follows its name."""


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """A Prefect server at an address such as ``http://127.0.0.1:4200/api``."""

    url: str
    auth: str | None = field(default=None, repr=False)  # user:password

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What lies at a path, None where there is nothing; what a filter finds, with its body.

        Raises:
            ServerSilent: it does not answer, refuses the password, or answers something else.
        """
        import requests  # late: most machines that ask for a status have no server

        with _spanish(), requests.Session() as session:
            session.trust_env = False  # neither a proxy nor the passwords of a .netrc
            if self.auth is not None:  # as Prefect's own client: UTF-8, not requests' Latin-1
                word = b64encode(self.auth.encode("utf-8")).decode("ascii")
                session.headers["Authorization"] = f"Basic {word}"
            answer = session.request(
                "GET" if body is None else "POST",
                f"{self.url}{path}",
                json=body,
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        if answer.status_code in (401, 403):
            raise ServerSilent("rechaza la clave: revisar PREFECT_SERVER_API_AUTH_STRING")
        if answer.status_code == 404 and body is None:
            return None
        if answer.status_code != 200:
            raise ServerSilent(f"contesta {answer.status_code}")
        with _spanish():
            return answer.json()


@contextmanager
def _spanish() -> Iterator[None]:
    import requests

    try:
        yield
    except requests.exceptions.Timeout:
        raise ServerSilent(f"no contesta en {TIMEOUT_S:.0f} segundos") from None
    except requests.exceptions.JSONDecodeError:
        raise ServerSilent(OTRA_COSA) from None
    except requests.exceptions.RequestException:
        raise ServerSilent(CALLADO) from None


def open_server(settings: Settings) -> PrefectServer | None:
    """The server of the settings; None if there is none."""
    if settings.prefect_api_url is None:
        return None
    secret = settings.prefect_server_api_auth_string
    auth = None if secret is None else secret.get_secret_value()
    return PrefectServer(settings.prefect_api_url, auth)


def read_server(
    server: PrefectServer,
    *,
    test: bool,
    now: datetime,
    deployments: Sequence[Deployment] = tuple(DEPLOYMENTS.values()),
) -> Servidor:
    """Schedules and newest runs of these deployments; what cannot be read is said in ``error``.

    ``test``: runs of trials, or of production. A run by hand counts as one of its flow.
    """
    scheduled = [one for one in deployments if one.cron is not None]
    try:
        check(server)
        corridas = [run for one in scheduled for run in _runs(server, one.flow, test=test)]
        programas = [_schedule(server, one, test=test, now=now) for one in scheduled]
    except ServerSilent as err:
        return Servidor(server.url, error=str(err))
    except NOT_PREFECT:
        return Servidor(server.url, error=OTRA_COSA)
    return Servidor(server.url, None, tuple(corridas), tuple(programas))


def check(server: PrefectServer) -> str:
    """Whether the server answers and takes the password; its version.

    Raises:
        ServerSilent: it does not.
    """
    if server.ask("/ready") is None:
        raise ServerSilent(OTRA_COSA)
    return str(server.ask("/admin/version"))


def read_deployment(server: PrefectServer, deployment: Deployment) -> Mapping[str, Any] | None:
    """What the server holds under the name of a deployment; None if nothing.

    Raises:
        ServerSilent: it does not answer.
    """
    names = f"{quote(deployment.flow, safe='')}/{quote(deployment.name, safe='')}"
    found: Mapping[str, Any] | None = server.ask(f"/deployments/name/{names}")
    return found


def is_paused(deployment: Mapping[str, Any]) -> bool:
    """Whether a deployment, or every schedule of it, was paused by somebody."""
    schedules = deployment.get("schedules") or []
    paused = bool(schedules) and not any(one["active"] for one in schedules)
    return paused or bool(deployment.get("paused"))


def _runs(server: PrefectServer, flow: str, *, test: bool) -> Iterator[Run]:
    for run in _flow_runs(server, flow, {"not_any_": ["SCHEDULED"]}, "EXPECTED_START_TIME_DESC"):
        if _is_test(run) is test:
            state = run["state"]
            yield Run(
                flujo=flow,
                nombre=str(run["name"]),
                estado=str(state["type"]),
                esperada=_moment(run["expected_start_time"]),
                inicio=_moment(run["start_time"]) if run["start_time"] else None,
                fin=_moment(state["timestamp"]) if state["type"] in DONE else None,
                mensaje=str(state.get("message") or ""),
            )


def _schedule(
    server: PrefectServer, deployment: Deployment, *, test: bool, now: datetime
) -> Programa:
    held = read_deployment(server, deployment)
    if held is None:
        return Programa(deployment.full_name, deployment.cuando, desplegado=False)
    waiting = [
        (_moment(run["state"]["state_details"]["scheduled_time"]), run["state"]["name"])
        for run in _flow_runs(
            server, deployment.flow, {"any_": ["SCHEDULED"]}, "EXPECTED_START_TIME_ASC"
        )
        if run["deployment_id"] == held["id"] and _is_test(run) is test
    ]
    return Programa(
        deployment.full_name,
        deployment.cuando,
        desplegado=True,
        en_pausa=is_paused(held),
        proxima=min((due for due, _ in waiting if due > now), default=None),
        atrasadas=tuple(due for due, name in waiting if due <= now and name in NOBODY_TOOK),
    )


def _flow_runs(
    server: PrefectServer, flow: str, types: Mapping[str, Sequence[str]], sort: str
) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = server.ask(
        "/flow_runs/filter",
        {
            "flows": {"name": {"any_": [flow]}},
            "flow_runs": {"state": {"type": types}},
            "sort": sort,
            "limit": RUNS,
        },
    )
    return found


def _is_test(run: Mapping[str, Any]) -> bool:
    return bool(run["parameters"].get("test", False))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
