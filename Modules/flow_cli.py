"""What every flow shares with Prefect: the result, the Failed state, the artifacts, deployment.

The flows in ``scripts/`` say what happens in which order; this module says how a run begins and
ends. A run that did not do its job ends Failed, with a Spanish message for whoever opens the UI.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypedDict

from httpx import HTTPStatusError
from prefect import Flow, Task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, State
from prefect.runtime import flow_run
from prefect.schedules import Cron
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Failed
from prefect.utilities.annotations import quote

from Modules import productos
from Modules.deployments import Deployment
from Modules.domain import Modo, Recurso
from Modules.errors import ApiUnavailable, PipelineError, PublishError, SettingsError
from Modules.h3_functions import Chunk, Cover
from Modules.hexagonos import Runner, in_processes, in_threads, serial
from Modules.productos import Encargo, Producto, Resultado
from Modules.reporte import Outcome, mensaje_de_falla, texto
from Modules.run_lock import run_lock
from Modules.settings import PROJECT_ROOT, Settings, load_settings

logger = logging.getLogger(__name__)
pages_logger = logging.getLogger("Modules.pages")
pages_logger.setLevel(logging.DEBUG)
pages_logger.propagate = False  # for whoever draws progress; the UI gains nothing by it

IN_MEMORY: Mapping[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
RESUMEN_KEY = "resumen-corrida"
CALIDAD_KEY = "calidad-datos"
MAX_TABLE_ROWS = 200  # more than that the UI does not show well; the files hold all


class RunResult(TypedDict):
    """What every flow returns: small and JSON-able; times are RFC 3339 in UTC."""

    start_time: str
    end_time: str
    status: str  # "ok" or "error"
    data: dict[str, Any]
    summary: str
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Falla:
    """An error as the result carries it."""

    kind: str
    exit_code: int
    detail: str  # English, one line
    mensaje: str = field(repr=False)  # Spanish: what happened, what is intact, what to do


class FlowFailed(Exception):
    """A flow that did not do its job; ``result`` is what it would have returned."""

    def __init__(self, message: str, result: RunResult) -> None:
        super().__init__(message, result)
        self.message = message
        self.result = result

    def __str__(self) -> str:
        return self.message


def run_name() -> str:
    """Name of a run in the UI: campaña, mode and local date."""
    parameters = flow_run.get_parameters()
    modo = "test" if parameters.get("test") else "prod"
    campania = str(parameters.get("campania", "")).replace("/", "-")
    return "-".join(part for part in (campania, modo, f"{datetime.now():%Y-%m-%d}") if part)  # noqa: DTZ005


def conclude(job: Callable[[], Outcome]) -> RunResult | State[Any]:
    """Run ``job``, show its summary, and return the result or a Failed state that holds it.

    Only errors of our own are turned into a message; anything else is a fault of ours and goes
    up to Prefect with its traceback.
    """
    start = datetime.now(UTC)
    try:
        logging.getLogger("Modules").setLevel(load_settings().lindero_log_level)
        outcome = job()
    except PipelineError as err:
        outcome = Outcome(data={}, markdown="", error=err)
    if outcome.error is None:
        _show(outcome.markdown, outcome.calidad)
        return _result(start, outcome, None)
    falla = _falla(outcome.error)
    logger.error("%s: %s", falla.kind, falla.detail)
    _show(f"# La corrida falló\n\n{texto(falla.mensaje)}\n\n{outcome.markdown}", outcome.calidad)
    return Failed(
        message=falla.mensaje, data=FlowFailed(falla.mensaje, _result(start, outcome, falla))
    )


def make_productos(encargo: Encargo, lista: Sequence[Producto]) -> tuple[Resultado, ...]:
    """Build and publish each product as a task of its own; a failure is part of its result."""

    def producir(producto: Producto) -> tuple[Resultado, ...]:
        make: Callable[..., tuple[Resultado, ...]] = Task(
            productos.make, name=f"Producto {producto.nombre}", **IN_MEMORY
        )
        return make(quote(producto), quote(encargo))

    return tuple(chain.from_iterable(producir(producto) for producto in lista))


def make_here(encargo: Encargo, lista: Sequence[Producto]) -> tuple[Resultado, ...]:
    """Build and publish each product outside a task, so that its chunks may be tasks."""
    return tuple(chain.from_iterable(productos.make(producto, encargo) for producto in lista))


def rebuild(
    titulo: str,
    campania: str,
    lista: Sequence[Producto],
    *,
    test: bool,
    make: Callable[[Encargo, Sequence[Producto]], tuple[Resultado, ...]] = make_productos,
) -> Outcome:
    """Make some products out of the last accepted backup, and say what became of them.

    ``make``: as tasks, or here, where the product sends tasks of its own to a cluster.

    Raises:
        SettingsError, DataError: no such campaña, or no accepted backup of it yet.
        RunLocked: a run of the same mode is on.
    """
    settings, modo = load_settings(), Modo.TEST if test else Modo.PROD
    with run_lock(settings.lindero_state_dir, modo):
        store, snapshot = productos.last_accepted(settings, campania, modo)
        encargo = productos.order(settings, modo, store, snapshot, datetime.now(UTC))
        outcome = Outcome(
            data={"campania": campania, "modo": modo.value, "snapshot": str(snapshot.id)},
            markdown=f"# {titulo} {campania}\n\nDel snapshot `{snapshot.id}`.",
        )
        return productos.with_productos(outcome, encargo, make(encargo, lista))


@contextmanager
def chunk_runner(settings: Settings) -> Iterator[Runner]:
    """Who runs the chunks of hexagons, as ``LINDERO_TASK_RUNNER`` says; results keep their order.

    Raises:
        SettingsError: Dask is asked for and not installed, or its scheduler does not answer.
    """
    kind, workers = settings.lindero_task_runner, settings.lindero_task_workers
    if kind == "serial":
        yield serial
    elif kind == "threads":
        yield in_threads(workers)
    elif kind == "processes":
        yield in_processes(workers)
    else:
        with _dask(kind, workers) as runner:
            yield runner


@contextmanager
def _dask(kind: str, workers: int) -> Iterator[Runner]:
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as err:
        raise SettingsError(
            f"LINDERO_TASK_RUNNER={kind} needs prefect-dask: uv sync --extra dask"
        ) from err
    local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    where = {"cluster_kwargs": local} if kind == "dask" else {"address": kind}
    with DaskTaskRunner(**where) as dask:

        def run(work: Callable[[Chunk], Cover], pieces: Sequence[Chunk]) -> Iterator[Cover]:
            tramo = Task(work, name="Tramo de hexágonos", **IN_MEMORY)
            try:
                futures = [dask.submit(tramo, {"chunk": piece}) for piece in pieces]
            except OSError as err:
                raise SettingsError(
                    f"LINDERO_TASK_RUNNER: no Dask scheduler answers at {kind}; start it, or "
                    "write processes"
                ) from err
            yield from (future.result() for future in futures)

        yield run


def worth_another_try(_task: object, _run: object, state: State[Any]) -> bool:
    """Whether Prefect should repeat a task: only for what time can mend, and nobody waits.

    A run started by hand answers at once; the nightly deployment waits and tries again.
    """
    error = state.result(raise_on_failure=False)
    return isinstance(error, (ApiUnavailable, PublishError)) and bool(flow_run.deployment_id)


def run_here(flow: Flow[..., Any], parameters: Mapping[str, Any]) -> RunResult:
    """Run a flow in this process, against the configured server or one of its own.

    Raises:
        Exception: whatever the flow raised that is not one of our errors.
    """
    call: Callable[..., State[Any]] = flow
    state = call(**parameters, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, FlowFailed):
        return result.result
    if isinstance(result, BaseException):
        raise result
    return result  # type: ignore[no-any-return]


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
                f"PREFECT_API_URL: no Prefect server answers at {settings.prefect_api_url}; start "
                "it, or leave the variable out and each run brings its own"
            )
        try:
            client.api_version()
        except HTTPStatusError as err:
            raise SettingsError(
                f"PREFECT_SERVER_API_AUTH_STRING: the Prefect server answers "
                f"{err.response.status_code}; for example PREFECT_SERVER_API_AUTH_STRING=admin:…"
            ) from err


def log_page(recurso: Recurso, page: int, pages: int | None) -> None:
    """Tell the log, and whoever draws progress from it, that a page has come."""
    pages_logger.debug(
        "%s: page %d of %s", recurso, page, pages or "?", extra={"page": (recurso, page, pages)}
    )


def main(deployment: Deployment) -> None:
    """Deploy one flow: what ``python scripts/x.py`` does. Ends with an exit code of ours."""
    try:
        with server(load_settings()):
            sys.stdout.write(f"{deploy(deployment)}\n")
    except PipelineError as err:
        sys.stderr.write(f"{err}\n")
        sys.exit(err.exit_code)


@contextmanager
def server(settings: Settings) -> Iterator[None]:
    """Speak to the Prefect server of our settings, or of Prefect's own, during the block.

    Raises:
        SettingsError: none is configured, none answers, or it refuses the auth string.
    """
    auth = settings.prefect_server_api_auth_string
    ours = {
        PREFECT_API_URL: settings.prefect_api_url,
        PREFECT_API_AUTH_STRING: None if auth is None else auth.get_secret_value(),
    }
    with temporary_settings({name: value for name, value in ours.items() if value is not None}):
        if PREFECT_API_URL.value() is None:
            raise SettingsError(
                "PREFECT_API_URL: there is no Prefect server to deploy to; for example "
                "PREFECT_API_URL=http://127.0.0.1:4200/api"
            )
        check_server(settings)
        yield


def deploy(deployment: Deployment) -> str:
    """Create or update a deployment on its work pool; the same again changes nothing.

    Returns:
        One line that names the deployment and when it runs.
    """
    _ensure_pool(deployment.work_pool)
    loaded = Flow.from_source(source=str(PROJECT_ROOT), entrypoint=deployment.entrypoint)
    schedules = [Cron(deployment.cron, timezone=deployment.timezone)] if deployment.cron else None
    loaded.deploy(  # type: ignore[union-attr]
        name=deployment.name,
        work_pool_name=deployment.work_pool,
        schedules=schedules,
        parameters=dict(deployment.parameters),
        description=deployment.description,
        tags=list(deployment.tags),
        job_variables={"env": {"PREFECT_LOGGING_EXTRA_LOGGERS": "Modules"}},
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
        ignore_warnings=True,
        print_next_steps=False,
    )
    when = f"{deployment.cron} ({deployment.timezone})" if deployment.cron else "no schedule"
    return f"{deployment.flow}/{deployment.name}: {when}"


def _ensure_pool(name: str) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        except ObjectAlreadyExists:
            logger.debug("work pool %s is there", name)


def _falla(error: PipelineError) -> Falla:
    return Falla(
        kind=type(error).__name__,
        exit_code=error.exit_code,
        detail=str(error),
        mensaje=mensaje_de_falla(error),
    )


def _result(start: datetime, outcome: Outcome, falla: Falla | None) -> RunResult:
    return RunResult(
        start_time=start.isoformat(timespec="seconds"),
        end_time=datetime.now(UTC).isoformat(timespec="seconds"),
        status="ok" if falla is None else "error",
        data=dict(outcome.data),
        summary=outcome.markdown,
        error=None if falla is None else asdict(falla),
    )


def _show(markdown: str, calidad: Sequence[Mapping[str, Any]]) -> None:
    create_markdown_artifact(
        key=RESUMEN_KEY, markdown=markdown, description="Resumen de la corrida"
    )
    if calidad:
        create_table_artifact(
            key=CALIDAD_KEY,
            table=[dict(row) for row in calidad[:MAX_TABLE_ROWS]],
            description="Calidad de los datos, lo más grave primero",
        )
