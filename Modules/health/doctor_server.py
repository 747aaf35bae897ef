"""The Prefect server as the doctor sees it: its parts, alerts, deployments.

A check of the doctor is a finding that also tells what is well: ``what`` names the check, the note
says what was found, both in Spanish.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from Modules.health import prefect_http
from Modules.health.platform import SERVER, look
from Modules.health.rules import PARTES, SIN_PAUSA, part_ill, watched
from Modules.orchestration.alerts import read_avisos
from Modules.orchestration.deployments import (
    BACKUP,
    CONTAINER_ROOT,
    DEPLOYMENTS,
    WORK_POOL,
    Deployment,
    held_facts,
    set_by_hand,
    wanted_facts,
)
from Modules.orchestration.prefect_api import NOT_PREFECT, OTRA_COSA, PrefectServer, ServerSilent
from Modules.settings import PROJECT_ROOT, Settings
from Modules.words.errors import SettingsError
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import moment

_ALERTS: Final = "Avisos de una noche mala"
_LEVANTAR: Final = "lindero stack up, o docker compose up -d"


def fine(what: str, detail: str) -> Finding:
    """A check that is well."""
    return Finding(what, Severity.FINE, notes=(detail,))


def warn(what: str, detail: str, todo: str = "") -> Finding:
    """What a person should know."""
    return Finding(what, Severity.WARNING, notes=(detail,), todo=todo)


def bad(what: str, detail: str, todo: str) -> Finding:
    """What keeps a night from being published or from being seen."""
    return Finding(what, notes=(detail,), todo=todo)


def examine_server(
    settings: Settings, server: PrefectServer | None, now: datetime
) -> Iterator[Finding]:
    """Every check of the server; without one only whether anybody hears of a bad night."""
    what = "Servidor de Prefect"
    if server is None:
        detail = "no hay ninguno configurado: las corridas son a mano"
        yield warn(what, detail, "PREFECT_API_URL en .env; lindero stack up")
        yield _alerts(settings)
        return
    seen = look(settings, now)
    for part in () if seen is None else seen.partes:
        name, _ = PARTES[part.nombre]
        if part.nombre == SERVER:
            continue  # below, with its version
        if part.mal is not None:
            ill = part_ill(part, settings.zone)
            yield bad(name, ill.what.partition(": ")[2], ill.todo)
        elif part.senal is None:
            yield fine(name, "anda")
        else:
            yield fine(name, f"da señales, la última el {moment(part.senal, settings.zone)}")
    if seen is not None:
        ill_watch = [bad("Vigía", one.what, one.todo) for one in watched(seen, settings.zone)]
        yield from ill_watch or [fine("Vigía", "mira cada medio minuto")]
    try:
        yield fine(what, f"{server.url}, versión {prefect_http.check(server)}")
        yield _alerts(settings)
        yield from _deployments(server)
    except ServerSilent as err:
        yield bad(what, f"{server.url} {err}", _LEVANTAR)
    except NOT_PREFECT:
        yield bad(what, f"{server.url} {OTRA_COSA}", _LEVANTAR)


def _alerts(settings: Settings) -> Finding:
    try:
        avisos = read_avisos(settings)
    except SettingsError as err:
        return bad(_ALERTS, str(err), "Corregirlo en .env: el worker no arranca así")
    ways = {"webhook": avisos.webhook_url, "correo": avisos.mail, "afuera": avisos.watch_url}
    if said := [name for name, way in ways.items() if way is not None]:
        return fine(_ALERTS, f"van por {' y '.join(said)}; se prueban con lindero avisos probar")
    return warn(
        _ALERTS,
        "no hay ninguno configurado: si una noche sale mal, nadie se entera",
        "LINDERO_ALERT_WEBHOOK_URL, o LINDERO_ALERT_EMAIL y LINDERO_ALERT_SMTP_URL, en .env",
    )


def _deployments(server: PrefectServer) -> Iterator[Finding]:
    for deployment in DEPLOYMENTS.values():
        yield _deployment(deployment, prefect_http.read_deployment(server, deployment))
    ajenos = _not_ours(server)
    if ajenos:
        yield fine("Otros despliegues", f"no son de Lindero: {', '.join(sorted(ajenos))}")
    roots = {PROJECT_ROOT, Path(CONTAINER_ROOT)}  # a run must begin there, and not below
    mounted = f"{CONTAINER_ROOT}/scripts"  # a container has the folders of the products there too
    below = {name: at for name, (at, _) in ajenos.items() if at and at != mounted}
    if astray := sorted(name for name, at in below.items() if roots & {*Path(at).parents}):
        detail = 'corren en otra carpeta, y ahí queda lo que escriban en Path("outputs"): '
        todo = f"Desplegarlos con source={PROJECT_ROOT} y entrypoint scripts/ARCHIVO.py:FLUJO"
        yield warn("Carpeta de otros despliegues", detail + ", ".join(astray), todo)
    if zoneless := sorted(name for name, (_, lacks) in ajenos.items() if lacks):
        detail = "su cron no tiene zona horaria, cuenta en UTC y corre tres horas antes: "
        todo = "Desplegarlos con schedules=[Cron(…, timezone=…)], como muestra docs/despliegue.md"
        yield warn("Horario de otros despliegues", detail + ", ".join(zoneless), todo)


def _not_ours(server: PrefectServer) -> dict[str, tuple[str | None, bool]]:
    """Deployments on our pool that are not in the registry, as ``flow/deployment``: where the runs
    of each begin, and whether a schedule of it names no time zone.
    """
    body = {"work_pools": {"name": {"any_": [WORK_POOL]}}}
    found: dict[str, tuple[str | None, bool]] = {}
    at = 0
    while page := server.ask("/deployments/filter", {**body, "offset": at}):
        for one in page:
            flow = server.ask(f"/flows/{one['flow_id']}")
            steps = [options for step in one["pull_steps"] or [] for options in step.values()]
            folder = next((options.get("directory") for options in reversed(steps)), None)
            if flow is not None:
                crons = [held["schedule"] for held in one["schedules"] or []]
                lacks = any("cron" in each and not each.get("timezone") for each in crons)
                found[f"{flow['name']}/{one['name']}"] = folder, lacks
        at += len(page)
    known = {one.full_name for one in DEPLOYMENTS.values()}
    return {name: facts for name, facts in found.items() if name not in known}


def _deployment(deployment: Deployment, held: Mapping[str, Any] | None) -> Finding:
    what, todo = f"Despliegue {deployment.full_name}", "lindero deploy --all"
    worse = bad if deployment == BACKUP else warn
    if held is None:
        return worse(what, "no está", todo)
    if prefect_http.is_paused(held):
        return worse(what, "está en pausa", SIN_PAUSA.format(f"a {deployment.full_name}"))
    facts, wanted = held_facts(held), wanted_facts(deployment, held)
    different = [name for name, value in wanted.items() if facts[name] != value]
    if any(one != "pull_steps" for one in different):
        return warn(what, f"no es el del registro: {', '.join(different)}", todo)
    detail = f"corre {deployment.cuando}"
    if kept := set_by_hand(held):
        said = ", ".join(f"{name}={value}" for name, value in kept.items())
        detail += f"; puesto a mano en Prefect: {said}"
    if different:  # where the project lies is another folder inside a container: no difference
        detail += "; se desplegó desde otra carpeta, la de un contenedor"
    return fine(what, detail)
