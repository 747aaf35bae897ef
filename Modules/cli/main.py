"""The command line: ``lindero``. Thin fronts; what people see is Spanish.

Exit codes: 0 done, 1 the data or a check was refused, 2 usage or settings, 3 another run holds
the lock, 4 the portal cannot be reached, 5 a destination cannot be written, 70 a fault of ours,
130 interrupted, 141 nobody reads the answer any more.
"""

from __future__ import annotations

import importlib
import logging
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from Modules.cli.backups import backups
from Modules.cli.deploy import deploy
from Modules.cli.neighbours import avisos, google, jira
from Modules.cli.options import (
    Campania,
    Campanias,
    Json,
    OfTrials,
    Test,
    Verbose,
    complain,
    log_to_stderr,
    say,
    say_json,
    say_markdown,
)
from Modules.cli.prompts import prompts
from Modules.cli.spanish import Ayuda, usage_error
from Modules.cli.stack import stack
from Modules.cli.status import doctor, status
from Modules.disk.run_lock import early_lock
from Modules.orchestration import deployments
from Modules.orchestration.configured import server_configured
from Modules.orchestration.deployments import Deployment
from Modules.products import registry
from Modules.products.entry import CADA_NOCHE
from Modules.settings import Settings, check_portal, load_settings
from Modules.words.domain import Modo
from Modules.words.errors import UNEXPECTED, PipelineError, RunLocked, SettingsError
from Modules.words.spanish import corrida

if TYPE_CHECKING:
    from Modules.orchestration.run_result import RunResult

DEMO_CAMPANIA = "25/26"  # of a made-up world, where the settings leave it to the portal
_NOBODY_READS = 141  # as a shell says of who ends by SIGPIPE
_ENTERO = "lo publicado y los backups están enteros"
_MIRA = "este comando sólo mira: no cambió nada"
_INTACTO = {
    "run": f"{_ENTERO}, como la última noche los dejó; volver a correr hace lo que faltó",
    "stack": f"{_ENTERO}; lindero stack status dice qué anda, lindero stack up levanta el resto",
    "deploy": "cada despliegue está como antes o como quedó; volver a correr hace lo que faltó",
    **dict.fromkeys(("status", "doctor", "api", "validar"), _MIRA),
}

app = App(
    name="lindero",
    help="La sala de mapas nocturna: trae los campos, los comprueba, los guarda y los publica. Con "
    "--empresa NOMBRE, cualquier comando es de esa de LINDERO_EMPRESAS.",
    version=lambda: version("lindero"),
    version_flags=["--version"],
    result_action="return_value",
    help_formatter=Ayuda(),
)
app["--help"].help = "Muestra esta ayuda y termina."
app["--version"].help = "Dice la versión y termina."
run = App(name="run", help="Corre un flujo acá y ahora, con o sin servidor de Prefect.")
api = App(name="api", help="Mira la API del portal.")
validar = App(name="validar", help="Controla archivos, propios o ajenos.")
for part in (
    *(run, api, jira, google, prompts, backups),
    *(deploy, stack, validar, status, doctor, avisos),
):
    app.command(part)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point: turns every error of ours into one line and its exit code."""
    for stream in (sys.stdout, sys.stderr):  # a file that Windows sends them to may lack an arrow
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = [*(sys.argv[1:] if argv is None else argv)]
    try:
        code = _answered(words)
    except KeyboardInterrupt:
        complain(f"se cortó; {_INTACTO.get(next(iter(words), ''), _ENTERO)}")
        code = 130
    except (BrokenPipeError, SystemExit) as err:  # rich ends by itself where nobody reads any more
        if not (_nobody_reads() or isinstance(err.__context__, BrokenPipeError)):
            raise
        code = _NOBODY_READS
    sys.exit(code)


def _answered(words: list[str]) -> int:
    try:
        _take_empresa(words)
        code = app(words, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as err:
        said = f"{usage_error(err)} (lindero --help)"
        return _refused(SettingsError(said), said, words)
    except RunLocked as err:
        said = f"Otra corrida del mismo modo está en curso: hay que esperar a que termine. {err}"
        return _refused(err, said, words)
    except PipelineError as err:
        return _refused(err, str(err), words)
    except Exception as err:  # noqa: BLE001 - the last door: one line, not a traceback
        if isinstance(err, BrokenPipeError) and _nobody_reads():
            return _NOBODY_READS
        if "--verbose" in words:
            traceback.print_exc()
        fault = "es una falla de Lindero; con --verbose dice más"
        return _refused(err, f"{type(err).__name__} inesperado: {err} ({fault})", words)
    return code if isinstance(code, int) else 0


def _take_empresa(words: list[str]) -> None:
    """``--empresa NAME``, wherever it stands: the settings of this process are that company's."""
    at = next((i for i, word in enumerate(words) if word.split("=")[0] == "--empresa"), None)
    if at is None:
        return
    _, equals, name = words.pop(at).partition("=")
    name = name if equals or at == len(words) else words.pop(at)
    if not name or words[:1] in (["stack"], ["deploy"]):
        raise SettingsError("--empresa lleva un nombre, y no va con stack ni deploy")
    os.environ["LINDERO_EMPRESA"] = name


def _nobody_reads() -> bool:
    """Whether who read our output is gone, as ``head`` when it has enough: no fault of anybody.

    What is left to say goes nowhere then, so that the end of this process finds no fault either.
    """
    gone = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
            broken = False
            if hasattr(select, "poll"):  # Windows only tells who writes to a pipe
                poll = select.poll()
                poll.register(stream.fileno(), 0)
                broken = any(event & select.POLLERR for _, event in poll.poll(0))
        except BrokenPipeError:
            broken = True
        if broken:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        gone |= broken
    return gone


def _refused(error: Exception, said: str, words: Sequence[str]) -> int:
    """Say it to people, and with ``--json`` to machines too; the exit code."""
    complain(said)
    code = error.exit_code if isinstance(error, PipelineError) else UNEXPECTED
    if "--json" in words:
        facts = {"kind": type(error).__name__, "exit_code": code, "detail": str(error)}
        say_json({"error": facts})
    return code


def _of_a_campania(comando: str) -> Callable[..., int]:
    def run_it(
        *,
        campania: Campanias = None,
        test: Test = False,
        json_: Json = False,
        verbose: Verbose = False,
    ) -> int:
        settings, modo = load_settings(), Modo.of(test=test)
        deployment = deployments.DEPLOYMENTS[comando]
        if deployment is deployments.BACKUP:
            check_portal(settings, modo)  # refuse before anything is started or written
        with _alone(settings, modo, quiet=json_):
            if deployment is deployments.BACKUP:
                from Modules.jobs import backup, temporada

                for one in temporada.asked(settings, campania):
                    backup.prepare(settings, str(one), modo=modo)
            else:
                from Modules.jobs import products as productos

                for one in productos.asked(settings, campania, modo):
                    productos.last_accepted(settings, str(one), modo)
            parameters = {"campania": campania, "test": test}
            result = _run_flow(settings, deployment, parameters, verbose=verbose)
        return _answer(result, as_json=json_)

    return run_it


TRAE = "Trae una campaña, la revisa, guarda el backup y lo publica."
run.command(_of_a_campania("backup"), name="backup", help=TRAE)
for made in dict.fromkeys(one.comando for one in registry.PRODUCTOS):
    what = f"{'Rehace' if made == CADA_NOCHE else 'Arma'} {registry.lista(made)}"
    run.command(_of_a_campania(made), name=made, help=f"{what} con el último backup aceptado.")

INFORMA = "Escribe el informe de la campaña con el último backup aceptado."
run.command(_of_a_campania("informe-campania"), name="informe-campania", help=INFORMA)


@run.command(name="marcadores-a-jira")
def run_marcadores(
    *,
    campania: Campanias = None,
    solo_validar: Annotated[bool, Parameter(negative="--crear", show_default=False)] = True,
    max_tareas: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    test: Test = False,
    json_: Json = False,
    verbose: Verbose = False,
) -> int:
    """Anota qué tareas se cerraron en Jira y, con --crear, hace las de los marcadores graves.

    Args:
        solo_validar: Dice qué haría y no escribe en Jira; --crear lo hace.
        max_tareas: Cuántas tareas crear como mucho; el resto queda para la próxima corrida.
    """
    given = {"campania": campania, "solo_validar": solo_validar, "max_tareas": max_tareas}
    with _progress(quiet=json_), _orderly_end():
        parameters = {**given, "test": test}
        result = _run_flow(load_settings(), deployments.MARCADORES, parameters, verbose=verbose)
    return _answer(result, as_json=json_)


@run.command(name="backup-empresas")
def run_empresas(*, test: Test = False, json_: Json = False, verbose: Verbose = False) -> int:
    """Hace el backup de cada empresa de LINDERO_EMPRESAS, repartidas en corridas."""
    with _progress(quiet=json_), _orderly_end():
        result = _run_flow(load_settings(), deployments.EMPRESAS, {"test": test}, verbose=verbose)
    return _answer(result, as_json=json_)


@run.command(name="mapas-empresas")
def run_mapas_empresas(*, test: Test = False, json_: Json = False, verbose: Verbose = False) -> int:
    """Arma los KMZ y los hexágonos de cada empresa de LINDERO_EMPRESAS con su último backup."""
    with _progress(quiet=json_), _orderly_end():
        all_maps = deployments.MAPAS_EMPRESAS
        result = _run_flow(load_settings(), all_maps, {"test": test}, verbose=verbose)
    return _answer(result, as_json=json_)


@run.command(name="verificar")
def run_verificar(*, test: OfTrials = False, json_: Json = False, verbose: Verbose = False) -> int:
    """Lee los backups, ensaya una restauración, revisa las copias y quita lo viejo."""
    settings = load_settings()
    with _alone(settings, Modo.of(test=test), quiet=json_):
        result = _run_flow(settings, deployments.VERIFICAR, {"test": test}, verbose=verbose)
    return _answer(result, as_json=json_)


@run.command(name="plan-muestreo")
def run_plan_muestreo(
    *,
    mes: str | None = None,
    campania: Campania = None,
    solo_validar: Annotated[bool, Parameter(negative="--crear", show_default=False)] = True,
    campos: Annotated[list[str] | None, Parameter(negative="")] = None,
    max_tareas: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    test: Test = False,
    demo: Annotated[bool, Parameter(negative="")] = False,
    json_: Json = False,
    verbose: Verbose = False,
) -> int:
    """Hace en Jira una tarea por fila del plan de muestreo del mes, y anota su clave en la fila.

    Args:
        mes: Noviembre 2026 o 2026-11; sin nada, el mes en curso.
        solo_validar: Dice qué haría y no escribe en Jira ni en la planilla; --crear lo hace.
        campos: Un campo a tomar, por nombre, código o id; se puede repetir. Sin nada, todos.
        max_tareas: Cuántas tareas crear como mucho; el resto queda para la próxima corrida.
        demo: Lo muestra todo con una empresa, un Drive y un Jira inventados, en test_outputs/demo.
    """
    parameters: dict[str, Any] = {
        **{"mes": mes, "campania": campania, "solo_validar": solo_validar and not demo},
        **{"campos": campos or [], "max_tareas": max_tareas, "test": test or demo},
    }
    with _progress(quiet=json_), _orderly_end(), ExitStack() as stack:
        show: Callable[[], None] | None = None
        if demo:
            from Modules.cli.plan_demo import made_up

            show = stack.enter_context(made_up(mes))
        result = _run_flow(load_settings(), deployments.PLAN, parameters, verbose=verbose)
        code = _answer(result, as_json=json_)
        if show is not None and not json_ and not result["error"]:
            show()
            result = _run_flow(load_settings(), deployments.PLAN, parameters, verbose=verbose)
            code = _answer(result, as_json=json_)
    return code


@validar.command(name="eudr")
def validar_eudr(file: Path, *, json_: Json = False) -> int:
    """Controla un GeoJSON para la declaración de diligencia debida (EUDR), regla por regla.

    Args:
        file: El archivo a controlar.
    """
    from Modules.products.eudr.check import check_eudr_file, report_text

    report = check_eudr_file(file)
    if json_:
        say_json(report.to_list())
    else:
        say(report_text(report))
    return 0 if report.passed else 1


@api.command(name="check")
def api_check(*, campania: Campania = None, test: OfTrials = False, json_: Json = False) -> int:
    """Pide una página de cada lista y dice qué está, qué falta, qué sobra y cómo se arregla."""
    from Modules.api_check.check import check_api, render
    from Modules.jobs import portal_access, temporada

    settings = load_settings()
    modo = Modo.TEST if test or settings.databaler_base_url is None else Modo.PROD
    with portal_access.open_portal(settings, modo) as access:
        season = temporada.asked_of(access, settings, campania, datetime.now(UTC))
        report = check_api(access.config, season)
    say(render(report, as_json=json_))
    return report.exit_code


@app.command(name="demo-portal")
def demo_portal(
    *,
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8799,
    campania: Campania = None,
    size: Literal["mini", "small", "company", "stress"] = "small",
    day: int = 0,
    data: Path | None = None,
    lote: str | None = None,
    campo: str | None = None,
    cultivo: str | None = None,
    markers: Path | None = None,
) -> int:
    """Levanta el portal de demostración en esta máquina, con campos inventados o propios.

    Args:
        port: Puerto local.
        size: mini, small, company o stress.
        day: Día del mundo inventado.
        data: Archivo de polígonos a servir en lugar de los inventados.
        lote: Columna con el nombre del lote.
        campo: Columna con el nombre del campo.
        cultivo: Columna con el cultivo.
        markers: Archivo de puntos a servir como marcadores de muestreo.
    """
    from Modules.demo.external import world_from_file
    from Modules.demo.running import serve_forever
    from Modules.demo.world import build_world

    season = campania or next(map(str, load_settings().lindero_campania), DEMO_CAMPANIA)
    if data is None:
        world = build_world(size, day=day, campania=season)
    else:
        world = world_from_file(
            data, lote=lote, campo=campo, cultivo=cultivo, markers=markers, campania=season, day=day
        )
    with suppress(KeyboardInterrupt):
        serve_forever(world, port=port)
    return 0


def _run_flow(
    settings: Settings, deployment: Deployment, parameters: dict[str, Any], *, verbose: bool
) -> RunResult:
    """Under Prefect where a server is configured, or a cluster asked for; else without it."""
    served = server_configured(settings)
    if settings.lindero_empresa and served:  # no run of the one company's, for whoever watches them
        _prefect_environment(settings, verbose=verbose)
        served = False  # but a block is there
    if not served and not (deployment is deployments.H3 and settings.on_a_cluster):
        from Modules.orchestration.stages import run_here

        log_to_stderr(verbose=verbose)
        return run_here(deployment, parameters)
    _prefect_environment(settings, verbose=verbose)
    from Modules.orchestration import flow_run
    from Modules.orchestration.deploy import check_server

    check_server(settings)
    module, _, name = deployment.entrypoint.partition(".py:")
    flow = getattr(importlib.import_module(module.replace("/", ".")), name)
    return flow_run.run_here(flow, parameters)


@contextmanager
def _alone(settings: Settings, modo: Modo, *, quiet: bool) -> Iterator[None]:
    """A run by hand: under the lock, ended in order, and telling what it does."""
    with _progress(quiet=quiet), _orderly_end(), early_lock(settings.lindero_state_dir, modo):
        yield


class _Terminated(BaseException):
    """SIGTERM came."""


@contextmanager
def _orderly_end() -> Iterator[None]:
    """SIGTERM undoes what a run has begun, as Ctrl-C does; then it ends this process as ever."""

    def end(_signal: int, _frame: object) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except _Terminated:
        signal.signal(signal.SIGTERM, before)
        os.kill(os.getpid(), signal.SIGTERM)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _prefect_environment(settings: Settings, *, verbose: bool) -> None:
    """Defaults for a run by hand; what the environment says already stands."""
    home = Path(os.environ.get("PREFECT_HOME", Path.home() / ".prefect"))
    home.mkdir(parents=True, exist_ok=True)
    defaults = {
        "PREFECT_LOGGING_HANDLERS_API_LEVEL": "CRITICAL",  # see ``flow_run``
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": None if verbose else "CRITICAL",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_API_URL": settings.prefect_api_url,
        "PREFECT_API_AUTH_STRING": settings.secret_text("PREFECT_SERVER_API_AUTH_STRING"),
    }
    for name, value in defaults.items():
        if value is not None:
            os.environ.setdefault(name, value)


class _Told(logging.Handler):
    """The run's log on standard error, but its end; and on a terminal the pages that come."""

    def emit(self, record: logging.LogRecord) -> None:
        recurso, page, pages = getattr(record, "page", (None, 0, None))
        with suppress(OSError):  # who read it is gone: that ends no run
            if recurso is None and record.levelno < logging.ERROR:
                sys.stderr.write(f"{record.getMessage()}\n")
            elif recurso is not None and sys.stderr.isatty():
                sys.stderr.write(f"  {recurso}: {page} de {pages or '?'} páginas".ljust(60) + "\r")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[None]:
    """Say what a run does while it does it: on standard error, and nothing beside JSON."""
    handler: logging.Handler = logging.NullHandler() if quiet else _Told()
    loggers = (corrida, logging.getLogger("Modules.progress"))  # the second: orchestration.stages'
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def _answer(result: RunResult, *, as_json: bool) -> int:
    """What a run came to, on standard output; its exit code."""
    error = result["error"]
    if as_json:
        say_json(result)
    else:
        say_markdown(result["summary"])
        if error:
            complain(error["mensaje"])
    return int(error["exit_code"]) if error else int(result["status"] == "partial")


if __name__ == "__main__":
    main()
