"""Whether the nights are well: rules over facts, each finding in Spanish with what to do.

Pure: whoever calls gathers the facts (``Modules.health.facts``) and passes the time in. Times are
timezone-aware. What the rules say, exactly:

* The last good publication is the newest accepted snapshot that lies published. It is old when its
  data are older than 26 hours: a night and two hours of grace.
* A run that failed, crashed or was cancelled is a finding until a good run that was due later ends,
  or a person accepts what it had refused, or a newer night is published outside the server.
* Two starts at once: the one that the limit of one run cancelled is a warning while the other runs,
  and also when that one ended well, because it was due no later. The next good night clears it.
  Where nothing else ran it is a fault: something dead holds the place.
* The backup must have a run in the future; so must every other deployment that has a schedule, is
  deployed and is not paused. A trial has no schedule.

A finding is an error where nights do not come, or cannot be judged, until somebody acts: that ends
``lindero status`` with 1. A warning heals by itself with the next good night, or is a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from Modules.orchestration.deployments import BACKUP
from Modules.words.domain import Modo
from Modules.words.finding import Finding, Report, Severity
from Modules.words.spanish import duration, moment
from Modules.words.temporada import TERMINADA

MAX_AGE: Final = timedelta(hours=26)
CLOCK_SLACK: Final = timedelta(minutes=5)
LATE_SLACK: Final = timedelta(minutes=15)  # a worker polls every ten seconds; this is no pause
HUNG_AFTER: Final = timedelta(hours=3)
MAX_MENSAJE: Final = 300

BAD: Final = {"FAILED": "falló", "CRASHED": "se cortó", "CANCELLED": "fue cancelada"}
ALIVE: Final = ("RUNNING", "PENDING", "CANCELLING")
LIMIT_REACHED: Final = "concurrency limit"  # in Prefect's message of a run that CANCEL_NEW ended


@dataclass(frozen=True, slots=True)
class Publicacion:
    """The newest night that lies published."""

    snapshot: str
    campania: str
    cuando: datetime  # of the data: when the night was kept
    carpeta: str
    intacta: bool = True  # every file is as it was left
    aceptada_a_mano: datetime | None = None
    terminada: Mapping[str, str] | None = None  # "que", "hacer": its campaña ended, another is on


@dataclass(frozen=True, slots=True)
class Rechazo:
    """A night in quarantine that is newer than the last accepted one of its campaña."""

    snapshot: str
    campania: str
    cuando: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One run that the server knows; ``estado`` is Prefect's type of state."""

    flujo: str
    nombre: str
    estado: str
    esperada: datetime
    inicio: datetime | None = None
    fin: datetime | None = None  # of the state, where it is final
    mensaje: str = field(default="", repr=False)

    @property
    def cuando(self) -> datetime:
        """When it came to its state, as near as is known."""
        return self.fin or self.inicio or self.esperada


@dataclass(frozen=True, slots=True)
class Programa:
    """A deployment that has a schedule in the registry, and what the server makes of it."""

    deployment: str  # flow/deployment
    cuando: str  # as the registry says it, in Spanish
    desplegado: bool
    en_pausa: bool = False
    proxima: datetime | None = None
    atrasadas: tuple[datetime, ...] = ()  # due, and nobody has begun them


@dataclass(frozen=True, slots=True)
class Servidor:
    """What the Prefect server says; with ``error`` it said nothing else."""

    url: str
    error: str | None = None  # Spanish
    corridas: tuple[Run, ...] = ()
    programas: tuple[Programa, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known at one moment."""

    ahora: datetime
    zone: ZoneInfo
    modo: Modo = Modo.PROD
    publicada: Publicacion | None = None
    destino_error: str | None = None
    rechazos: tuple[Rechazo, ...] = ()
    cortadas: tuple[str, ...] = ()  # folders whose publication was cut short
    servidor: Servidor | None = None  # None: none is configured

    @property
    def corridas(self) -> tuple[Run, ...]:
        """The runs that the server told of."""
        return () if self.servidor is None else self.servidor.corridas


def judge(facts: Facts) -> Report:
    """Every finding, the worst first; none if all is well."""
    return Report.worst_first(found for rule in RULES for found in rule(facts))


def _cut_short(facts: Facts) -> Iterator[Finding]:
    for folder in facts.cortadas:
        yield Finding(
            f"{folder}: hay una publicación a medio hacer.",
            Severity.WARNING,
            code="publicacion_cortada",
            todo="Si no hay una corrida en curso, la próxima la termina; o ahora: " + _again(facts),
        )


def _published(facts: Facts) -> Iterator[Finding]:
    if facts.destino_error is not None:
        yield Finding(
            f"No se alcanza la carpeta de salida: {facts.destino_error}",
            code="destino_inalcanzable",
            todo="Ver si OneDrive o el disco están montados, y después: lindero doctor",
        )
    elif facts.publicada is None:
        yield Finding("Nunca se publicó una noche.", code="nunca_publicado", todo=_again(facts))
    else:
        yield from _last(facts, facts.publicada)


def _last(facts: Facts, last: Publicacion) -> Iterator[Finding]:
    age = facts.ahora - last.cuando
    when = moment(last.cuando, facts.zone)
    if age > MAX_AGE:
        yield Finding(
            f"Lo publicado es del {when}: tiene {duration(age)}, y el máximo es "
            f"{duration(MAX_AGE)}.",
            code="publicacion_vieja",
            todo="Mirar qué pasó con la última corrida; para traer los datos ahora: "
            + _again(facts),
        )
    if age < -CLOCK_SLACK:  # while the clock is wrong no age can be told: nothing would be old
        yield Finding(
            f"Lo publicado es del {when}, que todavía no llegó.",
            code="reloj",
            todo="Revisar la fecha y la hora de esta máquina",
        )
    if not last.intacta:
        yield Finding(
            f"En {last.carpeta} falta o cambió algún archivo desde que se publicó.",
            Severity.WARNING,
            code="publicacion_cambiada",
            todo=f"La próxima noche lo repone; o ahora: {_again(facts)}",
        )


def _season(facts: Facts) -> Iterator[Finding]:
    if facts.publicada is not None and facts.publicada.terminada:
        said = facts.publicada.terminada
        what = f"{said['que'][:1].upper()}{said['que'][1:]}."
        yield Finding(what, Severity.WARNING, code=TERMINADA, todo=said["hacer"])


def _refused(facts: Facts) -> Iterator[Finding]:
    for night in facts.rechazos:
        yield Finding(
            f"La noche del {moment(night.cuando, facts.zone)} ({night.campania}) fue rechazada y "
            f"está en cuarentena: {night.snapshot}. Lo publicado antes sigue como estaba.",
            code="noche_rechazada",
            todo="Mirar por qué en el resumen de la corrida. Si los datos están bien: lindero "
            f'backups accept {night.snapshot}{facts.modo.flag} --reason "…"',
        )


def _server(facts: Facts) -> Iterator[Finding]:
    server = facts.servidor
    if server is None and facts.modo is Modo.PROD:
        yield Finding(
            "No hay un servidor de Prefect configurado: no se conoce ningún horario.",
            Severity.WARNING,
            code="sin_servidor",
            todo="Poner PREFECT_API_URL en .env, o levantar el servidor: lindero stack up",
        )
    elif server is not None and server.error is not None:
        yield Finding(
            f"El servidor de Prefect ({server.url}) {server.error}.",
            code="servidor",
            todo="Ver si está levantado (lindero stack status, o docker compose ps); si no: "
            "lindero stack up, o docker compose up -d",
        )


def _schedules(facts: Facts) -> Iterator[Finding]:
    for programa in () if facts.servidor is None else facts.servidor.programas:
        missing = _no_run_to_come(programa) if facts.modo is Modo.PROD else None
        if missing is not None:
            what, todo = missing
            yield Finding(
                f"No hay ninguna corrida futura de {programa.deployment}: {what}.",
                code="sin_programa",
                todo=todo,
            )
        if late := [due for due in programa.atrasadas if facts.ahora - due > LATE_SLACK]:
            yield Finding(
                f"{programa.deployment}: la corrida del {moment(min(late), facts.zone)} está "
                "atrasada y nadie la toma.",
                code="atrasada",
                todo="El worker no está corriendo: lindero stack up, o docker compose up -d",
            )


def _no_run_to_come(programa: Programa) -> tuple[str, str] | None:
    """Why none is, and what to do; None where one is, or nobody wants one."""
    wanted = programa.deployment == BACKUP.full_name
    if not programa.desplegado:
        return ("no está desplegado", "lindero deploy --all") if wanted else None
    if programa.en_pausa:
        todo = "Sacarle la pausa en la interfaz de Prefect"
        return ("está en pausa", todo) if wanted else None
    if programa.proxima is not None:
        return None
    return (
        f"tendría que correr {programa.cuando}, y el servidor no la tiene anotada",
        "El programador del servidor no anda: reiniciar prefect-services (docker compose "
        "restart prefect-services, o lindero stack down y up); después: lindero deploy --all",
    )


def _runs(facts: Facts) -> Iterator[Finding]:
    for flujo in dict.fromkeys(run.flujo for run in facts.corridas):
        runs = [run for run in facts.corridas if run.flujo == flujo]
        pending = [run for run in runs if run.estado in BAD and not _settled(run, runs, facts)]
        by_limit = [run for run in pending if _holder(run, runs) is not None]
        if by_limit:
            yield _cancelled_by_another(by_limit, runs, facts)
        if rest := [run for run in pending if run not in by_limit]:
            yield _bad(max(rest, key=lambda run: run.cuando), len(rest), facts)
        yield from _hanging(runs, facts)


def _settled(run: Run, runs: Sequence[Run], facts: Facts) -> bool:
    """Whether something good came after a bad run, so that nobody needs to hear of it."""
    if any(one.estado == "COMPLETED" and one.esperada > run.cuando for one in runs):
        return True
    last = facts.publicada
    if last is None or run.flujo != BACKUP.flow:
        return False
    if last.aceptada_a_mano is not None and last.aceptada_a_mano > run.cuando:
        return _during(last.cuando, run, facts.ahora) or last.cuando > run.cuando
    outside = not any(_during(last.cuando, one, facts.ahora) for one in runs)
    return outside and last.cuando > run.cuando


def _during(when: datetime, run: Run, now: datetime) -> bool:
    if run.inicio is None:
        return False
    return run.inicio <= when <= (now if run.estado in ALIVE else run.cuando)


def _holder(run: Run, runs: Sequence[Run]) -> Run | None:
    """The run that held the one place when the limit cancelled this one; None if none did."""
    if not _cancelled_by_limit(run):
        return None
    holders = (
        one
        for one in runs
        if one is not run
        and (one.estado in ALIVE or one.inicio is not None)
        and min(one.esperada, one.inicio or one.esperada) <= run.cuando
        and (one.estado in ALIVE or run.cuando <= one.cuando)
    )
    return max(holders, key=lambda one: one.cuando, default=None)


def _cancelled_by_limit(run: Run) -> bool:
    return run.estado == "CANCELLED" and LIMIT_REACHED in run.mensaje.lower()


def _cancelled_by_another(cancelled: Sequence[Run], runs: Sequence[Run], facts: Facts) -> Finding:
    newest = max(cancelled, key=lambda run: run.cuando)
    other = _holder(newest, runs)
    name = "" if other is None else other.nombre
    how = "sigue en curso" if other is None or other.estado in ALIVE else "terminó"
    if other is not None and other.estado in BAD:
        how = BAD[other.estado]
    many = "" if len(cancelled) == 1 else f" (y {len(cancelled) - 1} más)"
    return Finding(
        f"{newest.flujo}: la corrida {newest.nombre}{many} fue cancelada el "
        f"{moment(newest.cuando, facts.zone)} porque otra estaba en curso: {name}, que {how}.",
        Severity.WARNING,
        code="cancelada_por_otra",
        todo="Nada, si no hacían falta las dos; el aviso se va con la próxima noche buena",
    )


def _bad(run: Run, how_many: int, facts: Facts) -> Finding:
    many = "" if how_many == 1 else f" (van {how_many} sin una buena después)"
    return Finding(
        f"{run.flujo}: la corrida {run.nombre} {BAD[run.estado]} el "
        f"{moment(run.cuando, facts.zone)}{many}. {_short(run.mensaje)}".rstrip(),
        code={"FAILED": "fallida", "CRASHED": "cortada", "CANCELLED": "cancelada"}[run.estado],
        todo=_after_a_bad_run(run, facts),
    )


def _after_a_bad_run(run: Run, facts: Facts) -> str:
    if _cancelled_by_limit(run):
        return (
            "Ninguna otra corrida estaba en curso: una muerta tiene el lugar. Reiniciar el worker "
            "(docker compose restart prefect-worker, o lindero stack down y up)"
        )
    look = "Mirar el resumen en la interfaz de Prefect; la próxima corrida buena borra este aviso"
    return f"{look}. Ahora: {_again(facts)}" if run.flujo == BACKUP.flow else look


def _hanging(runs: Sequence[Run], facts: Facts) -> Iterator[Finding]:
    for run in runs:
        age = facts.ahora - run.cuando
        if run.estado in ALIVE and age > HUNG_AFTER:
            yield Finding(
                f"{run.flujo}: la corrida {run.nombre} lleva {duration(age)} sin terminar.",
                code="colgada",
                todo="Mirar sus registros en la interfaz de Prefect y cancelarla si no avanza",
            )


def _again(facts: Facts) -> str:
    return f"lindero run backup{facts.modo.flag}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_MENSAJE else line[: MAX_MENSAJE - 1] + "…"


RULES: Final[tuple[Callable[[Facts], Iterator[Finding]], ...]] = (
    _cut_short,
    _published,
    _season,
    _refused,
    _server,
    _schedules,
    _runs,
)  # a new rule: a function above, and its name here
