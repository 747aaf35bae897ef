"""Deployments on a Prefect server: it is made to hold what the registry says.

Prefect's own ``deploy`` rewrites a deployment each time, which drops its scheduled runs until the
scheduler makes new ones. Here the server is read first, and what is equal is not touched.

A pause is the operator's, not the registry's: deploying again neither sets nor lifts one. So are
parameters that somebody wrote in Prefect's page, the campaña above all.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Literal, cast

from httpx import HTTPError, HTTPStatusError
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import (
    GlobalConcurrencyLimitCreate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.filters import WorkPoolFilter
from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    VersionInfo,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.context import SyncClientContext
from prefect.deployments.runner import DeploymentApplyError, RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.schedules import Cron
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    temporary_settings,
)
from prefect.utilities.annotations import freeze
from prefect.utilities.callables import parameter_schema

from Modules.integrations.blocks import register
from Modules.integrations.tasks import PER_SECOND, limit_name
from Modules.orchestration.deployments import (
    CONTAINER_ROOT,
    DEPLOYMENTS,
    K8S_POOL,
    SCHEDULE_SLUG,
    TAREAS,
    WORK_POOL,
    Deployment,
    held_facts,
    release,
    set_by_hand,
    wanted_facts,
)
from Modules.settings import PROJECT_ROOT, Settings, load_settings
from Modules.words.errors import PipelineError, SettingsError

POOL_TYPE, JOBS_TYPE = "process", "kubernetes"
JOB = Path(__file__).with_name("k8s_job.json")  # how a run becomes a Job, as Prefect spells it
OF_THE_POD = ("POD_IMAGE", "POD_NAMESPACE")  # what deploy/k8s tells its containers

DeploymentState = Literal["nuevo", "cambia", "igual"]


@dataclass(frozen=True, slots=True)
class Diferencia:
    """One field in which the server and the registry differ."""

    campo: str  # as Prefect calls it
    antes: Any
    ahora: Any


@dataclass(frozen=True, slots=True)
class DeploymentChange:
    """One deployment beside what the server held of it."""

    deployment: Deployment
    estado: DeploymentState
    diferencias: tuple[Diferencia, ...] = ()
    en_pausa: bool = False  # it, or its schedule, was paused by someone
    a_mano: Mapping[str, Any] = field(default_factory=dict)  # parameters that somebody set


@dataclass(frozen=True, slots=True)
class DeployReport:
    """What a deployment run did, or would do."""

    cambios: tuple[DeploymentChange, ...]
    ajenos: tuple[str, ...] = ()  # on our pool, not in the registry: left alone
    bloques: Mapping[str, str] = field(default_factory=dict)  # types of block, by slug


def main(deployment: Deployment) -> None:
    """Deploy one flow: what ``python scripts/x.py`` does. Ends with an exit code of ours."""
    try:
        with server(load_settings()):
            cambio = deploy(deployment)
    except PipelineError as err:
        sys.stderr.write(f"{err}\n")
        sys.exit(err.exit_code)
    sys.stdout.write(
        f"{deployment.full_name}: {cambio.estado}; corre {deployment.cuando}"
        f"{' (en pausa)' if cambio.en_pausa else ''}.\n"
        f"Para correrlo ya: prefect deployment run '{deployment.full_name}'\n"
    )


def deploy_all(
    deployments: Sequence[Deployment] = tuple(DEPLOYMENTS.values()), *, dry_run: bool = False
) -> DeployReport:
    """Make the server hold these deployments and our types of block; what is equal is left alone.

    ``dry_run``: only what it would do; writes nothing, neither a pool nor a flow.

    Raises:
        SettingsError: no server, or it refuses one of them; those before it are deployed.
    """
    with server(load_settings()), _refusals("al leer los despliegues"):
        cambios = tuple(_compared(one)[0] if dry_run else deploy(one) for one in deployments)
        return DeployReport(cambios, unregistered(), register(dry_run=dry_run))


def deploy(deployment: Deployment) -> DeploymentChange:
    """Create or update a deployment on its work pool; the same again changes nothing.

    Raises:
        SettingsError: the server refuses it, the pool of that name is of another type, or a
            container made it and this is none.
    """
    with _refusals(deployment.full_name):
        ensure_pool(deployment.work_pool)
        if TAREAS in deployment.tags:
            ensure_limits()
        cambio, flow, held = _compared(deployment)
        _refuse_from_outside(deployment, held)
        if cambio.estado != "igual":
            kind = VersionInfo(type="prefect:simple", version=release())
            _wanted(deployment, flow, held).apply(version_info=kind)
            _drop_schedules(held, keep=1 if deployment.cron else 0)
        return cambio


def _refuse_from_outside(deployment: Deployment, held: DeploymentResponse | None) -> None:
    """A worker in a container has no folder of this machine: its nights would all fail."""
    steps = [] if held is None else held.pull_steps or []
    folders = [options.get("directory") for step in steps for options in step.values()]
    if CONTAINER_ROOT in folders and str(PROJECT_ROOT) != CONTAINER_ROOT:
        raise SettingsError(
            f"{deployment.full_name}: su worker es un contenedor, que no tiene {PROJECT_ROOT}; "
            "desplegar desde adentro: make deploy, o docker compose exec prefect-worker lindero "
            "deploy --all"
        )


def ensure_pool(name: str = WORK_POOL) -> None:
    """Make the work pool, if it is not there; that of the cluster makes its Jobs as ours are.

    Raises:
        SettingsError: a pool of that name is there and is of another type; or it is the cluster's,
            and this process is in none of its containers.
    """
    kind = JOBS_TYPE if name == K8S_POOL else POOL_TYPE
    job = _job_template() if kind == JOBS_TYPE else None
    with get_client(sync_client=True) as client:
        try:
            pool = client.read_work_pool(name)
        except ObjectNotFound:
            try:
                made = {"name": name, "type": kind, "base_job_template": job or {}}
                client.create_work_pool(WorkPoolCreate.model_validate(made))
            except ObjectAlreadyExists:  # another process was first
                ensure_pool(name)
            return
        if pool.type != kind:
            raise SettingsError(
                f"el work pool {name} es de tipo {pool.type} y hace falta uno {kind}; ponerle "
                "otro nombre"
            )
        if job is not None and pool.base_job_template != job:
            client.update_work_pool(name, WorkPoolUpdate(base_job_template=job))


def _job_template() -> dict[str, Any]:
    if missing := [name for name in OF_THE_POD if not os.environ.get(name)]:
        raise SettingsError(
            f"LINDERO_K8S_POOL: falta {', '.join(missing)}, que los contenedores de deploy/k8s "
            "tienen; desplegar desde adentro: kubectl exec deploy/prefect-worker -- lindero deploy "
            "--all"
        )
    filled = Template(JOB.read_text(encoding="utf-8")).substitute(os.environ)
    return cast("dict[str, Any]", json.loads(filled))


def ensure_limits() -> None:
    """Make the budgets of our neighbours; one that is there is the operator's."""
    with get_client(sync_client=True) as client:
        for api, most in PER_SECOND.items():
            limit = {"name": limit_name(api), "limit": most, "slot_decay_per_second": most}
            with suppress(ObjectAlreadyExists):
                client.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate.model_validate(limit)
                )


def unregistered() -> tuple[str, ...]:
    """Deployments on our pool that are not in the registry, as ``flow/deployment``: the users'."""
    known = {one.full_name for one in DEPLOYMENTS.values()}
    with get_client(sync_client=True) as client:
        on_pool = WorkPoolFilter.model_validate({"name": {"any_": [WORK_POOL]}})
        held: list[DeploymentResponse] = []
        while page := client.read_deployments(work_pool_filter=on_pool, offset=len(held)):
            held += page
        names = {f"{client.read_flow(one.flow_id).name}/{one.name}" for one in held}
    return tuple(sorted(names - known))


def step() -> dict[str, str]:
    """What ``prefect.yaml`` cannot know: the build step that gives it the root and the version."""
    return {"root": str(PROJECT_ROOT), "version": release()}


@contextmanager
def server(settings: Settings) -> Iterator[None]:
    """Speak to the Prefect server of our settings, or of Prefect's own, during the block.

    Raises:
        SettingsError: none is configured, none answers, or it refuses the auth string.
    """
    ours = {
        PREFECT_API_URL: settings.prefect_api_url,
        PREFECT_API_AUTH_STRING: settings.secret_text("PREFECT_SERVER_API_AUTH_STRING"),
        PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False,  # what it refuses is told by _refusals
    }
    with temporary_settings({name: value for name, value in ours.items() if value is not None}):
        if PREFECT_API_URL.value() is None:
            raise SettingsError(
                "PREFECT_API_URL: no hay un servidor de Prefect donde desplegar; por ejemplo "
                "PREFECT_API_URL=http://127.0.0.1:4200/api"
            )
        check_server(settings)
        with SyncClientContext.get_or_create():  # one for all: each reads the certificates anew
            yield


def check_server(settings: Settings) -> None:
    """Whether the configured Prefect server answers, before a run begins.

    Raises:
        SettingsError: a server is configured and cannot be reached.
    """
    if settings.prefect_api_url is None:
        return
    with get_client(sync_client=True) as client:
        if client.api_healthcheck() is not None:
            raise SettingsError(
                "PREFECT_API_URL: ningún servidor de Prefect contesta en "
                f"{settings.prefect_api_url}; levantarlo (lindero stack up, o docker compose up "
                "-d), o sacar la variable de .env: las corridas a mano andan sin servidor"
            )
        try:
            client.api_version()
        except HTTPStatusError as err:
            raise SettingsError(
                "PREFECT_SERVER_API_AUTH_STRING: el servidor de Prefect contesta "
                f"{err.response.status_code}; por ejemplo PREFECT_SERVER_API_AUTH_STRING=admin:…"
            ) from err


def _compared(
    deployment: Deployment,
) -> tuple[DeploymentChange, Flow[..., Any], DeploymentResponse | None]:
    held = None
    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        held = client.read_deployment_by_name(deployment.full_name)
    flow = cast("Flow[..., Any]", Flow.from_source(str(PROJECT_ROOT), deployment.entrypoint))
    if held is None:
        return DeploymentChange(deployment, "nuevo"), flow, None
    row = held.model_dump(mode="json")
    antes = held_facts(row)
    antes["parameter_openapi_schema"] = held.parameter_openapi_schema
    ahora = wanted_facts(deployment, row)
    ahora["parameter_openapi_schema"] = parameter_schema(flow).model_dump(exclude_unset=True)
    for name, value in deployment.parameters.items():
        ahora["parameter_openapi_schema"]["properties"][name] |= {"readOnly": True, "enum": [value]}
    different = tuple(
        Diferencia(campo, antes[campo], value)
        for campo, value in ahora.items()
        if antes[campo] != value
    )
    estado: DeploymentState = "cambia" if different else "igual"
    paused = held.paused or _schedule_paused(held)
    change = DeploymentChange(deployment, estado, different, paused, set_by_hand(row))
    return change, flow, held


def _wanted(
    deployment: Deployment, flow: Flow[..., Any], held: DeploymentResponse | None
) -> RunnerDeployment:
    active = held is None or not _schedule_paused(held)
    facts = wanted_facts(deployment, None if held is None else held.model_dump(mode="json"))
    same = ("timezone", "slug", "parameters")
    schedules = [
        Cron(one["cron"], active=active, **{name: one[name] for name in same})
        for one in facts["schedules"]
    ]
    made = cast(
        "RunnerDeployment",
        flow.to_deployment(
            name=deployment.name,
            schedules=schedules,
            paused=held is not None and held.paused,
            work_pool_name=deployment.work_pool,
            parameters=facts["parameters"],
            description=deployment.description,
            tags=list(deployment.tags),
            version=release(),
            job_variables=facts["job_variables"],
            concurrency_limit=ConcurrencyLimitConfig(
                limit=deployment.limit,
                collision_strategy=ConcurrencyLimitStrategy(deployment.collision),
            ),
        ),
    )
    # a fixed parameter is refused by the server; Prefect sees them once the flow's schema is there
    fixed = {name: freeze(value) for name, value in deployment.parameters.items()}
    made.parameters = facts["parameters"] | fixed
    return made


def _schedule_paused(held: DeploymentResponse) -> bool:
    return bool(held.schedules) and not any(one.active for one in held.schedules)


def _drop_schedules(held: DeploymentResponse | None, *, keep: int) -> None:
    """Remove what the server still holds beside ours: Prefect's update leaves it there."""
    if held is None:
        return
    with get_client(sync_client=True) as client:
        now = client.read_deployment(held.id)
        ours = [one for one in now.schedules if one.slug == SCHEDULE_SLUG][:keep]
        for schedule in now.schedules:
            if schedule not in ours:
                client.delete_deployment_schedule(held.id, schedule.id)


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    """What the server says no to becomes one line of ours."""
    try:
        yield
    except (DeploymentApplyError, HTTPError) as err:
        said = " ".join(str(err).split())
        raise SettingsError(f"{what}: el servidor de Prefect no acepta: {said}") from err
