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
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from Modules.orchestration.deployments import BACKUP
from Modules.words.domain import Modo
from Modules.words.spanish import moment

MAX_AGE: Final = timedelta(hours=26)
CLOCK_SLACK: Final = timedelta(minutes=5)
LATE_SLACK: Final = timedelta(minutes=15)  # a worker polls every ten seconds; this is no pause
HUNG_AFTER: Final = timedelta(hours=3)
MAX_MENSAJE: Final = 300

BAD: Final = {"FAILED": "falló", "CRASHED": "se cortó", "CANCELLED": "fue cancelada"}
ALIVE: Final = ("RUNNING", "PENDING", "CANCELLING")
LIMIT_REACHED: Final = "concurrency limit"  # in Prefect's message of a run that CANCEL_NEW ended


class Nivel(StrEnum):
    """How bad a finding is; either makes ``lindero status`` end with 1."""

    AVISO = "aviso"
    MAL = "mal"


@dataclass(frozen=True, slots=True)
class Hallazgo:
    """One thing that is not well; ``codigo`` is for machines and stays the same."""

    codigo: str
    nivel: Nivel
    que: str
    que_hacer: str


@dataclass(frozen=True, slots=True)
class Publicacion:
    """The newest night that lies published."""

    snapshot: str
    campania: str
    cuando: datetime  # of the data: when the night was kept
    carpeta: str
    intacta: bool = True  # every file is as it was left
    aceptada_a_mano: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rechazo:
    """A night in quarantine that is newer than the last accepted one of its campaña."""

    snapshot: str
    campania: str
    cuando: datetime


@dataclass(frozen=True, slots=True)
class Corrida:
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
    corridas: tuple[Corrida, ...] = ()
    programas: tuple[Programa, ...] = ()


@dataclass(frozen=True, slots=True)
class Hechos:
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
    def corridas(self) -> tuple[Corrida, ...]:
        """The runs that the server told of."""
        return () if self.servidor is None else self.servidor.corridas


def revisar(hechos: Hechos) -> tuple[Hallazgo, ...]:
    """Every finding, the worst first; none if all is well."""
    found = [
        *_publicacion(hechos),
        *_rechazos(hechos),
        *_servidor(hechos),
        *_programas(hechos),
        *_todas_las_corridas(hechos),
    ]
    return tuple(sorted(found, key=lambda one: one.nivel is not Nivel.MAL))


def exit_code(hallazgos: Sequence[Hallazgo]) -> int:
    """0 if there is nothing to say, 1 otherwise: a warning is said to whoever watches, too."""
    return 1 if hallazgos else 0


# --- what lies on the disk -----------------------------------------------------------------------


def _publicacion(hechos: Hechos) -> Iterator[Hallazgo]:
    again = _otra_vez(hechos)
    for folder in hechos.cortadas:
        yield Hallazgo(
            "publicacion_cortada",
            Nivel.AVISO,
            f"{folder}: hay una publicación a medio hacer.",
            f"Si no hay una corrida en curso, la próxima la termina; o ahora: {again}",
        )
    if hechos.destino_error is not None:
        yield Hallazgo(
            "destino_inalcanzable",
            Nivel.MAL,
            f"No se alcanza la carpeta de salida: {hechos.destino_error}",
            "Ver si OneDrive o el disco están montados, y después: lindero doctor",
        )
    elif hechos.publicada is None:
        yield Hallazgo("nunca_publicado", Nivel.MAL, "Nunca se publicó una noche.", again)
    else:
        yield from _ultima(hechos, hechos.publicada, again)


def _ultima(hechos: Hechos, publicada: Publicacion, again: str) -> Iterator[Hallazgo]:
    age = hechos.ahora - publicada.cuando
    when = moment(publicada.cuando, hechos.zone)
    if age > MAX_AGE:
        yield Hallazgo(
            "publicacion_vieja",
            Nivel.MAL,
            f"Lo publicado es del {when}: tiene {edad(age)}, y el máximo es {edad(MAX_AGE)}.",
            f"Mirar qué pasó con la última corrida; para traer los datos ahora: {again}",
        )
    if age < -CLOCK_SLACK:
        yield Hallazgo(
            "reloj",
            Nivel.AVISO,
            f"Lo publicado es del {when}, que todavía no llegó.",
            "Revisar la fecha y la hora de esta máquina",
        )
    if not publicada.intacta:
        yield Hallazgo(
            "publicacion_cambiada",
            Nivel.AVISO,
            f"En {publicada.carpeta} falta o cambió algún archivo desde que se publicó.",
            f"La próxima noche lo repone; o ahora: {again}",
        )


def _rechazos(hechos: Hechos) -> Iterator[Hallazgo]:
    for rechazo in hechos.rechazos:
        yield Hallazgo(
            "noche_rechazada",
            Nivel.MAL,
            f"La noche del {moment(rechazo.cuando, hechos.zone)} ({rechazo.campania}) fue "
            f"rechazada y está en cuarentena: {rechazo.snapshot}. Lo publicado antes sigue como "
            "estaba.",
            f"Mirar por qué en el resumen de la corrida. Si los datos están bien: lindero backups "
            f'accept {rechazo.snapshot}{hechos.modo.flag} --reason "…"',
        )


# --- what the server says ------------------------------------------------------------------------


def _servidor(hechos: Hechos) -> Iterator[Hallazgo]:
    if hechos.servidor is None and hechos.modo is Modo.PROD:
        yield Hallazgo(
            "sin_servidor",
            Nivel.AVISO,
            "No hay un servidor de Prefect configurado: no se conoce ningún horario.",
            "Poner PREFECT_API_URL en .env, o levantar el servidor: lindero stack up",
        )
    elif hechos.servidor is not None and hechos.servidor.error is not None:
        yield Hallazgo(
            "servidor",
            Nivel.MAL,
            f"El servidor de Prefect ({hechos.servidor.url}) {hechos.servidor.error}.",
            "Ver si está levantado (lindero stack status, o docker compose ps); si no: lindero "
            "stack up, o docker compose up -d",
        )


def _programas(hechos: Hechos) -> Iterator[Hallazgo]:
    servidor = hechos.servidor
    if servidor is None or servidor.error is not None:
        return
    for programa in servidor.programas:
        if hechos.modo is Modo.PROD:
            yield from _programa(programa)
        if late := [due for due in programa.atrasadas if hechos.ahora - due > LATE_SLACK]:
            yield Hallazgo(
                "atrasada",
                Nivel.MAL,
                f"{programa.deployment}: la corrida del {moment(min(late), hechos.zone)} está "
                "atrasada y nadie la toma.",
                "El worker no está corriendo: lindero stack up, o docker compose up -d",
            )


def _programa(programa: Programa) -> Iterator[Hallazgo]:
    is_backup = programa.deployment == BACKUP.full_name
    if not programa.desplegado:
        if is_backup:
            what, todo = "no está desplegado", "lindero deploy --all"
            yield _sin_programa(programa, what, todo)
    elif programa.en_pausa:
        if is_backup:
            todo = "Sacarle la pausa en la interfaz de Prefect"
            yield _sin_programa(programa, "está en pausa", todo)
    elif programa.proxima is None:
        yield _sin_programa(
            programa,
            f"tendría que correr {programa.cuando}, y el servidor no la tiene anotada",
            "El programador del servidor no anda: reiniciar prefect-services (docker compose "
            "restart prefect-services, o lindero stack down y up); después: lindero deploy --all",
        )


def _sin_programa(programa: Programa, what: str, todo: str) -> Hallazgo:
    return Hallazgo(
        "sin_programa",
        Nivel.MAL,
        f"No hay ninguna corrida futura de {programa.deployment}: {what}.",
        todo,
    )


def _todas_las_corridas(hechos: Hechos) -> Iterator[Hallazgo]:
    for flujo in dict.fromkeys(run.flujo for run in hechos.corridas):
        runs = [run for run in hechos.corridas if run.flujo == flujo]
        pending = [run for run in runs if run.estado in BAD and not _superada(run, runs, hechos)]
        by_limit = [run for run in pending if _la_otra(run, runs) is not None]
        if by_limit:
            yield _cancelada_por_otra(by_limit, runs, hechos)
        if rest := [run for run in pending if run not in by_limit]:
            yield _mala(max(rest, key=lambda run: run.cuando), len(rest), hechos)
        yield from _colgadas(runs, hechos)


def _superada(run: Corrida, runs: Sequence[Corrida], hechos: Hechos) -> bool:
    """Whether something good came after a bad run, so that nobody needs to hear of it."""
    if any(one.estado == "COMPLETED" and one.esperada > run.cuando for one in runs):
        return True
    last = hechos.publicada
    if last is None or run.flujo != BACKUP.flow:
        return False
    if last.aceptada_a_mano is not None and last.aceptada_a_mano > run.cuando:
        return _durante(last.cuando, run, hechos.ahora) or last.cuando > run.cuando
    outside = not any(_durante(last.cuando, one, hechos.ahora) for one in runs)
    return outside and last.cuando > run.cuando


def _durante(moment: datetime, run: Corrida, now: datetime) -> bool:
    if run.inicio is None:
        return False
    end = now if run.estado in ALIVE else run.cuando
    return run.inicio <= moment <= end


def _la_otra(run: Corrida, runs: Sequence[Corrida]) -> Corrida | None:
    """The run that held the one place when the limit cancelled this one; None if none did."""
    if run.estado != "CANCELLED" or LIMIT_REACHED not in run.mensaje.lower():
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


def _cancelada_por_otra(
    cancelled: Sequence[Corrida], runs: Sequence[Corrida], hechos: Hechos
) -> Hallazgo:
    newest = max(cancelled, key=lambda run: run.cuando)
    other = _la_otra(newest, runs)
    name = "" if other is None else other.nombre
    how = "sigue en curso" if other is None or other.estado in ALIVE else "terminó"
    if other is not None and other.estado in BAD:
        how = BAD[other.estado]
    many = "" if len(cancelled) == 1 else f" (y {len(cancelled) - 1} más)"
    return Hallazgo(
        "cancelada_por_otra",
        Nivel.AVISO,
        f"{newest.flujo}: la corrida {newest.nombre}{many} fue cancelada el "
        f"{moment(newest.cuando, hechos.zone)} porque otra estaba en curso: {name}, que {how}.",
        "Nada, si no hacían falta las dos; el aviso se va con la próxima noche buena",
    )


def _mala(run: Corrida, how_many: int, hechos: Hechos) -> Hallazgo:
    many = "" if how_many == 1 else f" (van {how_many} sin una buena después)"
    return Hallazgo(
        {"FAILED": "fallida", "CRASHED": "cortada", "CANCELLED": "cancelada"}[run.estado],
        Nivel.MAL,
        f"{run.flujo}: la corrida {run.nombre} {BAD[run.estado]} el "
        f"{moment(run.cuando, hechos.zone)}{many}. {_short(run.mensaje)}".rstrip(),
        _que_hacer(run, hechos),
    )


def _que_hacer(run: Corrida, hechos: Hechos) -> str:
    if run.estado == "CANCELLED" and LIMIT_REACHED in run.mensaje.lower():
        return (
            "Ninguna otra corrida estaba en curso: una muerta tiene el lugar. Reiniciar el worker "
            "(docker compose restart prefect-worker, o lindero stack down y up)"
        )
    again = "la próxima corrida buena borra este aviso"
    if run.flujo == BACKUP.flow:
        return f"Mirar el resumen en la interfaz de Prefect; {again}. Ahora: {_otra_vez(hechos)}"
    return f"Mirar el resumen en la interfaz de Prefect; {again}"


def _colgadas(runs: Sequence[Corrida], hechos: Hechos) -> Iterator[Hallazgo]:
    for run in runs:
        if run.estado in ALIVE and hechos.ahora - run.cuando > HUNG_AFTER:
            yield Hallazgo(
                "colgada",
                Nivel.AVISO,
                f"{run.flujo}: la corrida {run.nombre} lleva {edad(hechos.ahora - run.cuando)} sin "
                "terminar.",
                "Mirar sus registros en la interfaz de Prefect y cancelarla si no avanza",
            )


def edad(age: timedelta) -> str:
    """How long, as people say it: hours up to two days, then days."""
    hours = int(age.total_seconds() // 3600)
    if hours < 1:
        return "menos de una hora"
    if hours == 1:
        return "1 hora"
    return f"{hours} horas" if hours < 48 else f"{hours // 24} días"


def _otra_vez(hechos: Hechos) -> str:
    return "lindero run backup --test" if hechos.modo is Modo.TEST else "lindero run backup"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_MENSAJE else line[: MAX_MENSAJE - 1] + "…"
