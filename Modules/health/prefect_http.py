"""The Prefect server, read over HTTP without Prefect: for a watch that stands outside it.

No server is started, no profile of the user is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from Modules.health.known import BAD, Programa, Run, Servidor
from Modules.orchestration.deployments import DEPLOYMENTS, OTRA_VEZ, Deployment
from Modules.orchestration.prefect_api import (
    NOT_PREFECT,
    OTRA_COSA,
    PrefectServer,
    ServerSilent,
    read_moment,
)

RUNS: Final = 60  # of each flow; the newest
DONE: Final = ("COMPLETED", *BAD)
NOBODY_TOOK: Final = ("Late", "Scheduled")  # not AwaitingRetry or AwaitingConcurrencySlot


def read_server(
    server: PrefectServer,
    *,
    now: datetime,
    lives: Callable[[str], bool | None] = lambda _run_id: None,
) -> Servidor:
    """Schedules and newest runs of our nights; what cannot be read is said in ``error``.

    A run by hand counts as one of its flow. ``lives``: whether the process of a run does.
    """
    scheduled = [one for one in DEPLOYMENTS.values() if one.cron is not None]
    try:
        check(server)
        corridas = [run for one in scheduled for run in _runs(server, one.flow, lives)]
        programas = [_schedule(server, one, now=now) for one in scheduled]
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


def _runs(server: PrefectServer, flow: str, lives: Callable[[str], bool | None]) -> Iterator[Run]:
    for run in _flow_runs(server, flow, {"not_any_": ["SCHEDULED"]}, "EXPECTED_START_TIME_DESC"):
        state = run["state"]
        yield Run(
            flujo=flow,
            nombre=str(run["name"]),
            estado=str(state["type"]),
            esperada=read_moment(run["expected_start_time"]),
            inicio=read_moment(run["start_time"]) if run["start_time"] else None,
            fin=read_moment(state["timestamp"]) if state["type"] in DONE else None,
            mensaje=str(state.get("message") or ""),
            prueba=bool(run["parameters"].get("test", False)),
            despliegue=run["deployment_id"],
            vive=lives(str(run["id"])),
            id=str(run["id"]),
            otra_vez=OTRA_VEZ in run["tags"],
            del_horario=bool(run["auto_scheduled"]),
            parametros=run["parameters"],
        )


def _schedule(server: PrefectServer, deployment: Deployment, *, now: datetime) -> Programa:
    held = read_deployment(server, deployment)
    if held is None:
        return Programa(deployment.full_name, deployment.cuando, desplegado=False)
    ahead = _flow_runs(server, deployment.flow, {"any_": ["SCHEDULED"]}, "EXPECTED_START_TIME_ASC")
    ours = [run for run in ahead if run["deployment_id"] == held["id"]]
    waiting = [
        (read_moment(run["state"]["state_details"]["scheduled_time"]), run["state"]["name"], run)
        for run in ours
    ]
    late = {due: run for due, name, run in waiting if due <= now and name in NOBODY_TOOK}
    return Programa(
        deployment.full_name,
        deployment.cuando,
        desplegado=True,
        en_pausa=is_paused(held),
        desde=read_moment(held["created"]),
        proxima=min((due for due, *_ in waiting if due > now), default=None),
        atrasadas=tuple(late),
        otra_vez=any(OTRA_VEZ in run["tags"] for run in ours),
        cola_en_pausa=next(filter(None, (_paused_queue(server, run) for run in late.values())), ""),
    )


def _paused_queue(server: PrefectServer, run: Mapping[str, Any]) -> str:
    """The queue in which a run waits, with its pool, if somebody paused it; else empty."""
    pool, name = run.get("work_pool_name"), run.get("work_queue_name")
    if not pool or not name:
        return ""
    queue = server.ask(f"/work_pools/{quote(pool, safe='')}/queues/{quote(name, safe='')}")
    return f"{name} del pool {pool}" if queue and queue["is_paused"] else ""


def _flow_runs(
    server: PrefectServer, flow: str, types: Mapping[str, Sequence[str]], sort: str
) -> Sequence[Mapping[str, Any]]:
    which = {"flows": {"name": {"any_": [flow]}}, "flow_runs": {"state": {"type": types}}}
    question = {**which, "sort": sort, "limit": RUNS}
    found: Sequence[Mapping[str, Any]] = server.ask("/flow_runs/filter", question)
    return found
