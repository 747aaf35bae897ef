"""Whether the runs went well: rules over facts, as those of ``rules``, whose page says them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from Modules.health.known import BAD, LEVANTAR, Facts, Run, again, restart
from Modules.orchestration.dead_runs import ALIVE
from Modules.orchestration.deployments import BACKUP
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import cut, duration, inesperada, moment

HUNG_AFTER: Final = timedelta(hours=3)
MAX_MENSAJE: Final = 300
# Prefect's words for a fault that is none of our errors, or for wrong parameters, and its class
_PREFECTS: Final = re.compile(r"(?:Flow run|Validation)[^:]+:\s*(?:\w+\.)*(\w+)")
OTRA_VEZ_AHORA: Final = "se está haciendo otra vez, una sola vez, y se avisa cuando termine bien"
LIMIT_REACHED: Final = "concurrency limit"  # in Prefect's message of a run that CANCEL_NEW ended


def of_runs(facts: Facts) -> Iterator[Finding]:
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


def lives(run: Run) -> bool:
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
    how = "sigue en curso" if other is None or lives(other) else "terminó"
    if other is not None and not lives(other) and other.estado != "COMPLETED":
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
    kind = "-otra-vez" if run.otra_vez else "" if run.del_horario else "-a-mano"  # of one day
    return Finding(
        f"{run.flujo}: la corrida {run.nombre} {BAD[run.estado]} el "
        f"{moment(run.cuando, facts.zone)}{many}. {short_line(_said(run))}".rstrip(),
        where=run.flujo,
        item=f"{run.esperada.astimezone(facts.zone):%Y-%m-%d}{kind}",
        code={"FAILED": "fallida", "CRASHED": "cortada", "CANCELLED": "cancelada"}[run.estado],
        todo=_after_a_bad_run(run, facts),
    )


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
    if any(one.otra_vez and lives(one) and one.flujo == run.flujo for one in facts.corridas):
        return f"Nada por ahora: {OTRA_VEZ_AHORA}"
    night = facts.programa(BACKUP)
    if night is not None and night.otra_vez and run.flujo == BACKUP.flow:
        return f"No empezar otra: la que se hace otra vez espera que el worker la tome. {LEVANTAR}"
    if facts.turno is not None:
        return f"Hay otra en curso ({facts.turno}): esperar a que termine, o cortar ese proceso"
    if _cancelled_by_limit(run):
        dead = "Ninguna otra corrida estaba en curso: una muerta tiene el lugar"
        return f"{dead}. Si en unos minutos sigue igual: {restart('worker')}"
    look = "Mirar el resumen en la interfaz de Prefect; la próxima corrida buena borra este aviso"
    return f"{look}. Ahora: {again(facts)}" if run.flujo == BACKUP.flow else look


def _hanging(runs: Sequence[Run], facts: Facts) -> Iterator[Finding]:
    for run in runs:
        age = facts.ahora - run.cuando
        if lives(run) and age > HUNG_AFTER:
            yield Finding(
                f"{run.flujo}: la corrida {run.nombre} lleva {duration(age)} sin terminar.",
                where=run.flujo,
                item=run.nombre,
                code="colgada",
                todo="Mirar sus registros en la interfaz de Prefect y cancelarla si no avanza",
            )


def short_line(text: str) -> str:
    return cut(" ".join(text.split()), MAX_MENSAJE)
