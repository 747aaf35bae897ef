"""What every flow shares with Prefect: its tasks, the Failed state, the artifacts, lateness.

``stages`` say what happens in which order; this module says how a run begins and ends. A run that
did not do its job ends Failed, with a Spanish message for whoever opens the UI.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect import Flow, Task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TaskRunContext, refresh_global_settings_context
from prefect.deployments import run_deployment
from prefect.logging.handlers import APILogHandler
from prefect.runtime import deployment, flow_run
from prefect.settings import PREFECT_API_URL, get_current_settings
from prefect.states import Cancelled, Completed, Failed
from prefect.utilities.annotations import quote

from Modules.disk.run_lock import hold_for_life, life_lock
from Modules.jobs.outcome import Outcome
from Modules.orchestration.deployments import (
    OTRA_VEZ,
    Deployment,
    of_another_environment,
    of_the_other_mode,
)
from Modules.orchestration.ephemeral import mark, sweep
from Modules.orchestration.lateness import tardanza
from Modules.orchestration.run_result import RunResult, begin, cut_short, result_of
from Modules.orchestration.stages import P, R, StageInfo, on_this_machine
from Modules.settings import Settings, load_settings
from Modules.words.errors import ApiUnavailable, PipelineError, PublishError, SettingsError
from Modules.words.spanish import corrida, markdown, number
from Modules.words.temporada import write_campanias

if TYPE_CHECKING:  # pandas waits for the night to be there
    from Modules.products.runner import Runner

logger = logging.getLogger(__name__)

IN_MEMORY: Mapping[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
RESUMEN_KEY = "resumen-corrida"
CALIDAD_KEY = "calidad-datos"
SALTEADA = (
    "No se publicó nada: los archivos quedaron como estaban. Qué hacer: correrla a mano, o poner "
    "LINDERO_LATE_RUNS=run para que corra igual."
)
CON_AVISO = "ConAviso"  # state of a run that did its job, and somebody has to act
AHEAD = 64  # pieces on a cluster at a time: their results wait in our memory
MAX_TABLE_ROWS = 200  # more than that the UI does not show well; the files hold all
Ended = RunResult | State[Any]  # what a flow returns: its result, or a state that holds it

EPHEMERAL_START_S = 120  # a flow called as a function brings a server: seconds that it may take
# Prefect's own 20 s are too few on a busy machine; who set a limit keeps it
if "startup_timeout_seconds" not in get_current_settings().server.ephemeral.model_fields_set:
    os.environ.setdefault(
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", str(EPHEMERAL_START_S)
    )
    refresh_global_settings_context()  # Prefect read its settings as it was imported
mark()
# the page of a run shows these lines alone: the environment of our deployments stops Prefect's
page = APILogHandler()
page.addFilter(lambda _: bool(FlowRunContext.get() or TaskRunContext.get()))
corrida.addHandler(page)


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
    campania = str(parameters.get("campania") or "")
    if not campania:
        with suppress(PipelineError):  # the run itself says what is wrong
            campania = write_campanias(load_settings().lindero_campania)
    campania = campania.replace("/", "-").replace(",", "+")
    again = OTRA_VEZ if OTRA_VEZ in flow_run.get_tags() else ""
    parts = (campania, modo, f"{datetime.now():%Y-%m-%d}", again)  # noqa: DTZ005
    return "-".join(part for part in parts if part)


def noche() -> str:
    """What tells one night of all companies from another: its date; by hand, its moment."""
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    by_itself = run is not None and (run.auto_scheduled or OTRA_VEZ in run.tags)
    due = flow_run.scheduled_start_time.astimezone()
    return f"{due:%Y-%m-%d}" if by_itself else f"{due:%Y-%m-%dT%H-%M-%S}"


def launcher(what: Deployment, **given: object) -> Callable[[int, int], None]:
    """What begins a run of a deployment, one of some; where none can be, the log says so."""

    def launch(cual: int, de: int) -> None:
        told = {**given, "cual": cual, "de": de}
        try:
            run_deployment(what.full_name, parameters=told, timeout=0, as_subflow=False)
        except Exception as err:  # noqa: BLE001 - the run that asks does it all, then
            said = "%s no empezó (%s); ¿falta lindero deploy --all?"
            corrida.warning(said, what.full_name, type(err).__name__)

    return launch


def conclude(job: Callable[[], Outcome]) -> Ended:
    """Run ``job``, show its summary, and return the result or a Failed state that holds it.

    Errors of our own say what is wrong; of anything else, a fault of ours, people read the class,
    and the log of the process has the traceback. A nightly run that begins late says so in its
    summary, or ends Cancelled without running, as LINDERO_LATE_RUNS says.
    """
    run = _Run()
    try:
        if (salteada := run.begin()) is not None:
            return salteada
        outcome = job()
    except PipelineError as err:
        outcome = Outcome(error=err)
    except Exception as err:  # noqa: BLE001 - told by its class, and logged in full
        return _failed(cut_short(run.start, err), err)
    return run.end(outcome)


async def conclude_async(job: Callable[[], Awaitable[Outcome]]) -> Ended:
    """``conclude`` for a story that waits; what is shown is sent by a thread, which may wait."""
    run = _Run()
    try:
        if (salteada := await asyncio.to_thread(run.begin)) is not None:
            return salteada
        outcome = await job()
    except PipelineError as err:
        outcome = Outcome(error=err)
    except Exception as err:  # noqa: BLE001 - told by its class, and logged in full
        return _failed(cut_short(run.start, err), err)
    return await asyncio.to_thread(run.end, outcome)


class _Run:
    """A run from its beginning on: whether it is made, and how it ends."""

    def __init__(self) -> None:
        self.start, self.demora = datetime.now(UTC), ""

    def begin(self) -> State[Any] | None:
        """None, or the state of a run that is not made."""
        if PREFECT_API_URL.value() is None and (left := sweep()):
            logger.warning("ended %d temporary Prefect servers that killed runs had left", left)
        settings = begin()
        _live(settings)
        if (salteada := _of_another_place(settings)) is not None:
            return Cancelled(message=salteada)
        self.demora = _demora(settings, self.start) or ""
        if self.demora and settings.lindero_late_runs == "skip":
            mensaje = f"No corrió: llegó tarde. {self.demora} {SALTEADA}"
            _show(f"# La corrida no se hizo: llegó tarde\n\n{markdown(mensaje)}", ())
            return Cancelled(message=mensaje)
        return None

    def end(self, outcome: Outcome) -> Ended:
        if self.demora and outcome.error is None:
            aviso = f"> **Corrió tarde.** {markdown(self.demora)}"
            outcome = replace(outcome, markdown=f"{aviso}\n\n{outcome.markdown}")
        result = result_of(self.start, outcome)
        if result["error"] is None:
            _show(outcome.markdown, outcome.calidad)
            if outcome.aviso:
                return Completed(name=CON_AVISO, message=outcome.aviso, data=result)
            return result
        mensaje = str(result["error"]["mensaje"])
        _show(f"# La corrida falló\n\n{markdown(mensaje)}\n\n{outcome.markdown}", outcome.calidad)
        return _failed(result)


def _failed(result: RunResult, cause: Exception | None = None) -> State[Any]:
    mensaje = str((result["error"] or {})["mensaje"])
    thrown = FlowFailed(mensaje, result)
    thrown.__cause__ = cause
    return Failed(message=mensaje, data=thrown)


def as_task(step: StageInfo, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a stage as a Prefect task; what it is given is not looked through."""
    corrida.info("%s…", step.name)
    task: Callable[..., R] = Task(
        work,
        name=step.name,
        retries=step.retries,
        retry_delay_seconds=step.delay_s,
        retry_condition_fn=worth_another_try,
        **IN_MEMORY,
    )
    return task(*map(quote, args), **kwargs)


@contextmanager
def chunk_runner(settings: Settings) -> Iterator[Runner]:
    """Who runs the pieces of products, as ``LINDERO_TASK_RUNNER`` says; results keep their order.

    Where Dask is not installed or its scheduler does not answer, it is a SettingsError of whichever
    product has pieces; the others are made.
    """
    if not settings.on_a_cluster:
        yield on_this_machine(settings)
        return
    from Modules.products.runner import in_order

    kind, workers = settings.lindero_task_runner, settings.lindero_task_workers
    local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    where = {"cluster_kwargs": local} if kind == "dask" else {"address": kind}

    def run(work: Callable[..., Any], pieces: Iterable[Any]) -> Iterator[Any]:
        try:
            from prefect_dask.task_runners import DaskTaskRunner
        except ImportError as err:
            raise SettingsError(
                f"LINDERO_TASK_RUNNER={kind} necesita prefect-dask: uv sync --extra dask"
            ) from err
        tramo = Task(work, name="Tramo", **IN_MEMORY)
        with DaskTaskRunner(**where) as dask:

            def submit(one: object) -> Any:
                try:
                    return dask.submit(tramo, {"chunk": one})
                except OSError as err:
                    raise SettingsError(
                        f"LINDERO_TASK_RUNNER: ningún Dask contesta en {kind}; levantarlo, o "
                        "escribir processes"
                    ) from err

            yield from in_order(submit, pieces, AHEAD)

    yield run


TASKS: Mapping[str, Any] = {"stage": as_task, "chunks": chunk_runner}  # of a story in a flow


def worth_another_try(task: Task[..., Any], _run: object, state: State[Any]) -> bool:
    """Whether Prefect should repeat a task: only for what time can mend, and nobody waits.

    A run started by hand answers at once; the nightly deployment waits and tries again.
    """
    error = state.result(raise_on_failure=False)
    if not isinstance(error, (ApiUnavailable, PublishError)) or not deployment.id:
        return False
    delay_s = task.retry_delay_seconds
    minutes = "unos" if isinstance(delay_s, list) else number(delay_s / 60)
    said = "%s: no salió, y se intenta otra vez dentro de %s min. %s"
    corrida.warning(said, task.name, minutes, error)
    return True


def run_here(flow: Flow[..., Any], parameters: Mapping[str, Any]) -> RunResult:
    """Run a flow in this process, against the configured server or one of its own.

    Raises:
        Exception: whatever Prefect raised around the flow.
    """
    call: Callable[..., Any] = flow
    state = call(**parameters, return_state=True)
    if inspect.iscoroutine(state):
        state = asyncio.run(state)
    result = state.result(raise_on_failure=False)
    if isinstance(result, FlowFailed):
        return result.result
    if isinstance(result, BaseException):
        raise result
    return result  # type: ignore[no-any-return]


def _live(settings: Settings) -> None:
    """Hold what says that this run lives, and outlive whoever reads our console.

    Rich ends a process whose console nobody reads any more: so would a night end whose worker was
    killed, at its next line, with its work undone.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or PREFECT_API_URL.value() is None:
        return
    for known in tuple(logging.Logger.manager.loggerDict.values()):
        for handler in getattr(known, "handlers", ()):
            if hasattr(handler, "console"):
                handler.console.on_broken_pipe = _to_nobody
    try:
        hold_for_life(life_lock(settings.lindero_state_dir, str(context.flow_run.id)))
    except PublishError as err:  # who watches judges it as a run without a lock; the night goes on
        logger.warning("this run holds no lock: %s", err)


def _to_nobody() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    for console in (1, 2):
        os.dup2(null, console)
    os.close(null)


def _demora(settings: Settings, start: datetime) -> str | None:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return None
    demora = tardanza(
        flow_run.scheduled_start_time,
        start,
        automatica=context.flow_run.auto_scheduled or OTRA_VEZ in context.flow_run.tags,
        intento=context.flow_run.run_count,
        late_after=settings.lindero_late_after,
        zone=settings.zone,
    )
    if demora is not None:
        corrida.warning("%s LINDERO_LATE_RUNS=%s", demora, settings.lindero_late_runs)
    return demora


def _of_another_place(settings: Settings) -> str | None:
    """Why a run is not made here that is of another environment, or would take the place of the
    other mode, in Spanish. The latter the server refuses, unless it was deployed by other means.
    """
    if not deployment.id:
        return None
    theirs = of_another_environment(flow_run.get_tags(), settings.lindero_entorno)
    if theirs is not None:
        here = settings.lindero_entorno or "production"
        return (
            f"No corrió: es de {theirs}, y este worker es de {here}. Qué hacer: correrla por el "
            f"despliegue de {theirs}, y revisar LINDERO_ENTORNO y el pool de este worker."
        )
    test = bool(flow_run.get_parameters().get("test"))
    right = of_the_other_mode(flow_run.get_flow_name() or "", flow_run.get_tags(), test=test)
    if right is None:
        return None
    what = "una prueba ocuparía el lugar de la noche" if test else "este despliegue es de pruebas"
    return f"No corrió: {what}. Qué hacer: correrla por {right.full_name}."


def _show(markdown: str, calidad: Sequence[Mapping[str, Any]]) -> None:
    """Put a summary and a table on a run's page; ``_sync``: a flow that waits is shown by a thread,
    where Prefect would leave a coroutine behind and show nothing.
    """
    summary: Callable[..., Any] = create_markdown_artifact
    table: Callable[..., Any] = create_table_artifact
    summary(key=RESUMEN_KEY, markdown=markdown, description="Resumen de la corrida", _sync=True)
    if calidad:
        rows = [dict(row) for row in calidad[:MAX_TABLE_ROWS]]
        said = "Calidad de los datos, lo más grave primero"
        table(key=CALIDAD_KEY, table=rows, description=said, _sync=True)
