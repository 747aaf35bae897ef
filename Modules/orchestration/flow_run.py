"""What every flow shares with Prefect: the result, the Failed state, the artifacts, lateness.

The flows in ``scripts/`` say what happens in which order; this module says how a run begins and
ends. A run that did not do its job ends Failed, with a Spanish message for whoever opens the UI.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, TypedDict

from prefect import Flow, Task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.states import Cancelled, Failed
from prefect.utilities.annotations import quote

from Modules.disk.run_lock import run_lock
from Modules.geo.h3_cover import Chunk, Cover
from Modules.jobs import products as productos
from Modules.jobs.outcome import Outcome
from Modules.jobs.products import Encargo, Producto, Resultado
from Modules.orchestration.failure import mensaje_de_falla
from Modules.orchestration.lateness import Corrida, Tardanza, mensaje_de_salteada, tardanza
from Modules.products.h3.product import Runner, in_processes, in_threads, serial
from Modules.settings import Settings, load_settings
from Modules.words.domain import Modo, Recurso
from Modules.words.errors import ApiUnavailable, PipelineError, PublishError, SettingsError
from Modules.words.spanish import markdown

logger = logging.getLogger(__name__)
pages_logger = logging.getLogger("Modules.pages")
pages_logger.setLevel(logging.DEBUG)
pages_logger.propagate = False  # for whoever draws progress; the UI gains nothing by it

IN_MEMORY: Mapping[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
RESUMEN_KEY = "resumen-corrida"
CALIDAD_KEY = "calidad-datos"
AHEAD = 64  # chunks of hexagons on a cluster at a time: their results wait in our memory
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
    up to Prefect with its traceback. A nightly run that begins late says so in its summary, or
    ends Cancelled without running, as LINDERO_LATE_RUNS says.
    """
    start = datetime.now(UTC)
    try:
        settings = load_settings()
        logging.getLogger("Modules").setLevel(settings.lindero_log_level)
        demora = _demora(settings, start)
        if demora is not None and settings.lindero_late_runs == "skip":
            return _salteada(demora)
        outcome = job() if demora is None else _avisar(demora, job())
    except PipelineError as err:
        outcome = Outcome(data={}, markdown="", error=err)
    if outcome.error is None:
        _show(outcome.markdown, outcome.calidad)
        return _result(start, outcome, None)
    falla = _falla(outcome.error)
    logger.error("%s: %s", falla.kind, falla.detail)
    _show(f"# La corrida falló\n\n{markdown(falla.mensaje)}\n\n{outcome.markdown}", outcome.calidad)
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
    make: Callable[[Encargo], tuple[Resultado, ...]],
    *,
    test: bool,
) -> Outcome:
    """Make some products out of the last accepted backup, and say what became of them.

    ``make`` is called under the run lock, once there is a backup to make them of.

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
        return productos.with_productos(outcome, encargo, make(encargo))


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
            left, sent = iter(pieces), deque[Any]()
            try:
                sent.extend(dask.submit(tramo, {"chunk": one}) for one in islice(left, AHEAD))
            except OSError as err:
                raise SettingsError(
                    f"LINDERO_TASK_RUNNER: no Dask scheduler answers at {kind}; start it, or "
                    "write processes"
                ) from err
            while sent:
                yield sent.popleft().result()
                sent.extend(dask.submit(tramo, {"chunk": one}) for one in islice(left, 1))

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


def log_page(recurso: Recurso, page: int, pages: int | None) -> None:
    """Tell the log, and whoever draws progress from it, that a page has come."""
    pages_logger.debug(
        "%s: page %d of %s", recurso, page, pages or "?", extra={"page": (recurso, page, pages)}
    )


def _demora(settings: Settings, start: datetime) -> Tardanza | None:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return None
    corrida = Corrida(
        programada=flow_run.scheduled_start_time,
        empieza=start,
        automatica=context.flow_run.auto_scheduled,
        intento=context.flow_run.run_count,
    )
    demora = tardanza(corrida, late_after=settings.lindero_late_after, zone=settings.zone)
    if demora is not None:
        logger.warning(
            "late run: due %s, begins %s, limit %s; LINDERO_LATE_RUNS=%s",
            *(demora.programada, demora.empieza, demora.limite, settings.lindero_late_runs),
        )
    return demora


def _salteada(demora: Tardanza) -> State[Any]:
    mensaje = mensaje_de_salteada(demora)
    _show(f"# La corrida no se hizo: llegó tarde\n\n{markdown(mensaje)}", ())
    return Cancelled(message=mensaje)


def _avisar(demora: Tardanza, outcome: Outcome) -> Outcome:
    aviso = f"> **Corrió tarde.** {markdown(demora.mensaje)}"
    return replace(outcome, markdown=f"{aviso}\n\n{outcome.markdown}")


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
