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

from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from Modules.health.known import LEVANTAR, Facts, Programa, Publicacion, again, flag, restart
from Modules.health.platform import NOTE_HOLDS, POOL, SERVER, STORES, WORKER, Part, Platform
from Modules.health.runs import lives, of_runs, short_line
from Modules.orchestration.deployments import BACKUP, EMPRESAS, WORK_POOL
from Modules.words.domain import Modo
from Modules.words.finding import Finding, Report, Severity
from Modules.words.spanish import duration, moment, number, sentence
from Modules.words.temporada import TERMINADA

MAX_AGE: Final = timedelta(hours=26)
CLOCK_SLACK: Final = timedelta(minutes=5)
LATE_SLACK: Final = timedelta(minutes=10)  # a worker polls every ten seconds; this is no pause
SETTLING: Final = timedelta(minutes=2)  # after an outage a worker looks again within a minute
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
SIN_PAUSA: Final = "Sacarle la pausa {}, en la interfaz de Prefect"
_POOL_SIN_PAUSA: Final = SIN_PAUSA.format(f"al pool {WORK_POOL}")


def judge(facts: Facts) -> Report:
    """Every finding, the worst first; none if all is well."""
    return Report.worst_first(found for rule in RULES for found in rule(facts))


def _cut_short(facts: Facts) -> Iterator[Finding]:
    for folder in facts.cortadas:
        yield Finding(
            f"{folder}: hay una publicación a medio hacer.",
            Severity.WARNING,
            code="publicacion_cortada",
            todo="Si no hay una corrida en curso, la próxima la termina; o ahora: " + again(facts),
        )


def _published(facts: Facts) -> Iterator[Finding]:
    if facts.destino_error is not None:
        yield Finding(
            f"No se alcanza la carpeta de salida: {facts.destino_error}",
            code="destino_inalcanzable",
            todo="Ver si OneDrive o el disco están montados, y después: lindero doctor",
        )
    elif facts.publicada is None:
        yield Finding("Nunca se publicó una noche.", code="nunca_publicado", todo=again(facts))
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
            + again(facts),
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
            todo=f"La próxima noche lo repone; o ahora: {again(facts)}",
        )


def _night_by(facts: Facts) -> Iterator[Finding]:
    """The switch of a dead man: silence is told too."""
    span = _due_by(facts)
    last = facts.publicada
    if span is None or (last is not None and last.cuando >= span[0] - CLOCK_SLACK):
        return
    on = next((run for run in facts.corridas if run.flujo == BACKUP.flow and lives(run)), None)
    held = "" if last is None else f" Lo publicado es del {moment(last.cuando, facts.zone)}."
    yield Finding(
        f"Falta una noche buena, que tenía que estar el {moment(span[1], facts.zone)}.{held}",
        item=f"{span[1].astimezone(facts.zone):%Y-%m-%d}",
        code="sin_noche",
        todo=f"Para traer los datos ahora: {again(facts)}"
        if on is None
        else f"Hay una en curso, {on.nombre}: esperar a que termine",
    )


def _due_by(facts: Facts) -> tuple[datetime, datetime] | None:
    """When the night that must lie published by now was due, and by when; None: no such night."""
    programa = facts.programa(BACKUP)
    hour = (EMPRESAS if facts.empresa else BACKUP).hora
    if facts.modo is not Modo.PROD or facts.noche_para is None or hour is None:
        return None
    if facts.empresa and facts.publicada is None:
        return None  # that is said, and of a new one nothing was due
    silent = facts.servidor is None or (facts.servidor.error is None and programa is None)
    if silent and not facts.empresa:
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


def _last_of_all(facts: Facts) -> Iterator[Finding]:
    """What the run of all companies made of this one, until a newer night lies published."""
    done, last = facts.ultima, facts.publicada
    if done is None or not done.codigo or facts.rechazos:
        return
    ended = datetime.fromisoformat(done.fin)
    if last is None or last.cuando < ended:
        yield Finding(
            f"La noche del {moment(ended, facts.zone)} falló. {short_line(done.error)}",
            code="fallida",
            todo=f"Ver el detalle; ahora: {again(facts)}",
        )


def _maps_of_all(facts: Facts) -> Iterator[Finding]:
    """What the weekly run of all companies made of the maps of this one, until the next run."""
    if facts.mapas is not None and facts.mapas.codigo:
        when = moment(datetime.fromisoformat(facts.mapas.fin), facts.zone)
        yield Finding(
            f"Los mapas (KMZ y H3) del {when} fallaron, todos o algunos. "
            f"{short_line(facts.mapas.error)}",
            Severity.WARNING,
            code="mapas_fallidos",
            todo="Lo que falló quedó como estaba; el aviso se va con los próximos mapas buenos de "
            f"todas. Ahora: lindero run kmz{flag(facts)}, y lindero run h3{flag(facts)}",
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
            item=night.snapshot,
            code="noche_rechazada",
            todo=f"Ver por qué: lindero backups show {night.snapshot}{flag(facts)}. Si los "
            f"datos están bien: lindero backups accept {night.snapshot}{flag(facts)} "
            '--reason "…"',
        )


def _server(facts: Facts) -> Iterator[Finding]:
    server = facts.servidor
    if server is None and facts.modo is Modo.PROD and not facts.empresa:
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
        yield Finding(what, code="sin_vigia", todo=LEVANTAR)
    elif seen.nota is not None and seen.cuando - seen.nota > NOTE_HOLDS:
        since = moment(seen.nota, zone)
        what = f"El vigía de services no mira desde el {since}: services no anda, o murió su vigía."
        yield Finding(what, code="sin_vigia", todo=LEVANTAR)
    elif seen.nota is None and seen.part(STORES[1]) is None and not seen.ill(*STORES, SERVER):
        yield Finding(
            "Desde acá no se ven Redis ni el planificador, y nadie los vigila.",
            Severity.WARNING,
            code="sin_vigia",
            todo="Si el servidor es de Lindero, actualizarlo y levantarlo: " + LEVANTAR,
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
        todo=_POOL_SIN_PAUSA if _paused(part) else LEVANTAR,
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
        return LEVANTAR
    if facts.plataforma is not None and _paused(facts.plataforma.part(POOL)):
        return _POOL_SIN_PAUSA
    if programa.cola_en_pausa:
        return SIN_PAUSA.format(f"a la cola {programa.cola_en_pausa}")
    if _ill(facts, POOL):
        return LEVANTAR
    return f"El worker anda y no la toma; si en unos minutos sigue igual: {restart('worker')}"


def _is_late(due: datetime, facts: Facts) -> bool:
    """Not yet where the worker has only just begun to look."""
    worker = None if facts.plataforma is None else facts.plataforma.part(WORKER)
    back = due
    if worker is not None and worker.mal is None and worker.desde is not None:
        back = max(due, worker.desde)
    return facts.ahora - back > LATE_SLACK


def _no_run_to_come(programa: Programa) -> tuple[str, str] | None:
    """Why none is, and what to do; None where one is, or nobody wants one."""
    wanted = programa.deployment in (BACKUP.full_name, EMPRESAS.full_name)
    if not programa.desplegado:
        return ("no está desplegado", "lindero deploy --all") if wanted else None
    if programa.en_pausa:
        resume = SIN_PAUSA.format(f"a {programa.deployment}")
        return ("está en pausa", resume) if wanted else None
    if programa.proxima is not None:
        return None
    return (
        f"tendría que correr {programa.cuando}, y el servidor no la tiene anotada",
        f"El planificador no la anotó: {restart('services')}; después: lindero deploy --all",
    )


RULES: Final[tuple[Callable[[Facts], Iterator[Finding]], ...]] = (
    _last_of_all,
    _maps_of_all,
    _cut_short,
    _published,
    _night_by,
    _season,
    _refused,
    _server,
    _platform,
    _room,
    _schedules,
    of_runs,
)  # a new rule: a function above, and its name here
