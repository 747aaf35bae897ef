"""The five processes on this machine, without containers: start, look, stop.

Everything is below ``<LINDERO_STATE_DIR>/stack``: the data of PostgreSQL and Redis, Prefect's own
folder, the logs, the ports that were chosen, and the note of what runs. The API answers on
127.0.0.1:LINDERO_PORT; the other ports are free ones, remembered. The processes go on after the
command that started them; nothing starts them again by itself: ``up`` mends what has died, and
leaves alone what does its work.

A PostgreSQL or Redis whose address the settings name is used and never started or stopped.

The settings are read once, by whoever calls; the processes are told what they need by environment.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import psutil

from Modules.disk.run_lock import only_one
from Modules.disk.safe_files import make_folder
from Modules.settings import PROJECT_ROOT, Settings
from Modules.stack import databases
from Modules.stack import entry as stack_entry
from Modules.stack import plan as stack_plan
from Modules.stack.checks import Health, ill
from Modules.stack.databases import LOOPBACK
from Modules.stack.plan import SECRETS, Database, Redis
from Modules.stack.processes import (
    FOLDER_VARIABLE,
    Running,
    Spec,
    Tell,
    living_runs,
    of_stack,
    recall,
    remember,
    silently,
    start,
    stop,
    stop_strays,
    wait_until,
)
from Modules.words.errors import PipelineError, RunLocked, SettingsError, StackError
from Modules.words.secret import FILE

FULL: Final = stack_plan.PROCESSES
SINGLE: Final = ("server", "worker")  # the server holds the services, the database is SQLite
PATIENCE_S: Final = {"postgres": 60, "redis": 30, "server": 180, "services": 180, "worker": 180}
STOP_PATIENCE_S: Final = 20
# for what runs already: a worker looks again after a minute at most, a round that an outage took
MEND_PATIENCE_S: Final = 100  # comes back after 40 s (orchestration/services)
STAY_POLL_S: Final = 5
RUN_NAME: Final = "run.json"
_MINIMAL: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
_TOLD: Final = (  # the settings that a process of Prefect's needs to find the others
    *("lindero_port", "lindero_state_dir", "prefect_api_url", "tz"),
    *("prefect_postgres_db", "prefect_postgres_host", "prefect_postgres_port"),
    *("prefect_postgres_user", "prefect_redis_messaging_host", "prefect_redis_messaging_port"),
    "prefect_redis_messaging_db",
)
# what is started together, and what must do its work before the next: services needs the tables
# that the server makes; the worker waits for the server by itself, and may load meanwhile
_STEPS: Final = (
    (("postgres", "redis"), ("postgres", "redis")),
    (("server", "worker"), ("server",)),
    (("services",), ("services", "worker")),
)


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack of this machine. ``settings`` hold the addresses that were chosen for it."""

    settings: Settings
    folder: Path
    ports: Mapping[str, int]  # of postgres, redis, server, and of the worker's health
    single: bool
    outside: Mapping[str, str] = field(default_factory=dict)  # stores of others, by their host
    tell: Tell = silently  # what is waited for, and how long

    @property
    def names(self) -> tuple[str, ...]:
        """The processes of this stack, in the order in which they start."""
        return SINGLE if self.single else FULL

    @property
    def own(self) -> tuple[str, ...]:
        """Those that are started here, without the stores of others."""
        return tuple(name for name in self.names if name not in self.outside)

    def process(self, name: str) -> Running | None:
        """A process as it is remembered, whether it still runs or not."""
        return next((one for one in self._known() if one.name == name), None)

    def alive(self) -> tuple[Running, ...]:
        """The processes that run, in the order in which they start."""
        running = [one for one in self._known() if one.alive()]
        return tuple(sorted(running, key=lambda one: self.names.index(one.name)))

    def start(self, name: str) -> Running:
        """Start one process and remember it; what it needs must run already.

        Raises:
            SettingsError: PostgreSQL or Redis cannot be had here.
            StackError: it cannot be started.
        """
        running = start(self._spec(name))
        others = [one for one in self._known() if one.name != name]
        self.note([*others, running])
        return running

    def stop(self, name: str) -> bool:
        """Stop one process; whether it ran."""
        running = self.process(name)
        if running is None or not running.alive():
            return False
        stop(running, STOP_PATIENCE_S)
        return True

    def await_healthy(self, name: str, patience_s: float | None = None) -> None:
        """Wait until a process does its work.

        Raises:
            SettingsError: PostgreSQL refuses the password; waiting would not help.
            StackError: it ended, or did not get there in time.
        """
        running = self.process(name)
        if running is None:
            raise StackError(f"{name} no se levantó")
        patience_s = PATIENCE_S[name] if patience_s is None else patience_s
        log = log_of(self.settings, name)
        wait_until(lambda: self.fault(name), running, log, patience_s, self.tell)

    def health(self, name: str) -> Health:
        """Whether a process does its work."""
        running = self.process(name)
        if name not in self.outside and (running is None or not running.alive()):
            return ill("no corre")
        process = "single" if self.single and name == "server" else name
        since, port = running.started if running else None, self.ports["worker"]
        health = stack_entry.check(process, self.settings, worker_port=port, since=since)
        if name not in self.outside:
            return health
        where = f" (de afuera, en {self.outside[name]}:{self.ports[name]})"
        return replace(health, text=health.text + where)

    def fault(self, name: str) -> str | None:
        """Why a process does not do its work, None if it does; the database is made."""
        if name == "postgres":
            try:
                databases.make_database(stack_entry.database_of(self.settings))
            except StackError as err:
                return str(err)
        health = self.health(name)
        return None if health.ok else health.text

    def _known(self) -> tuple[Running, ...]:
        return recall(self.folder / RUN_NAME)[1]

    def note(self, processes: Sequence[Running]) -> None:
        """Write down what runs, and on which ports: the next start asks for the same ones."""
        facts = {"single": self.single, "ports": dict(self.ports), "outside": dict(self.outside)}
        remember(self.folder / RUN_NAME, processes, facts)

    def _spec(self, name: str) -> Spec:
        log = log_of(self.settings, name)
        if name == "postgres":
            return self._postgres(log)
        if name == "redis":
            redis = stack_entry.redis_of(self.settings)
            configuration = databases.redis_configuration(redis, self.folder / "redis")
            command = (str(databases.find_redis()), "-")  # it reads what is typed
            return Spec(name, command, self._minimal(), self.folder, log, typed=configuration)
        process = "single" if self.single and name == "server" else name
        address = ("--host", LOOPBACK, "--port", str(self.settings.lindero_port))
        entry = (sys.executable, "-m", "Modules.stack.entry", process, *address)
        return Spec(name, entry, self._told(name), PROJECT_ROOT, log)

    def _postgres(self, log: Path) -> Spec:
        data = self.folder / "postgres"
        postgres = databases.find_postgres(data)
        account = databases.account_for(postgres, data)
        database = stack_entry.database_of(self.settings)
        databases.make_database_folder(postgres, data, database, account)
        databases.await_reaped(data)
        command = postgres.command(data, self.ports["postgres"], self.settings.tz)
        fast = signal.SIGINT  # its "fast" stop: does not wait for clients
        return Spec("postgres", command, self._minimal(), self.folder, log, fast, account=account)

    def _minimal(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _MINIMAL if name in os.environ}
        return {**kept, "TZ": self.settings.tz, FOLDER_VARIABLE: str(self.folder)}

    def _told(self, name: str) -> dict[str, str]:
        """What the entry of one of Prefect's processes is told over what we inherited."""
        secrets = stack_entry.secrets_of("single" if self.single else name, self.settings)
        ours = {*SECRETS, *(f"{name}{FILE}" for name in SECRETS)}
        inherited = {key: value for key, value in os.environ.items() if key not in ours}
        addresses = {name.upper(): str(getattr(self.settings, name) or "") for name in _TOLD}
        return {
            **inherited,
            **{variable: value for variable, value in secrets.items() if value},
            **addresses,
            FOLDER_VARIABLE: str(self.folder),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_WORKER_WEBSERVER_PORT": str(self.ports["worker"]),
        }


def up(
    settings: Settings, *, single: bool = False, tell: Tell = silently
) -> tuple[Stack, tuple[str, ...]]:
    """Start what does not run, and wait until all of it does its work.

    What does its work is left alone. What runs and is ill is given time, and is then started anew.
    When something fails, what was started is stopped again if nothing ran before, else it all is
    left running. ``tell`` is given what is waited for.

    Returns:
        The stack, and the names of what was started: none if all of it ran.

    Raises:
        SettingsError: a secret or a store of others will not do, a port is taken, or a server
            cannot be had here.
        StackError: a process ended or did not get ready; the message names its log. Or another
            command is starting or stopping this stack.
    """
    stack_plan.check_secrets(stack_entry.secrets_of("single" if single else "server", settings))
    folder = stack_folder(settings)
    make_folder(folder)
    for private in ("logs", "prefect", "redis"):
        make_folder(folder / private)
        (folder / private).chmod(0o700)
    with only_one(folder / "stack.lock", busy):
        _refuse_another(find(settings), settings, single=single)
        stack = replace(_chosen(settings, single=single), tell=tell)
        for name, host in stack.outside.items():
            if (fault := stack.fault(name)) is not None:
                its = "PREFECT_" + {"postgres": "POSTGRES", "redis": "REDIS_MESSAGING"}[name]
                raise SettingsError(
                    f"{its}_HOST, {its}_PORT: en {host}:{stack.ports[name]} no se puede trabajar: "
                    f"{fault}; levantarlo y dejar escribir ahí a Prefect, o sacar las variables"
                )
        stack.note(stack._known())  # both copies
        return stack, _start_missing(stack, living_runs(folder, settings.lindero_state_dir))


def restart(
    settings: Settings, names: Sequence[str], *, now: bool = False, tell: Tell = silently
) -> tuple[str, ...]:
    """Stop these processes or all, start what does not run then, and wait as ``up``; what started.

    Raises:
        RunLocked: a run is at work, and not ``now``; the message says what would become of it.
        SettingsError, StackError: as ``up``; or the platform does not run.
    """
    folder = stack_folder(settings)
    stack = find(settings)
    if stack is None or not stack.alive():
        raise StackError("la plataforma no corre; levantarla: lindero stack up")
    names = names or stack.own
    if foreign := set(names) - set(stack.own):
        raise SettingsError(f"{', '.join(foreign)}: no es un proceso de esta plataforma")
    with only_one(folder / "stack.lock", busy):
        if said := _run_at_work(folder, cut="worker" in names):
            if not now:
                raise RunLocked(f"{said}; esperar a que termine, o agregar --now")
            tell(f"Atención: {said}.")
        living = () if "worker" in names else living_runs(folder, settings.lindero_state_dir)
        _stop(stack, [name for name in stack.names if name in names])
        return _start_missing(replace(stack, tell=tell), living)


def stay(settings: Settings, *, single: bool, tell: Tell) -> None:
    """Start again what dies, until this process is asked to end, and stop all of it then.

    What another command has stopped, or is starting, is left as it is.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            time.sleep(STAY_POLL_S)
            stack = find(settings)
            if stack is not None and (len(stack.alive()) < len(stack.own) or _unwatched(stack)):
                try:
                    _, started = up(settings, single=single, tell=tell)
                    if started:
                        tell(f"Se había caído, y se levantó: {', '.join(started)}")
                except PipelineError as err:  # it is tried again
                    tell(str(err))
    except KeyboardInterrupt:
        down(settings, tell=tell)


def find(settings: Settings) -> Stack | None:
    """The stack that was started here and not stopped, if any; parts of it may have died."""
    note, processes = recall(stack_folder(settings) / RUN_NAME)
    if not processes:
        return None
    single, outside = bool(note.get("single")), note.get("outside", {})
    return stack_at(settings, note["ports"], outside, single=single)


def status(settings: Settings) -> tuple[tuple[str, int | None, Health], ...]:
    """Every process of the stack, its pid if it runs, and whether it does its work."""
    stack = find(settings)
    if stack is None:
        return tuple((name, None, ill("no corre")) for name in FULL)
    pids = {one.name: one.pid for one in stack.alive()}
    return tuple((name, pids.get(name), stack.health(name)) for name in stack.names)


def down(settings: Settings, *, tell: Tell = silently) -> tuple[str, ...]:
    """Stop the stack, what needs others first; names of what ran. ``tell`` is told of a run's end.

    Raises:
        StackError: another command is starting or stopping this stack.
    """
    folder = stack_folder(settings)
    if not folder.is_dir():
        return ()
    with only_one(folder / "stack.lock", busy):
        if said := _run_at_work(folder, cut=True):
            tell(f"Atención: {said}.")
        stack = find(settings)
        stopped = () if stack is None else _stop(stack, stack.names)
        stop_strays(folder)
        if stack is not None:
            stack.note(())
        return stopped


def log_of(settings: Settings, name: str) -> Path:
    return stack_folder(settings) / "logs" / f"{name}.log"


def stack_folder(settings: Settings) -> Path:
    return settings.lindero_state_dir / "stack"


def busy() -> StackError:
    return StackError(
        "otro comando está levantando o apagando esta plataforma; esperar a que termine"
    )


def _run_at_work(folder: Path, *, cut: bool) -> str | None:
    """What becomes of the run of Prefect's that is at work; None where none is."""
    ends = "se corta con el worker: queda Crashed, y nada publicado a medias"
    waits = "sigue, y espera a que vuelva lo que se reinicia"
    if not of_stack(folder, "prefect.engine"):
        return None
    return f"hay una corrida en curso, que {ends if cut else waits}"


def _refuse_another(running: Stack | None, settings: Settings, *, single: bool) -> None:
    """Refuse to mend a stack that was started in another way."""
    if running is None or not running.alive():
        return
    if running.single != single:
        raise SettingsError("la plataforma corre de la otra manera; primero: lindero stack down")
    if running.outside != {name: store.host for name, store in stores_of_others(settings).items()}:
        raise SettingsError(
            "PREFECT_POSTGRES_HOST, PREFECT_REDIS_MESSAGING_HOST: la plataforma corre con otras; "
            "primero: lindero stack down"
        )
    port = running.settings.lindero_port
    if port != settings.lindero_port:
        raise SettingsError(
            f"LINDERO_PORT: la plataforma corre en {port}; primero: lindero stack down"
        )


def _start_missing(stack: Stack, spare: Sequence[Running] = ()) -> tuple[str, ...]:
    """End what the dead left but ``spare``, start what does not run; names of what started."""
    stop_strays(stack.folder, (*stack.alive(), *spare))
    alive = {running.name for running in stack.alive()}
    begun: list[str] = []

    def begin(name: str) -> None:
        begun.append(name)
        stack.start(name)

    try:
        for starting, awaited in _STEPS:
            for name in starting:
                if name in stack.own and name not in alive:
                    begin(name)
            for name in awaited:
                if name not in stack.own:
                    continue
                if name in alive:  # it may get well by itself, or it is started anew
                    try:
                        stack.await_healthy(name, patience_s=MEND_PATIENCE_S)
                        continue
                    except StackError as err:
                        stack.tell(f"{err}. Se lo reinicia, sólo a él")
                        stack.stop(name)
                        begin(name)
                stack.await_healthy(name)
    except BaseException:
        if alive:
            stack.tell(f"Queda corriendo: {', '.join(one.name for one in stack.alive())}")
        else:
            _stop(stack, [name for name in stack.names if name in begun])
            stop_strays(stack.folder)
        raise
    _start_watches(stack)
    return tuple(name for name in stack.names if name in begun)


def _start_watches(stack: Stack) -> None:
    for name in _unwatched(stack):
        log, command = log_of(stack.settings, name), stack_entry.watch_command(name)
        start(Spec(f"watch-{name}", command, stack._told(name), PROJECT_ROOT, log))
        stack.tell(f"Se levantó el vigía de {name}")


def _unwatched(stack: Stack) -> list[str]:
    """The processes that live and whose companion does not."""
    found = set[str]()
    for process in of_stack(stack.folder, stack_entry.WATCH):
        with suppress(psutil.Error):
            found.add(process.cmdline()[-1])
    alive = {one.name for one in stack.alive()}
    return [name for name in stack_entry.WATCHED if name in alive and name not in found]


def _stop(stack: Stack, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in reversed(names) if stack.stop(name))


def stores_of_others(settings: Settings) -> dict[str, Database | Redis]:
    """The stores whose address the settings name: they are there already, and not ours."""
    given: dict[str, Database | Redis] = {}
    if settings.prefect_postgres_host or settings.prefect_postgres_port:
        given["postgres"] = stack_entry.database_of(settings)
    if settings.prefect_redis_messaging_host or settings.prefect_redis_messaging_port:
        given["redis"] = stack_entry.redis_of(settings)
    return given


def _chosen(settings: Settings, *, single: bool) -> Stack:
    """The stack with the ports of last time where they are free, else with others."""
    note, processes = recall(stack_folder(settings) / RUN_NAME)
    alive = {one.name for one in processes if one.alive()}
    before = note.get("ports", {})
    port = settings.lindero_port
    if "server" not in alive and free_port(port) != port:
        raise SettingsError(
            f"LINDERO_PORT: otro programa usa el puerto {port} de esta máquina; cerrarlo, o "
            "elegir otro, por ejemplo LINDERO_PORT=4210"
        )
    given = stores_of_others(settings)
    if given and single:
        raise SettingsError(
            "PREFECT_POSTGRES_HOST, PREFECT_REDIS_MESSAGING_HOST: con --single no se usan; "
            "sacarlas, con sus puertos, de .env y del entorno"
        )
    ports = {"server": port} | {
        name: before[name] if name in alive and name in before else free_port(before.get(name))
        for name in ("postgres", "redis", "worker")
    }
    ports |= {name: store.port for name, store in given.items()}
    outside = {name: store.host for name, store in given.items()}
    return stack_at(settings, ports, outside, single=single)


def stack_at(
    settings: Settings, ports: Mapping[str, int], outside: Mapping[str, str], *, single: bool
) -> Stack:
    """The stack of these settings on these ports; ``outside``: hosts of the stores of others."""
    port = ports.get("server", settings.lindero_port)
    here = replace(
        settings,
        lindero_port=port,
        prefect_postgres_host=outside.get("postgres", LOOPBACK),
        prefect_postgres_port=ports.get("postgres", 0),
        prefect_redis_messaging_host=outside.get("redis", LOOPBACK),
        prefect_redis_messaging_port=ports.get("redis", 0),
        prefect_api_url=f"http://{LOOPBACK}:{port}/api",
    )
    return Stack(here, stack_folder(settings), dict(ports), single, dict(outside))


def free_port(wanted: int | None) -> int:
    """``wanted`` if it is free, else any free port of loopback."""
    for port in (wanted, 0):
        if port is not None:
            with socket.socket() as probe, suppress(OSError, OverflowError):
                if os.name != "nt":  # there it would share the port with whoever has it
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((LOOPBACK, port))
                return int(probe.getsockname()[1])
    raise StackError("esta máquina no tiene ningún puerto local libre")
