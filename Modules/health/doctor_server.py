"""The Prefect server as the doctor sees it: pool, worker, automations, alerts, deployments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from Modules.health import prefect_http
from Modules.health.prefect_http import PrefectServer, ServerSilent
from Modules.health.rows import Fila
from Modules.orchestration.alerts import AVISO, ZOMBIE_AFTER_S, ZOMBIES, read_avisos
from Modules.orchestration.deployments import (
    BACKUP,
    DEPLOYMENTS,
    WORK_POOL,
    Deployment,
    held_facts,
    wanted_facts,
)
from Modules.settings import Settings
from Modules.words.errors import SettingsError

_LEVANTAR: Final = "lindero stack up, o docker compose up -d"
_REINICIAR: Final = "Reiniciar el worker: lo arma al arrancar"


def examine_server(settings: Settings, server: PrefectServer | None) -> Iterator[Fila]:
    if server is None:
        detail = "no hay ninguno configurado: las corridas son a mano"
        yield Fila(
            "Servidor de Prefect", "aviso", detail, "PREFECT_API_URL en .env; lindero stack up"
        )
        yield from _alerts(settings, None)
        return
    try:
        version = prefect_http.check(server)
        yield Fila("Servidor de Prefect", "bien", f"{server.url}, versión {version}")
        yield from _pool(server)
        yield from _automations(settings, server)
        yield from _deployments(server)
    except ServerSilent as err:
        yield Fila("Servidor de Prefect", "mal", f"{server.url} {err}", _LEVANTAR)
    except (KeyError, TypeError, ValueError, AttributeError):
        yield Fila(
            "Servidor de Prefect", "mal", f"{server.url} {prefect_http.OTRA_COSA}", _LEVANTAR
        )


def _pool(server: PrefectServer) -> Iterator[Fila]:
    pool = server.get(f"/work_pools/{WORK_POOL}")
    if pool is None:
        yield Fila(f"Pool {WORK_POOL}", "mal", "no está", _REINICIAR)
        return
    if pool["type"] != "process":
        detail = f"es de tipo {pool['type']}, y hace falta process"
        yield Fila(f"Pool {WORK_POOL}", "mal", detail, "Ponerle otro nombre en Prefect y desplegar")
    elif pool["is_paused"]:
        todo = "Sacarle la pausa en la interfaz de Prefect"
        yield Fila(f"Pool {WORK_POOL}", "mal", "está en pausa: no corre nada", todo)
    else:
        yield Fila(f"Pool {WORK_POOL}", "bien", "está")
    workers = server.post(f"/work_pools/{WORK_POOL}/workers/filter", {})
    alive = [str(one["name"]) for one in workers if one["status"] == "ONLINE"]
    if not alive:
        yield Fila("Worker", "mal", "ninguno da señales", _LEVANTAR)
    elif len(alive) > 1:
        detail = f"dan señales {', '.join(alive)}"
        todo = "Si uno se reinició recién, nada; si son dos de verdad, dejar uno solo"
        yield Fila("Worker", "aviso", detail, todo)
    else:
        yield Fila("Worker", "bien", f"{alive[0]} da señales")


def _automations(settings: Settings, server: PrefectServer) -> Iterator[Fila]:
    found = {one["name"]: one for one in server.post("/automations/filter", {"limit": 200})}
    yield _zombies(found.get(ZOMBIES))
    yield from _alerts(settings, found.get(AVISO))


def _zombies(held: Mapping[str, Any] | None) -> Fila:
    what = "Corridas muertas"
    if held is None:
        return Fila(what, "mal", "falta la automatización que las da por cortadas", _REINICIAR)
    if not held["enabled"]:
        todo = f"Prender {ZOMBIES} en la interfaz de Prefect"
        return Fila(what, "aviso", "la automatización está apagada", todo)
    return Fila(what, "bien", f"se dan por cortadas a los {ZOMBIE_AFTER_S} segundos sin señales")


def _alerts(settings: Settings, held: Mapping[str, Any] | None) -> Iterator[Fila]:
    what = "Avisos de una noche mala"
    if held is not None and held["enabled"]:
        ways = {"call-webhook": "webhook", "send-notification": "correo"}
        said = [ways.get(str(one["type"]), str(one["type"])) for one in held["actions"]]
        yield Fila(what, "bien", f"van por {' y '.join(said)}")
    elif held is not None:
        yield Fila(what, "aviso", "están apagados", f"Prender {AVISO} en la interfaz de Prefect")
    else:
        yield _no_alerts(settings, what)


def _no_alerts(settings: Settings, what: str) -> Fila:
    webhook, smtp = settings.lindero_alert_webhook_url, settings.lindero_alert_smtp_url
    try:
        wanted = read_avisos(
            None if webhook is None else webhook.get_secret_value(),
            settings.lindero_alert_email,
            None if smtp is None else smtp.get_secret_value(),
        )
    except SettingsError as err:
        return Fila(what, "mal", str(err), "Corregirlo en .env: el worker no arranca así")
    if wanted:
        return Fila(what, "aviso", "configurados, y el servidor todavía no los tiene", _REINICIAR)
    return Fila(
        what,
        "aviso",
        "no hay ninguno configurado: si una noche sale mal, nadie se entera",
        "LINDERO_ALERT_WEBHOOK_URL, o LINDERO_ALERT_EMAIL y LINDERO_ALERT_SMTP_URL, en .env",
    )


def _deployments(server: PrefectServer) -> Iterator[Fila]:
    for deployment in DEPLOYMENTS.values():
        yield _deployment(deployment, prefect_http.read_deployment(server, deployment))
    if ajenos := _not_ours(server):
        yield Fila("Otros despliegues", "bien", f"no son de Lindero: {', '.join(ajenos)}")


def _not_ours(server: PrefectServer) -> list[str]:
    """Deployments on our pool that are not in the registry, as ``flow/deployment``."""
    body = {"work_pools": {"name": {"any_": [WORK_POOL]}}}
    names, at = set(), 0
    while page := server.post("/deployments/filter", {**body, "offset": at}):
        flows = ((server.get(f"/flows/{one['flow_id']}"), one["name"]) for one in page)
        names |= {f"{flow['name']}/{name}" for flow, name in flows if flow is not None}
        at += len(page)
    return sorted(names - {one.full_name for one in DEPLOYMENTS.values()})


def _deployment(deployment: Deployment, held: Mapping[str, Any] | None) -> Fila:
    what, todo = f"Despliegue {deployment.full_name}", "lindero deploy --all"
    estado: Literal["mal", "aviso"] = "mal" if deployment == BACKUP else "aviso"
    if held is None:
        return Fila(what, estado, "no está", todo)
    if held["paused"] or (
        held["schedules"] and not any(one["active"] for one in held["schedules"])
    ):
        return Fila(what, estado, "está en pausa", "Sacarle la pausa en la interfaz de Prefect")
    facts = held_facts(held)
    different = [name for name, value in wanted_facts(deployment).items() if facts[name] != value]
    if _matter(different):
        return Fila(what, "aviso", f"no es el del registro: {', '.join(different)}", todo)
    detail = f"corre {deployment.cuando}"
    if different:
        detail += "; se desplegó desde otra carpeta, la de un contenedor"
    return Fila(what, "bien", detail)


def _matter(different: Iterable[str]) -> bool:
    """Where the project lies is another folder inside a container: that alone is no difference."""
    return any(one != "pull_steps" for one in different)
