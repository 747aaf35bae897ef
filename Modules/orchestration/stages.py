"""What each flow does, stage by stage. Whoever calls a story says how a stage is run.

The flows in ``scripts/`` run each stage as a Prefect task; ``lindero run`` without a server calls
it. So a night with a server and a night without one are the same night, told once, here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar

from Modules.disk.run_lock import run_lock
from Modules.jobs import backup, portal_access, report, temporada
from Modules.jobs.outcome import Outcome, Resultado
from Modules.orchestration import alerts, deployments, empresas
from Modules.orchestration.deployments import Deployment
from Modules.orchestration.failure import mensaje_de_falla
from Modules.orchestration.run_result import RunResult, run_plain
from Modules.portal.collector import give_back, without_collector
from Modules.products.entry import CADA_NOCHE, Producto
from Modules.products.registry import made_by
from Modules.settings import Settings, check_portal, load_settings
from Modules.store.fotos import adjuntos_of
from Modules.store.snapshot import Snapshot
from Modules.words.domain import Campania, Modo, Recurso
from Modules.words.errors import CampaniasFailed, PipelineError
from Modules.words.spanish import corrida, count, inesperada, markdown, number, short

if TYPE_CHECKING:  # a story loads the products once it needs them
    from Modules.integrations.access import PromptAccess
    from Modules.jobs.products import Encargo
    from Modules.products.runner import Runner

P = ParamSpec("P")
R = TypeVar("R")

progress_logger = logging.getLogger("Modules.progress")
progress_logger.setLevel(logging.DEBUG)
progress_logger.propagate = False  # for whoever draws progress; the UI gains nothing by it


@dataclass(frozen=True, slots=True)
class StageInfo:
    """A stage as people see it; a nightly run repeats it when it was ours to wait."""

    name: str
    retries: int = 0
    delay_s: int = 0


class Stage(Protocol):
    """Who runs a stage: ``work`` with its arguments, under the name of the step."""

    def __call__(
        self, step: StageInfo, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """What ``work`` returns or raises."""
        ...


Chunks = Callable[[Settings], AbstractContextManager["Runner"]]  # who runs pieces of products

BUSCAR: Final = StageInfo("Buscar la campaña actual", retries=2, delay_s=300)
TRAER: Final = StageInfo("Traer del portal", retries=2, delay_s=300)
REVISAR: Final = StageInfo("Revisar la noche")
GUARDAR: Final = StageInfo("Guardar el backup")
PUBLICAR: Final = StageInfo("Publicar", retries=2, delay_s=60)
LEER: Final = StageInfo("Leer los backups")
ENSAYAR: Final = StageInfo("Simulacro de restauración")
PODAR: Final = StageInfo("Quitar lo viejo")
MANDAR: Final = StageInfo("Mandar el informe")
INFORMAR: Final = StageInfo("Informe de campaña", retries=2, delay_s=60)
PREGUNTAR: Final = StageInfo("Preguntar al modelo")
MARCAR: Final = StageInfo("Leer los marcadores")
FOTOS: Final = StageInfo("Traer las fotos")


def call(step: StageInfo, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a stage as a plain call, once: a run by hand answers at once, it never waited."""
    corrida.info("%s…", step.name)
    return work(*args, **kwargs)


@contextmanager
def _here(settings: Settings) -> Iterator[Runner]:
    yield on_this_machine(settings)


def spared(
    stage: Stage, step: StageInfo, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> tuple[R | None, str]:
    """What a step comes to that costs no night; or None and why it came to nothing, in Spanish."""
    try:
        return stage(step, work, *args, **kwargs), ""
    except PipelineError as err:
        said = str(err)
    except Exception as err:
        logging.getLogger(__name__).exception("a fault of ours in %s", step.name)
        said = inesperada(type(err).__name__)
    corrida.warning("%s: %s", step.name, said)
    return None, said


def respaldar(
    campania: str | None = None,
    *,
    test: bool,
    stage: Stage = call,
    credentials_block_name: str = "",
    chunks: Chunks = _here,
) -> Outcome:
    """Fetch, judge, keep and publish; the products; and prune what is old.

    ``campania``: one, several with commas, each its own night, or ``actual``; none:
    ``LINDERO_CAMPANIA``. ``credentials_block_name``: the blocks of portal and models, if any.
    """
    modo, settings = Modo.of(test=test), load_settings()
    keys: PromptAccess | None = None
    if credentials_block_name := credentials_block_name or settings.databaler_credentials_block:
        from Modules.integrations.blocks import DatabalerCredentials, PromptCredentials, settled

        kinds = (DatabalerCredentials, PromptCredentials)
        settings, keys = settled(settings, credentials_block_name, *kinds)
    check_portal(settings, modo)

    def prepared(asked: Sequence[Campania]) -> dict[Campania, backup.Job]:
        return {one: backup.prepare(settings, str(one), modo=modo) for one in asked}

    jobs = prepared(temporada.asked(settings, campania))
    with (
        run_lock(settings.lindero_state_dir, modo),
        portal_access.open_portal(settings, modo) as access,
        without_collector(),
    ):
        hoy = datetime.now(settings.zone).date()
        jobs = jobs or prepared(stage(BUSCAR, temporada.ask, access, hoy))
        judge = partial(backup.judge_night, hoy=hoy, asked=tuple(jobs))
        outcome = each(
            tuple(jobs), lambda one: _night(jobs[one], access, judge, stage, chunks, keys)
        )
    return outcome if modo is Modo.TEST or outcome.error else _pinged(settings, outcome)


def _pinged(settings: Settings, outcome: Outcome) -> Outcome:
    """A good real night, of which the outside watch hears; that it does not is only a warning."""
    try:
        alerts.ping(settings)
    except PipelineError as err:
        corrida.warning("La vigilancia de afuera no se enteró de esta noche: %s", err)
        said = (
            f"**Aviso:** la vigilancia de afuera no se enteró de esta noche: {markdown(str(err))}"
        )
        outcome = replace(outcome, markdown=f"{outcome.markdown}\n\n{said}")
    return outcome


def _night(
    job: backup.Job,
    access: portal_access.Access,
    judge: Callable[..., backup.Night],
    stage: Stage,
    chunks: Chunks = _here,
    keys: PromptAccess | None = None,
) -> Outcome:
    settings, modo = job.settings, job.modo
    corrida.info("Campaña %s, de %s", job.campania, access.portal.origin)
    tell = stopwatch(TRAER)
    fetched = stage(TRAER, backup.fetch, job, access, log_page)
    tell(report.lo_traido(fetched))
    tell = stopwatch(REVISAR)
    night = stage(REVISAR, judge, job, access, fetched)
    tell(report.lo_revisado(night))
    for check in night.verdict.checks:
        if not check.fine:
            kind = "RECHAZA" if check.is_error else "aviso"
            corrida.warning("%s · %s: %s", kind, check.what, short(check.notes, report.MAX_NOTES))
    tell = stopwatch(GUARDAR)
    snapshot = stage(GUARDAR, backup.keep, job, night, datetime.now(UTC))
    tell(f"{snapshot.id}{'' if snapshot.accepted else ', en cuarentena: no se publica nada'}")
    if not snapshot.accepted:
        return backup.outcome(job, night, snapshot, None)
    from Modules.jobs import products as productos
    from Modules.jobs import weekly as verificacion

    tell, origin = stopwatch(PUBLICAR), job.store.first_equal(snapshot)
    published = stage(PUBLICAR, backup.publish, job, origin, datetime.now(UTC))
    tell(report.lo_publicado(published))
    outcome = backup.outcome(job, night, snapshot, published)
    adjuntos = adjuntos_of(fetched[Recurso.MARCADORES].records)
    del fetched, night  # some hundred MB of a large company, before its products are made
    encargo = productos.order(settings, modo, job.store, snapshot, datetime.now(UTC))
    if settings.lindero_marcas_prompt:
        from Modules.prompts import marks

        read, why_not = spared(stage, MARCAR, marks.classify, encargo, keys)
        said = f"marcadores sin leer por el modelo: {why_not}"
        encargo = read or replace(encargo, avisos=(*encargo.avisos, said))
    if settings.lindero_fotos:
        from Modules.jobs import fotos

        tell = stopwatch(FOTOS)
        brought, why_not = spared(stage, FOTOS, fotos.bring, encargo, access, adjuntos, snapshot)
        encargo = brought or replace(encargo, avisos=(*encargo.avisos, f"fotos: {why_not}"))
        tell(count(len(encargo.fotos), "marcador con fotos", "marcadores con fotos"))
    made = make_all(encargo, productos.PRODUCTOS, stage, chunks)
    outcome = productos.with_productos(outcome, encargo, made)
    if modo is Modo.PROD and settings.lindero_informe_a:
        outcome = _reported(outcome, encargo, snapshot, made, stage)
    retencion = verificacion.after_night(settings, modo, datetime.now(UTC))
    return replace(outcome, markdown=f"{outcome.markdown}\n\n{retencion}".rstrip())


def _reported(
    outcome: Outcome, encargo: Encargo, snapshot: Snapshot, made: Sequence[Resultado], stage: Stage
) -> Outcome:
    """The report of the night told; that somebody was not is only a warning, whatever the cause."""
    from Modules.orchestration import morning

    failed_ = tuple(dict.fromkeys(one.carpeta for one in made if one.error is not None))
    said, why_not = spared(stage, MANDAR, morning.send, encargo, snapshot, failed_)
    if said is None:
        said = f"**Aviso:** el informe no llegó a todos: {markdown(why_not)}"
    return replace(outcome, markdown="\n\n".join(filter(None, (outcome.markdown, said))))


def each(asked: Sequence[Campania], work: Callable[[Campania], Outcome]) -> Outcome:
    """What the work on each campaña came to; of several, one that fails does not stop the others.

    Raises:
        PipelineError: of the only one.
        Exception: a fault of ours, once the others are done.
    """
    if len(asked) == 1:
        return work(asked[0])
    outcomes: dict[Campania, Outcome] = {}
    fault: Exception | None = None
    for one in asked:
        try:
            outcomes[one] = work(one)
        except PipelineError as err:
            outcomes[one] = Outcome(error=err)
        except Exception as err:  # noqa: BLE001 - raised below, when the others are done
            fault = err
    if fault is not None:
        raise fault
    return _together(outcomes)


def _together(outcomes: Mapping[Campania, Outcome]) -> Outcome:
    """Several campañas as one: every summary, and an error that names each that failed."""
    errors = {str(one): did.error for one, did in outcomes.items() if did.error is not None}
    done = [str(one) for one in outcomes if str(one) not in errors]
    said = "; ".join(f"{one}: {error}" for one, error in errors.items())
    summaries = []
    for one, did in outcomes.items():
        failure = f"\n\n**Falló.** {markdown(mensaje_de_falla(did.error))}" if did.error else ""
        summaries.append(f"# Campaña {one}{failure}\n\n{did.markdown}".rstrip())
    return Outcome(
        data={"campanias": {str(one): did.data for one, did in outcomes.items()}},
        markdown="\n\n".join(summaries),
        calidad=[
            {"campaña": str(one), **row} for one, did in outcomes.items() for row in did.calidad
        ],
        error=CampaniasFailed(f"{said}; bien: {', '.join(done) or 'ninguna'}", errors)
        if errors
        else None,
        aviso="; ".join(did.aviso for did in outcomes.values() if did.aviso),
    )


def hacer(comando: str, campania: str | None = None, *, test: bool, **how: Any) -> Outcome:
    """Make once more what ``lindero run <comando>`` makes; ``how``: see ``make_all``.

    The hexagons are made as no stage: a task has all its pieces at hand.
    """
    titulo = {CADA_NOCHE: "Productos", "kmz": "KMZ", "h3": "Hexágonos H3"}[comando]
    make = partial(make_all, lista=made_by(comando), **how)
    return rebuild(titulo, campania, make, test=test)


def informar(
    campania: str | None = None,
    *,
    test: bool,
    stage: Stage = call,
    credentials_block_name: str = "",
) -> Outcome:
    """Write the report of a season out of the last accepted backup; a model may help.

    Whatever becomes of the model, whose keys a block may hold, the report is made.
    """
    from Modules.jobs import products as productos
    from Modules.prompts.informe import story

    settings, modo = load_settings(), Modo.of(test=test)
    writer: story.Writer | None = None
    failed: dict[Campania, str] = {}
    if name := settings.lindero_informe_prompt:
        seasons = productos.asked(settings, campania, modo)
        try:
            keys: PromptAccess | None = None
            if credentials_block_name:
                from Modules.integrations.blocks import PromptCredentials, settled

                (keys,) = settled(settings, credentials_block_name, PromptCredentials)
            writer = story.Writer(settings, name, keys)
        except PipelineError as err:
            failed |= dict.fromkeys(seasons, f"Sin texto del modelo: {err}")
        else:
            for season in seasons:  # before the lock is held
                store, snapshot = productos.last_accepted(settings, str(season), modo)
                encargo = productos.order(settings, modo, store, snapshot, datetime.now(UTC))
                failed[season] = stage(PREGUNTAR, story.ask, encargo, writer)

    def make(encargo: Encargo) -> tuple[Resultado, ...]:
        said = failed.get(encargo.fuente.campania, "")
        return stage(INFORMAR, story.make, encargo, writer, said)

    return rebuild("Informe de campaña", campania, make, test=test)


def verificar(*, test: bool, stage: Stage = call) -> Outcome:
    """Read the backups and their copies, rehearse a restore, then prune if all is sound."""
    from Modules.jobs import weekly as verificacion

    modo, settings = Modo.of(test=test), load_settings()
    encargo = verificacion.prepare(settings, modo, datetime.now(UTC))
    with run_lock(settings.lindero_state_dir, modo):
        lectura = stage(LEER, verificacion.read, encargo)
        simulacros = stage(ENSAYAR, verificacion.rehearse, encargo)
        informe = verificacion.WeekReport(lectura=lectura, simulacros=simulacros)
        informe = verificacion.with_poda(
            informe, lambda: stage(PODAR, verificacion.do_prune, encargo)
        )
    return verificacion.outcome(encargo, informe)


def muestrear(**parameters: Any) -> Outcome:
    """Make the rows of a month's sampling plans into issues: see ``fieldwork.plan``."""
    from Modules.fieldwork.plan import plan_muestreo_a_jira

    return asyncio.run(plan_muestreo_a_jira(**parameters))


def marcar(**parameters: Any) -> Outcome:
    """Make the marks into issues and ask what became of all of them: see ``fieldwork.marks``."""
    from Modules.fieldwork.marks import marcadores_a_jira

    return asyncio.run(marcadores_a_jira(**parameters))


_STORIES: Final[Mapping[str, Callable[..., Outcome]]] = {
    deployments.BACKUP.name: respaldar,
    deployments.EMPRESAS.name: empresas.todas,
    deployments.MAPAS_EMPRESAS.name: partial(empresas.todas, trabajo=empresas.MAPAS),
    deployments.PRODUCTOS.name: partial(hacer, CADA_NOCHE),
    deployments.KMZ.name: partial(hacer, "kmz"),
    deployments.H3.name: partial(hacer, "h3"),
    deployments.INFORME.name: informar,
    deployments.VERIFICAR.name: verificar,
    deployments.PLAN.name: muestrear,
    deployments.MARCADORES.name: marcar,
}


def run_here(deployment: Deployment, parameters: Mapping[str, Any]) -> RunResult:
    """Run a flow's story in this process, with no Prefect and no server."""
    return run_plain(lambda: _STORIES[deployment.name](**parameters))


def rebuild(
    titulo: str,
    campania: str | None,
    make: Callable[[Encargo], tuple[Resultado, ...]],
    *,
    test: bool,
) -> Outcome:
    """Make products out of the last accepted backup, under the run lock; say what became of them.

    ``campania`` as in ``respaldar``; ``actual`` is the one that the last night found to be on.

    Raises:
        SettingsError, DataError: no such campaña, or no accepted backup of it yet.
        RunLocked: a run of the same mode is on.
    """
    from Modules.jobs import products as productos

    settings, modo = load_settings(), Modo.of(test=test)

    def one(season: Campania) -> Outcome:
        store, snapshot = productos.last_accepted(settings, str(season), modo)
        encargo = productos.order(settings, modo, store, snapshot, datetime.now(UTC))
        outcome = Outcome(
            data={"campania": str(season), "modo": modo.value, "snapshot": str(snapshot.id)},
            markdown=f"# {titulo} {season}\n\nDel backup `{snapshot.id}`.",
        )
        return productos.with_productos(outcome, encargo, make(encargo))

    with run_lock(settings.lindero_state_dir, modo):
        return each(productos.asked(settings, campania, modo), one)


def make_all(
    encargo: Encargo, lista: Sequence[Producto], stage: Stage = call, chunks: Chunks = _here
) -> tuple[Resultado, ...]:
    """Build and publish each product as a stage of its own; a failure is part of its result."""
    from Modules.jobs import products as productos

    done: list[Resultado] = []
    give_back()
    with chunks(encargo.settings) as run:
        for producto in productos.in_pieces(lista, run):
            tell = stopwatch(step := StageInfo(f"Producto {producto.nombre}"))
            made = stage(step, productos.make, producto, encargo)
            for one in made:
                failed_ = f"FALLÓ, queda lo anterior: {one.falla}"
                where = f"{one.carpeta}, " if len(made) > 1 else ""
                tell(where + (report.lo_publicado(one.published) if one.published else failed_))
            done += made
    return tuple(done)


def on_this_machine(settings: Settings) -> Runner:
    """Who runs the pieces of products here: processes, where the setting names a cluster."""
    from Modules.products.runner import in_processes, in_threads, serial

    workers = settings.lindero_task_workers
    known = {"serial": serial, "threads": in_threads(workers), "processes": in_processes(workers)}
    return known.get(settings.lindero_task_runner, known["processes"])


def stopwatch(step: StageInfo) -> Callable[[str], None]:
    """Begin to count; what is returned tells the run's log what became of a stage, and seconds."""
    start = monotonic()

    def tell(said: str) -> None:
        corrida.info("%s: %s (%s s)", step.name, said, number(monotonic() - start, 1))

    return tell


def log_page(recurso: Recurso, page: int, pages: int | None) -> None:
    """Tell the log, and whoever draws progress from it, that a page has come."""
    progress_logger.debug(
        "%s: page %d of %s", recurso, page, pages or "?", extra={"page": (recurso, page, pages)}
    )
