"""The night of many companies, or their maps: a few runs share them out, in processes of their own.

Nobody hands them out: each run (a *tanda*) goes through all of them, from a place of its own on,
and does those that have no result of this night and that nobody is at, as a lock of the kernel
tells. So where a run is killed the others do what it left, and a night that is begun again goes on.

What one portal does keeps nobody else waiting: a company whose last night went wrong comes last,
one that takes longer than ``SLOW_S`` gives its place to the next, and at LINDERO_EMPRESAS_MINUTOS
its process is ended. One whose portal cannot be reached is tried once more, at the end. Maps ask no
portal: they are made of what is kept, and of a company never while its night is on, nor the other
way round.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from time import monotonic, sleep
from typing import Any, Final

from Modules.disk.json_files import from_json, to_json
from Modules.disk.run_lock import only_one
from Modules.disk.safe_files import make_folder, write_beside
from Modules.empresas import FOLDER, Empresa
from Modules.jobs.outcome import Outcome
from Modules.settings import PROJECT_ROOT, Settings, empresas, load_settings
from Modules.words.domain import Modo
from Modules.words.errors import (
    UNEXPECTED,
    ApiUnavailable,
    DataError,
    EmpresasFailed,
    PipelineError,
    RunLocked,
    SettingsError,
)
from Modules.words.spanish import (
    corrida,
    count,
    inesperada,
    markdown,
    markdown_table,
    number,
    short,
)

logger = logging.getLogger(__name__)

SLOW_S: Final = 60.0  # of a night: who takes longer waits for its portal, and uses no processor
NIGHTS_EACH: Final = 25  # of a process, before a new one takes its place: no memory is kept
AGAIN_AFTER: Final = timedelta(minutes=2)  # what time can mend: a portal, another run's lock
TIME_MENDS: Final = (ApiUnavailable.exit_code, RunLocked.exit_code)
LOOK_S: Final = 2.0  # until a company that somebody is at is looked at again
MAX_NAMED, MAX_SAID = 20, 160  # of a run's message: companies, characters of each

Launch = Callable[[int, int], None]  # begins one of the runs that share a night: which, of how many


@dataclass(frozen=True, slots=True)
class Trabajo:
    """A kind of work that is done of every company; what its process does: ``obrero``."""

    nombre: str  # in the order to a process
    marca: str  # in the names of its files, before the mode
    titulo: str  # Spanish, as what follows
    en_curso: str
    most: int  # processes at a time, by each that should be at work


NOCHE: Final = Trabajo(
    nombre="noche",
    marca="",
    titulo="Empresas, noche",
    en_curso="el backup de las empresas está en curso; esperar a que termine",
    most=4,
)
MAPAS: Final = Trabajo(
    nombre="mapas",
    marca="mapas-",
    titulo="Mapas de las empresas,",
    en_curso="los mapas de las empresas están en curso; esperar a que terminen",
    most=1,  # one that is slow waits for no portal: it uses its processor, and memory
)


@dataclass(frozen=True, slots=True)
class Hecha:
    """What became of a company in one night."""

    noche: str
    fin: str  # RFC 3339, UTC
    codigo: int  # exit code: 0 is well
    error: str = ""  # Spanish
    intentos: int = 1

    def settles(self, noche: str, now: datetime) -> bool | None:
        """Whether nothing is left to do in this night; None: it is tried again later."""
        if self.noche != noche or self.codigo not in TIME_MENDS or self.intentos > 1:
            return self.noche == noche
        return None if now - datetime.fromisoformat(self.fin) < AGAIN_AFTER else False


def last(state: Path, modo: Modo, trabajo: Trabajo = NOCHE) -> Hecha | None:
    """What became of a company when it was last done among all; ``state`` is its own folder."""
    try:
        return Hecha(**from_json(_path(state, modo, trabajo).read_bytes(), source=state.name))
    except (OSError, DataError, TypeError):
        return None


def _path(state: Path, modo: Modo, trabajo: Trabajo) -> Path:
    return state / f"ultima-{trabajo.marca}{modo.value}.json"


def todas(
    *, test: bool, noche: str = "", launch: Launch | None = None, trabajo: Trabajo = NOCHE
) -> Outcome:
    """The night of every company, or its maps, out of its last accepted backup.

    ``launch`` begins the other runs that share them. ``noche``: what tells one night from another;
    of one that is known only what is left is done.

    Raises:
        SettingsError: no list, or it cannot be read.
        RunLocked: it is on already.
    """
    settings = load_settings()
    noche = noche or f"{datetime.now(settings.zone):%Y-%m-%dT%H:%M:%S}"
    share = Tanda(settings, Modo.of(test=test), noche, 0, settings.lindero_empresas_tandas, trabajo)
    on = RunLocked(trabajo.en_curso)
    make_folder(share.folder)
    with only_one(share.folder / f"{trabajo.marca}{share.modo.value}.lock", lambda: on):
        if launch is not None:
            for cual in range(1, share.de):
                launch(cual, share.de)
        share.run()
    return share.outcome({one.nombre: share.result(one) for one in share.companies}, share.bad)


def tanda(*, test: bool, noche: str, cual: int, de: int, trabajo: Trabajo = NOCHE) -> Outcome:
    """One of the runs that share a night; a company that failed is only a warning of it."""
    share = Tanda(load_settings(), Modo.of(test=test), noche, cual, de, trabajo)
    share.run()
    outcome = share.outcome(share.done, {})
    return replace(outcome, error=None, aviso="" if outcome.error is None else str(outcome.error))


class Tanda:
    """One run's share of a night, or of its maps; see the module for how they share."""

    def __init__(
        self,
        settings: Settings,
        modo: Modo,
        noche: str,
        cual: int,
        de: int,
        trabajo: Trabajo = NOCHE,
    ) -> None:
        self.modo, self.noche, self.de, self.trabajo = modo, noche, de, trabajo
        self.folder = settings.lindero_state_dir / FOLDER
        self.at_once = settings.lindero_empresas_a_la_vez
        self.most = trabajo.most * self.at_once
        self.limit_s = settings.lindero_empresas_minutos * 60
        found = empresas(settings)
        self.companies = [one for one in found.values() if isinstance(one, Empresa)]
        self.bad = {name: str(it) for name, it in found.items() if isinstance(it, SettingsError)}
        if not found:
            raise SettingsError("LINDERO_EMPRESAS: no hay ninguna empresa; ver docs/empresas.md")
        at = cual * len(self.companies) // de
        turned = [*self.companies[at:], *self.companies[:at]]
        turned.sort(key=lambda one: getattr(self._last(one), "codigo", 0) != 0)
        self.waiting = deque((0.0, one) for one in turned)  # each with when it is its turn
        self.done: dict[str, Hecha] = {}  # here, by name
        self.processes: list[Obrero] = []
        self.idle = deque[Obrero]()
        self.over = False

    def _state(self, one: Empresa) -> Path:
        return self.folder / one.slug

    def _last(self, one: Empresa) -> Hecha | None:
        return last(self._state(one), self.modo, self.trabajo)

    def result(self, one: Empresa) -> Hecha:
        """What became of a company in this night, whichever run did it."""
        known = self.done.get(one.nombre) or self._last(one)
        if known is None or known.noche != self.noche:
            return Hecha(self.noche, "", UNEXPECTED, "no quedó anotado qué pasó con ella")
        return known

    def run(self) -> None:
        """Go on until every company has a result."""
        going: dict[Future[bool], tuple[float, Empresa]] = {}
        with ThreadPoolExecutor(self.most) as threads:
            try:
                while self.waiting or going:
                    quick = sum(monotonic() - begun < SLOW_S for begun, _ in going.values())
                    room = min(self.at_once - quick, self.most - len(going))
                    due = [at for at, (when, _) in enumerate(self.waiting) if when <= monotonic()]
                    for at in reversed(due[: max(room, 0)]):
                        one = self.waiting[at][1]
                        del self.waiting[at]
                        going[threads.submit(self._do, one)] = (monotonic(), one)
                    for future in wait(going, LOOK_S / 4, FIRST_COMPLETED).done:
                        _, one = going.pop(future)
                        if not future.result():
                            self.waiting.append((monotonic() + LOOK_S, one))
                    if not going:
                        sleep(LOOK_S / 4)
            finally:
                self.over = True
                for process in tuple(self.processes):
                    process.end()

    def _do(self, one: Empresa) -> bool:
        """Do a company unless it is done; whether it needs no other look."""
        state, now = self._state(one), datetime.now(UTC)
        try:
            make_folder(state)
            with only_one(state / "turno.lock", lambda: RunLocked(one.nombre), 0):
                before = self._last(one)
                settled = before.settles(self.noche, now) if before is not None else False
                if settled is not False:
                    return settled is True
                again = before is not None and before.noche == self.noche
                done, resumen = self._night(one, 2 if again else 1)
                if self.over:
                    return True
                page = state / f"resumen-{self.trabajo.marca}{self.modo.value}.md"
                write_beside(page, resumen.encode(errors="replace"))
                write_beside(_path(state, self.modo, self.trabajo), to_json(asdict(done)))
        except RunLocked:
            return False
        except PipelineError as err:
            done = Hecha(self.noche, now.isoformat(), err.exit_code, str(err), 2)
        except Exception as err:  # no room for a process, say: the others go on
            logger.exception("a fault of ours at %s", one.slug)
            said = inesperada(type(err).__name__)
            done = Hecha(self.noche, now.isoformat(), UNEXPECTED, said, 2)
        self.done[one.nombre] = done
        tell = corrida.warning if done.codigo else corrida.info
        tell("%s: %s", one.nombre, done.error or "bien")
        return done.settles(self.noche, now) is True

    def _night(self, one: Empresa, intentos: int) -> tuple[Hecha, str]:
        """One night, or its maps, in a process of ours, and the summary."""
        try:
            process = self.idle.pop()
        except IndexError:
            process = Obrero()
            self.processes.append(process)
        order = [one.nombre, self.modo is Modo.TEST, self.trabajo.nombre]
        result = process.ask(order, self.limit_s)
        if result is None or process.late or process.nights >= NIGHTS_EACH:
            process.end()
            self.processes.remove(process)
        else:
            self.idle.append(process)
        codigo, error = UNEXPECTED, "Murió su proceso; lo publicado y los backups están enteros."
        if result is not None:
            failure = result["error"] or {"exit_code": 0, "detail": ""}
            codigo, error = failure["exit_code"], failure["detail"]
        elif process.late:
            codigo, intentos = ApiUnavailable.exit_code, 2
            error = f"Tardó más de {number(self.limit_s / 60, 1)} minutos, y se cortó."
        fin = datetime.now(UTC).isoformat(timespec="seconds")
        summary = "" if result is None else str(result["summary"])
        return Hecha(self.noche, fin, codigo, error, intentos), f"{summary}\n\n{error}".strip()

    def outcome(self, known: Mapping[str, Hecha], bad: Mapping[str, str]) -> Outcome:
        """What became of companies: those that failed, and why; a table of all, worst first."""
        codes = {it.codigo for it in known.values() if it.codigo} | ({2} if bad else set())
        failed = {**bad, **{name: it.error for name, it in known.items() if it.codigo}}
        well = [name for name in known if name not in failed]
        each = [f"{name}: {' '.join(said.split())[:MAX_SAID]}" for name, said in failed.items()]
        all_ = number(len(well) + len(failed))
        said = f"{count(len(failed), 'empresa', 'empresas')} de {all_}. {short(each, MAX_NAMED)}"
        rows = [("falló", *one) for one in failed.items()] + [("bien", name, "") for name in well]
        lines = [(markdown(name), markdown(why)) for name, why in failed.items()]
        return Outcome(
            data={"noche": self.noche, "bien": len(well), "fallaron": failed},
            markdown=f"# {self.trabajo.titulo} {self.noche} ({self.modo.value})\n\nBien: "
            f"**{number(len(well))}** de {all_}. De cada una: `lindero status --todas`.\n\n"
            + markdown_table(("Empresa", "Qué pasó"), lines),
            calidad=[dict(zip(("gravedad", "empresa", "qué"), row, strict=True)) for row in rows],
            error=EmpresasFailed(said, codes) if failed else None,
            parcial=bool(failed and well),
        )


class Obrero:
    """A process that does nights, or maps: see ``obrero``."""

    def __init__(self) -> None:
        paths = os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "Modules.orchestration.obrero"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": paths, "PYTHONUTF8": "1"},
            start_new_session=os.name == "posix",  # Ctrl-C reaches us, and we end it
        )
        self.nights, self.late = 0, False

    def ask(self, order: Sequence[object], limit_s: float) -> Mapping[str, Any] | None:
        """What came of an order; None where the process died, or was ended, for it was ``late``."""
        self.nights += 1
        timer = Timer(limit_s, self._too_late)
        timer.start()
        try:
            orders, answers = self.process.stdin, self.process.stdout
            if orders is None or answers is None:
                return None
            orders.write(json.dumps(order) + "\n")
            orders.flush()
            result: Mapping[str, Any] = json.loads(answers.readline())
        except (OSError, ValueError):  # nothing, or half a line
            return None
        finally:
            timer.cancel()
        return result

    def _too_late(self) -> None:
        self.late = True
        self._kill()

    def end(self) -> None:
        self._kill()
        with suppress(OSError), self.process:  # waits, and closes its pipes
            pass

    def _kill(self) -> None:
        """It, and those that it has make pieces: they would wait for ever, with their memory."""
        if os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
