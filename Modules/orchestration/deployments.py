"""The registry of deployments: which flow runs when, under which name.

Schedules carry their own time zone. A bare cron in a deployment has none and would fire at 03:00
UTC, which is midnight in Buenos Aires.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from typing import Any

from Modules.jobs.code_version import code_sha256, version_of
from Modules.products.entry import CADA_NOCHE
from Modules.products.registry import lista
from Modules.settings import PROJECT_ROOT, told_here
from Modules.words.errors import SettingsError

PRODUCTION, OF_ENTORNO = "production", "env:"  # the second begins a tag
# as this process begins: one environment has today's names, a second one on the same server others
_NAMED = told_here("LINDERO_ENTORNO")
ENTORNO = _NAMED or PRODUCTION
SUFFIX = "" if ENTORNO == PRODUCTION else f"-{ENTORNO}"
WORK_POOL = f"local-pool{SUFFIX}"
K8S_POOL = told_here("LINDERO_K8S_POOL")  # whose runs are Jobs of a cluster, where there is one
CONTAINER_ROOT = "/app"  # WORKDIR of the image
TIMEZONE = "America/Argentina/Buenos_Aires"
TAREAS = "tareas"  # tag of what asks Google and Jira
OTRA_VEZ = "otra-vez"  # tag of the run that is made for a night that died
PROD, PRUEBA = {"test": False}, {"test": True}
SCHEDULE_SLUG = "horario"  # by it Prefect finds the schedule again, and keeps its id
_SHORT = 12  # hexadecimal digits of a hash: enough to tell two versions apart
_DAYS = ("domingos", "lunes", "martes", "miércoles", "jueves", "viernes", "sábados")
_AT_A_TIME = re.compile(r"(?P<minute>\d{1,2}) (?P<hour>\d{1,2}) \* \* (?P<day>\*|[0-6])")


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of one flow; ``cron`` is local time in ``timezone``.

    One run at a time: ``collision`` says what becomes of a second one. CANCEL_NEW makes one run
    of the pile that is late after an outage. The version is not here: it is that of the code at
    the moment of deploying.
    """

    flow: str
    name: str
    entrypoint: str  # below the project root: "scripts/x.py:flow"
    description: str  # Spanish: the UI shows it
    cron: str | None = None
    timezone: str = TIMEZONE
    # fixed: a run with others is refused
    parameters: Mapping[str, Any] = field(default_factory=PROD.copy)
    tags: tuple[str, ...] = ()
    work_pool: str = WORK_POOL
    limit: int = 1
    collision: str = "CANCEL_NEW"
    env: Mapping[str, str] = field(  # of the flow's process: see ``flow_run`` for its page
        default_factory=lambda: {"PREFECT_LOGGING_HANDLERS_API_LEVEL": "CRITICAL"}
    )

    @property
    def full_name(self) -> str:
        """``flow/deployment``, as Prefect's command line takes it."""
        return f"{self.flow}/{self.name}"

    @property
    def cuando(self) -> str:
        """When it runs, in Spanish: "todos los días a las 03:00"."""
        if self.cron is None:
            return "solo a pedido"
        found = _AT_A_TIME.fullmatch(self.cron)
        if found is None:
            return f"cron {self.cron}"
        day = "todos los días" if found["day"] == "*" else f"los {_DAYS[int(found['day'])]}"
        return f"{day} a las {self.hora:%H:%M}"

    @property
    def hora(self) -> time | None:
        """The time of day at which it runs, in its own zone; None where there is no such time."""
        found = _AT_A_TIME.fullmatch(self.cron or "")
        return None if found is None else time(int(found["hour"]), int(found["minute"]))


def trial_of(one: Deployment, name: str) -> Deployment:
    """The same flow for trials: another name, no schedule, a place of its own."""
    says = f"Prueba: escribe en test_outputs y no toca OneDrive. {one.description}"
    tags = (*(tag for tag in one.tags if tag != "prod"), "prueba")
    name += SUFFIX
    return replace(one, name=name, description=says, cron=None, parameters=PRUEBA, tags=tags)


BACKUP = Deployment(
    flow="Backup Databaler Lotes",
    name="backup-lotes-daily-3am",
    entrypoint="scripts/backup_lotes.py:backup_databaler_flow",
    description="Trae campos, lotes, ambientes, marcadores y zonas de Databaler, comprueba que "
    "estén completos, guarda un backup verificable y lo publica.",
    cron="0 3 * * *",
    tags=("backup", "prod"),
)
HELLO_WORLD = Deployment(
    flow="Hello World",
    name="hello-world",
    entrypoint="scripts/hello_world.py:hello_world_flow",
    description="Prueba de humo: dice hola y dónde escribiría.",
    parameters={},
    tags=("smoke",),
)

PRODUCTOS = Deployment(
    flow="Generar Productos",
    name="generar-productos",
    entrypoint="scripts/generar_productos.py:generar_productos_flow",
    description=f"Arma {lista(CADA_NOCHE)} con el último backup aceptado. "
    "El backup de cada noche ya los arma; esto los rehace sin traer nada del portal.",
    tags=("productos", "prod"),
)

KMZ = Deployment(
    flow="Generar KMZ",
    name="generar-kmz-weekly",
    entrypoint="scripts/generar_kmz.py:generar_kmz_flow",
    description="Arma los KMZ por campo, por lote y por cultivo para teléfonos y Google Earth, con "
    "el último backup aceptado.",
    cron="45 3 * * *",  # the name is that of its first schedule: people and servers know it
    tags=("kmz", "prod"),
)
H3 = Deployment(
    flow="Generar H3",
    name="generar-h3-daily",
    entrypoint="scripts/generar_h3.py:generar_h3_flow",
    description="Arma los hexágonos H3 de lotes y ambientes con el último backup aceptado.",
    cron="30 3 * * *",
    tags=("h3", "prod"),
)

VERIFICAR = Deployment(
    flow="Verificar Backups",
    name="verificar-backups-weekly",
    entrypoint="scripts/verificar_backups.py:verificar_backups_flow",
    description="Lee por completo el último backup y una parte de los anteriores, ensaya una "
    "restauración, revisa las copias publicadas y, si todo está sano, quita lo viejo.",
    cron="0 5 * * 0",
    tags=("verificacion", "prod"),
)

MARCADORES = Deployment(
    flow="marcadores-a-jira",
    name="marcadores-a-jira-daily",
    entrypoint="scripts/marcadores_a_jira.py:marcadores_a_jira_flow",
    description="Mira en Jira qué tareas se cerraron, para el resumen de la noche. Con "
    "solo_validar desactivado, hace además una tarea de cada marcador grave del último backup "
    "aceptado.",
    cron="30 2 * * *",  # before the night, which asks Jira nothing
    tags=(TAREAS, "prod"),
)

PLAN = Deployment(
    flow="plan-muestreo-a-jira",
    name="plan-muestreo-a-jira",
    entrypoint="scripts/plan_muestreo_a_jira.py:plan_muestreo_a_jira_flow",
    description="Hace una tarea de Jira por fila de las planillas «Plan de muestreo» del mes, con "
    "su mapa para el teléfono, y anota la clave en la fila. Sin desactivar solo_validar, sólo dice "
    "qué haría.",
    tags=(TAREAS, "prod"),
)

INFORME = Deployment(
    flow="Informe de Campaña",
    name="informe-campania-daily",
    entrypoint="scripts/informe_campania.py:informe_campania_flow",
    description="Escribe el informe de la campaña, en Markdown y HTML, con el último backup "
    "aceptado.",
    cron="30 4 * * *",
    tags=("informe", "prod"),
)

ATENDER = Deployment(
    flow="Atender Prompts",
    name="atender-prompts",
    entrypoint="scripts/atender_prompts.py:atender_prompts_flow",
    description="Hace las ejecuciones de prompts que esperan; la API de prompts la pide sola.",
    parameters={},
    tags=("prompts",),
)

EMPRESAS = Deployment(
    flow="Backup de Empresas",
    name="backup-empresas",
    entrypoint="scripts/backup_empresas.py:backup_empresas_flow",
    description="Hace el backup de cada empresa de LINDERO_EMPRESAS, repartidas en tandas, y dice "
    "cuáles fallaron.",
    cron="10 3 * * *",
    tags=("empresas", "prod"),
)
TANDA = Deployment(
    flow="Tanda de Empresas",
    name="tanda-empresas",
    entrypoint="scripts/backup_empresas.py:tanda_empresas_flow",
    description="Hace una parte de las empresas de una noche; Backup de Empresas la pide sola.",
    parameters={},
    tags=("empresas",),
    limit=64,
    collision="ENQUEUE",
)
MAPAS_EMPRESAS = Deployment(
    flow="Mapas de Empresas",
    name="mapas-empresas",
    entrypoint="scripts/mapas_empresas.py:mapas_empresas_flow",
    description="Arma los KMZ y los hexágonos H3 de cada empresa de LINDERO_EMPRESAS con su último "
    "backup aceptado, repartidas en tandas, y dice cuáles fallaron.",
    cron="15 4 * * 0",
    tags=("empresas", "prod"),
)
TANDA_MAPAS = replace(
    TANDA,
    flow="Tanda de Mapas",
    name="tanda-mapas",
    entrypoint="scripts/mapas_empresas.py:tanda_mapas_flow",
    description="Hace los mapas de una parte de las empresas; Mapas de Empresas la pide sola.",
)


# on K8S_POOL; all others, the night above all, stay on WORK_POOL
IN_JOBS = (KMZ.flow, H3.flow, MAPAS_EMPRESAS.flow, TANDA_MAPAS.flow)


def _of_this_environment(one: Deployment) -> Deployment:
    tags = (f"{OF_ENTORNO}{ENTORNO}",) if _NAMED else ()
    pool = K8S_POOL if one.flow in IN_JOBS and K8S_POOL else WORK_POOL
    return replace(one, name=one.name + SUFFIX, tags=(*one.tags, *tags), work_pool=pool)


BACKUP, HELLO_WORLD, PRODUCTOS, KMZ, H3, VERIFICAR, MARCADORES, PLAN, INFORME, ATENDER = map(
    _of_this_environment,
    (BACKUP, HELLO_WORLD, PRODUCTOS, KMZ, H3, VERIFICAR, MARCADORES, PLAN, INFORME, ATENDER),
)
EMPRESAS, TANDA, MAPAS_EMPRESAS, TANDA_MAPAS = map(
    _of_this_environment, (EMPRESAS, TANDA, MAPAS_EMPRESAS, TANDA_MAPAS)
)
OF_EMPRESAS: Mapping[str, Deployment] = {  # where LINDERO_EMPRESAS names a list
    "backup-empresas": EMPRESAS,
    "tanda-empresas": TANDA,
    "backup-empresas-prueba": trial_of(EMPRESAS, "backup-empresas-prueba"),
    "mapas-empresas": MAPAS_EMPRESAS,
    "tanda-mapas": TANDA_MAPAS,
    "mapas-empresas-prueba": trial_of(MAPAS_EMPRESAS, "mapas-empresas-prueba"),
}

DEPLOYMENTS: Mapping[str, Deployment] = {
    "backup": BACKUP,
    "productos": PRODUCTOS,
    "kmz": KMZ,
    "h3": H3,
    "verificar": VERIFICAR,
    "marcadores-a-jira": MARCADORES,
    "plan-muestreo": PLAN,
    "informe-campania": INFORME,
    "atender-prompts": ATENDER,
    "hello-world": HELLO_WORLD,
    "backup-prueba": trial_of(BACKUP, "backup-lotes-prueba"),
    "productos-prueba": trial_of(PRODUCTOS, "generar-productos-prueba"),
    "kmz-prueba": trial_of(KMZ, "generar-kmz-prueba"),
    "h3-prueba": trial_of(H3, "generar-h3-prueba"),
    "verificar-prueba": trial_of(VERIFICAR, "verificar-backups-prueba"),
    "marcadores-a-jira-prueba": trial_of(MARCADORES, "marcadores-a-jira-prueba"),
    "plan-muestreo-prueba": trial_of(PLAN, "plan-muestreo-a-jira-prueba"),
    "informe-campania-prueba": trial_of(INFORME, "informe-campania-prueba"),
    **(OF_EMPRESAS if told_here("LINDERO_EMPRESAS") else {}),
}


def of_another_environment(tags: Sequence[str], entorno: str) -> str | None:
    """The environment that a run's tags name, where it is not ours; without a tag: production."""
    named_ = (one.removeprefix(OF_ENTORNO) for one in tags if one.startswith(OF_ENTORNO))
    theirs = next(named_, PRODUCTION)
    return None if theirs == (entorno or PRODUCTION) else theirs


def of_the_other_mode(flow: str, tags: Sequence[str], *, test: bool) -> Deployment | None:
    """Where a run should have gone that went through the deployment of the other mode."""
    if ("prod" if test else "prueba") not in tags:
        return None
    ours = (one for one in DEPLOYMENTS.values() if one.flow == flow)
    return next((one for one in ours if one.parameters.get("test") is test), None)


def named(names: Sequence[str]) -> tuple[Deployment, ...]:
    """Deployments by the registry's name, their own or ``flow/deployment``; each one once.

    Raises:
        SettingsError: no such deployment; lists those there are.
    """
    found: dict[str, Deployment] = {}
    for name in names:
        matches = [
            key for key, one in DEPLOYMENTS.items() if name in (key, one.name, one.full_name)
        ]
        if not matches:
            raise SettingsError(f"no hay un despliegue {name!r}; hay: {', '.join(DEPLOYMENTS)}")
        found[matches[0]] = DEPLOYMENTS[matches[0]]
    return tuple(found.values())


def set_by_hand(held: Mapping[str, Any] | None) -> dict[str, Any]:
    """Parameters that a person wrote in Prefect's page: theirs, as a pause is.

    What is the default that the deployment was made with is nobody's choice: so a campaña that an
    earlier release wrote there goes.
    """
    if held is None:
        return {}
    schema = (held["parameter_openapi_schema"] or {}).get("properties", {})
    values = (held["parameters"] or {}).items()
    return {
        name: value
        for name, value in values
        if name in schema
        and value != schema[name].get("default")
        and not schema[name].get("readOnly")
    }


def wanted_facts(one: Deployment, held: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a server holds of a deployment that is as the registry has it, as its API spells it.

    All but the help of the parameters: only Prefect can read that off the flow. ``held``: what the
    server holds now, for what in it is a person's.
    """
    rows = [] if held is None else held["schedules"]
    own = next((row["parameters"] or {} for row in rows if row["slug"] == SCHEDULE_SLUG), {})
    given = {name: value for name, value in own.items() if name not in one.parameters}
    schedule: dict[str, Any] = {"slug": SCHEDULE_SLUG, "parameters": given, "cron": one.cron}
    folder = {"directory": str(PROJECT_ROOT)}
    # the room that a person gave its Job in Prefect's page: theirs too
    room = (held or {}).get("job_variables") if one.work_pool == K8S_POOL else None
    return {
        "version": release(),
        "description": one.description,
        "entrypoint": one.entrypoint,
        "work_pool_name": one.work_pool,
        "schedules": [schedule | {"timezone": one.timezone, "day_or": True}] if one.cron else [],
        "parameters": {**set_by_hand(held), **one.parameters},
        "tags": sorted(one.tags),
        "job_variables": {**(room or {}), "env": dict(one.env)},
        "collision_strategy": one.collision,
        "enforce_parameter_schema": True,
        "concurrency_limit": one.limit,
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": folder}],
    }


def held_facts(held: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts of a deployment as the server's API answers it."""
    options, limit = held["concurrency_options"], held["global_concurrency_limit"]
    same = ("version", "description", "entrypoint", "work_pool_name", "parameters")
    return {
        **{name: held[name] for name in same},
        "schedules": [
            {"slug": row["slug"], "parameters": row["parameters"] or {}}
            | {name: value for name, value in row["schedule"].items() if value is not None}
            for row in held["schedules"]
        ],
        "tags": sorted(held["tags"]),
        "job_variables": held["job_variables"],
        "collision_strategy": options and options["collision_strategy"],
        "enforce_parameter_schema": held["enforce_parameter_schema"],
        "concurrency_limit": limit and limit["limit"],
        "pull_steps": held["pull_steps"],
    }


def release() -> str:
    """Version of a deployment: that of the package and a hash of modules, libraries and flows.

    For example ``0.1.0+3f2a9c01b7de``. Flows of the users are not part of it.
    """
    digest = hashlib.sha256(code_sha256().encode())
    for deployment in DEPLOYMENTS.values():
        digest.update((PROJECT_ROOT / deployment.entrypoint.partition(":")[0]).read_bytes())
    return f"{version_of('lindero')}+{digest.hexdigest()[:_SHORT]}"
