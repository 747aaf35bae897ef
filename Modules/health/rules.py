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
* Of the platform a store that is silent is said first; what needs it (scheduler, worker, pool) is
  an error only where stores and server have been well for two minutes: so long it needs to come
  back.
* A scheduled run is late ten minutes after its hour, or after the worker came back.
* With ``LINDERO_NIGHT_BY`` a night of today must lie published by that local time. The night's day
  begins at the last hour of the schedule before it; while that rule is on, age is not judged.
* What the kernel says goes over what Prefect says: a run whose lock is held lives, one whose lock
  lies free is dead.
* The backup must have a run in the future; so must every other deployment that has a schedule, is
  deployed and is not paused. A trial has no schedule.

A finding is an error where nights do not come, or cannot be judged, until somebody acts: that ends
``lindero status`` with 1. A warning heals by itself with the next good night, or is a choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from Modules.health.platform import NOTE_HOLDS, POOL, SERVER, STORES, WORKER, Part, Platform
from Modules.orchestration.dead_runs import ALIVE
from Modules.orchestration.deployments import BACKUP, WORK_POOL
from Modules.words.domain import Modo
from Modules.words.finding import Finding, Report, Severity
from Modules.words.spanish import duration, inesperada, moment, number, sentence
from Modules.words.temporada import TERMINADA

MAX_AGE: Final = timedelta(hours=26)
CLOCK_SLACK: Final = timedelta(minutes=5)
LATE_SLACK: Final = timedelta(minutes=10)  # a worker polls every ten seconds; this is no pause
SETTLING: Final = timedelta(minutes=2)  # after an outage a worker looks again within a minute
HUNG_AFTER: Final = timedelta(hours=3)
MAX_MENSAJE: Final = 300
NEED_BYTES: Final = 50 * 1024**2
LOW_BYTES: Final = 2 * 1024**3

PARTES: Final = {  # by Part.nombre: what people call it, what does not happen without it
    "postgres": ("PostgreSQL", "ninguna corrida empieza ni queda anotada"),
    "redis": ("Redis", "ninguna corrida empieza ni termina bien"),
    "server": ("Servidor de Prefect", "ninguna corrida empieza"),
    "services": ("Planificador (services)", "las próximas noches no quedan agendadas"),
    "worker": ("Worker", "ninguna corrida empieza"),
    "pool": (f"Pool {WORK_POOL}", "ninguna corrida empieza"),
}
_LEVANTAR: Final = (
    "lindero stack up, o docker compose restart y el nombre del servicio (docker compose ps dice "
    "cuál); lo publicado y los backups están enteros"
)
SIN_PAUSA: Final = "Sacarle la pausa {}, en la interfaz de Prefect"
_POOL_SIN_PAUSA: Final = SIN_PAUSA.format(f"al pool {WORK_POOL}")

BAD: Final = {"FAILED": "falló", "CRASHED": "se cortó", "CANCELLED": "fue cancelada"}
ESTADOS: Final = BAD | {
    "COMPLETED": "terminó bien",
    "RUNNING": "en curso",
    "PENDING": "por empezar",
    "CANCELLING": "se está cancelando",
    "PAUSED": "en pausa",
}
# Prefect's words for a fault that is none of our errors, or for wrong parameters, and its class
_PREFECTS: Final = re.compile(r"(?:Flow run|Validation)[^:]+:\s*(?:\w+\.)*(\w+)")
OTRA_VEZ_AHORA: Final = "se está haciendo otra vez, una sola vez, y se avisa cuando termine bien"
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
    prueba: bool = False
    despliegue: str | None = None  # id; None: started by hand, holds no place of a deployment
    id: str = ""
    otra_vez: bool = False  # made for one that died
    del_horario: bool = False  # the schedule made it
    parametros: Mapping[str, object] = field(default_factory=dict)
    vive: bool | None = None  # its process, as the kernel knows by its lock; None: not known

    @property
    def cuando(self) -> datetime:
        """When it came to its state, as near as is known."""
        return self.fin or self.inicio or self.esperada

    @property
    def dicho(self) -> str:
        """Its state as people say it; the kernel's word goes over Prefect's."""
        if self.vive is True and self.estado in BAD:
            return ESTADOS["RUNNING"]
        if self.vive is False and self.estado in ALIVE:
            return "murió"
        return ESTADOS.get(self.estado, self.estado.lower())


@dataclass(frozen=True, slots=True)
class Programa:
    """A deployment that has a schedule in the registry, and what the server makes of it."""

    deployment: str  # flow/deployment
    cuando: str  # as the registry says it, in Spanish
    desplegado: bool
    en_pausa: bool = False
    desde: datetime | None = None  # when it was first deployed
    proxima: datetime | None = None
    atrasadas: tuple[datetime, ...] = ()  # due, and nobody has begun them
    otra_vez: bool = False  # one that is done again waits to be begun
    cola_en_pausa: str = ""  # of a late run, with its pool, where somebody paused it


@dataclass(frozen=True, slots=True)
class Servidor:
    """What the Prefect server says; with ``error`` it said nothing else."""

    url: str
    error: str | None = None  # Spanish
    corridas: tuple[Run, ...] = ()  # of both modes: a trial may hold a place
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
    plataforma: Platform | None = None
    turno: str | None = None  # who holds the lock of this mode now
    libres: Mapping[str, int] = field(default_factory=dict)  # bytes, by what they are for
    noche_para: time | None = None  # local: LINDERO_NIGHT_BY

    @property
    def corridas(self) -> tuple[Run, ...]:
        """The runs of this mode that the server told of."""
        known = () if self.servidor is None else self.servidor.corridas
        return tuple(run for run in known if run.prueba is (self.modo is Modo.TEST))

    @property
    def respaldo(self) -> Programa | None:
        """The nightly backup on the server; None where that is not known."""
        known = () if self.servidor is None else self.servidor.programas
        return next((one for one in known if one.deployment == BACKUP.full_name), None)


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
    if age > MAX_AGE and _due_by(facts) is None:
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


def _night_by(facts: Facts) -> Iterator[Finding]:
    """The switch of a dead man: silence is told too."""
    span = _due_by(facts)
    last = facts.publicada
    if span is None or (last is not None and last.cuando >= span[0] - CLOCK_SLACK):
        return
    on = next((run for run in facts.corridas if run.flujo == BACKUP.flow and _lives(run)), None)
    held = "" if last is None else f" Lo publicado es del {moment(last.cuando, facts.zone)}."
    yield Finding(
        f"Falta una noche buena, que tenía que estar el {moment(span[1], facts.zone)}.{held}",
        item=f"{span[1].astimezone(facts.zone):%Y-%m-%d}",
        code="sin_noche",
        todo=f"Para traer los datos ahora: {_again(facts)}"
        if on is None
        else f"Hay una en curso, {on.nombre}: esperar a que termine",
    )


def _due_by(facts: Facts) -> tuple[datetime, datetime] | None:
    """When the night that must lie published by now was due, and by when; None: no such night."""
    programa = facts.respaldo
    hour = BACKUP.hora
    if facts.modo is not Modo.PROD or facts.noche_para is None or hour is None:
        return None
    if facts.servidor is None or (facts.servidor.error is None and programa is None):
        return None
    if programa is not None and (programa.en_pausa or not programa.desplegado):
        return None
    by = _last_at(facts.noche_para, facts.zone, facts.ahora)
    due = _last_at(hour, ZoneInfo(BACKUP.timezone), by)
    new = programa is not None and programa.desde is not None and programa.desde > due
    return None if new else (due, by)


def _last_at(hour: time, zone: ZoneInfo, before: datetime) -> datetime:
    """The last moment, up to ``before``, at which the clocks there showed this hour."""
    day = before.astimezone(zone)
    days = (datetime.combine(day - timedelta(days=n), hour, zone) for n in range(3))
    return next(one for one in days if one.timestamp() <= before.timestamp())


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
            item=night.snapshot,
            code="noche_rechazada",
            todo=f"Ver por qué: lindero backups show {night.snapshot}{facts.modo.flag}. Si los "
            f"datos están bien: lindero backups accept {night.snapshot}{facts.modo.flag} "
            '--reason "…"',
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
    elif server is not None and server.error is not None and not _ill(facts, *STORES):
        yield Finding(
            sentence(f"El servidor de Prefect ({server.url}) {server.error}"),
            code="servidor",
            todo="Ver si está levantado (lindero stack status, o docker compose ps); si no: "
            "lindero stack up, o docker compose up -d",
        )


def _platform(facts: Facts) -> Iterator[Finding]:
    seen = facts.plataforma
    if seen is None:
        return
    below = [one for one in seen.partes if one.nombre in (*STORES, SERVER)]
    settled = all(one.desde is None or seen.cuando - one.desde >= SETTLING for one in below)
    first = seen.ill(*STORES, SERVER)
    for part in seen.partes:
        if part.mal is None or part.nombre == SERVER:
            continue  # of the server ``_server`` tells
        if part.nombre in STORES:
            yield part_ill(part, facts.zone)
        elif not first:
            yield part_ill(part, facts.zone, Severity.ERROR if settled else Severity.WARNING)
    if facts.modo is Modo.PROD:
        yield from watched(seen, facts.zone)


def watched(seen: Platform, zone: ZoneInfo) -> Iterator[Finding]:
    """Whether the nights are watched; nothing if they are."""
    if seen.ronda is not None and seen.cuando - seen.ronda > NOTE_HOLDS:
        since = moment(seen.ronda, zone)
        what = f"Nadie vigila las noches desde el {since}: murió quien vigilaba, o se colgó."
        yield Finding(what, code="sin_vigia", todo=_LEVANTAR)
    elif seen.nota is not None and seen.cuando - seen.nota > NOTE_HOLDS:
        since = moment(seen.nota, zone)
        what = f"El vigía de services no mira desde el {since}: services no anda, o murió su vigía."
        yield Finding(what, code="sin_vigia", todo=_LEVANTAR)
    elif seen.nota is None and seen.part(STORES[1]) is None and not seen.ill(*STORES, SERVER):
        yield Finding(
            "Desde acá no se ven Redis ni el planificador, y nadie los vigila.",
            Severity.WARNING,
            code="sin_vigia",
            todo="Si el servidor es de Lindero, actualizarlo y levantarlo: " + _LEVANTAR,
        )


def part_ill(part: Part, zone: ZoneInfo, severity: Severity = Severity.ERROR) -> Finding:
    """A part of the platform that does not work, and what that keeps from being done."""
    name, lost = PARTES[part.nombre]
    last = "" if part.senal is None else f" desde el {moment(part.senal, zone)}"
    soon = "" if severity is Severity.ERROR else " Los otros volvieron recién: puede volver solo."
    return Finding(
        f"{name}: {part.mal}{last}; {lost}.{soon}",
        severity,
        code=f"plataforma_{part.nombre}",
        todo=_POOL_SIN_PAUSA if _paused(part) else _LEVANTAR,
    )


def _paused(part: Part | None) -> bool:
    return part is not None and "pausa" in (part.mal or "")


def _ill(facts: Facts, *names: str) -> bool:
    return facts.plataforma is not None and facts.plataforma.ill(*names)


def _room(facts: Facts) -> Iterator[Finding]:
    for what, free in facts.libres.items():
        if free < LOW_BYTES:
            yield Finding(
                f"{what}: quedan {number(free / 1024**3, 1)} GB libres.",
                Severity.ERROR if free < NEED_BYTES else Severity.WARNING,
                code="espacio",
                todo="Liberar espacio: "
                + ("la próxima noche no entra" if free < NEED_BYTES else "queda poco"),
            )


def _schedules(facts: Facts) -> Iterator[Finding]:
    for programa in () if facts.servidor is None else facts.servidor.programas:
        missing = _no_run_to_come(programa) if facts.modo is Modo.PROD else None
        if missing is not None:
            what, todo = missing
            yield Finding(
                f"No hay ninguna corrida futura de {programa.deployment}: {what}.",
                where=programa.deployment,
                code="sin_programa",
                todo=todo,
            )
        if late := [due for due in programa.atrasadas if _is_late(due, facts)]:
            yield Finding(
                f"{programa.deployment}: la corrida del {moment(min(late), facts.zone)} está "
                "atrasada y nadie la toma.",
                where=programa.deployment,
                code="atrasada",
                todo=_of_late(programa, facts),
            )


def _of_late(programa: Programa, facts: Facts) -> str:
    """What to do for a run that nobody takes."""
    if _ill(facts, WORKER, SERVER, *STORES):
        return _LEVANTAR
    if facts.plataforma is not None and _paused(facts.plataforma.part(POOL)):
        return _POOL_SIN_PAUSA
    if programa.cola_en_pausa:
        return SIN_PAUSA.format(f"a la cola {programa.cola_en_pausa}")
    if _ill(facts, POOL):
        return _LEVANTAR
    return f"El worker anda y no la toma; si en unos minutos sigue igual: {_restart('worker')}"


def _is_late(due: datetime, facts: Facts) -> bool:
    """Not yet where the worker has only just begun to look."""
    worker = None if facts.plataforma is None else facts.plataforma.part(WORKER)
    back = due
    if worker is not None and worker.mal is None and worker.desde is not None:
        back = max(due, worker.desde)
    return facts.ahora - back > LATE_SLACK


def _no_run_to_come(programa: Programa) -> tuple[str, str] | None:
    """Why none is, and what to do; None where one is, or nobody wants one."""
    wanted = programa.deployment == BACKUP.full_name
    if not programa.desplegado:
        return ("no está desplegado", "lindero deploy --all") if wanted else None
    if programa.en_pausa:
        resume = SIN_PAUSA.format(f"a {programa.deployment}")
        return ("está en pausa", resume) if wanted else None
    if programa.proxima is not None:
        return None
    return (
        f"tendría que correr {programa.cuando}, y el servidor no la tiene anotada",
        f"El planificador no la anotó: {_restart('services')}; después: lindero deploy --all",
    )


def _runs(facts: Facts) -> Iterator[Finding]:
    everybody = () if facts.servidor is None else facts.servidor.corridas
    for flujo in dict.fromkeys(run.flujo for run in facts.corridas):
        runs = [run for run in facts.corridas if run.flujo == flujo]
        pending = [
            run
            for run in runs
            if run.estado in BAD and run.vive is not True and not _settled(run, runs, facts)
        ]
        by_limit = [run for run in pending if _holder(run, everybody) is not None]
        if by_limit:
            yield _cancelled_by_another(by_limit, everybody, facts)
        if rest := [run for run in pending if run not in by_limit]:
            yield _bad(max(rest, key=lambda run: run.cuando), len(rest), facts)
        yield from _of_the_kernel(runs)
        yield from _hanging(runs, facts)


def _lives(run: Run) -> bool:
    """Whether it is at work: the kernel's word goes over Prefect's."""
    return run.vive is True or (run.vive is None and run.estado in ALIVE)


def _of_the_kernel(runs: Sequence[Run]) -> Iterator[Finding]:
    """Where the kernel knows better than Prefect."""
    for run in runs:
        if run.estado in BAD and run.vive is True:
            yield Finding(
                f"{run.flujo}: Prefect dice que la corrida {run.nombre} {BAD[run.estado]}, y su "
                "proceso sigue trabajando.",
                Severity.WARNING,
                code="sigue_viva",
                todo="Esperar a que termine, y no empezar otra: lo que publique vale",
            )
        if run.estado in ALIVE and run.vive is False:
            yield Finding(
                f"{run.flujo}: la corrida {run.nombre} murió, y Prefect la cree en curso.",
                where=run.flujo,
                item=run.nombre,
                code="muerta",
                todo="Se la da por cortada en unos minutos; si no: lindero stack up, o docker "
                "compose restart prefect-worker. Lo publicado y los backups están enteros",
            )


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
        and (one.flujo, one.despliegue) == (run.flujo, run.despliegue)
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
    how = "sigue en curso" if other is None or _lives(other) else "terminó"
    if other is not None and not _lives(other) and other.estado != "COMPLETED":
        how = BAD.get(other.estado, "murió, y por unos minutos más tiene el lugar")
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
        f"{moment(run.cuando, facts.zone)}{many}. {_short(_said(run))}".rstrip(),
        where=run.flujo,
        item=f"{run.esperada.astimezone(facts.zone):%Y-%m-%d}{_kind(run)}",
        code={"FAILED": "fallida", "CRASHED": "cortada", "CANCELLED": "cancelada"}[run.estado],
        todo=_after_a_bad_run(run, facts),
    )


def _kind(run: Run) -> str:
    """What tells a night from the one done again for it, and from a run by hand of the same day."""
    return "-otra-vez" if run.otra_vez else "" if run.del_horario else "-a-mano"


def _said(run: Run) -> str:
    """Why it ended, in Spanish: as the run or the watch wrote it, or told anew for Prefect."""
    if run.estado == "FAILED":
        fault = _PREFECTS.match(run.mensaje)
        return run.mensaje if fault is None else f"Por una {inesperada(fault[1])}."
    if run.mensaje.startswith(("El ", "No corrió")):
        return run.mensaje
    if run.estado == "CANCELLED":
        return "Su lugar estaba ocupado." if _cancelled_by_limit(run) else ""
    if re.search(r"status code:? (-9|137)\b", run.mensaje):
        return "Alguien mató su proceso, o el sistema porque faltaba memoria."
    return "Su proceso murió, o no llegó a empezar; su registro en Prefect dice más."


def _after_a_bad_run(run: Run, facts: Facts) -> str:
    if any(one.otra_vez and _lives(one) and one.flujo == run.flujo for one in facts.corridas):
        return f"Nada por ahora: {OTRA_VEZ_AHORA}"
    if facts.respaldo is not None and facts.respaldo.otra_vez and run.flujo == BACKUP.flow:
        return f"No empezar otra: la que se hace otra vez espera que el worker la tome. {_LEVANTAR}"
    if facts.turno is not None:
        return f"Hay otra en curso ({facts.turno}): esperar a que termine, o cortar ese proceso"
    if _cancelled_by_limit(run):
        dead = "Ninguna otra corrida estaba en curso: una muerta tiene el lugar"
        return f"{dead}. Si en unos minutos sigue igual: {_restart('worker')}"
    look = "Mirar el resumen en la interfaz de Prefect; la próxima corrida buena borra este aviso"
    return f"{look}. Ahora: {_again(facts)}" if run.flujo == BACKUP.flow else look


def _hanging(runs: Sequence[Run], facts: Facts) -> Iterator[Finding]:
    for run in runs:
        age = facts.ahora - run.cuando
        if _lives(run) and age > HUNG_AFTER:
            yield Finding(
                f"{run.flujo}: la corrida {run.nombre} lleva {duration(age)} sin terminar.",
                where=run.flujo,
                item=run.nombre,
                code="colgada",
                todo="Mirar sus registros en la interfaz de Prefect y cancelarla si no avanza",
            )


def _again(facts: Facts) -> str:
    return f"lindero run backup{facts.modo.flag}"


def _restart(name: str) -> str:
    return f"lindero stack restart {name}, o docker compose restart prefect-{name}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_MENSAJE else line[: MAX_MENSAJE - 1] + "…"


RULES: Final[tuple[Callable[[Facts], Iterator[Finding]], ...]] = (
    _cut_short,
    _published,
    _night_by,
    _season,
    _refused,
    _server,
    _platform,
    _room,
    _schedules,
    _runs,
)  # a new rule: a function above, and its name here
